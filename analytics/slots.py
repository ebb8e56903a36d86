"""Free slots out of the forecast, inside the hours that the factory offers. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from analytics.policy import MachinePolicy
from analytics.quarter_grid import QUARTER, QuarterGrid
from analytics.weekly_profile import quarter_shares, window_share

SHARE_LEVELS = (1.0, 0.85, 0.7)
"""A slot's score is the share of past weeks in which the whole of it was free; slots are cut at these levels."""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of local quarters [first, last) of one machine's grid, and its score."""

    first: int
    last: int
    share: float

    @property
    def level(self) -> float:
        """The highest of `SHARE_LEVELS` that the score reaches."""
        return next(level for level in SHARE_LEVELS if self.share >= level)


def propose_windows(
    grid: QuarterGrid,
    origin: int,
    first: int,
    last: int,
    policy: MachinePolicy,
    taken: Sequence[tuple[datetime, datetime]] = (),
) -> list[Window]:
    """Windows within [first, last) that may be offered, in order, as seen at `origin`.

    `taken`: hours that are booked or otherwise planned busy. Windows never overlap, are at least `minimum_slot` and at
    most `maximum_slot` long, and lie within the offered hours.
    """
    if last <= first:
        return []
    shares = quarter_shares(grid.values, origin, first, last)
    open_quarters = np.array([_offered(grid, index, policy, taken) for index in range(first, last)])
    shortest = -(-policy.minimum_slot // QUARTER)
    longest = max(shortest, policy.maximum_slot // QUARTER)
    found: list[Window] = []
    for level in SHARE_LEVELS:
        usable = open_quarters & (np.nan_to_num(shares, nan=-1.0) >= level)
        for begin, end in _runs(usable):
            for start, stop in _pieces(begin, end, shortest, longest):
                share = window_share(grid.values, origin, first + start, first + stop)
                if share is not None and share >= SHARE_LEVELS[-1]:
                    found.append(Window(first + start, first + stop, share))
                    open_quarters[start:stop] = False
    return sorted(found, key=lambda window: window.first)


def _offered(grid: QuarterGrid, index: int, policy: MachinePolicy, taken: Sequence[tuple[datetime, datetime]]) -> bool:
    if policy.offered is not None:
        local = grid.local_time(index)
        if not any(hours.contains(local, QUARTER) for hours in policy.offered):
            return False
    if not taken:
        return True
    start, end = grid.moment(index), grid.moment(index + 1)
    return not any(begin < max(end, start + timedelta(seconds=1)) and start < stop for begin, stop in taken)


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
