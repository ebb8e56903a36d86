"""A machine's past as quarter hours of local wall-clock time: free, not free, or unknown. Pure.

A week has 672 quarters by the clock on the wall, so "the same hour last week" is 672 places back, also over a DST change:
the hour that is skipped in spring is unknown, the one that comes twice in autumn is free only if it was free both times.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analytics.timeline import seconds_within
from analytics.utilisation import epoch_seconds
from telemetry import MachineState

QUARTER = timedelta(minutes=15)
QUARTERS_PER_DAY = 96
QUARTERS_PER_WEEK = 7 * QUARTERS_PER_DAY

FREE, NOT_FREE, UNKNOWN = 1, 0, -1

_TOLERANCE_S = 30.0
"""A quarter may be disturbed by this much and still count as free: clocks and polls are not exact."""


@dataclass(frozen=True)
class QuarterGrid:
    """`values[i]` is FREE, NOT_FREE or UNKNOWN in the i-th local quarter hour after midnight of `first_day`."""

    values: np.ndarray
    first_day: date
    zone: str

    def index_of(self, moment: datetime) -> int:
        """The quarter that contains the moment, or the last one before it was skipped."""
        local = moment.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)
        return int((local - datetime.combine(self.first_day, time(0))) // QUARTER)

    def local_time(self, index: int) -> datetime:
        """Naive wall-clock time at which the quarter begins; may lie beyond the grid."""
        return datetime.combine(self.first_day, time(0)) + index * QUARTER

    def moment(self, index: int) -> datetime:
        """The same as aware UTC."""
        return self.local_time(index).replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)


def quarter_grid(
    spells: pd.DataFrame, free: pd.DataFrame, first_day: date, days: int, zone: str, masked_days: Collection[date] = ()
) -> QuarterGrid:
    """The grid of one machine from its timeline and its free spells.

    `masked_days` count as unknown: a public holiday says nothing about the Mondays to come.
    """
    walls = pd.date_range(datetime.combine(first_day, time(0)), periods=days * QUARTERS_PER_DAY, freq=QUARTER)
    readings = [_values(spells, free, walls, zone, first_time) for first_time in (True, False)]
    values = np.where(readings[0] == readings[1], readings[0], UNKNOWN)
    values[(readings[0] == NOT_FREE) | (readings[1] == NOT_FREE)] = NOT_FREE
    for day in masked_days:
        start = (day - first_day).days * QUARTERS_PER_DAY
        if 0 <= start < len(values):
            values[start : start + QUARTERS_PER_DAY] = UNKNOWN
    return QuarterGrid(values.astype(np.int8), first_day, zone)


def _values(
    spells: pd.DataFrame, free: pd.DataFrame, walls: pd.DatetimeIndex, zone: str, first_time: bool
) -> np.ndarray:
    """The quarters that begin at these wall-clock times; where a time comes twice, its first or its second coming."""
    ambiguous = np.full(len(walls), first_time)
    instants = walls.tz_localize(zone, ambiguous=ambiguous, nonexistent="NaT")
    skipped = instants.isna()
    begins = epoch_seconds(instants.to_series().ffill().bfill())
    stops = begins + QUARTER.total_seconds()
    known = spells[spells["state"] != MachineState.UNKNOWN.value]
    known_s = seconds_within(epoch_seconds(known["start"]), epoch_seconds(known["end"]), begins, stops)
    free_s = seconds_within(epoch_seconds(free["start"]), epoch_seconds(free["end"]), begins, stops)
    values = np.where(free_s >= known_s - _TOLERANCE_S, FREE, NOT_FREE)
    values[(known_s < QUARTER.total_seconds() / 2) | skipped] = UNKNOWN
    return values
