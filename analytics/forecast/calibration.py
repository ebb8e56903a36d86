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

from analytics.forecast.slots import KNOWN_SHARE, CutRules, Window, cut_spans, cut_windows, open_quarters
from analytics.history.quarter_grid import NOT_FREE, QUARTERS_PER_DAY, UNKNOWN, QuarterGrid
from analytics.policy.policy import MachinePolicy, Policy

MIN_CHECKED = 20
"""With fewer checked slots there is no track record, and nothing is published."""

THRESHOLDS = tuple(float(one) for one in 1 / (1 + np.exp(-np.linspace(0.0, 5.5, 34))))
MARGINS = (0, 2, 4)
LONGEST_SLOTS = (None, timedelta(hours=6), timedelta(hours=3), timedelta(hours=2), timedelta(hours=1))
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
    _worth: tuple[np.ndarray, np.ndarray] | None = None
    """Scores and what they are worth; in between, linear."""

    def filled(self, checks: _Outcomes) -> TrackRecord:
        """With each machine's own record, and what a score is worth."""
        trial, scores, kept = checks.judged(self)
        for place, name in enumerate(checks.machines):
            broken = ~kept[checks.machine[trial] == place]
            self.own[name] = Tally(len(broken), int(broken.sum()))
        found = IsotonicRegression(out_of_bounds="clip").fit(scores, kept)
        self._worth = found.X_thresholds_, found.y_thresholds_
        return self

    def windows(self, scores: np.ndarray, usable: np.ndarray, policy: MachinePolicy, origin: int) -> list[Window]:
        return cut_windows(scores, usable, self.threshold, policy, self.margin, self.piece, origin)

    def probability(self, machine: str, score: float) -> float:
        """That such a slot holds: what slots of such a score were worth, times how this machine does beside the others."""
        total = self.total.checked
        pooled = (total - self.total.broken + 1) / (total + 2)
        own = self.own.get(machine, Tally())
        beside = (own.checked - own.broken + _POOL_WEIGHT * pooled) / (own.checked + _POOL_WEIGHT) / pooled
        worth = float(np.interp(score, *self._worth)) if self._worth is not None else pooled
        # Laplace's rule of succession: no record, however clean, promises certainty.
        return min(worth * beside, (total + 1) / (total + 2))


def calibrate(
    trials: Sequence[Trial], grids: Mapping[str, QuarterGrid], end: int, policy: Policy, rate: float
) -> TrackRecord | None:
    """The best threshold for these trials; None where none keeps the promised `rate`. Nothing at or after `end` is looked at."""
    if not trials:
        return None
    checks = _Outcomes(trials, grids, end, policy)
    best: TrackRecord | None = None
    for piece in LONGEST_SLOTS:
        for margin in MARGINS:
            found = _lowest_threshold_within(checks, margin, piece, rate)
            longer = best is not None and best.piece != piece
            if found and (best is None or found.kept_quarters > best.kept_quarters * (_WORTH_CUTTING if longer else 1)):
                best = found
    return best.filled(checks) if best is not None else None


def _lowest_threshold_within(
    checks: _Outcomes, margin: int, piece: timedelta | None, rate: float
) -> TrackRecord | None:
    """The lowest threshold whose slots were kept at the rate: it keeps most. By halving; what it finds was checked."""
    low, high = 0, len(THRESHOLDS)
    best = None
    while low < high:
        middle = (low + high) // 2
        tried = TrackRecord(THRESHOLDS[middle], margin, piece, 0, Tally())
        checks.count(tried)
        if tried.total.checked < MIN_CHECKED:
            high = middle
        elif _within(tried.total, rate):
            best, high = tried, middle
        else:
            low = middle + 1
    return best


class _Outcomes:
    """All trials beside what came of their quarters, summed up so that all slots are checked in one step.

    Arrays have shape (trials, quarters) or (trials,). Trials are of the same length.
    """

    def __init__(self, trials: Sequence[Trial], grids: Mapping[str, QuarterGrid], end: int, policy: Policy) -> None:
        self.machines = sorted({one.machine for one in trials})
        place = {name: number for number, name in enumerate(self.machines)}
        self.machine = np.array([place[one.machine] for one in trials])
        self._policies = [policy.for_machine(name) for name in self.machines]
        self._phase = np.array([one.origin % QUARTERS_PER_DAY for one in trials])
        self._scores = np.stack([one.scores for one in trials])
        shape = self._scores.shape
        self._usable = np.zeros(shape, dtype=bool)
        values = np.full(shape, UNKNOWN, dtype=np.int8)
        for row, one in enumerate(trials):
            count = max(0, min(shape[1], end - one.origin))
            own = self._policies[self.machine[row]]
            self._usable[row, :count] = open_quarters(grids[one.machine], one.origin, one.origin + count, own)
            seen = grids[one.machine].values[one.origin : one.origin + count]
            values[row, : len(seen)] = seen
        self._busy = _sums(values == NOT_FREE)
        self._known = _sums(values != UNKNOWN)

    def count(self, record: TrackRecord) -> None:
        """Add to the record's total, and the quarters of the slots that were kept."""
        _, begins, stops, kept, sure = self._outcomes(record)
        record.total.add(Tally(int(sure.sum()), int((sure & ~kept).sum())))
        record.kept_quarters += int((stops - begins)[sure & kept].sum())

    def judged(self, record: TrackRecord) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(trial, score, whether kept) of the slots of which it can be said."""
        trial, begins, stops, kept, sure = self._outcomes(record)
        spans = zip(trial[sure].tolist(), begins[sure].tolist(), stops[sure].tolist(), strict=True)
        scores = [float(self._scores[row, first:last].min()) for row, first, last in spans]
        return trial[sure], np.array(scores), kept[sure]

    def _outcomes(self, record: TrackRecord) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(trial, begin, stop, whether kept, whether known well enough to say) of every slot."""
        cutting = CutRules.of(self._policies, [0] * len(self._policies), record.piece)
        cutting = CutRules(*(one[self.machine] for one in cutting))._replace(phase=self._phase)
        trial, begins, stops = cut_spans(self._scores, self._usable, record.threshold, cutting, record.margin)
        busy = self._busy[trial, stops] - self._busy[trial, begins]
        known = self._known[trial, stops] - self._known[trial, begins]
        return trial, begins, stops, busy == 0, (busy > 0) | (known >= KNOWN_SHARE * (stops - begins))


def _sums(flags: np.ndarray) -> np.ndarray:
    """Along the rows, beginning with 0: shape (rows, columns + 1)."""
    sums = np.zeros((flags.shape[0], flags.shape[1] + 1), dtype=np.int32)
    np.cumsum(flags, axis=1, out=sums[:, 1:])
    return sums


def _within(total: Tally, rate: float) -> bool:
    """Conformal risk control's bound, and room for weeks that are worse than those that were checked."""
    return (total.broken + 1) / (total.checked + 1) <= rate and total.broken <= _SAFETY * rate * total.checked
