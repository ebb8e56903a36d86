"""Turns scores into probabilities. Slots are proposed for past weeks from what was known then, and compared with
what happened. Pure.

A threshold qualifies if its share of broken promises stays within the promised rate, corrected for the number of
slots checked (conformal risk control: (broken + 1) / (checked + 1)). Among those that qualify, the one that keeps
most hours is chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
from sklearn.isotonic import IsotonicRegression

from analytics.forecast.slots import KNOWN_SHARE, CutRules, Window, cut_spans, cut_windows, open_quarters
from analytics.history.quarter_grid import NOT_FREE, QUARTERS_PER_DAY, UNKNOWN, QuarterGrid, running_counts
from analytics.policy.policy import MachinePolicy, Policy

MIN_CHECKED = 20
"""With fewer checked slots there is no track record, and nothing is published."""

THRESHOLDS = tuple(float(threshold) for threshold in 1 / (1 + np.exp(-np.linspace(0.0, 5.5, 34))))
MARGINS = (0, 2, 4)
LONGEST_SLOTS = (None, timedelta(hours=6), timedelta(hours=3), timedelta(hours=2), timedelta(hours=1))
"""Longest slots to try besides the policy's own, in descending order. A shorter one must keep `_MIN_GAIN_OF_SHORTER`
times as many hours."""
_MIN_GAIN_OF_SHORTER = 1.02
_SAFETY = 0.75
"""Thresholds are chosen for this share of the promised rate, because future weeks differ from those checked."""

_POOL_WEIGHT = 8.0


@dataclass
class Tally:
    """Number of slots checked, and of those found not free."""

    checked: int = 0
    broken: int = 0

    def add(self, other: Tally) -> None:
        self.checked += other.checked
        self.broken += other.broken


@dataclass(frozen=True)
class Trial:
    """A forecast for one machine as made at one past origin: scores from that quarter on."""

    machine: str
    origin: int
    scores: np.ndarray


@dataclass
class TrackRecord:
    """The threshold that keeps most hours at the promised rate, and the outcome of its slots."""

    threshold: float
    margin: int
    longest_slot: timedelta | None
    kept_quarters: int
    total: Tally
    per_machine: dict[str, Tally] = field(default_factory=dict)
    _isotonic: tuple[np.ndarray, np.ndarray] | None = None
    """Scores and their probabilities, to be interpolated linearly."""

    def completed(self, checks: _Outcomes) -> TrackRecord:
        """Add the record of each machine and the probabilities of scores; returns self."""
        trial, scores, kept = checks.judged(self)
        for place, name in enumerate(checks.machines):
            broken = ~kept[checks.machine[trial] == place]
            self.per_machine[name] = Tally(len(broken), int(broken.sum()))
        found = IsotonicRegression(out_of_bounds="clip").fit(scores, kept)
        self._isotonic = found.X_thresholds_, found.y_thresholds_
        return self

    def windows(self, scores: np.ndarray, usable: np.ndarray, policy: MachinePolicy, origin: int) -> list[Window]:
        return cut_windows(scores, usable, self.threshold, policy, self.margin, self.longest_slot, origin)

    def probability(self, machine: str, score: float) -> float:
        """Probability that a slot holds: the share kept of slots with such a score, times the ratio of this
        machine's record to that of all."""
        total = self.total.checked
        pooled = (total - self.total.broken + 1) / (total + 2)
        own = self.per_machine.get(machine, Tally())
        beside = (own.checked - own.broken + _POOL_WEIGHT * pooled) / (own.checked + _POOL_WEIGHT) / pooled
        worth = float(np.interp(score, *self._isotonic)) if self._isotonic is not None else pooled
        # Laplace's rule of succession: even a record without a broken promise gives no certainty.
        return min(worth * beside, (total + 1) / (total + 2))


