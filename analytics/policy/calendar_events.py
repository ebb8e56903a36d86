"""Reads the planned time of machines from the text of an iCalendar file (RFC 5545). What cannot be understood is counted with its reason, because a
machine must not be offered while it is planned. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import icalendar
import recurring_ical_events
from icalendar.timezone import tzp
from icalendar.timezone.zoneinfo import ZONEINFO

from analytics.policy.calendar_rules import (
    MOST_OF_FEED,
    MOST_OF_SERIES,
    expansion_cost,
    is_frequent,
    is_possible,
    listed,
)
from analytics.policy.planned_work import Entry, Plan, PlanError, SkipReason, end_of_day, to_aware
from analytics.policy.policy import LATEST_PLAN


class _Zones(ZONEINFO):
    """The time zone database, where a zone may have the name of one of its folders ("Europe"), or one that no file can have: neither is known."""

    def timezone(self, name: str) -> tzinfo | None:
        try:
            return super().timezone(name)
        except OSError:
            return None


tzp.use(_Zones())

_T = TypeVar("_T")
_C = TypeVar("_C", bound=icalendar.Component)
_BAD = (ValueError, KeyError, IndexError, TypeError, AttributeError, ArithmeticError, RecursionError)
_DAY = timedelta(days=1)
_NAMING = ("SUMMARY", "LOCATION", "DESCRIPTION", "RESOURCES", "CATEGORIES", "COMMENT", "ORGANIZER", "ATTENDEE")
_REPEATING = ("RRULE", "RDATE", "EXDATE")
_UNPARSED_LINE = re.compile(r"'(DTSTART|DTEND|DURATION|RRULE|RDATE|EXDATE)\b")


def read_calendar(content: bytes, plan: Plan, zone: str) -> None:
    """Add the planned time that an iCalendar file names, with recurring events expanded. Raises PlanError.

    An event lasts the whole local day where it has no times, and until the end of that day where it has no end. Times without a zone are those of the
    factory. Of several calendars in a row, as a CalDAV server has one for each entry, one that cannot be read does not cost the others.
    """
    reader, bad = _Reader(plan, ZoneInfo(zone)), []
    calendars = 0
    for text in re.split(rb"(?mi)^(?=BEGIN:VCALENDAR)", content):
        if not text.strip():
            continue
        try:
            found = icalendar.Calendar.from_ical(text)
        except _BAD as error:
            bad.append(str(error)[:200])
            continue
        if isinstance(found, icalendar.Calendar):
            calendars += 1
            reader.read(found)
    if not calendars:
        raise PlanError("not_a_calendar", detail=next(iter(bad), "it has no VCALENDAR"))
    for _ in bad:
        plan.skip_unclear(Entry("", ""), "bad_entry", None)


class _Reader:
    def __init__(self, plan: Plan, zone: ZoneInfo) -> None:
        self._plan = plan
        self._zone = zone
        self._cost = 0
        """Of the series so far."""

    def read(self, calendar: icalendar.Calendar) -> None:
        _drop_unknown_zone(calendar)
        series: dict[str, list[icalendar.Event]] = {}
        for event in calendar.events:
            if self._tried(self._is_usable, event):
                event["UID"] = icalendar.vText(str(event.get("UID", id(event))))
                series.setdefault(str(event["UID"]), []).append(event)
        for events in series.values():
            for occurrence in self._occurrences(calendar, events):
                self._tried(self._count, occurrence)
        for answer in calendar.freebusy:
            self._tried(self._count_busy_times, answer)
        for task in calendar.todos:
            start = _moment_of(task, "DTSTART", self._zone) or _moment_of(task, "DUE", self._zone)
            is_open = not _has_status(task, "COMPLETED", "CANCELLED")
            if is_open and (start is None or self._plan.start <= start < self._plan.end):
                self._plan.skip(_entry(task), "task", start)

    def _tried(self, step: Callable[[_C], _T], component: _C) -> _T | None:
        """What a step returns. An entry that is wrong in a way that nobody has thought of does not cost the others."""
        try:
            return step(component)
        except _BAD:
            self._plan.skip_unclear(_entry(component), "bad_entry", None)
            return None

    def _is_usable(self, event: icalendar.Event) -> bool:
        """Take out of an event what cannot be read, so that the rest counts. False if it cannot be placed in time."""
        bad = _drop_broken(event)
        start = _moment_of(event, "DTSTART", self._zone)
        if start is None:
            if not _has_status(event, "CANCELLED"):
                self._plan.skip_unclear(_entry(event), "bad_start", None)
            return False
        if start >= LATEST_PLAN:
            return False
        rules = listed(event.get("RRULE"))
        if rules or self._plan.start <= start < self._plan.end:
            if bad & {"DTEND", "DURATION"}:
                self._plan.skip(_entry(event), "bad_end", start)
            if "EXDATE" in bad:
                self._plan.skip(_entry(event), "bad_exception", start)
        why: SkipReason | None = None
        if bad & {"RRULE", "RDATE"} or any(not is_possible(rule) for rule in rules):
            why = "bad_rule"
        elif any(is_frequent(rule) for rule in rules) or self._is_costly(event, rules, start):
            why = "too_often"
        if why is not None:
            self._plan.skip_unclear(_entry(event), why, start)
            event.pop("RRULE", None)
        _give_end(event, self._zone)
        _bound_end(event, start, self._zone)
        return True

    def _is_costly(self, event: icalendar.Event, rules: list[icalendar.vRecur], start: datetime) -> bool:
        """Whether a series costs too much to expand, by itself or after all before it."""
        stop = _moment_of(event, "DTEND", self._zone)
        length = max(stop - start if stop is not None else getattr(event.get("DURATION"), "dt", _DAY), _DAY)
        cost = sum(expansion_cost(rule, start, length, self._plan.start, self._plan.end) for rule in rules)
        if cost > MOST_OF_SERIES or self._cost + cost > MOST_OF_FEED:
            return True
        self._cost += cost
        return False

    def _occurrences(self, calendar: icalendar.Calendar, events: list[icalendar.Event]) -> Iterator[icalendar.Event]:
        """A series is expanded on its own, so that one that cannot be expanded does not cost the others."""
        try:
            yield from _expand(calendar, events, self._plan.start, self._plan.end)
        except _BAD:
            self._plan.skip_unclear(_entry(events[0]), "bad_rule", _moment_of(events[0], "DTSTART", self._zone))
            for event in events:
                for name in (*_REPEATING, "RECURRENCE-ID"):
                    event.pop(name, None)
                yield from (
                    self._tried(lambda one: _expand(calendar, [one], self._plan.start, self._plan.end), event) or []
                )

    def _count(self, event: icalendar.Event) -> None:
        begin, stop = (to_aware(moment, self._zone) for moment in (event.start, event.end))
        if _has_status(event, "CANCELLED"):
            self._plan.skip(_entry(event), "cancelled", begin)
        elif self._plan.feed.ignore_free and _is_free(event):
            self._plan.skip(_entry(event), "free", begin)
        else:
            self._plan.add(_entry(event), begin, stop)

    def _count_busy_times(self, answer: icalendar.FreeBusy) -> None:
        for period in listed(answer.get("FREEBUSY")):
            if str(period.params.get("FBTYPE", "BUSY")).upper() == "FREE":
                continue
            begin, stop = (to_aware(moment, self._zone) for moment in (period.start, period.end))
            if begin < self._plan.end and stop > self._plan.start:
                self._plan.add(_entry(answer), begin, stop)


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
        if good := [value for value in listed(event.get(name)) if not isinstance(value, icalendar.vBroken)]:
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
        midnight = end_of_day(to_aware(start, zone), zone)
        last: date = midnight.astimezone(start.tzinfo) if start.tzinfo is not None else midnight.replace(tzinfo=None)
    else:
        last = start + timedelta(days=1)
    event["DTEND"] = icalendar.vDDDTypes(last)


def _bound_end(event: icalendar.Event, start: datetime, zone: ZoneInfo) -> None:
    """No event lasts longer than can be reckoned with: somebody who means "for ever" writes the year 9999."""
    stop, length = _moment_of(event, "DTEND", zone), getattr(event.get("DURATION"), "dt", _DAY)
    if (stop is None or stop <= LATEST_PLAN) and length <= LATEST_PLAN - start:
        return
    begin: date = getattr(event["DTSTART"], "dt", start)
    last: date = LATEST_PLAN.date()
    if isinstance(begin, datetime):
        last = LATEST_PLAN.astimezone(begin.tzinfo) if begin.tzinfo is not None else LATEST_PLAN.replace(tzinfo=None)
    event.pop("DURATION", None)
    event["DTEND"] = icalendar.vDDDTypes(last)


def _moment_of(component: icalendar.Component, name: str, zone: ZoneInfo) -> datetime | None:
    moment = getattr(component.get(name), "dt", None)
    return to_aware(moment, zone) if isinstance(moment, date) else None


def _has_status(component: icalendar.Component, *wanted: str) -> bool:
    return str(component.get("STATUS", "")).upper() in wanted


def _is_free(event: icalendar.Event) -> bool:
    """Outlook says more exactly than RFC 5545 can how a time is shown: somebody who is out of office may be `TRANSPARENT`."""
    shown = str(event.get("X-MICROSOFT-CDO-BUSYSTATUS", "")).upper()
    return shown == "FREE" if shown else str(event.get("TRANSP", "")).upper() == "TRANSPARENT"


def _entry(component: icalendar.Component) -> Entry:
    """A machine that is invited as a resource stands among the attendees."""
    texts: list[str] = []
    for name in _NAMING:
        for value in listed(component.get(name)):
            texts += [str(one) for one in getattr(value, "cats", [value])]
            texts.append(str(getattr(value, "params", {}).get("CN", "")))
    return Entry(str(component.get("SUMMARY", "")), " | ".join(texts))
