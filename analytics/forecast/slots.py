"""Cuts free slots from scores, within the hours that the factory offers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from analytics.history.quarter_grid import NOT_FREE, QUARTERS_PER_DAY, QUARTERS_PER_WEEK, UNKNOWN, QuarterGrid
from analytics.policy.policy import QUARTER, MachinePolicy, OfferedHours

_STEPS = {"15min": 1, "30min": 2, "1h": 4, "2h": 8}

KNOWN_SHARE = 0.8
"""Share of a slot that must be known, and free, before the slot counts as kept."""


@dataclass(frozen=True, slots=True)
class Window:
    """Local quarters [first, last) of one machine's grid, and the lowest score among them."""

    first: int
    last: int
    score: float


class CutRules(NamedTuple):
    """How to cut slots from each forecast, in quarters. All fields have shape (forecasts,)."""

    shortest: np.ndarray
    longest: np.ndarray
    before: np.ndarray
    """Buffer left off after time that is forecast busy; `after` is left off before such time."""
    after: np.ndarray
    step: np.ndarray
    """Slots begin and end at multiples of this in local time."""
    phase: np.ndarray
    """Time of day at which the forecast begins."""

    @classmethod
    def of(cls, policies: Sequence[MachinePolicy], origins: Sequence[int], longest_slot: timedelta | None) -> CutRules:
        return cls(*np.array([_cut_rules(*case, longest_slot) for case in zip(policies, origins, strict=True)]).T)


def _cut_rules(policy: MachinePolicy, origin: int, longest_slot: timedelta | None) -> tuple[int, ...]:
    step = _STEPS[policy.round_to]
    shortest = -(-policy.minimum_slot // (step * QUARTER)) * step
    longest = max(shortest, min(policy.maximum_slot, longest_slot or policy.maximum_slot) // (step * QUARTER) * step)
    before, after = (-(-buffer // QUARTER) for buffer in (policy.buffer_before, policy.buffer_after))
    return shortest, longest, before, after, step, origin % QUARTERS_PER_DAY


def cut_windows(
    scores: np.ndarray,
    open_quarters: np.ndarray,
    threshold: float,
    policy: MachinePolicy,
    margin: int = 0,
    longest_slot: timedelta | None = None,
    origin: int = 0,
) -> list[Window]:
    """Windows of open quarters that score at least `threshold`, in order. Positions count from the first quarter of
    the arrays, which is the quarter `origin` of the machine's grid.

    Where a run of such quarters borders on time that is forecast busy, `margin` and the policy's buffers are left
    off, since that is where promises break. Windows never overlap. They are at least `minimum_slot` and at most
    `maximum_slot` long, and no longer than `longest_slot`: of two short adjoining slots, one may be kept when the
    other breaks.
    """
    cutting = CutRules.of([policy], [origin], longest_slot)
    _, begins, stops = cut_spans(scores[None, :], open_quarters[None, :], threshold, cutting, margin)
    return [
        Window(begin, stop, float(scores[begin:stop].min()))
        for begin, stop in zip(begins.tolist(), stops.tolist(), strict=True)
    ]


def cut_spans(
    scores: np.ndarray, open_quarters: np.ndarray, threshold: float, cutting: CutRules, margin: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `cut_windows`, for many forecasts at once. `scores`, `open_quarters`: shape (forecasts, quarters). Returns
    (forecast, begin, stop) of the spans, ordered, each of shape (spans,)."""
    likely = np.nan_to_num(scores, nan=-1.0) >= threshold
    likely = _eroded(likely, cutting.before + margin, cutting.after + margin)
    forecast, begins, stops = _runs(likely & open_quarters)
    step, phase = cutting.step[forecast], cutting.phase[forecast]
    begins = -(-(begins + phase) // step) * step - phase
    stops = (stops + phase) // step * step - phase
    return _pieces(forecast, begins, stops, cutting.shortest[forecast], cutting.longest[forecast])


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


def was_kept(values: np.ndarray) -> bool | None:
    """Whether a slot was free throughout; None if too little is known. `values`: the quarters of the slot."""
    if (values == NOT_FREE).any():
        return False
    return True if len(values) and (values != UNKNOWN).mean() >= KNOWN_SHARE else None


def _eroded(likely: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Remove the first `before` and the last `after` quarters of each run. Runs that touch the end of a row keep
    them there."""
    left = likely.copy()
    for first, last in np.unique(np.column_stack([before, after]), axis=0).tolist():
        rows = (before == first) & (after == last)
        own, kept = likely[rows], left[rows]
        for step in range(1, first + 1):
            kept[:, step:] &= own[:, :-step]
        for step in range(1, last + 1):
            kept[:, :-step] &= own[:, step:]
        left[rows] = kept
    return left


def _runs(usable: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(row, begin, stop) of each run of True in the rows."""
    rows, columns = usable.shape
    padded = np.zeros((rows, columns + 2), dtype=np.int8)
    padded[:, 1:-1] = usable
    changes = np.flatnonzero(np.diff(padded, axis=1))
    row, place = np.divmod(changes, columns + 1)
    return row[::2], place[::2], place[1::2]


def _pieces(
    row: np.ndarray, begins: np.ndarray, stops: np.ndarray, shortest: np.ndarray, longest: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut runs into pieces of at most `longest`. A remainder becomes a piece of its own if it is long enough, or is
    made long enough by shortening the piece before it."""
    length = stops - begins
    whole = np.where(length >= shortest, (length - shortest) // longest, 0)
    rest = length - whole * longest
    split = (rest > longest) & (longest >= 2 * shortest)
    count = np.where(length >= shortest, whole + 1 + split, 0)
    run = np.repeat(np.arange(len(row)), count)
    number = np.arange(len(run)) - np.repeat(np.cumsum(count) - count, count)
    over = number >= whole[run]
    first = begins[run] + np.where(over, whole[run], number) * longest[run]
    before_last = np.where(split[run], rest[run] - shortest[run], np.minimum(rest[run], longest[run]))
    size = np.where(over, before_last, longest[run])
    last = over & (number > whole[run])
    first = np.where(last, first + before_last, first)
    size = np.where(last, shortest[run], size)
    return row[run], first, first + size
