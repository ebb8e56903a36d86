"""Reads the planned time of machines from the text of an iCalendar file (RFC 5545). What cannot be understood is counted with its reason, because a
machine must not be offered while it is planned. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import icalendar
import recurring_ical_events

from analytics.policy.machine_names import MachineNames
from analytics.policy.policy import CalendarFeed, PlannedPeriod

MAX_PERIODS = 20_000
"""Of one feed, in the planning period."""
MAX_TITLE = 80
_OFTEN = 24
"""A rule that repeats an event more often than so many times a day is taken for a mistake: expanding it could take hours."""

SkipReason = Literal[
    "cancelled", "free", "task", "no_machine", "bad_start", "bad_end", "bad_rule", "bad_exception", "too_often"
]
UNREADABLE: frozenset[SkipReason] = frozenset({"bad_start", "bad_rule", "too_often"})
"""Reasons for which planned time may be missing. `bad_end` and `bad_exception` only make an event longer or more frequent than it was meant, and what
names no machine is often no work at all."""

_MOST = {"INTERVAL": 1000, "BYMONTH": 12, "BYMONTHDAY": 31, "BYYEARDAY": 366, "BYWEEKNO": 53}

_BAD = (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError)
_NAMING = ("SUMMARY", "LOCATION", "DESCRIPTION", "RESOURCES", "CATEGORIES", "COMMENT", "ORGANIZER", "ATTENDEE")
_REPEATING = ("RRULE", "RDATE", "EXDATE")
_UNPARSED_LINE = re.compile(r"'(DTSTART|DTEND|DURATION|RRULE|RDATE|EXDATE)\b")


class CalendarError(Exception):
    """The text as a whole cannot be used. `code`: `not_a_calendar` or `too_many`."""

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


@dataclass(frozen=True)
class CalendarReading:
    """What a calendar says about the planning period."""

    periods: tuple[PlannedPeriod, ...] = ()
    skipped: tuple[SkippedEvent, ...] = ()


def read_calendar(
    text: bytes, feed: CalendarFeed, names: MachineNames, start: datetime, end: datetime, zone: str
) -> CalendarReading:
    """The planned time between two moments, with recurring events expanded. Raises CalendarError.

    An event is planned time of `feed.machine`, else of all the machines it names. It lasts the whole local day where it has no times, and until the end
    of that day where it has no end. Times without a zone are those of the factory.
    """
    try:
        calendars = icalendar.Calendar.from_ical(text, multiple=True)
    except _BAD as error:
        raise CalendarError("not_a_calendar", detail=str(error)[:200]) from error
    if not calendars or any(not isinstance(calendar, icalendar.Calendar) for calendar in calendars):
        raise CalendarError("not_a_calendar", detail="it has no VCALENDAR")
    reader = _Reader(feed, names, start, end, ZoneInfo(zone))
    for calendar in calendars:
        reader.read(calendar)
    return CalendarReading(
        tuple(sorted(reader.periods, key=lambda period: (period.machine, period.start, period.end))),
        tuple(reader.skipped),
    )


class _Reader:
    def __init__(self, feed: CalendarFeed, names: MachineNames, start: datetime, end: datetime, zone: ZoneInfo) -> None:
        self._feed = feed
        self._names = names
        self._start = start
        self._end = end
        self._zone = zone
        self.periods: list[PlannedPeriod] = []
        self.skipped: list[SkippedEvent] = []

    def read(self, calendar: icalendar.Calendar) -> None:
        _drop_unknown_zone(calendar)
        series: dict[str, list[icalendar.Event]] = {}
        for event in calendar.events:
            try:
                usable = self._is_usable(event)
            except _BAD:
                usable = False
                self._skip_unclear(event, "bad_start", None)
            if usable:
                series.setdefault(str(event.get("UID", id(event))), []).append(event)
        for events in series.values():
            for occurrence in self._occurrences(calendar, events):
                self._count(occurrence)
        for answer in calendar.freebusy:
            self._count_busy_times(answer)
        for task in calendar.todos:
            start = _moment_of(task, "DTSTART", self._zone) or _moment_of(task, "DUE", self._zone)
            if not _is_over(task) and (start is None or self._start <= start < self._end):
                self._skip(task, "task", start)

    def _is_usable(self, event: icalendar.Event) -> bool:
        """Take out of an event what cannot be read, so that the rest counts. False if it cannot be placed in time."""
        bad = _drop_broken(event)
        start = _moment_of(event, "DTSTART", self._zone)
        if start is None:
            if not _is_over(event):
                self._skip_unclear(event, "bad_start", None)
            return False
        rules = _listed(event.get("RRULE"))
        if rules or self._start <= start < self._end:
            if bad & {"DTEND", "DURATION"}:
                self._skip(event, "bad_end", start)
            if "EXDATE" in bad:
                self._skip(event, "bad_exception", start)
        why: SkipReason | None = None
        if bad & {"RRULE", "RDATE"} or any(not _is_possible(rule) for rule in rules):
            why = "bad_rule"
        elif any(_is_frequent(rule) for rule in rules):
            why = "too_often"
        if why is not None:
            self._skip_unclear(event, why, start)
            event.pop("RRULE", None)
        _give_end(event, self._zone)
        return True

    def _occurrences(self, calendar: icalendar.Calendar, events: list[icalendar.Event]) -> Iterator[icalendar.Event]:
        """A series is expanded on its own, so that one that cannot be expanded does not cost the others."""
        try:
            yield from _expand(calendar, events, self._start, self._end)
        except _BAD:
            self._skip_unclear(events[0], "bad_rule", _moment_of(events[0], "DTSTART", self._zone))
            for event in events:
                for name in (*_REPEATING, "RECURRENCE-ID"):
                    event.pop(name, None)
                yield from _expand(calendar, [event], self._start, self._end)

    def _count(self, event: icalendar.Event) -> None:
        begin, stop = (_to_aware(moment, self._zone) for moment in (event.start, event.end))
        if _is_over(event):
            self._skip(event, "cancelled", begin)
        elif self._feed.ignore_free and _is_free(event):
            self._skip(event, "free", begin)
        else:
            self._plan(event, begin, stop)

    def _count_busy_times(self, answer: icalendar.FreeBusy) -> None:
        for period in _listed(answer.get("FREEBUSY")):
            if str(period.params.get("FBTYPE", "BUSY")).upper() == "FREE":
                continue
            begin, stop = (_to_aware(moment, self._zone) for moment in (period.start, period.end))
            if begin < self._end and stop > self._start:
                self._plan(answer, begin, stop)

    def _plan(self, component: icalendar.Component, begin: datetime, stop: datetime) -> None:
        machines = self._machines_of(component)
        if machines:
            self._add(machines, begin, stop)
        else:
            self._skip_unclear(component, "no_machine", begin, stop)

    def _machines_of(self, component: icalendar.Component) -> Sequence[str]:
        if self._feed.machine is not None:
            return (self._feed.machine,)
        named = self._names.named_in(_text_of(component))
        return [machine for machine in named if machine in self._feed.machines] if self._feed.machines else named

    def _skip(
        self, component: icalendar.Component, reason: SkipReason, start: datetime | None, blocks: bool = False
    ) -> None:
        title = " ".join(str(component.get("SUMMARY", "")).split())
        self.skipped.append(SkippedEvent(reason, title[:MAX_TITLE], start, blocks))

    def _skip_unclear(
        self, component: icalendar.Component, reason: SkipReason, start: datetime | None, stop: datetime | None = None
    ) -> None:
        """Where the feed says so, the event takes all the machines and all the time that it may be about."""
        begin, end = max(start or self._start, self._start), min(stop or self._end, self._end)
        if stop is None and start is not None and start >= self._end:
            return  # a series that begins after the planning period cannot be about it
        blocks = self._feed.unclear == "block"
        if blocks and begin < end:
            self._add(self._machines_of(component) or self._feed.machines or self._names.machines, begin, end)
        self._skip(component, reason, start, blocks)

    def _add(self, machines: Iterable[str], begin: datetime, stop: datetime) -> None:
        what = self._feed.what
        self.periods += (PlannedPeriod(machine=machine, start=begin, end=stop, what=what) for machine in machines)
        if len(self.periods) > MAX_PERIODS:
            raise CalendarError("too_many", most=MAX_PERIODS)


def _expand(
    calendar: icalendar.Calendar, events: list[icalendar.Event], start: datetime, end: datetime
) -> list[icalendar.Event]:
    alone = icalendar.Calendar(calendar)
    for event in events:
        alone.add_component(event)
    return list(recurring_ical_events.of(alone).between(start, end))


def _drop_unknown_zone(calendar: icalendar.Calendar) -> None:
    """Without a zone of its own that is known, a calendar's times are those of the factory."""
    try:
        ZoneInfo(str(calendar.get("X-WR-TIMEZONE", "UTC")))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        del calendar["X-WR-TIMEZONE"]


