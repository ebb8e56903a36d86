"""The windows that can be booked: as long as the promise can be kept, and inside the hours that the factory offers. Pure.

A window is bookable where its probability reaches the threshold of its length. Probabilities never grow with a window, and thresholds never
fall with its length, so every part of a bookable window is bookable. A window that closing time cuts short, or whose length is not one of
the forecast's, is as likely as the likeliest window of the forecast that contains it. What is told are the maximal windows, those inside no other one.

Arrays have the axes (rows, starts, lengths); starts are successive half hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from analytics.forecast.window_shares import LENGTHS
from analytics.policy.policy import QUARTER, MachinePolicy

_COARSER = ((193, 32), (97, 16), (49, 4))
"""Windows of at least so many quarters end on multiples of so many: without this, a machine that is free for a fortnight has hundreds of
windows. Nothing of up to twelve hours is lost, since a window that begins later reaches the end."""


class Rules(NamedTuple):
    """What the policy says of windows, in quarters. All fields have the shape (rows,)."""

    shortest: np.ndarray
    before: np.ndarray
    """Must be free before a window as well, for setting up; `after` likewise."""
    after: np.ndarray
    step: np.ndarray
    """Windows begin and end at multiples of this in local time."""

    @classmethod
    def of(cls, policies: Sequence[MachinePolicy]) -> Rules:
        return cls(*np.array([_rules(policy) for policy in policies], dtype=np.int64).reshape(-1, 4).T)


class Windows(NamedTuple):
    """Maximal windows, ordered by row and begin. All fields have the shape (windows,); quarters count from the first start."""

    row: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    probability: np.ndarray


def _rules(policy: MachinePolicy) -> tuple[int, ...]:
    step = policy.step // QUARTER
    before, after = (-(-buffer // QUARTER) for buffer in (policy.buffer_before, policy.buffer_after))
    return -(-policy.minimum_slot // (step * QUARTER)) * step, before, after, step


def maximal_windows(
    probabilities: np.ndarray,
    thresholds: np.ndarray,
    usable: np.ndarray,
    rules: Rules,
    lengths: Sequence[int] = LENGTHS,
) -> Windows:
    """`probabilities`: of windows of the `lengths`, never growing with a window. `thresholds`: of each row, ascending with the length,
    shape (rows, lengths). `usable`: the quarters that may be booked, from the first start until at least a half hour after the last,
    shape (rows, quarters)."""
    rows, starts = probabilities.shape[:2]
    quarters = np.arange(2 * starts)
    free_for = longest_bookable(probabilities, thresholds, lengths)
    # A window that begins at a quarter must be free from its buffer on, which begins in the half hour at or before that.
    first = np.maximum(0, quarters[None, :] - rules.before[:, None]) // 2
    ends = 2 * first + np.take_along_axis(free_for, first, axis=1) - rules.after[:, None]
    ends = np.minimum(ends, _run_ends(usable)[:, : 2 * starts])
    ends = _coarser(ends, ends - quarters, rules.step[:, None])
    fits = (
        usable[:, : 2 * starts] & (quarters % rules.step[:, None] == 0) & (ends - quarters >= rules.shortest[:, None])
    )
    ends = np.where(fits, ends, 0)
    furthest = np.maximum.accumulate(ends, axis=1)
    reached = np.concatenate([np.zeros((rows, 1), dtype=ends.dtype), furthest[:, :-1]], axis=1)
    row, begin = np.nonzero(fits & (ends > reached))
    end = ends[row, begin]
    return Windows(row, begin, end, probability_of(probabilities, row, begin, end, rules, lengths))


def longest_bookable(probabilities: np.ndarray, thresholds: np.ndarray, lengths: Sequence[int]) -> np.ndarray:
    """The length, in quarters, of the longest window that can be booked from each start: shape (rows, starts)."""
    count = np.logical_and.accumulate(probabilities >= thresholds[:, None], axis=-1).sum(axis=-1)
    return np.asarray(np.array([0, *lengths])[count])


def probability_of(
    probabilities: np.ndarray,
    row: np.ndarray,
    begin: np.ndarray,
    end: np.ndarray,
    rules: Rules,
    lengths: Sequence[int] = LENGTHS,
) -> np.ndarray:
    """The probability of windows with their buffers: of the likeliest of the forecast's windows that contain it: shape (windows,)."""
    known = np.array(lengths)
    first = np.maximum(0, begin - rules.before[row]) // 2
    stop = end + rules.after[row]
    place = np.minimum(np.searchsorted(known, stop - 2 * first), len(known) - 1)
    earliest = np.clip(-(-(stop - known[place]) // 2), 0, first)
    count = first - earliest + 1
    before = np.cumsum(count) - count
    window = np.repeat(np.arange(len(row)), count)
    start = earliest[window] + np.arange(len(window)) - before[window]
    containing = probabilities[row[window], start, place[window]]
    return np.asarray(np.maximum.reduceat(containing, before)) if len(row) else np.empty(0)


def _run_ends(usable: np.ndarray) -> np.ndarray:
    """For each usable quarter, where its run of usable quarters ends; for the others, the quarter itself."""
    count = usable.shape[1]
    blocked = np.where(usable, count, np.arange(count))
    return np.asarray(np.minimum.accumulate(blocked[:, ::-1], axis=1)[:, ::-1])


def _coarser(ends: np.ndarray, lengths: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Ends on multiples of the step; of long windows on coarser ones."""
    coarse = np.broadcast_to(step, ends.shape)
    for at_least, multiple in reversed(_COARSER):
        coarse = np.where(lengths >= at_least, np.maximum(multiple, step), coarse)
    return np.asarray(ends // coarse * coarse)
