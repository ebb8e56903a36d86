"""Collects what a feed plans, whatever it is written in, and what in it could not be understood. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from analytics.policy.machine_names import MachineNames
from analytics.policy.policy import EARLIEST_PLAN, LATEST_PLAN, CalendarFeed, PlannedPeriod

MAX_PERIODS = 20_000
"""Of one feed, in the planning period."""
MAX_TITLE = 80

SkipReason = Literal[
    "cancelled", "free", "task", "no_machine", "bad_start", "bad_end", "bad_rule", "bad_exception", "too_often", "bad_entry"
]  # fmt: skip
UNREADABLE: frozenset[SkipReason] = frozenset({"bad_start", "bad_rule", "too_often", "bad_entry"})
"""Reasons for which planned time may be missing. `bad_end` and `bad_exception` only make an event longer or more frequent than it was meant, and what
names no machine is often no work at all."""


class PlanError(Exception):
    """The content of a feed cannot be used as a whole. `code`: `not_a_calendar`, `not_a_table` or `too_many`."""

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(code)
        self.code = code
        self.values = values


@dataclass(frozen=True, slots=True)
class SkippedEvent:
    """An event of which some or all does not count as planned time, and why. `title` is its summary, cut off. `start`: None where it is not known.
    `blocks`: it counts nevertheless, for all machines and all the time that it may be about."""

    reason: SkipReason
    title: str
    start: datetime | None
    blocks: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """An event or order as a feed writes it. `text`: all of it that may name a machine."""

    title: str
    text: str


class Plan:
    """What is planned between two moments, as far as a feed says so."""

    def __init__(self, feed: CalendarFeed, names: MachineNames, start: datetime, end: datetime) -> None:
        self.feed = feed
        self._names = names
        self.start = start
        self.end = end
        self._periods: list[PlannedPeriod] = []
        self._skipped: list[SkippedEvent] = []

    @property
    def periods(self) -> tuple[PlannedPeriod, ...]:
        return tuple(sorted(self._periods, key=lambda period: (period.machine, period.start, period.end)))

    @property
    def skipped(self) -> tuple[SkippedEvent, ...]:
        return tuple(self._skipped)

    def add(self, entry: Entry, begin: datetime, stop: datetime) -> None:
        """An entry with its times takes its machines. Raises PlanError."""
        if machines := self._machines_of(entry):
            self._take(machines, begin, stop)
        else:
            self.skip_unclear(entry, "no_machine", begin, stop)

    def skip(self, entry: Entry, reason: SkipReason, start: datetime | None, blocks: bool = False) -> None:
        title = " ".join(entry.title.split())
        self._skipped.append(SkippedEvent(reason, title[:MAX_TITLE], start, blocks))

    def skip_unclear(
        self, entry: Entry, reason: SkipReason, start: datetime | None, stop: datetime | None = None
    ) -> None:
        """Where the feed says so, the entry takes all the machines and all the time that it may be about. Raises PlanError."""
        if stop is None and start is not None and start >= self.end:
            return  # a series that begins after the planning period cannot be about it
        begin, end = max(start or self.start, self.start), min(stop or self.end, self.end)
        blocks = self.feed.unclear == "block"
        if blocks and begin < end:
            self._take(self._machines_of(entry) or self.feed.machines or self._names.machines, begin, end)
        self.skip(entry, reason, start, blocks)

    def _machines_of(self, entry: Entry) -> Sequence[str]:
        if self.feed.machine is not None:
            return (self.feed.machine,)
        named = self._names.named_in(entry.text)
        return [machine for machine in named if machine in self.feed.machines] if self.feed.machines else named

    def _take(self, machines: Iterable[str], begin: datetime, stop: datetime) -> None:
        what = self.feed.what
        begin, stop = max(begin, EARLIEST_PLAN), min(stop, LATEST_PLAN)
        if begin < stop:
            self._periods += (PlannedPeriod(machine=machine, start=begin, end=stop, what=what) for machine in machines)
        if len(self._periods) > MAX_PERIODS:
            raise PlanError("too_many", most=MAX_PERIODS)


def to_aware(value: date, zone: ZoneInfo) -> datetime:
    """A moment, or the beginning of a day, as a time with a zone: where it has none, that of the factory."""
    if not isinstance(value, datetime):
        return datetime.combine(value, time(0), zone)
    return value if value.tzinfo is not None else value.replace(tzinfo=zone)


def end_of_day(moment: datetime, zone: ZoneInfo) -> datetime:
    """The midnight after a moment; on the last day that there is, its end."""
    try:
        return datetime.combine(moment.astimezone(zone).date() + timedelta(days=1), time(0), zone)
    except OverflowError:
        return datetime.max.replace(tzinfo=zone)
