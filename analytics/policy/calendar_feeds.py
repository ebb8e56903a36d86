"""Planned busy time from the policy and from calendar feeds. If a feed cannot be read, its last good copy is used and a warning logged."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from analytics.i18n import texts
from analytics.policy.calendar_events import read_calendar
from analytics.policy.feed_sources import FeedError, FeedProblem, fetch
from analytics.policy.machine_names import MachineNames
from analytics.policy.planned_orders import read_orders
from analytics.policy.planned_work import UNREADABLE, Plan, PlanError, SkippedEvent, SkipReason
from analytics.policy.policy import CalendarFeed, PlannedPeriod, Policy
from analytics.policy.slot import BusyHours

_log = logging.getLogger(__name__)

_LONGER = timedelta(weeks=2)
"""A CalDAV server is asked for so much more than the horizon, so that a copy serves for some days."""


@dataclass(frozen=True)
class FeedReport:
    """What a feed said at the last reading. `problem`: why it could not be read; then its last good copy, of `copied_at`, was used, or nothing where
    there is none."""

    feed: CalendarFeed
    periods: tuple[PlannedPeriod, ...] = ()
    skipped: tuple[SkippedEvent, ...] = ()
    problem: FeedProblem | None = None
    copied_at: datetime | None = None

    @property
    def source(self) -> str:
        return redacted(self.feed.source)

    @property
    def reasons(self) -> Mapping[SkipReason, int]:
        """How many events were skipped for each reason."""
        return Counter(one.reason for one in self.skipped)

    @property
    def misses_work(self) -> bool:
        """Whether planned time may be missing: of events that cannot be read, or because none of many names a machine."""
        names_none = "no_machine" in self.reasons and not self.periods
        return self.problem is not None or names_none or not UNREADABLE.isdisjoint(self.reasons)


@dataclass(frozen=True)
class PlannedPeriods:
    """Planned busy times, and what the feeds said that they come from."""

    entries: tuple[PlannedPeriod, ...] = ()
    feeds: tuple[FeedReport, ...] = ()

    def busy(self) -> BusyHours:
        found: dict[str, list[tuple[datetime, datetime]]] = {}
        for period in self.entries:
            found.setdefault(period.machine, []).append((period.start, period.end))
        return found


class CalendarFeeds:
    """Reads the feeds of the policy; `folder` keeps the last good copy of each."""

    def __init__(self, policy: Policy, folder: Path) -> None:
        self._policy = policy
        self._folder = folder
        self._said: dict[str, str] = {}

    def use_policy(self, policy: Policy) -> None:
        """Read the feeds of another policy."""
        self._policy = policy

    def read(self, now: datetime, machines: Sequence[str]) -> PlannedPeriods:
        """Planned busy time from a day ago to a day after the horizon. Never raises: problems are in the result, and
        logged when they begin and end."""
        found = self.look(now, machines, keep_copies=True)
        said = {report.feed.source: sentence for report in found.feeds if (sentence := _to_log(report))}
        for source, sentence in said.items():
            if self._said.get(source) != sentence:
                _log.warning("%s", sentence)
        for source in self._said.keys() - said.keys():
            _log.info("Calendar %s can be read again.", redacted(source))
        self._said = said
        return found

    def look(self, now: datetime, machines: Sequence[str], keep_copies: bool = False) -> PlannedPeriods:
        """As `read`, but logs nothing."""
        names = MachineNames(self._policy, machines)
        start, end = now - timedelta(days=1), now + self._policy.horizon + timedelta(days=1)
        reports = []
        for feed in self._policy.feed:
            try:
                content = fetch(feed, start, end + _LONGER)
                reading = _parse(content, feed, names, start, end, self._policy.zone)
            except FeedError as error:
                reports.append(self._from_copy(feed, names, start, end, error.problem))
                continue
            if keep_copies:
                self._save_copy(feed, content)
            reports.append(FeedReport(feed, reading.periods, reading.skipped))
        periods = [period for report in reports for period in report.periods]
        return PlannedPeriods((*self._policy.planned, *periods), tuple(reports))

    def _copy(self, feed: CalendarFeed) -> Path:
        return self._folder / f"{hashlib.sha256(feed.source.encode()).hexdigest()[:16]}.ics"

    def _save_copy(self, feed: CalendarFeed, content: bytes) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            new_copy = self._copy(feed).with_suffix(".new")
            new_copy.touch(mode=0o600)  # it says who ordered what
            new_copy.write_bytes(content)
            new_copy.replace(self._copy(feed))
        except OSError as error:
            _log.warning("The copy of calendar %s cannot be saved (%s).", redacted(feed.source), error.strerror)

    def _from_copy(
        self, feed: CalendarFeed, names: MachineNames, start: datetime, end: datetime, problem: FeedProblem
    ) -> FeedReport:
        """What the last good copy says. Where there is none and the feed says so, its machines are taken for the whole time."""
        copy = self._copy(feed)
        try:
            copied_at = datetime.fromtimestamp(copy.stat().st_mtime, UTC)
            reading = _parse(copy.read_bytes(), feed, names, start, end, self._policy.zone)
        except (OSError, FeedError):
            machines = (feed.own_machines or names.machines) if feed.unclear == "block" else ()
            periods = tuple(PlannedPeriod(machine=name, start=start, end=end, what=feed.what) for name in machines)
            return FeedReport(feed, periods, problem=problem)
        return FeedReport(feed, reading.periods, reading.skipped, problem, copied_at)


def skipped_text(reason: SkipReason, language: str) -> str:
    return texts(language)[f"calendar_skipped_{reason}"]


def redacted(source: str) -> str:
    """The source without its path and query, which may contain secrets, for logs and errors."""
    scheme, _, rest = source.partition("://")
    return f"{scheme}://{rest.split('/')[0].rpartition('@')[2]}/…" if rest and scheme != "file" else source


def _to_log(report: FeedReport) -> str | None:
    """Without the titles of events: they may name customers."""
    if report.problem is not None:
        instead = "The last good copy is used." if report.copied_at is not None else "There is no copy of it yet."
        return f"Calendar {report.source}: {report.problem.written('en')} {instead}"
    if not report.misses_work:
        return None
    said = "; ".join(f"{count} × {skipped_text(reason, 'en')}" for reason, count in sorted(report.reasons.items()))
    return (
        f"Calendar {report.source}: planned work may be missing: {said}. `vrijloop calendars check` lists the events."
    )


def _parse(content: bytes, feed: CalendarFeed, names: MachineNames, start: datetime, end: datetime, zone: str) -> Plan:
    plan = Plan(feed, names, start, end)
    try:
        (read_orders if feed.kind in ("csv", "json") else read_calendar)(content, plan, zone)
    except PlanError as error:
        raise FeedError(error.code, **error.values) from error
    return plan
