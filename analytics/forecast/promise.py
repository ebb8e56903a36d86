"""Which windows may be promised, and with which probability. Pure.

For each length the threshold is the lowest probability from which on, in forecasts of the past, at most the promised share of the windows
was broken; recent days count more, and a part of a day on which everything broke is added (conformal risk control on days). The
probability beside a window is calibrated on the maximal windows that these thresholds would have given in the past.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from analytics.forecast.bookable import Rules, maximal_windows
from analytics.forecast.tally import Tally
from analytics.forecast.window_shares import LENGTHS, STARTS_PER_DAY
from analytics.history.quarter_grid import NOT_FREE, UNKNOWN, running_counts
from analytics.policy.policy import MachinePolicy

MIN_DAYS = 10
"""Without as many forecasts of the past (of a machine and day) in which a window was asked for, it is not promised."""
HALF_LIFE_DAYS = 40.0
"""Of the days on which thresholds are chosen. Decided on the first half of two recordings (decision 20)."""
CHANGED_HALF_LIFE_DAYS = 10.0
"""Of the days of a machine whose habits have changed (decision 24)."""
ADDED_DAYS = 0.1
"""What is added for the days that have not been seen: so much of a day on which every window was broken."""
KNOWN_SHARE = 0.8
"""Share of a window that must be known, and free, before it counts as kept."""
ASKED_HOURS = (2, 4, 8)
"""Lengths that people ask for, alike until the platform's own requests say otherwise."""
THRESHOLD_LENGTHS = (8, 16, 32, 48, 96, 192, 288)
"""Lengths, in quarters, for which thresholds are chosen: what people ask for, and longer ones. Between them they are interpolated."""
NEVER = 2.0
"""A threshold that no window reaches."""

_PULL = 2.5
"""How strongly the calibration is drawn towards leaving the forecast as it is: as by some fifty windows of 95 %."""
_STEPS = 40
_FAR, _CLOSE = 500.0, 1e-7
_FLAT = 1e-3
"""With a smaller slope the forecast says nothing of which of the windows that reach their threshold are surer."""
_ROUNDS = 3
"""What the policy requires shortens windows by their calibrated probability, and the calibration is of the windows that are left."""
_HALF_A_PERCENT = 0.005


