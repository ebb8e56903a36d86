"""The forecast by the hour, as people look at it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np

from analytics.history.snapshot import Snapshot


@dataclass(frozen=True)
class ForecastHours:
    """`hours`: UTC hours, the first one begun; `shares`: per machine how likely each is free, shape (hours,), NaN where unknown."""

    hours: tuple[datetime, ...] = ()
    shares: Mapping[str, np.ndarray] = field(default_factory=dict)


def hourly(past: Snapshot, quarters: Mapping[str, np.ndarray]) -> ForecastHours:
    """The mean of each hour's quarters. `quarters`: from the past's moment on, as a proposal has them."""
    count = max((len(one) for one in quarters.values()), default=0)
    if not count:
        return ForecastHours()
    grid = next(iter(past.grids.values()))
    moments = [grid.moment(past.origin + place) for place in range(count)]
    hours = [one.astimezone(UTC).replace(minute=0, second=0, microsecond=0) for one in moments]
    firsts = [0, *(place + 1 for place, (one, following) in enumerate(pairwise(hours)) if one != following)]
    shares = {}
    for machine, own in quarters.items():
        known = ~np.isnan(own)
        total, counted = np.add.reduceat(np.where(known, own, 0.0), firsts), np.add.reduceat(known, firsts)
        shares[machine] = np.where(counted > 0, total / np.maximum(counted, 1), np.nan)
    return ForecastHours(tuple(hours[place] for place in firsts), shares)
