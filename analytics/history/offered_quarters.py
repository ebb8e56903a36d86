"""Which quarter hours of a machine the factory offers, and which of them are not taken. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np

from analytics.history.quarter_grid import QUARTERS_PER_DAY, QUARTERS_PER_WEEK, QuarterGrid
from analytics.policy.policy import QUARTER, MachinePolicy, OfferedHours


def open_quarters(
    grid: QuarterGrid,
    first: int,
    last: int,
    policy: MachinePolicy,
    taken: Sequence[tuple[datetime, datetime]] = (),
) -> np.ndarray:
    """Which of the quarters [first, last) the factory offers and that are not taken: booleans of shape (last -
    first,)."""
    usable = offered_week(policy)[(np.arange(first, last) + grid.first_day.weekday() * 96) % QUARTERS_PER_WEEK]
    for blackout in policy.blackout:
        days = ((day - grid.first_day).days for day in (blackout.first, blackout.last))
        begin_day, last_day = (day * QUARTERS_PER_DAY - first for day in days)
        usable[max(0, begin_day) : max(0, last_day + QUARTERS_PER_DAY)] = False
    for start_taken, end_taken in taken:
        # In UTC, because Python's arithmetic on aware times of one zone is local, and calendars' times carry zones.
        begin, stop = (
            start_taken.astimezone(UTC) - policy.buffer_after,
            end_taken.astimezone(UTC) + policy.buffer_before,
        )
        # Widened to whole quarters. An extra hour on either side allows for DST changes.
        for place in range(max(first, grid.index_of(begin) - 4), min(last, grid.index_of(stop) + 5)):
            start, end = grid.moment(place), grid.moment(place + 1)
            if begin < max(end, start + timedelta(seconds=1)) and start < stop:
                usable[place - first] = False
    return usable


def offered_week(policy: MachinePolicy) -> np.ndarray:
    """Which quarters of a week, from Monday 00:00 on, the policy offers: booleans of shape (672,)."""
    return _week(policy.offered)


@lru_cache(maxsize=256)
def _week(offered: tuple[OfferedHours, ...] | None) -> np.ndarray:
    if offered is None:
        return _frozen(np.ones(QUARTERS_PER_WEEK, dtype=bool))
    monday = datetime(2024, 1, 1)  # noqa: DTZ001 - wall-clock time of any Monday
    return _frozen(
        np.array(
            [
                any(hours.contains(monday + place * QUARTER, QUARTER) for hours in offered)
                for place in range(QUARTERS_PER_WEEK)
            ]
        )
    )


def _frozen(values: np.ndarray) -> np.ndarray:
    """Make the array read-only, since the cache shares it."""
    values.setflags(write=False)
    return values
