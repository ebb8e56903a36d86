"""The forecast: how often the same hours of the last weeks were free. Pure, and looks only before its origin."""

from __future__ import annotations

import numpy as np

from analytics.history.quarter_grid import FREE, QUARTERS_PER_WEEK, UNKNOWN

WEEKS = 8
MIN_WEEKS = 2


def _weeks_back(values: np.ndarray, origin: int, first: int, last: int) -> np.ndarray:
    """The same quarters in up to `WEEKS` earlier weeks: shape (weeks, last - first); UNKNOWN at or after the origin."""
    places = np.arange(first, last)[None, :] - QUARTERS_PER_WEEK * np.arange(1, WEEKS + 3)[:, None]
    usable = (places >= 0) & (places < min(origin, len(values)))
    past = np.where(usable, values[np.clip(places, 0, max(len(values) - 1, 0))], UNKNOWN)
    # The newest WEEKS that lie wholly before the origin: a fortnight's horizon skips the week it is in.
    complete = usable.all(axis=1)
    rows = np.flatnonzero(complete)[:WEEKS]
    return np.asarray(past[rows])


def quarter_shares(values: np.ndarray, origin: int, first: int, last: int) -> np.ndarray:
    """For the quarters [first, last): the share of earlier weeks in which the quarter was free; NaN below `MIN_WEEKS`.

    `values`: the grid; nothing at or after `origin` is looked at. Returns shape (last - first,).
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
