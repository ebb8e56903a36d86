"""The forecast: how often the same hours of the last weeks were free. Pure, and looks only before its origin."""

from __future__ import annotations

import numpy as np

from analytics.quarter_grid import FREE, NOT_FREE, QUARTERS_PER_WEEK, UNKNOWN

WEEKS = 8
MIN_WEEKS = 2
_KNOWN_SHARE = 0.8


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


def window_share(values: np.ndarray, origin: int, first: int, last: int) -> float | None:
    """The share of earlier weeks in which the whole window [first, last) was free; None below `MIN_WEEKS`.

    Hours of one day go together: asking for the whole window at once is what makes it more than a product of hours.
    """
    past = _weeks_back(values, origin, first, last)
    busy = (past == NOT_FREE).any(axis=1)
    known = (past != UNKNOWN).mean(axis=1) >= _KNOWN_SHARE if past.size else np.zeros(len(past), dtype=bool)
    counted = int((busy | known).sum())
    return float((known & ~busy).sum() / counted) if counted >= MIN_WEEKS else None
