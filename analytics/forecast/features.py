"""Features of the forecast: the history of a machine before an origin, for the half hours that follow it. Pure.

Nothing at or after the origin is used. All arrays count half hours of local time from midnight of the grid's
first day.
"""

from __future__ import annotations

import warnings

import numpy as np

from analytics.history.quarter_grid import FREE, NOT_FREE, UNKNOWN

HALF_HOURS_PER_DAY = 48
HALF_HOURS_PER_WEEK = 7 * HALF_HOURS_PER_DAY

_WEEK_LAGS = 8
_DAY_LAGS = 14
_NEAR = (-6, -4, -2, 2, 4, 6)
_PARTS_OF_DAY = ((0, 12), (12, 24), (24, 34), (34, 48))
_REMEMBERED_WEEKS = 4
_LOOKED_AT_WEEKS = _WEEK_LAGS + 2


def half_hours(values: np.ndarray) -> np.ndarray:
    """Combine quarters (FREE, NOT_FREE or UNKNOWN; shape (2 n,)) into half hours: 1 free, 0 not free, NaN unknown;
    shape (n,)."""
    pairs = values[: len(values) // 2 * 2].reshape(-1, 2)
    found = np.full(len(pairs), np.nan, dtype=np.float32)
    found[(pairs == FREE).all(axis=1)] = 1.0
    found[(pairs == NOT_FREE).any(axis=1)] = 0.0
    found[(pairs == UNKNOWN).any(axis=1) & (pairs != NOT_FREE).all(axis=1)] = np.nan
    return found


def weeks_to_skip(origin: int) -> int:
    """Whole weeks at the beginning of the grid that are too far before the origin (in half hours) to be used."""
    return max(0, origin // HALF_HOURS_PER_WEEK - _LOOKED_AT_WEEKS)


def features(free: np.ndarray, origin: int, count: int, first_weekday: int) -> np.ndarray:
    """Features of the half hours [origin, origin + count): shape (count, features), NaN where nothing is known.

    `free`: as returned by `half_hours`. `first_weekday`: weekday of its first day; Monday is 0.
    """
    passed = weeks_to_skip(origin) * HALF_HOURS_PER_WEEK
    known, origin = free[passed : max(0, origin)], origin - passed
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing is NaN, as intended
        return _features(known, origin, count, first_weekday)


def _features(known: np.ndarray, origin: int, count: int, first_weekday: int) -> np.ndarray:
    target = np.arange(origin, origin + count)

    def at(places: np.ndarray) -> np.ndarray:
        inside = (places >= 0) & (places < len(known))
        return (
            np.where(inside, known[np.clip(places, 0, max(0, len(known) - 1))], np.nan)
            if len(known)
            else places * np.nan
        )

    # The newest week and day that lie entirely before the origin.
    weeks_back = (target - origin) // HALF_HOURS_PER_WEEK + 1
    days_back = (target - origin) // HALF_HOURS_PER_DAY + 1
    week_lag = [target - HALF_HOURS_PER_WEEK * (weeks_back + lag) for lag in range(_WEEK_LAGS)]
    day_lag = [target - HALF_HOURS_PER_DAY * (days_back + lag) for lag in range(_DAY_LAGS)]
    weeks = np.stack([at(place) for place in week_lag], axis=1)
    days = np.stack([at(place) for place in day_lag], axis=1)
    fading = 0.75 ** np.arange(_WEEK_LAGS)
    weekday = (target // HALF_HOURS_PER_DAY + first_weekday) % 7
    past_weekday = (np.stack(day_lag, axis=1) // HALF_HOURS_PER_DAY + first_weekday) % 7
    alike = np.where((weekday < 5)[:, None], past_weekday < 5, past_weekday == weekday[:, None])
    columns = [
        *weeks[:, :4].T,
        _mean(weeks[:, :4], axis=1),
        _mean(weeks, axis=1),
        np.nansum(weeks * fading, axis=1) / np.nansum(np.where(np.isnan(weeks), 0.0, 1.0) * fading, axis=1),
        *(_mean(np.stack([at(place + near) for place in week_lag[:4]]), axis=0) for near in _NEAR),
        *days[:, :3].T,
        _mean(days[:, :7], axis=1),
        *(_mean(np.stack([at(place + near) for near in _NEAR]), axis=0) for place in day_lag[:3]),
        _mean(np.where(alike, days, np.nan)[:, :7], axis=1),
        _mean(np.where(alike, days, np.nan), axis=1),
        *_level_of_that_day(known, target, weeks_back),
        target % HALF_HOURS_PER_DAY,
        weekday,
        target - origin,
    ]
    of_origin = np.array(_of_the_origin(known, origin), dtype=np.float64)
    return np.column_stack([*columns, np.broadcast_to(of_origin, (count, len(of_origin)))]).astype(np.float32)


def _mean(values: np.ndarray, axis: int | None = None) -> np.ndarray:
    """Mean of the known values, NaN if there are none. NumPy's `nanmean` takes four times as long on small arrays."""
    known = ~np.isnan(values)
    return np.asarray(np.where(known, values, 0.0).sum(axis=axis) / known.sum(axis=axis))


def _level_of_that_day(known: np.ndarray, target: np.ndarray, weeks_back: np.ndarray) -> list[np.ndarray]:
    """Share of the whole day that was free, one to four weeks before. A Monday that was a day off says little about
    Mondays."""
    sums = np.concatenate([[0.0], np.cumsum(np.nan_to_num(known, nan=0.0))])
    counts = np.concatenate([[0.0], np.cumsum(~np.isnan(known))])
    midnight = target // HALF_HOURS_PER_DAY * HALF_HOURS_PER_DAY
    levels = []
    for lag in range(4):
        begin = np.clip(midnight - HALF_HOURS_PER_WEEK * (weeks_back + lag), 0, len(known))
        stop = np.clip(begin + HALF_HOURS_PER_DAY, 0, len(known))
        levels.append((sums[stop] - sums[begin]) / (counts[stop] - counts[begin]))
    return levels


def _of_the_origin(known: np.ndarray, origin: int) -> list[float]:
    """The machine at the origin: its state, for how long, and how free the last hours, day, week and month were."""
    lately = known[-_REMEMBERED_WEEKS * HALF_HOURS_PER_WEEK :]
    if not len(lately):
        return [np.nan] * (6 + 3 * len(_PARTS_OF_DAY))
    changes = np.flatnonzero(lately[1:] != lately[:-1])
    spell = len(lately) - 1 - changes[-1] if len(changes) else len(lately)
    clock = np.arange(origin - len(lately), origin) % HALF_HOURS_PER_DAY
    means = [float(_mean(lately[-n:])) for n in (8, HALF_HOURS_PER_DAY, HALF_HOURS_PER_WEEK, len(lately))]
    parts = [
        float(_mean(np.where((clock >= begin) & (clock < stop), lately, np.nan)[-days * HALF_HOURS_PER_DAY :]))
        for days in (1, 3, 7)
        for begin, stop in _PARTS_OF_DAY
    ]
    return [float(lately[-1]), float(np.log1p(spell)), *means, *parts]