def calibrate(
    trials: Sequence[Trial], grids: Mapping[str, QuarterGrid], end: int, policy: Policy, rate: float
) -> TrackRecord | None:
    """The best threshold for these trials, or None if none stays within `rate`. Quarters from `end` on are not
    looked at."""
    if not trials:
        return None
    checks = _Outcomes(trials, grids, end, policy)
    best: TrackRecord | None = None
    for longest_slot in LONGEST_SLOTS:
        for margin in MARGINS:
            found = _lowest_threshold_within(checks, margin, longest_slot, rate)
            longer = best is not None and best.longest_slot != longest_slot
            if found and (
                best is None or found.kept_quarters > best.kept_quarters * (_MIN_GAIN_OF_SHORTER if longer else 1)
            ):
                best = found
    return best.completed(checks) if best is not None else None


def _lowest_threshold_within(
    checks: _Outcomes, margin: int, longest_slot: timedelta | None, rate: float
) -> TrackRecord | None:
    """The lowest threshold whose slots stay within the rate, since it keeps most hours. Found by bisection; the
    result was checked."""
    low, high = 0, len(THRESHOLDS)
    best = None
    while low < high:
        middle = (low + high) // 2
        tried = TrackRecord(THRESHOLDS[middle], margin, longest_slot, 0, Tally())
        checks.count(tried)
        if tried.total.checked < MIN_CHECKED:
            high = middle
        elif _within(tried.total, rate):
            best, high = tried, middle
        else:
            low = middle + 1
    return best


class _Outcomes:
    """All trials and the actual states of their quarters, summed so that all slots are checked in one step.

    Arrays have shape (trials, quarters) or (trials,). All trials have the same length.
    """

    def __init__(self, trials: Sequence[Trial], grids: Mapping[str, QuarterGrid], end: int, policy: Policy) -> None:
        self.machines = sorted({trial.machine for trial in trials})
        place = {name: number for number, name in enumerate(self.machines)}
        self.machine = np.array([place[trial.machine] for trial in trials])
        self._policies = [policy.for_machine(name) for name in self.machines]
        self._phase = np.array([trial.origin % QUARTERS_PER_DAY for trial in trials])
        self._scores = np.stack([trial.scores for trial in trials])
        shape = self._scores.shape
        self._usable = np.zeros(shape, dtype=bool)
        values = np.full(shape, UNKNOWN, dtype=np.int8)
        for row, trial in enumerate(trials):
            count = max(0, min(shape[1], end - trial.origin))
            own = self._policies[self.machine[row]]
            self._usable[row, :count] = open_quarters(grids[trial.machine], trial.origin, trial.origin + count, own)
            seen = grids[trial.machine].values[trial.origin : trial.origin + count]
            values[row, : len(seen)] = seen
        self._busy = running_counts(values == NOT_FREE)
        self._known = running_counts(values != UNKNOWN)

    def count(self, record: TrackRecord) -> None:
        """Add the slots to the total of the record, and their quarters to `kept_quarters` where they were kept."""
        _, begins, stops, kept, sure = self._outcomes(record)
        record.total.add(Tally(int(sure.sum()), int((sure & ~kept).sum())))
        record.kept_quarters += int((stops - begins)[sure & kept].sum())

    def judged(self, record: TrackRecord) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(trial, score, whether kept) of the slots whose outcome is known."""
        trial, begins, stops, kept, sure = self._outcomes(record)
        spans = zip(trial[sure].tolist(), begins[sure].tolist(), stops[sure].tolist(), strict=True)
        scores = [float(self._scores[row, first:last].min()) for row, first, last in spans]
        return trial[sure], np.array(scores), kept[sure]

    def _outcomes(self, record: TrackRecord) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(trial, begin, stop, whether kept, whether the outcome is known) of every slot."""
        cutting = CutRules.of(self._policies, [0] * len(self._policies), record.longest_slot)
        cutting = CutRules(*(rule[self.machine] for rule in cutting))._replace(phase=self._phase)
        trial, begins, stops = cut_spans(self._scores, self._usable, record.threshold, cutting, record.margin)
        busy = self._busy[trial, stops] - self._busy[trial, begins]
        known = self._known[trial, stops] - self._known[trial, begins]
        return trial, begins, stops, busy == 0, (busy > 0) | (known >= KNOWN_SHARE * (stops - begins))


def _within(total: Tally, rate: float) -> bool:
    """The bound of conformal risk control, and `_SAFETY` for weeks that are worse than those checked."""
    return (total.broken + 1) / (total.checked + 1) <= rate and total.broken <= _SAFETY * rate * total.checked
