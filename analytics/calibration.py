"""What scores are worth: slots proposed in past weeks, each from what was known then, checked against what then happened. Pure.

Thresholds are compared by the hours they keep, and only those count whose share of broken promises stays within the promised
rate, with a correction for the number of slots that were checked (conformal risk control: (broken + 1) / (checked + 1)).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
from sklearn.isotonic import IsotonicRegression

from analytics.policy import MachinePolicy, Policy
from analytics.quarter_grid import NOT_FREE, UNKNOWN, QuarterGrid
from analytics.slots import KNOWN_SHARE, Window, cut_spans, cut_windows, open_quarters

MIN_CHECKED = 20
"""With fewer checked slots there is no track record, and nothing is published."""

THRESHOLDS = tuple(float(one) for one in 1 / (1 + np.exp(-np.linspace(0.0, 5.5, 34))))
MARGINS = (0, 2, 4)
PIECES = (None, timedelta(hours=6), timedelta(hours=3), timedelta(hours=2), timedelta(hours=1))
"""Longest slot, beside the policy's own. From the longest on: a shorter one must keep `_WORTH_CUTTING` times as much."""
_WORTH_CUTTING = 1.02
_SAFETY = 0.75
"""The rate aimed at is this share of the promised one: the weeks to come are never quite like those that were checked."""

_POOL_WEIGHT = 8.0


@dataclass
class Tally:
    """Slots that were checked, and how many of them were found not free."""

    checked: int = 0
    broken: int = 0

    def add(self, other: Tally) -> None:
        self.checked += other.checked
        self.broken += other.broken


@dataclass(frozen=True)
class Trial:
    """A forecast for one machine as seen at one past origin: `scores` from that quarter on."""

    machine: str
    origin: int
    scores: np.ndarray


@dataclass
class TrackRecord:
    """The threshold that keeps most at the promised rate, and what its slots were worth."""

    threshold: float
    margin: int
    piece: timedelta | None
    kept_quarters: int
    total: Tally
    own: dict[str, Tally] = field(default_factory=dict)
    _worth: IsotonicRegression | None = None

    def filled(self, checks: Sequence[_Check]) -> TrackRecord:
        """With each machine's own record, and what a score is worth."""
        scores, outcomes = [], []
        for check in checks:
            places, kept, sure = check.outcomes(self)
            own = self.own.setdefault(check.trial.machine, Tally())
            own.add(Tally(int(sure.sum()), int((sure & ~kept).sum())))
            scores += [float(check.trial.scores[first:last].min()) for first, last in places[sure].tolist()]
            outcomes += kept[sure].tolist()
        self._worth = IsotonicRegression(out_of_bounds="clip").fit(scores, outcomes)
        return self

    def windows(self, scores: np.ndarray, usable: np.ndarray, machine: str, policy: Policy) -> list[Window]:
        return cut_windows(scores, usable, self.threshold, policy.for_machine(machine), self.margin, self.piece)

    def probability(self, machine: str, score: float) -> float:
        """That such a slot holds: what slots of such a score were worth, times how this machine does beside the others."""
        total = self.total.checked
        pooled = (total - self.total.broken + 1) / (total + 2)
        own = self.own.get(machine, Tally())
        beside = (own.checked - own.broken + _POOL_WEIGHT * pooled) / (own.checked + _POOL_WEIGHT) / pooled
        worth = float(self._worth.predict([score])[0]) if self._worth is not None else pooled
        # Laplace's rule of succession: no record, however clean, promises certainty.
        return min(worth * beside, (total + 1) / (total + 2))


def calibrate(
    trials: Sequence[Trial], grids: Mapping[str, QuarterGrid], end: int, policy: Policy, rate: float
) -> TrackRecord | None:
    """The best threshold for these trials; None where none keeps the promised `rate`. Nothing at or after `end` is looked at."""
    checks = [_Check(one, grids[one.machine], end, policy.for_machine(one.machine)) for one in trials]
    best: TrackRecord | None = None
    for piece in PIECES:
        for margin in MARGINS:
            found = _lowest_that_holds(checks, margin, piece, rate)
            longer = best is not None and best.piece != piece
            if found and (best is None or found.kept_quarters > best.kept_quarters * (_WORTH_CUTTING if longer else 1)):
                best = found
    return best.filled(checks) if best is not None else None


def _lowest_that_holds(
    checks: Sequence[_Check], margin: int, piece: timedelta | None, rate: float
) -> TrackRecord | None:
    """The lowest threshold whose slots were kept at the rate: it keeps most. By halving; what it finds was checked."""
    low, high = 0, len(THRESHOLDS)
    best = None
    while low < high:
        middle = (low + high) // 2
        tried = TrackRecord(THRESHOLDS[middle], margin, piece, 0, Tally())
        for check in checks:
            tried.kept_quarters += check.count(tried)
        if tried.total.checked < MIN_CHECKED:
            high = middle
        elif _within(tried.total, rate):
            best, high = tried, middle
        else:
            low = middle + 1
    return best


class _Check:
    """One trial beside what came of its quarters, summed up so that any slot is checked in one step."""

    def __init__(self, trial: Trial, grid: QuarterGrid, end: int, policy: MachinePolicy) -> None:
        self.trial = trial
        self.policy = policy
        count = max(0, min(len(trial.scores), end - trial.origin))
        self.usable = open_quarters(grid, trial.origin, trial.origin + len(trial.scores), policy)
        self.usable[count:] = False
        values = grid.values[trial.origin : trial.origin + count]
        self._busy = np.concatenate([[0], np.cumsum(values == NOT_FREE)])
        self._known = np.concatenate([[0], np.cumsum(values != UNKNOWN)])

    def outcomes(self, record: TrackRecord) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(spans of shape (slots, 2), whether kept, whether known well enough to say)."""
        spans = cut_spans(self.trial.scores, self.usable, record.threshold, self.policy, record.margin, record.piece)
        places = np.array(spans, dtype=np.int64).reshape(-1, 2)
        busy = self._busy[places[:, 1]] - self._busy[places[:, 0]]
        known = self._known[places[:, 1]] - self._known[places[:, 0]]
        return places, busy == 0, (busy > 0) | (known >= KNOWN_SHARE * (places[:, 1] - places[:, 0]))

    def count(self, record: TrackRecord) -> int:
        """Add to the record's total; returns the quarters of the slots that were kept."""
        places, kept, sure = self.outcomes(record)
        record.total.add(Tally(int(sure.sum()), int((sure & ~kept).sum())))
        return int((places[:, 1] - places[:, 0])[sure & kept].sum())


def _within(total: Tally, rate: float) -> bool:
    """Conformal risk control's bound, and room for weeks that are worse than those that were checked."""
    return (total.broken + 1) / (total.checked + 1) <= rate and total.broken <= _SAFETY * rate * total.checked
