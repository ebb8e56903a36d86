"""Weekly profile: how often the same quarter was free in past weeks. Pure; uses only what is before the origin."""

from __future__ import annotations

import numpy as np

from analytics.history.quarter_grid import FREE, QUARTERS_PER_WEEK, UNKNOWN

WEEKS = 8
MIN_WEEKS = 2


def _weeks_back(values: np.ndarray, origin: int, first: int, last: int) -> np.ndarray:
    """The same quarters in up to `WEEKS` earlier weeks: shape (weeks, last - first), UNKNOWN at or after the origin."""
    places = np.arange(first, last)[None, :] - QUARTERS_PER_WEEK * np.arange(1, WEEKS + 3)[:, None]
    usable = (places >= 0) & (places < min(origin, len(values)))
    past = np.where(usable, values[np.clip(places, 0, max(len(values) - 1, 0))], UNKNOWN)
    # The newest WEEKS entirely before the origin. A horizon of two weeks skips the week it overlaps.
    complete = usable.all(axis=1)
    rows = np.flatnonzero(complete)[:WEEKS]
    return np.asarray(past[rows])


def quarter_shares(values: np.ndarray, origin: int, first: int, last: int) -> np.ndarray:
    """For the quarters [first, last), the share of earlier weeks in which the quarter was free: shape (last -
    first,), NaN if fewer than `MIN_WEEKS` are known.

    `values`: the grid, of which nothing at or after `origin` is used.
    """
    shares = np.full(last - first, np.nan)
    for start in range(first, last, QUARTERS_PER_WEEK):
        stop = min(start + QUARTERS_PER_WEEK, last)
        past = _weeks_back(values, origin, start, stop)
        known = (past != UNKNOWN).sum(axis=0)
        free = (past == FREE).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            shares[start - first : stop - first] = np.where(known >= MIN_WEEKS, free / known, np.nan)
    return shares