def _drop_broken(event: icalendar.Event) -> set[str]:
    """Remove the values that cannot be read; returns the names of their properties, and of lines that say when and cannot be read at all."""
    bad = {name.upper() for name, _ in event.errors if name is not None}
    for name in bad:
        if good := [value for value in _listed(event.get(name)) if not isinstance(value, icalendar.vBroken)]:
            event[name] = good if len(good) > 1 else good[0]
        else:
            event.pop(name, None)
    if "RECURRENCE-ID" in bad:
        event.pop("UID", None)  # nobody knows which occurrence it replaces: both count
    lines = (_UNPARSED_LINE.search(message) for name, message in event.errors if name is None)
    return bad | {line.group(1) for line in lines if line is not None}


def _give_end(event: icalendar.Event, zone: ZoneInfo) -> None:
    """An event without an end, or that ends as it begins, lasts until the end of its day."""
    begin: Any = event["DTSTART"]
    stop: Any = event.get("DTEND")
    start: date = begin.dt
    if "DURATION" in event or (stop is not None and stop.dt != start):
        return
    if isinstance(start, datetime):
        local = _to_aware(start, zone).astimezone(zone)
        midnight = datetime.combine(local.date() + timedelta(days=1), time(0), zone)
        last: date = midnight.astimezone(start.tzinfo) if start.tzinfo is not None else midnight.replace(tzinfo=None)
    else:
        last = start + timedelta(days=1)
    event["DTEND"] = icalendar.vDDDTypes(last)


