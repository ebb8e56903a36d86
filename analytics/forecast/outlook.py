"""The forecast of the coming days, kept from round to round. Pure.

What the past says of windows changes at midnight; what a machine does now matters for today and tomorrow. So an hour after a forecast only
these two days are forecast anew, from what was known at midnight; reports that come late for days before count from the next midnight on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from analytics.forecast.counting import CountedWeekdays
from analytics.forecast.window_model import WindowModel, never_growing
from analytics.forecast.window_shares import LENGTHS, KnownAtMidnight, Origin, PastWindows
from analytics.forecast.window_trials import before, calendar, days_ahead
from analytics.history.snapshot import Snapshot
from analytics.policy.policy import Policy

_NEAR = 2
"""Days that are forecast anew in each round."""


@dataclass(frozen=True)
class Outlook:
    """The forecast of some machines. `fitted`: when what forecasts was fitted. `known`: of the near days, in half precision. `said`:
    shape (machines, starts, lengths), from the midnight before on."""

    names: tuple[str, ...]
    fitted: datetime
    known: KnownAtMidnight
    said: np.ndarray

    def holds_for(self, names: Sequence[str], fitted: datetime, origin: Origin) -> bool:
        return (self.names, self.fitted, self.known.day) == (tuple(names), fitted, origin.day)


def outlook(
    forecast: WindowModel | CountedWeekdays,
    fitted: datetime,
    snapshot: Snapshot,
    names: Sequence[str],
    origin: Origin,
    policy: Policy,
    last: Outlook | None = None,
) -> Outlook:
    """P(free throughout) of the windows of the coming days. `last`: what was kept of the round before."""
    values = before(snapshot.grids, names, origin.place)
    count = days_ahead(origin, policy.horizon)
    if last is not None and last.holds_for(names, fitted, origin) and isinstance(forecast, WindowModel):
        near = _near_days(forecast, last.known, values, origin)
        span = near.shape[1]
        return replace(last, said=never_growing(np.concatenate([near, last.said[:, span:]], axis=1), LENGTHS))
    # A later round of the same day may touch a day more.
    days = range(origin.day, origin.day + max(count, days_ahead(Origin(origin.day, 95), policy.horizon)))
    kinds, weekdays = calendar(next(iter(snapshot.grids.values())).first_day, days.stop, policy)
    past = PastWindows(values, kinds, weekdays)
    said = [forecast.of_day(past, origin, day, seen) for day, seen in past.looking_ahead(origin, days)]
    known = past.known(days[:_NEAR])
    kept = replace(known, shares={day: shares.astype(np.float16) for day, shares in known.shares.items()})
    whole = never_growing(np.concatenate(said, axis=1), LENGTHS).astype(np.float32)
    return Outlook(tuple(names), fitted, kept, whole)


def _near_days(forecast: WindowModel, known: KnownAtMidnight, values: np.ndarray, origin: Origin) -> np.ndarray:
    said = [forecast.probabilities(known.features(values, origin, day)) for day in known.shares]
    return np.concatenate(said, axis=1).astype(np.float32)