@dataclass(frozen=True)
class Trials:
    """Forecasts of the past: one row for each machine, origin and day ahead. `said`: shape (rows, starts, lengths). `values`: FREE,
    NOT_FREE or UNKNOWN from the midnight of that day on, as far as the longest window reaches, UNKNOWN from now on; `usable`: the
    quarters that could have been booked; both of shape (rows, quarters). `weight`: how many days of the horizon a row stands for. `borrowed`: so
    many rows at the end are of other factories' recordings and weigh as much as `borrowed_days` of a machine's own: they count in what is
    promised, and not in the record. `changed`: numbers of the machines whose habits have changed."""

    machine: np.ndarray
    age_days: np.ndarray
    weight: np.ndarray
    said: np.ndarray
    values: np.ndarray
    usable: np.ndarray
    borrowed: int = 0
    borrowed_days: float = 0.0
    changed: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.machine)

    def outcomes(self, row: np.ndarray, begin: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(kept, known) of windows: each of shape (windows,)."""
        broken = self._busy[row, end] > self._busy[row, begin]
        known = broken | (self._known[row, end] - self._known[row, begin] >= KNOWN_SHARE * (end - begin))
        return ~broken, known

    def could_be_booked(self, row: np.ndarray, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Whether all of each window was usable: shape (windows,)."""
        return np.asarray(self._closed[row, end] == self._closed[row, begin])

    def windows(self, length: int) -> tuple[np.ndarray, np.ndarray]:
        """(row, begin) of every window of a length, begun on the half hours of a day: each of shape (windows,)."""
        begin = 2 * np.arange(STARTS_PER_DAY)
        begin = begin[begin + length <= self.usable.shape[1]]
        return np.repeat(np.arange(len(self)), len(begin)), np.tile(begin, len(self))

    def own(self, row: np.ndarray) -> np.ndarray:
        """Which of these rows are the factory's own: shape (rows,)."""
        return np.asarray(row < len(self) - self.borrowed)

    @cached_property
    def recent_weight(self) -> np.ndarray:
        """How much each row counts: days of the horizon, fading with its age, and faster where habits have changed."""
        half_life = np.where(np.isin(self.machine, list(self.changed)), CHANGED_HALF_LIFE_DAYS, HALF_LIFE_DAYS)
        return np.asarray(self.weight * np.exp2(-self.age_days / half_life))

    def of(self, machine: int) -> Trials:
        """The machine's own rows."""
        rows = np.flatnonzero((self.machine == machine) & self.own(np.arange(len(self))))
        fields = ("machine", "age_days", "weight", "said", "values", "usable")
        return replace(self, borrowed=0, borrowed_days=0.0, **{name: getattr(self, name)[rows] for name in fields})

    @cached_property
    def _busy(self) -> np.ndarray:
        return running_counts(self.values == NOT_FREE)

    @cached_property
    def _known(self) -> np.ndarray:
        return running_counts(self.values != UNKNOWN)

    @cached_property
    def _closed(self) -> np.ndarray:
        return running_counts(~self.usable)


@dataclass(frozen=True)
class Promise:
    """The thresholds of each length, ascending, and the record of the maximal windows that they would have given, of each machine that was
    tried. `raised`: the thresholds of machines whose habits have changed, which are never lower."""

    thresholds: np.ndarray
    calibration: tuple[float, float] = (0.0, 1.0)
    days: int = 0
    per_machine: Mapping[str, Tally] = field(default_factory=dict)
    raised: Mapping[str, np.ndarray] = field(default_factory=dict)

    def probabilities(self, forecast: np.ndarray) -> np.ndarray:
        """What is said of windows with such a forecast: in whole percents, and no surer than the days of the record can tell (Laplace's
        rule of succession: even a record without a broken promise gives no certainty)."""
        shift, slope = self.calibration
        # In double precision: what is said is read by people, and 0.86 is not 0.8600000143.
        said = 1 / (1 + np.exp(-(shift + slope * _logit(np.asarray(forecast, dtype=float)))))
        most = np.floor(100 * (self.days + 1) / (self.days + 2)) / 100
        return np.asarray(np.minimum(np.round(said, 2), most))

    def thresholds_from(self, required: float, machine: str | None = None) -> np.ndarray:
        """The thresholds of a machine, raised to where windows are said to be at least `required` sure: shape (lengths,)."""
        shift, slope = self.calibration
        thresholds = self.raised.get(machine, self.thresholds) if machine is not None else self.thresholds
        if self.probabilities(np.array([1.0]))[0] < required:
            return np.full(len(thresholds), NEVER)
        if slope < _FLAT:
            return thresholds  # all windows are said to be equally sure, and sure enough
        least = 1 / (1 + np.exp(-(_logit(np.array(required - _HALF_A_PERCENT)) - shift) / slope))
        return np.asarray(np.maximum(thresholds, float(least)))

    def thresholds_of(self, names: Sequence[str], policies: Sequence[MachinePolicy]) -> np.ndarray:
        """`thresholds_from` what the policy of each machine requires: shape (machines, lengths)."""
        pairs = zip(names, policies, strict=True)
        return np.stack([self.thresholds_from(policy.required_probability, name) for name, policy in pairs])


def promise(
    trials: Trials,
    names: Sequence[str],
    policies: Sequence[MachinePolicy],
    rate: float,
    lengths: Sequence[int] = LENGTHS,
) -> Promise | None:
    """The promise that can be kept, or None if there is none. `names`, `policies`: of the machines that the trials number."""
    thresholds = lowest_thresholds(trials, rate, lengths)
    if (thresholds >= NEVER).all():
        return None
    rules = Rules(*(rule[trials.machine] for rule in Rules.of(policies)))
    raised = {
        names[machine]: np.maximum(thresholds, lowest_thresholds(trials.of(machine), rate, lengths))
        for machine in sorted(trials.changed)
    }
    found = Promise(thresholds, days=len(trials), raised=raised)
    for _ in range(_ROUNDS):
        of_machine = found.thresholds_of(names, policies)
        windows = maximal_windows(trials.said, of_machine[trials.machine], trials.usable, rules, lengths)
        kept, known = trials.outcomes(windows.row, windows.begin, windows.end)
        row, forecast, kept = windows.row[known], windows.probability[known], kept[known]
        if not len(kept):
            return None
        calibration = calibrated(forecast, kept, trials.recent_weight[row])
        days = _days(trials, row)
        own = trials.own(row)
        machine, kept = trials.machine[row[own]], kept[own]
        found = Promise(
            thresholds,
            calibration,
            days,
            {name: _tally(kept[machine == place]) for place, name in enumerate(names)},
            raised,
        )
    return found


def _days(trials: Trials, row: np.ndarray) -> int:
    """How many forecasts of the past these rows are of: a machine and an origin are one, however many days ahead were forecast from it.
    Borrowed ones count as the days that they weigh."""
    rows = np.unique(row)
    own = rows[trials.own(rows)]
    forecasts = len(set(zip(trials.machine[own].tolist(), trials.age_days[own].tolist(), strict=True)))
    return forecasts + round(trials.borrowed_days * (len(rows) - len(own)) / max(1, trials.borrowed))


def _tally(kept: np.ndarray) -> Tally:
    return Tally(len(kept), int((~kept).sum()))


def lowest_thresholds(trials: Trials, rate: float, lengths: Sequence[int] = LENGTHS) -> np.ndarray:
    """The lowest threshold of each length at which the promise was kept, ascending: shape (lengths,). `NEVER` where there is none."""
    known = np.array(lengths)
    found = np.full(len(lengths), NEVER)
    asked = [place for place, length in enumerate(lengths) if length in THRESHOLD_LENGTHS]
    # Longer windows are never easier to promise than those inside them.
    found[asked] = np.maximum.accumulate([_threshold(trials, rate, place, lengths[place]) for place in asked])
    for place, length in enumerate(lengths):
        shorter = [other for other in asked if lengths[other] < length]
        longer = [other for other in asked if lengths[other] > length]
        if place in asked:
            continue
        if shorter and longer and found[longer[0]] < NEVER:
            found[place] = np.interp(length, known[asked], found[asked])
            continue
        # What people ask for is what counts: shorter windows give way.
        least = found[shorter[-1]] if shorter else 0.0
        most = found[longer[0]] if longer else NEVER
        found[place] = min(most, max(least, _threshold(trials, rate, place, length)))
    for place in range(len(lengths) - 2, -1, -1):
        found[place] = min(found[place], found[place + 1])
    return found


def _threshold(trials: Trials, rate: float, place: int, length: int) -> float:
    """The lowest threshold of one length, in the order of the trials' lengths at `place`."""
    row, begin = trials.windows(length)
    asked = np.flatnonzero(trials.could_be_booked(row, begin, begin + length))
    kept, known = trials.outcomes(row[asked], begin[asked], begin[asked] + length)
    asked, kept = asked[known], kept[known]
    row, begin = row[asked], begin[asked]
    if _days(trials, row) < MIN_DAYS:
        return NEVER
    per_day = len(row) / len(np.unique(row))
    said = trials.said[row, begin // 2, place]
    return lowest_threshold(said, kept, trials.recent_weight[row], rate, ADDED_DAYS * per_day)


def lowest_threshold(said: np.ndarray, kept: np.ndarray, weights: np.ndarray, rate: float, added: float = 0.0) -> float:
    """The lowest probability from which on at most `rate` of the windows, by weight, was broken, with `added` broken ones beside them;
    `NEVER` if there is none."""
    order = np.argsort(-said, kind="stable")
    broken = np.cumsum((weights * ~kept)[order]) + added
    asked = np.cumsum(weights[order]) + added
    last_of_its_value = np.append(said[order][1:] != said[order][:-1], True)
    within = np.flatnonzero((broken <= rate * asked) & last_of_its_value)
    return float(said[order][within[-1]]) if len(within) else NEVER


def calibrated(forecast: np.ndarray, kept: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """(shift, slope) of the logits of a forecast that fit what came best (Platt's scaling), drawn towards leaving it as it is."""
    logits = _logit(forecast)
    design = np.column_stack([np.ones_like(logits), logits])
    before = np.array([0.0, 1.0])

    def loss(found: np.ndarray) -> float:
        wrong = np.logaddexp(0.0, np.where(kept, -1.0, 1.0) * (design @ found))
        return float(weights @ wrong + _PULL / 2 * ((found - before) ** 2).sum())

    found, least = before, loss(before)
    for _ in range(_STEPS):
        said = 1 / (1 + np.exp(-np.clip(design @ found, -_FAR, _FAR)))
        gradient = design.T @ (weights * (kept - said)) - _PULL * (found - before)
        curvature = (design * (weights * said * (1 - said))[:, None]).T @ design + _PULL * np.eye(2)
        change = np.linalg.solve(curvature, gradient)
        # Newton's step goes too far where nearly all windows are sure: halved until it is one for the better.
        while (better := loss(found + change)) > least and np.abs(change).max() > _CLOSE:
            change = change / 2
        if np.abs(change).max() <= _CLOSE:
            break
        found, least = found + change, better
    if found[1] < 0:
        # The likelier windows broke more often: then all are as sure as the record (Laplace's rule of succession).
        return float(_logit((weights @ kept + 1) / (weights.sum() + 2))), 0.0
    return float(found[0]), float(found[1])


def was_kept(values: np.ndarray) -> bool | None:
    """Whether a window was free throughout; None if too little is known. `values`: the quarters of the window."""
    if (values == NOT_FREE).any():
        return False
    return True if len(values) and (values != UNKNOWN).mean() >= KNOWN_SHARE else None


def parts_kept(values: np.ndarray, counted: Sequence[tuple[int, int]] = ()) -> Tally:
    """The windows inside a window that are as long as people ask for, begun on its half hours: checked and broken. A window that is
    shorter counts as a whole. `values`: its quarters. `counted`: other windows, as (first, last) of these quarters; what lies inside one
    of them is left out."""
    found = Tally()
    lengths = [4 * hours for hours in ASKED_HOURS]
    for length in [length for length in lengths if length <= len(values)] or [len(values)]:
        for begin in range(0, len(values) - length + 1, 2):
            if any(first <= begin and begin + length <= last for first, last in counted):
                continue
            kept = was_kept(values[begin : begin + length])
            found.add(Tally(kept is not None, kept is False))
    return found


def _logit(shares: np.ndarray) -> np.ndarray:
    clipped = np.clip(shares, 1e-4, 1 - 1e-4)
    return np.asarray(np.log(clipped / (1 - clipped)))
