"""What of an offer can be booked, as a calendar shows it: stretches whose windows overlap or touch, with how sure their windows are. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sharing_platform.machines.windows import Window


@dataclass(frozen=True)
class FreeSpan:
    """`lowest` and `highest`: the probabilities of the least and the most sure window in it."""

    start: datetime
    end: datetime
    lowest: float
    highest: float


def free_spans(windows: Iterable[Window]) -> list[FreeSpan]:
    """In order of their start."""
    spans: list[FreeSpan] = []
    for one in sorted(windows, key=lambda window: window.start):
        last = spans[-1] if spans else None
        if last is None or one.start > last.end:
            spans.append(FreeSpan(one.start, one.end, one.probability, one.probability))
            continue
        lowest, highest = min(last.lowest, one.probability), max(last.highest, one.probability)
        spans[-1] = FreeSpan(last.start, max(last.end, one.end), lowest, highest)
    return spans
