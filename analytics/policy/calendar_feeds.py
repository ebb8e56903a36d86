"""Planned busy time from the policy and from iCalendar feeds. If a feed cannot be read, its last good copy is used
and a warning logged."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx2
import icalendar
import recurring_ical_events

from analytics.policy.policy import CalendarFeed, PlannedPeriod, Policy
from analytics.policy.slot import BusyHours

_log = logging.getLogger(__name__)
logging.getLogger("httpx2").setLevel(logging.WARNING)  # at INFO it logs whole URLs, which may contain secrets

MAX_FEED_BYTES = 10 * 1024 * 1024
MAX_EVENTS = 20_000
_TIMEOUT_S = 10.0
_FREE = ("TRANSPARENT",)
_CANCELLED = ("CANCELLED",)


class FeedError(Exception):
    """A feed cannot be used; the message says which and why."""


@dataclass(frozen=True)
class PlannedPeriods:
    """Planned busy times, and the problems of the feeds they come from."""

    entries: tuple[PlannedPeriod, ...]
    problems: Mapping[str, str]
    """Problem, as a sentence, by source of the feed."""

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
        self._problems: dict[str, str] = {}

    def use_policy(self, policy: Policy) -> None:
        """Read the feeds of another policy."""
        self._policy = policy

    def read(self, now: datetime, machines: Sequence[str]) -> PlannedPeriods:
        """Planned busy time from a day ago to a day after the horizon. Never raises: problems are in the result, and
        logged when they begin and end."""
        entries = list(self._policy.planned)
        problems = {}
        start, end = now - timedelta(days=1), now + self._policy.horizon + timedelta(days=1)
        for feed in self._policy.feed:
            try:
                text = self._fetch(feed)
                found = events(text, feed, machines, start, end, self._policy.zone)
                self._save_copy(feed, text)
            except FeedError as error:
                problems[feed.source] = str(error)
                found = self._read_copy(feed, machines, start, end)
            entries += found
        for source in problems.keys() - self._problems.keys():
            _log.warning("%s The last good copy is used.", problems[source])
        for source in self._problems.keys() - problems.keys():
            _log.info("Calendar %s can be read again.", redacted(source))
        self._problems = problems
        return PlannedPeriods(tuple(entries), problems)

    def _fetch(self, feed: CalendarFeed) -> bytes:
        try:
            if feed.source.startswith(("https://", "http://")):
                with httpx2.stream("GET", feed.source, timeout=_TIMEOUT_S, follow_redirects=True) as answer:
                    answer.raise_for_status()
                    content = b""
                    for chunk in answer.iter_bytes():
                        content += chunk
                        _check_size(feed, len(content))
                    return content
            path = Path(feed.source.removeprefix("file://"))
            _check_size(feed, path.stat().st_size)
            return path.read_bytes()
        except httpx2.HTTPStatusError as error:
            raise FeedError(f"Calendar {redacted(feed.source)}: answered {error.response.status_code}.") from error
        except (OSError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise FeedError(f"Calendar {redacted(feed.source)}: cannot be read ({type(error).__name__}).") from error

    def _copy(self, feed: CalendarFeed) -> Path:
        return self._folder / f"{hashlib.sha256(feed.source.encode()).hexdigest()[:16]}.ics"

    def _save_copy(self, feed: CalendarFeed, text: bytes) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            new_copy = self._copy(feed).with_suffix(".new")
            new_copy.write_bytes(text)
            new_copy.replace(self._copy(feed))
        except OSError as error:
            _log.warning("The copy of calendar %s cannot be saved (%s).", redacted(feed.source), error.strerror)

    def _read_copy(
        self, feed: CalendarFeed, machines: Sequence[str], start: datetime, end: datetime
    ) -> list[PlannedPeriod]:
        try:
            return events(self._copy(feed).read_bytes(), feed, machines, start, end, self._policy.zone)
        except (OSError, FeedError):
            return []


def events(
    text: bytes, feed: CalendarFeed, machines: Sequence[str], start: datetime, end: datetime, zone: str
) -> list[PlannedPeriod]:
    """The busy times between two moments, with recurring events expanded. Raises FeedError. Pure.

    If the feed names no `machine`, an event belongs to the machine whose name occurs as a word in its location or
    summary; other events are ignored. Cancelled and transparent events (RFC 5545) are not busy time. An event
    without times lasts the whole local day.
    """
    try:
        calendar = icalendar.Calendar.from_ical(text)
        found = recurring_ical_events.of(calendar, skip_bad_series=True).between(start, end)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise FeedError(f"Calendar {redacted(feed.source)}: is not an iCalendar file ({error}).") from error
    if len(found) > MAX_EVENTS:
        raise FeedError(f"Calendar {redacted(feed.source)}: has more than {MAX_EVENTS} events in the planning period.")
    planned = []
    for event in found:
        if str(event.get("TRANSP", "")).upper() in _FREE or str(event.get("STATUS", "")).upper() in _CANCELLED:
            continue
        summary = str(event.get("SUMMARY", ""))
        machine = feed.machine or _machine_named_in(machines, f"{event.get('LOCATION', '')} {summary}")
        begin, stop = (_to_aware(moment, zone) for moment in (event.start, event.end))
        if machine is not None and begin < stop:
            planned.append(PlannedPeriod(machine=machine, start=begin, end=stop, what=feed.what))
    return sorted(planned, key=lambda period: (period.machine, period.start))


def redacted(source: str) -> str:
    """The source without its path and query, which may contain secrets, for logs and errors."""
    scheme, _, rest = source.partition("://")
    return f"{scheme}://{rest.split('/')[0].rpartition('@')[2]}/…" if rest and scheme != "file" else source


def _check_size(feed: CalendarFeed, size: int) -> None:
    if size > MAX_FEED_BYTES:
        raise FeedError(f"Calendar {redacted(feed.source)}: is larger than {MAX_FEED_BYTES // 2**20} MB.")


def _machine_named_in(machines: Sequence[str], text: str) -> str | None:
    words = set(re.findall(r"[a-z0-9_-]+", text.lower()))
    return next((machine for machine in machines if machine in words), None)


def _to_aware(value: date | datetime, zone: str) -> datetime:
    if not isinstance(value, datetime):
        return datetime.combine(value, time(0), ZoneInfo(zone))
    return value if value.tzinfo is not None else value.replace(tzinfo=ZoneInfo(zone))
