"""Planned busy time out of the policy and of iCalendar feeds. A feed that cannot be read keeps the last good copy, and says so."""

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
logging.getLogger("httpx2").setLevel(logging.WARNING)  # at INFO it writes whole addresses, and those carry secrets

MAX_FEED_BYTES = 10 * 1024 * 1024
MAX_EVENTS = 20_000
_TIMEOUT_S = 10.0
_FREE = ("TRANSPARENT",)
_CANCELLED = ("CANCELLED",)


class FeedError(Exception):
    """A feed that cannot be used; says which and why."""


@dataclass(frozen=True)
class PlannedPeriods:
    """What is planned, and what is wrong with the feeds that it comes from."""

    entries: tuple[PlannedPeriod, ...]
    problems: Mapping[str, str]
    """Source of a feed to a sentence."""

    def busy(self) -> BusyHours:
        found: dict[str, list[tuple[datetime, datetime]]] = {}
        for one in self.entries:
            found.setdefault(one.machine, []).append((one.start, one.end))
        return found


class CalendarFeeds:
    """Reads the policy's feeds; `folder` keeps the last good copy of each."""

    def __init__(self, policy: Policy, folder: Path) -> None:
        self._policy = policy
        self._folder = folder
        self._problems: dict[str, str] = {}

    def read(self, now: datetime, machines: Sequence[str]) -> PlannedPeriods:
        """What is planned from a day back to the end of the horizon. Never raises: a problem is in the answer, and said once."""
        entries = list(self._policy.planned)
        problems = {}
        start, end = now - timedelta(days=1), now + self._policy.horizon + timedelta(days=1)
        for feed in self._policy.feed:
            try:
                text = self._fetched(feed)
                found = events(text, feed, machines, start, end, self._policy.zone)
                self._keep(feed, text)
            except FeedError as error:
                problems[feed.source] = str(error)
                found = self._last_good(feed, machines, start, end)
            entries += found
        for source in problems.keys() - self._problems.keys():
            _log.warning("%s The last good copy is used.", problems[source])
        for source in self._problems.keys() - problems.keys():
            _log.info("Calendar %s can be read again.", shown(source))
        self._problems = problems
        return PlannedPeriods(tuple(entries), problems)

    def _fetched(self, feed: CalendarFeed) -> bytes:
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
            raise FeedError(f"Calendar {shown(feed.source)}: answered {error.response.status_code}.") from error
        except (OSError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise FeedError(f"Calendar {shown(feed.source)}: cannot be read ({type(error).__name__}).") from error

    def _copy(self, feed: CalendarFeed) -> Path:
        return self._folder / f"{hashlib.sha256(feed.source.encode()).hexdigest()[:16]}.ics"

    def _keep(self, feed: CalendarFeed, text: bytes) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            fresh = self._copy(feed).with_suffix(".new")
            fresh.write_bytes(text)
            fresh.replace(self._copy(feed))
        except OSError as error:
            _log.warning("The copy of calendar %s cannot be kept (%s).", shown(feed.source), error.strerror)

    def _last_good(
        self, feed: CalendarFeed, machines: Sequence[str], start: datetime, end: datetime
    ) -> list[PlannedPeriod]:
        try:
            return events(self._copy(feed).read_bytes(), feed, machines, start, end, self._policy.zone)
        except (OSError, FeedError):
            return []


def events(
    text: bytes, feed: CalendarFeed, machines: Sequence[str], start: datetime, end: datetime, zone: str
) -> list[PlannedPeriod]:
    """The busy times between two moments, recurring ones spelled out. Raises FeedError. Pure.

    Without a `machine` in the feed an event belongs to the machine whose name stands as a word in its location or summary;
    others are left out. Cancelled and transparent events (RFC 5545) are no busy time; a day without times is a local day.
    """
    try:
        calendar = icalendar.Calendar.from_ical(text)
        found = recurring_ical_events.of(calendar, skip_bad_series=True).between(start, end)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise FeedError(f"Calendar {shown(feed.source)}: is no iCalendar file ({error}).") from error
    if len(found) > MAX_EVENTS:
        raise FeedError(f"Calendar {shown(feed.source)}: has more than {MAX_EVENTS} events in the time that counts.")
    planned = []
    for event in found:
        if str(event.get("TRANSP", "")).upper() in _FREE or str(event.get("STATUS", "")).upper() in _CANCELLED:
            continue
        summary = str(event.get("SUMMARY", ""))
        machine = feed.machine or _named(machines, f"{event.get('LOCATION', '')} {summary}")
        begin, stop = (_moment(one, zone) for one in (event.start, event.end))
        if machine is not None and begin < stop:
            planned.append(PlannedPeriod(machine=machine, start=begin, end=stop, what=feed.what))
    return sorted(planned, key=lambda one: (one.machine, one.start))


def shown(source: str) -> str:
    """As it may stand in a log: calendar addresses carry secrets in their path and query."""
    scheme, _, rest = source.partition("://")
    return f"{scheme}://{rest.split('/')[0].rpartition('@')[2]}/…" if rest and scheme != "file" else source


def _check_size(feed: CalendarFeed, size: int) -> None:
    if size > MAX_FEED_BYTES:
        raise FeedError(f"Calendar {shown(feed.source)}: is larger than {MAX_FEED_BYTES // 2**20} MB.")


def _named(machines: Sequence[str], text: str) -> str | None:
    words = set(re.findall(r"[a-z0-9_-]+", text.lower()))
    return next((one for one in machines if one in words), None)


def _moment(value: date | datetime, zone: str) -> datetime:
    if not isinstance(value, datetime):
        return datetime.combine(value, time(0), ZoneInfo(zone))
    return value if value.tzinfo is not None else value.replace(tzinfo=ZoneInfo(zone))
