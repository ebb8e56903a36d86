"""The windows of an offer that can be booked: which may overlap, and any part of which is at least as sure. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

Span = tuple[datetime, datetime]
QUARTER = timedelta(minutes=15)


def quarter_of(moment: datetime) -> datetime:
    """When the quarter of an hour began that a moment lies in."""
    return moment - (moment - datetime.min.replace(tzinfo=moment.tzinfo)) % QUARTER


@dataclass(frozen=True)
class Window:
    """Hours that are free throughout with a probability."""

    start: datetime
    end: datetime
    probability: float

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def as_row(self) -> dict[str, Any]:
        """As the table of offers keeps it."""
        return {"start": self.start.isoformat(), "end": self.end.isoformat(), "probability": self.probability}


def windows_from(rows: Sequence[Mapping[str, Any]], whole: Window) -> list[Window]:
    """As the table of offers keeps them; an offer without windows is one."""
    times = datetime.fromisoformat
    return [Window(times(row["start"]), times(row["end"]), row["probability"]) for row in rows] or [whole]


def windows_within(windows: Iterable[Window], part: Span, minimum: timedelta | None) -> list[Window]:
    """What of the windows lies inside a part of the offer, in order of their start, at least `minimum` long: none inside another one that is as
    sure. `minimum` None: only whole windows can be had."""
    found: list[Window] = []
    for window in windows:
        start, end = max(window.start, part[0]), min(window.end, part[1])
        if start < end and end - start >= (minimum if minimum is not None else window.length):
            found.append(Window(start, end, window.probability))
    if len(found) < 2:
        return found
    found.sort(key=lambda window: (window.start, -window.length, -window.probability))
    kept: list[Window] = []
    for window in found:
        if not any(other.end >= window.end and other.probability >= window.probability for other in kept):
            kept.append(window)
    return kept


def bookable_windows(
    rows: Sequence[Mapping[str, Any]], whole: Window, part: Span, minimum_hours: float | None
) -> list[Window]:
    """The windows of an offer, as the table keeps them, inside a part of it."""
    if not rows:
        # What is left of an offer that has begun is one window, however short.
        return windows_within([whole], part, timedelta(0))
    minimum = timedelta(hours=minimum_hours) if minimum_hours is not None else None
    return windows_within(windows_from(rows, whole), part, minimum)


def surest(windows: Iterable[Window], start: datetime, end: datetime) -> Window | None:
    """The surest window that contains these hours; None if none does."""
    containing = [window for window in windows if window.start <= start and end <= window.end]
    return max(containing, key=lambda window: window.probability, default=None)


def longest(windows: Sequence[Window]) -> Window:
    """The first of the longest."""
    return max(windows, key=lambda window: (window.length, -window.start.timestamp()))


def best_window(windows: Sequence[Window], length: timedelta | None, days: Span | None) -> Window | None:
    """The surest window in which `length` can begin on one of the days; the longest of those that are as sure. Without a length, the longest
    window. None if none fits. `days`: from the first midnight to the last."""
    if length is None:
        return longest(windows) if windows else None
    fitting = [window for window in windows if _begins(window, length, days)]
    return max(fitting, key=lambda window: (window.probability, window.length, -window.start.timestamp()), default=None)


def _begins(window: Window, length: timedelta, days: Span | None) -> bool:
    earliest = window.start if days is None else max(window.start, days[0])
    return earliest + length <= window.end and (days is None or earliest < days[1])
