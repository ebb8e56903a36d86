"""Free slots out of a forecast, inside the hours that the factory offers. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from analytics.policy import MachinePolicy
from analytics.quarter_grid import NOT_FREE, QUARTER, QUARTERS_PER_WEEK, UNKNOWN, QuarterGrid

KNOWN_SHARE = 0.8
"""Of a slot that was not seen busy, this much must be known before it counts as kept."""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of local quarters [first, last) of one machine's grid, and the score of its weakest quarter."""

    first: int
    last: int
    score: float


def cut_windows(
    scores: np.ndarray,
    open_quarters: np.ndarray,
    threshold: float,
    policy: MachinePolicy,
    margin: int = 0,
    piece: timedelta | None = None,
) -> list[Window]:
    """Windows of quarters that are open and score at least `threshold`, in order; places count from the arrays' first.

    From each run of such quarters `margin` are left off where it borders on time that is forecast busy: that is where
    promises break. Windows never overlap, are at least `minimum_slot` and at most `maximum_slot` long, nor longer than
    `piece`: two short promises that adjoin lose less when one of them breaks.
    """
    return [
        Window(begin, stop, float(scores[begin:stop].min()))
        for begin, stop in cut_spans(scores, open_quarters, threshold, policy, margin, piece)
    ]


def cut_spans(
    scores: np.ndarray,
    open_quarters: np.ndarray,
    threshold: float,
    policy: MachinePolicy,
    margin: int = 0,
    piece: timedelta | None = None,
) -> list[tuple[int, int]]:
    """As `cut_windows`, the places alone."""
    shortest = -(-policy.minimum_slot // QUARTER)
    longest = max(shortest, min(policy.maximum_slot, piece or policy.maximum_slot) // QUARTER)
    likely = np.nan_to_num(scores, nan=-1.0) >= threshold
    if margin:
        likely = _eroded(likely, margin)
    return [span for start, end in _runs(likely & open_quarters) for span in _pieces(start, end, shortest, longest)]


def open_quarters(
    grid: QuarterGrid,
    first: int,
    last: int,
    policy: MachinePolicy,
    taken: Sequence[tuple[datetime, datetime]] = (),
) -> np.ndarray:
    """Which of the quarters [first, last) the factory offers and nobody has taken: booleans of shape (last - first,)."""
    usable = offered_week(policy)[(np.arange(first, last) + grid.first_day.weekday() * 96) % QUARTERS_PER_WEEK]
    for begin, stop in taken:
        # Widened to whole quarters; an hour more on either side costs nothing and covers the change of clocks.
        for place in range(max(first, grid.index_of(begin) - 4), min(last, grid.index_of(stop) + 5)):
            start, end = grid.moment(place), grid.moment(place + 1)
            if begin < max(end, start + timedelta(seconds=1)) and start < stop:
                usable[place - first] = False
    return usable


def offered_week(policy: MachinePolicy) -> np.ndarray:
    """Which quarters of a week, from Monday 00:00 on, the policy offers: booleans of shape (672,)."""
    if policy.offered is None:
        return np.ones(QUARTERS_PER_WEEK, dtype=bool)
    monday = datetime(2024, 1, 1)  # noqa: DTZ001 - wall-clock time of any Monday
    return np.array(
        [
            any(hours.contains(monday + place * QUARTER, QUARTER) for hours in policy.offered)
            for place in range(QUARTERS_PER_WEEK)
        ]
    )


def was_kept(values: np.ndarray) -> bool | None:
    """Whether a slot was free throughout; None where too little is known to say. `values`: the slot's quarters."""
    if (values == NOT_FREE).any():
        return False
    return True if len(values) and (values != UNKNOWN).mean() >= KNOWN_SHARE else None


def _eroded(likely: np.ndarray, margin: int) -> np.ndarray:
    """Without the first and last `margin` quarters of each run; the ends of the array are no borders."""
    left = likely.copy()
    for step in range(1, margin + 1):
        left[step:] &= likely[:-step]
        left[:-step] &= likely[step:]
    return left


def _runs(usable: np.ndarray) -> Iterator[tuple[int, int]]:
    changes = np.flatnonzero(np.diff(np.concatenate([[0], usable.astype(np.int8), [0]])))
    yield from zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True)


def _pieces(begin: int, end: int, shortest: int, longest: int) -> Iterator[tuple[int, int]]:
    """Cut a run into pieces of at most `longest`; what is left over is a piece if it is long enough."""
    while end - begin >= shortest:
        stop = min(end, begin + longest)
        if 0 < end - stop < shortest and stop - begin >= 2 * shortest:
            stop = end - shortest  # leave enough for a last piece
        yield begin, stop
        begin = stop
