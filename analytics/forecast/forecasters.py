"""Forecasters. Each gives every future quarter hour a score between 0 and 1 that the machine will be free.
`calibration` turns scores into probabilities.

There are profiles, which need no training, and boosted trees. `spare_capacity.fit` uses whichever keeps most
hours at the promised rate in past weeks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Protocol

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from analytics.forecast.features import HALF_HOURS_PER_WEEK, features, half_hours, weeks_to_skip
from analytics.forecast.one_thread import one_thread
from analytics.forecast.weekly_profile import quarter_shares
from analytics.history.quarter_grid import (
    FREE,
    NOT_FREE,
    QUARTERS_PER_DAY,
    QUARTERS_PER_WEEK,
    UNKNOWN,
    QuarterGrid,
)

_SATURDAY = 5
MIN_ROWS = 3_000
MAX_ROWS = 30_000
"""More rows improve the model little and cost much time."""
MAX_ORIGINS = 600
"""Training rows are taken from this many origins of all machines: computing features takes longer than training."""
SEED = 20_260

_CASES_PER_CALL = 50
"""Forecasts predicted in one call of the model: 10 MB of features."""


class Forecaster(Protocol):
    """Name shown in reports."""

    @property
    def name(self) -> str: ...

    def scores(self, grid: QuarterGrid, origin: int, count: int) -> np.ndarray:
        """Scores of the quarters [origin, origin + count), using only what is before `origin`: shape (count,), NaN
        where unknown."""
        ...


@dataclass(frozen=True)
class SameHourLastWeek:
    """Free if it was free a week before."""

    name: str = "same hour last week"

    def scores(self, grid: QuarterGrid, origin: int, count: int) -> np.ndarray:
        target = np.arange(origin, origin + count)
        places = target - QUARTERS_PER_WEEK * ((target - origin) // QUARTERS_PER_WEEK + 1)
        inside = (places >= 0) & (places < min(origin, len(grid.values)))
        values = np.where(inside, grid.values[np.clip(places, 0, len(grid.values) - 1)], UNKNOWN)
        return np.where(values == FREE, 1.0, np.where(values == NOT_FREE, 0.0, np.nan))


@dataclass(frozen=True)
class WeeklyProfile:
    """Share of the last eight weeks in which the quarter was free."""

    name: str = "weekly profile"

    def scores(self, grid: QuarterGrid, origin: int, count: int) -> np.ndarray:
        return quarter_shares(grid.values, origin, origin, origin + count)


@dataclass(frozen=True)
class SharedProfile:
    """The weekly profile averaged with that of similar days: eight free Thursday evenings in a row may be chance if
    other evenings were not free."""

    name: str = "profile of like days"

    def scores(self, grid: QuarterGrid, origin: int, count: int) -> np.ndarray:
        own = quarter_shares(grid.values, origin, origin, origin + count)
        week = quarter_shares(grid.values, origin, origin, origin + QUARTERS_PER_WEEK)
        weekday = _weekday(grid, np.arange(origin, origin + QUARTERS_PER_WEEK))
        clock = np.arange(origin, origin + QUARTERS_PER_WEEK) % QUARTERS_PER_DAY
        by_clock = np.full(QUARTERS_PER_DAY, np.nan)
        working = week[weekday < _SATURDAY], clock[weekday < _SATURDAY]
        known = ~np.isnan(working[0])
        counts = np.bincount(working[1][known], minlength=QUARTERS_PER_DAY)
        sums = np.bincount(working[1][known], working[0][known], minlength=QUARTERS_PER_DAY)
        np.divide(sums, counts, out=by_clock, where=counts > 0)
        target = np.arange(origin, origin + count)
        alike = np.where(_weekday(grid, target) < _SATURDAY, by_clock[target % QUARTERS_PER_DAY], own)
        return (2 * own + np.where(np.isnan(alike), own, alike)) / 3


def _weekday(grid: QuarterGrid, places: np.ndarray) -> np.ndarray:
    return np.asarray((places // QUARTERS_PER_DAY + grid.first_day.weekday()) % 7)


class BoostedTrees:
    """Gradient-boosted trees over the calendar, past weeks and days, the current spell and recent utilisation.

    One model serves all machines of a factory, so that new machines benefit from the history of others.
    """

    name = "boosted trees"

    def __init__(self, model: HistGradientBoostingClassifier) -> None:
        self._model = model

    @classmethod
    def train(cls, grids: Mapping[str, QuarterGrid], end: int, tod: int, count: int) -> BoostedTrees | None:
        """Train on what is before the quarter `end`. `tod`: time of day of the origins, in quarters; `count`:
        quarters that a forecast covers. Returns None if there is too little history."""
        rows, labels = [], []
        half_end, half_count = end // 2, count // 2
        choice = np.random.default_rng(SEED)
        origins = range(4 * HALF_HOURS_PER_WEEK + tod // 2, half_end, 48)
        pairs = [(machine, at) for machine in grids for at in origins]
        if len(pairs) > MAX_ORIGINS:
            pairs = [pairs[place] for place in np.sort(choice.choice(len(pairs), MAX_ORIGINS, replace=False))]
        wanted = max(1, MAX_ROWS // max(1, len(pairs)))
        for machine, of_machine in groupby(pairs, key=itemgetter(0)):
            grid = grids[machine]
            free = half_hours(grid.values[:end])
            for _, origin in of_machine:
                truth = free[origin : min(origin + half_count, half_end)]
                usable = np.flatnonzero(~np.isnan(truth))
                few = choice.permutation(usable)[:wanted] if len(usable) > wanted else usable
                if len(few):
                    seen = features(free, origin, len(truth), grid.first_day.weekday())
                    rows.append(seen[few])
                    labels.append(truth[few])
        if not rows or sum(map(len, labels)) < MIN_ROWS or len(np.unique(np.concatenate(labels))) < 2:
            return None
        model = HistGradientBoostingClassifier(
            max_iter=90,
            learning_rate=0.08,
            max_leaf_nodes=12,
            min_samples_leaf=60,
            l2_regularization=5.0,
            random_state=SEED,
            early_stopping=False,
        )
        with one_thread():
            return cls(model.fit(np.concatenate(rows), np.concatenate(labels)))

    def scores(self, grid: QuarterGrid, origin: int, count: int) -> np.ndarray:
        return self.score_all([(grid, origin)], count)[0]

    def score_all(self, cases: Sequence[tuple[QuarterGrid, int]], count: int) -> list[np.ndarray]:
        """Scores for many (grid, origin) at once: each call of the model has a fixed cost."""
        found: list[np.ndarray] = []
        for first in range(0, len(cases), _CASES_PER_CALL):
            some = cases[first : first + _CASES_PER_CALL]
            seen = [_seen(grid, origin, count) for grid, origin in some]
            with one_thread():
                answers = self._model.predict_proba(np.concatenate(seen))[:, 1]
            ends = np.cumsum([len(features_of_case) for features_of_case in seen])[:-1]
            for (_, origin), own in zip(some, np.split(answers, ends), strict=True):
                found.append(np.repeat(own, 2)[origin % 2 :][:count])
        return found


def _seen(grid: QuarterGrid, origin: int, count: int) -> np.ndarray:
    passed = weeks_to_skip(origin // 2) * QUARTERS_PER_WEEK
    origin -= passed
    half_origin = origin // 2
    # A half hour that has begun is unknown, even if its first quarter is not.
    free = half_hours(grid.values[passed : passed + min(origin, len(grid.values) - passed) // 2 * 2])
    return features(free, half_origin, -(-(origin + count) // 2) - half_origin, grid.first_day.weekday())


def score_all(forecast: Forecaster, cases: Sequence[tuple[QuarterGrid, int]], count: int) -> list[np.ndarray]:
    """Scores of `forecast` for many (grid, origin), in their order."""
    if isinstance(forecast, BoostedTrees):
        return forecast.score_all(cases, count)
    return [forecast.scores(grid, origin, count) for grid, origin in cases]


WEEKLY = WeeklyProfile()
SHARED = SharedProfile()
BASELINES: Sequence[Forecaster] = (SameHourLastWeek(), WEEKLY)
PROFILES: Sequence[Forecaster] = (*BASELINES, SHARED)
"""Forecasters that need no training."""
