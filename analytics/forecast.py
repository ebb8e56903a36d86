"""Forecasts: for each quarter hour to come a score between 0 and 1 that the machine is free. What a score is worth, calibration says.

Two baselines and one that learns; whichever keeps most hours at the promised rate in the back-test is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from analytics.features import HALF_HOURS_PER_WEEK, features, half_hours
from analytics.quarter_grid import (
    FREE,
    NOT_FREE,
    QUARTERS_PER_DAY,
    QUARTERS_PER_WEEK,
    UNKNOWN,
    QuarterGrid,
)
from analytics.weekly_profile import quarter_shares

_SATURDAY = 5
MIN_ROWS = 3_000
MAX_ROWS = 30_000
"""More teach little and cost much."""
SEED = 20_260

_ONE_THREAD = partial(threadpool_limits, limits=1, user_api="openmp")
"""Small models: threads that wait for each other on a busy machine cost many times what they bring."""


class Forecast(Protocol):
    """`name` is how reports call it."""

    @property
    def name(self) -> str: ...

    def scores(self, grid: QuarterGrid, origin: int, count: int) -> np.ndarray:
        """For the quarters [origin, origin + count), as seen at `origin`: shape (count,), NaN where nothing can be said."""
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
    """The share of the last eight weeks in which the quarter was free."""

    name: str = "weekly profile"

    def scores(self, grid: QuarterGrid, origin: int, count: int) -> np.ndarray:
        return quarter_shares(grid.values, origin, origin, origin + count)


@dataclass(frozen=True)
class SharedProfile:
    """The weekly profile, drawn towards days of the same kind: eight free Thursday evenings in a row may be luck where the
    other evenings are not free."""

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


class Boosted:
    """Gradient-boosted trees over calendar, weeks and days before, the running spell and the level of late.

    One model for all machines of a factory: a new machine is read by what the others taught.
    """

    name = "boosted trees"

    def __init__(self, model: HistGradientBoostingClassifier) -> None:
        self._model = model

    @classmethod
    def learnt(cls, grids: Mapping[str, QuarterGrid], end: int, tod: int, count: int) -> Boosted | None:
        """From what was known before the quarter `end`. `tod`: the time of day of the origins, in quarters; `count`: quarters
        that a forecast reaches ahead. None where there is too little to learn from."""
        rows, labels = [], []
        half_end, half_count = end // 2, count // 2
        choice = np.random.default_rng(SEED)
        origins = range(4 * HALF_HOURS_PER_WEEK + tod // 2, half_end, 48)
        wanted = MAX_ROWS / max(1, len(grids) * max(1, len(origins)))
        for grid in grids.values():
            free = half_hours(grid.values[:end])
            for origin in origins:
                truth = free[origin : min(origin + half_count, half_end)]
                usable = np.flatnonzero(~np.isnan(truth))
                few = choice.permutation(usable)[: max(1, int(wanted))] if len(usable) > wanted else usable
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
        with _ONE_THREAD():
            return cls(model.fit(np.concatenate(rows), np.concatenate(labels)))

    def scores(self, grid: QuarterGrid, origin: int, count: int) -> np.ndarray:
        half_origin = origin // 2
        half_count = -(-(origin + count) // 2) - half_origin
        # Half an hour that has begun is unknown, not what its first quarter was.
        free = half_hours(grid.values[: min(origin, len(grid.values)) // 2 * 2])
        seen = features(free, half_origin, half_count, grid.first_day.weekday())
        with _ONE_THREAD():
            scores = np.repeat(self._model.predict_proba(seen)[:, 1], 2)
        return scores[origin - 2 * half_origin :][:count]


WEEKLY = WeeklyProfile()
SHARED = SharedProfile()
BASELINES: Sequence[Forecast] = (SameHourLastWeek(), WEEKLY)
PROFILES: Sequence[Forecast] = (*BASELINES, SHARED)
"""What needs no learning."""
