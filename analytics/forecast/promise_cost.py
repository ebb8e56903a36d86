"""What a stricter promise costs: which share of the free windows can still be booked. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.forecast.promise import ASKED_HOURS, Trials, promise
from analytics.forecast.window_shares import LENGTHS
from analytics.policy.policy import MachinePolicy

RATES = (0.01, 0.02, 0.05, 0.1)


@dataclass(frozen=True)
class PromiseCost:
    """In the forecasts of past days, of windows of one length: the share of the bookable ones that was free, and the share of the free ones
    that could have been booked. None where there was nothing to count."""

    rate: float
    hours: int
    kept: float | None
    found: float | None


def promise_costs(
    trials: Trials, names: Sequence[str], policies: Sequence[MachinePolicy], rates: Sequence[float] = RATES
) -> list[PromiseCost]:
    """For each rate of broken promises and each length that people ask for. `names`, `policies`: of the machines that the trials number."""
    costs = []
    for rate in rates:
        kept_promise = promise(trials, names, policies, rate)
        for hours in ASKED_HOURS:
            length = 4 * hours
            row, begin = _windows(trials, length)
            free, known = trials.outcomes(row, begin, begin + length)
            row, begin, free = row[known], begin[known], free[known]
            bookable = np.zeros(len(row), dtype=bool)
            if kept_promise is not None:
                place = LENGTHS.index(length)
                least = kept_promise.thresholds_of(names, policies)[:, place]
                bookable = trials.said[row, begin // 2, place] >= least[trials.machine[row]]
            costs.append(PromiseCost(rate, hours, _share(free[bookable]), _share(bookable[free])))
    return costs


def _windows(trials: Trials, length: int) -> tuple[np.ndarray, np.ndarray]:
    """(row, begin) of the factory's own windows of a length that the policy would have let people book."""
    row, begin = trials.windows(length)
    usable = trials.own(row) & trials.could_be_booked(row, begin, begin + length)
    return row[usable], begin[usable]


def _share(truths: np.ndarray) -> float | None:
    return round(float(truths.mean()), 4) if len(truths) else None
