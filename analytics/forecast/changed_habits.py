"""Machines that have lately been busy far more often than forecast: their habits have changed, and what was before counts for little. Pure.

A shift is added, a season begins: the forecast follows within a week or two, but the thresholds were chosen on months in which it could be
trusted further. A machine that is free more often than forecast breaks no promise, and is left to the forecast.
"""

from __future__ import annotations

import numpy as np

from analytics.forecast.promise import Trials
from analytics.forecast.window_shares import LENGTHS

LATELY = (4, 7, 14)
"""Days in which a change is looked for: it may have begun in any of them."""
BEFORE_DAYS = 90
LIMIT = 5.0
"""Standard errors by which the mean error of the forecast must have grown. Decided on simulated changes; what it costs on recordings that
have none stands in decision 24."""
MIN_LATELY, MIN_BEFORE = 2, 10
"""Forecast days that must be known for a change to be seen."""

_ASKED = LENGTHS.index(8)
_EXPECTED = 0.5
"""Windows that were likely to be free: only these can break a promise."""
_FEW = 4
"""A day with fewer of them tells nothing."""
_LEAST_SPREAD = 0.02
"""A machine whose forecast was never wrong has no spread: one late evening is no change of habits."""


def changed_machines(trials: Trials) -> frozenset[int]:
    """The numbers of the machines whose habits have changed: of all, if the factory's have."""
    error, counts = _errors(trials)
    machine, age_days = trials.machine[: len(error)], trials.age_days[: len(error)]

    def has_changed(rows: np.ndarray) -> bool:
        return _has_changed(error[rows], counts[rows], age_days[rows])

    machines = np.unique(machine).tolist()
    found = {number for number in machines if has_changed(machine == number)}
    # A machine of many is tried on too few days to be judged alone. The others together tell whether the factory has changed.
    others = ~np.isin(machine, list(found))
    return frozenset(machines if others.any() and has_changed(others) else found)


def _errors(trials: Trials) -> tuple[np.ndarray, np.ndarray]:
    """How much likelier windows of two hours were said to be than they turned out, summed over each of the factory's own rows, and how many
    windows were counted: each of shape (rows,)."""
    count, length = len(trials) - trials.borrowed, LENGTHS[_ASKED]
    row, begin = trials.windows(length)
    kept, known = trials.outcomes(row, begin, begin + length)
    said = trials.said[row, begin // 2, _ASKED]
    asked = trials.own(row) & known & (said >= _EXPECTED)
    error = np.bincount(row[asked], (said - kept)[asked], minlength=count)
    return error, np.bincount(row[asked], minlength=count)


def _has_changed(error: np.ndarray, counts: np.ndarray, age_days: np.ndarray) -> bool:
    """Rows of one day are one observation."""
    days, place = np.unique(age_days, return_inverse=True)
    windows = np.bincount(place, counts)
    told = windows >= _FEW
    mean, days = (np.bincount(place, error)[told] / windows[told]), days[told]
    for lately in LATELY:
        new, old = mean[days <= lately], mean[(days > lately) & (days <= lately + BEFORE_DAYS)]
        if len(new) < MIN_LATELY or len(old) < MIN_BEFORE:
            continue
        spread = max(float(old.std()), _LEAST_SPREAD)
        if new.mean() - old.mean() > LIMIT * spread / np.sqrt(len(new)):
            return True
    return False
