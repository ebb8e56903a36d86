"""Computes what bookings leave free of offered hours."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

Span = tuple[datetime, datetime]


def free_parts(offered: Span, taken: Iterable[Span], buffer: timedelta, minimum: timedelta | None) -> list[Span]:
    """The parts of `offered` beside `taken`, in order.

    `taken` spans include the buffer after each booking; the buffer before is kept here, since a booking of a part has its own after
    it. `minimum` None: only the whole can be had, so nothing is left where something is taken.
    """
    start, end = offered
    inside = sorted(span for span in taken if span[0] < end + buffer and span[1] > start)
    if not inside:
        return [offered]
    if minimum is None:
        return []
    parts = []
    for began, ended in inside:
        # A booking of the part before this one needs its buffer to end before this one begins.
        parts.append((start, min(end, began - buffer)))
        start = max(start, ended)
    parts.append((start, end))
    return [(a, b) for a, b in parts if b - a >= minimum and b > a]