def _moment_of(component: icalendar.Component, name: str, zone: ZoneInfo) -> datetime | None:
    moment = getattr(component.get(name), "dt", None)
    return _to_aware(moment, zone) if isinstance(moment, date) else None


def _is_possible(rule: icalendar.vRecur) -> bool:
    """Whether a rule says how often, and only what there is: looking for the 32nd of a month until the year 9999 takes ten seconds."""
    return "FREQ" in rule and all(
        1 <= abs(int(value)) <= most for part, most in _MOST.items() for value in _listed(rule.get(part))
    )


def _is_frequent(rule: icalendar.vRecur) -> bool:
    times = 1
    for part in ("BYHOUR", "BYMINUTE", "BYSECOND"):
        times *= max(1, len(_listed(rule.get(part))))
    return times > _OFTEN or str(_listed(rule["FREQ"])[0]).upper() in ("SECONDLY", "MINUTELY")


def _is_over(component: icalendar.Component) -> bool:
    return str(component.get("STATUS", "")).upper() in ("CANCELLED", "COMPLETED")


def _is_free(event: icalendar.Event) -> bool:
    """Outlook says more exactly than RFC 5545 can how a time is shown: somebody who is out of office may be `TRANSPARENT`."""
    shown = str(event.get("X-MICROSOFT-CDO-BUSYSTATUS", "")).upper()
    return shown == "FREE" if shown else str(event.get("TRANSP", "")).upper() == "TRANSPARENT"


def _text_of(component: icalendar.Component) -> str:
    """All that may name a machine. A machine that is invited as a resource stands among the attendees."""
    texts: list[str] = []
    for name in _NAMING:
        for value in _listed(component.get(name)):
            texts += [str(one) for one in getattr(value, "cats", [value])]
            texts.append(str(getattr(value, "params", {}).get("CN", "")))
    return " | ".join(texts)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _to_aware(value: date, zone: ZoneInfo) -> datetime:
    if not isinstance(value, datetime):
        return datetime.combine(value, time(0), zone)
    return value if value.tzinfo is not None else value.replace(tzinfo=zone)
