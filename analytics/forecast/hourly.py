"""The forecast by the hour, for display. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np

from analytics.history.snapshot import Snapshot


@dataclass(frozen=True)
class ForecastHours:
    """`hours`: UTC hours, beginning with the current one. `shares`: per machine the probability that each hour is
    free, shape (hours,), NaN where unknown."""

    hours: tuple[datetime, ...] = ()
    shares: Mapping[str, np.ndarray] = field(default_factory=dict)


def hourly(snapshot: Snapshot, quarters: Mapping[str, np.ndarray]) -> ForecastHours:
    """Mean over the quarters of each hour. `quarters`: per machine, from the snapshot's `now` on, as in
    `Proposal.shares`."""
    count = max((len(shares_of_machine) for shares_of_machine in quarters.values()), default=0)
    if not count:
        return ForecastHours()
    grid = next(iter(snapshot.grids.values()))
    moments = [grid.moment(snapshot.origin + place) for place in range(count)]
    hours = [moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0) for moment in moments]
    firsts = [0, *(place + 1 for place, (hour, following) in enumerate(pairwise(hours)) if hour != following)]
    shares = {}
    for machine, own in quarters.items():
        known = ~np.isnan(own)
        total, counted = np.add.reduceat(np.where(known, own, 0.0), firsts), np.add.reduceat(known, firsts)
        shares[machine] = np.where(counted > 0, total / np.maximum(counted, 1), np.nan)
    return ForecastHours(tuple(hours[place] for place in firsts), shares)
