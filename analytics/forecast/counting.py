"""The baseline: in which share of the last such weekdays a window was free throughout. Pure."""

from __future__ import annotations

import numpy as np

from analytics.forecast.window_shares import Origin, PastWindows
from analytics.history.quarter_grid import FREE, QUARTERS_PER_DAY, UNKNOWN

WEEKS = 8


class CountedWeekdays:
    """Needs no training, and knows no holidays."""

    def of_day(
        self,
        past: PastWindows,
        origin: Origin,
        day: int,
        features: np.ndarray,
        machines: np.ndarray | slice = slice(None),
    ) -> np.ndarray:
        """The share of the last eight such weekdays that had ended by the origin: shape (machines, starts, lengths); 0 where none is known."""
        seen: list[np.ndarray] = []
        reach = max(past.lengths) // QUARTERS_PER_DAY + 1
        for back in range(1, WEEKS + 4):
            on = day - 7 * back
            if on >= 0 and on + reach <= origin.day and len(seen) < WEEKS:
                seen.append(past.outcomes(on)[machines])
        if not seen:
            return np.zeros(features.shape[:-1])
        states = np.stack(seen)
        known = (states != UNKNOWN).sum(axis=0)
        return np.asarray((states == FREE).sum(axis=0) / np.maximum(known, 1))
