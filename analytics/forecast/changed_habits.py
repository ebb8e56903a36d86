"""Machines that have lately been busy far more often than forecast: their habits have changed, and what was before counts for little. Pure.

A shift is added, a season begins: the forecast follows within a week or two, but the thresholds were chosen on months in which it could be
trusted further. A machine that is free more often than forecast breaks no promise, and is left to the forecast.

In a factory of many machines each is tried on few days, or never: such a machine is judged by how often it was free on days of that kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from analytics.forecast.promise import Trials
from analytics.forecast.window_shares import LENGTHS, window_states
from analytics.forecast.window_trials import LEARNT_DAYS, before, calendar
from analytics.history.day_kinds import KINDS
from analytics.history.quarter_grid import FREE, QUARTERS_PER_DAY, UNKNOWN, QuarterGrid
from analytics.policy.policy import Policy

LATELY = (4, 7, 14)
"""Days in which a change is looked for: it may have begun in any of them."""
BEFORE_DAYS = 90
LIMIT = 5.0
"""Standard errors by which the mean error of the forecast must have grown. Decided on simulated changes; what it costs on recordings that
have none stands in decision 24."""
MIN_LATELY, MIN_BEFORE = 2, 10
"""Forecast days that must be known for a change to be seen."""

MIN_BEFORE_UNSEEN = 28
"""Of shares, which follow the first weeks of a history more slowly than a forecast does."""
SELDOM = 7
"""A machine tried on fewer of the last fourteen days is not judged by its trials."""

_FADED = 2.0 ** (-1 / 14)
"""What a day leaves of the share of such windows that were free, where there are no trials: a half-life of fourteen days. Decided on the same
simulated changes."""
_KNOWN_DAYS = 1.0
"""A share of fewer days of a kind, faded, tells nothing: so a public holiday is no surprise."""
_LOOKED_AT = LATELY[-1] + BEFORE_DAYS + 28
"""Days of history that are read: four weeks of them for the first shares."""
_TOGETHER = 64
"""Machines that are counted at once: it bounds memory."""

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
    found = {number for number in _tried_often(trials) if has_changed(machine == number)}
    # The others together tell whether the factory has changed.
    others = ~np.isin(machine, list(found))
    return frozenset(machines if others.any() and has_changed(others) else found)


def changed_unseen(
    trials: Trials, tried: Sequence[str], grids: Mapping[str, QuarterGrid], origin: int, policy: Policy
) -> frozenset[str]:
    """Those of the machines whose habits have changed that are tried too seldom to be judged by their trials. `tried`: the machines that the
    trials number. `origin`: the quarter of the grids up to which they are known."""
    often = {tried[number] for number in _tried_often(trials)}
    names = [name for name in grids if name not in often]
    if not names:
        return frozenset()
    today = origin // QUARTERS_PER_DAY
    first = max(0, today - _LOOKED_AT)
    kinds, _ = calendar(next(iter(grids.values())).first_day, today, policy)
    found: list[str] = []
    for place in range(0, len(names), _TOGETHER):
        some = names[place : place + _TOGETHER]
        values = before(grids, some, today * QUARTERS_PER_DAY)
        for own, name in zip(values, some, strict=True):
            own[: grids[name].own_from] = UNKNOWN  # what is borrowed is another machine's habit
        values = values[:, first * QUARTERS_PER_DAY : today * QUARTERS_PER_DAY]
        error, counts = _surprises(values, kinds[first:])
        age_days = np.arange(len(error), 0, -1)
        found += [
            name
            for name, own, of in zip(some, error.T, counts.T, strict=True)
            if _has_changed(own, of, age_days, MIN_BEFORE_UNSEEN)
        ]
    return frozenset(found)


def _tried_often(trials: Trials) -> list[int]:
    """The numbers of the machines that are judged by their trials."""
    lately = trials.own(np.arange(len(trials))) & (trials.age_days <= LATELY[-1])
    days = np.unique(np.column_stack([trials.machine, trials.age_days])[lately], axis=0)
    machine, count = np.unique(days[:, 0].astype(int), return_counts=True)
    return [int(number) for number in machine[count >= SELDOM]]


def _surprises(values: np.ndarray, kinds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As `_errors`, where windows are said to be as likely as they lately were on days of the kind: each of shape (days, machines). `values`:
    quarters of whole days, shape (machines, quarters)."""
    states = window_states(values, (LENGTHS[_ASKED],))[:, 0]
    old_enough = np.cumsum((states != UNKNOWN).any(axis=2), axis=0) > LEARNT_DAYS
    free, known = np.zeros((2, KINDS, *states.shape[1:]), dtype=np.float32)
    error, counts = np.zeros((2, *states.shape[:2]))
    for day, (kind, state) in enumerate(zip(kinds, states, strict=True)):
        said = free[kind] / np.maximum(known[kind], 1e-6)
        asked = (state != UNKNOWN) & (known[kind] >= _KNOWN_DAYS) & (said >= _EXPECTED) & old_enough[day, :, None]
        error[day] = np.where(asked, said - (state == FREE), 0.0).sum(axis=1)
        counts[day] = asked.sum(axis=1)
        free *= _FADED
        known *= _FADED
        free[kind] += state == FREE
        known[kind] += state != UNKNOWN
    return error, counts


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


def _has_changed(error: np.ndarray, counts: np.ndarray, age_days: np.ndarray, least: int = MIN_BEFORE) -> bool:
    """Rows of one day are one observation. `least`: days before that must be known."""
    days, place = np.unique(age_days, return_inverse=True)
    windows = np.bincount(place, counts)
    told = windows >= _FEW
    mean, days = (np.bincount(place, error)[told] / windows[told]), days[told]
    for lately in LATELY:
        new, old = mean[days <= lately], mean[(days > lately) & (days <= lately + BEFORE_DAYS)]
        if len(new) < MIN_LATELY or len(old) < least:
            continue
        spread = max(float(old.std()), _LEAST_SPREAD)
        if new.mean() - old.mean() > LIMIT * spread / np.sqrt(len(new)):
            return True
    return False
