"""A machine's history in quarter hours of local wall-clock time: free, not free or unknown. Pure.

A local week has 672 quarters, so "the same hour last week" is always 672 positions back, also across a DST
change. The hour that is skipped in spring is unknown; the hour that occurs twice in autumn is free only if it was
free both times.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analytics.history.occupied_time import idle_spells
from analytics.history.time_bins import TimeBins
from analytics.policy.policy import QUARTER
from telemetry import MachineState

QUARTERS_PER_DAY = 96
QUARTERS_PER_WEEK = 7 * QUARTERS_PER_DAY

FREE, NOT_FREE, UNKNOWN = 1, 0, -1

_TOLERANCE_S = 30.0
"""A quarter counts as free if it was disturbed for no longer than this: clocks and polls are not exact."""


@dataclass(frozen=True)
class QuarterGrid:
    """`values[i]` is FREE, NOT_FREE or UNKNOWN in the i-th local quarter hour after midnight of `first_day`.

    Values before `own_from` are borrowed from other machines of the group.
    """

    values: np.ndarray
    first_day: date
    zone: str
    own_from: int = 0

    def index_of(self, moment: datetime) -> int:
        """The position of the quarter that contains the moment."""
        local = moment.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)
        return int((local - datetime.combine(self.first_day, time(0))) // QUARTER)

    def local_time(self, index: int) -> datetime:
        """Naive local time at which the quarter begins. `index` may lie beyond the grid."""
        return datetime.combine(self.first_day, time(0)) + index * QUARTER

    def moment(self, index: int) -> datetime:
        """Aware UTC time at which the quarter begins. All quarters of a skipped hour begin at the moment of the DST
        change, so that moments never decrease with the index and slots never overlap."""
        if self._exists(index):
            return self.local_time(index).replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)
        return self.moment(index - 1) + (QUARTER if self._exists(index - 1) else timedelta(0))

    def _exists(self, index: int) -> bool:
        """Whether this local time occurs; it does not in the hour skipped in spring."""
        zone, wall = ZoneInfo(self.zone), self.local_time(index)
        return wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall

    def spliced(self, keep: int, tail: QuarterGrid | None, now: datetime) -> np.ndarray:
        """The first `keep` values, followed by those of a later grid that begins there. Without a later grid the
        rest, up to `now`, is unknown."""
        length = (self.index_of(now) // QUARTERS_PER_DAY + 1) * QUARTERS_PER_DAY
        values = np.full(length, UNKNOWN, dtype=np.int8)
        values[:keep] = self.values[:keep]
        if tail is not None:
            values[keep:] = tail.values[: length - keep]
        return values


def quarter_grids(
    spells: pd.DataFrame,
    occupied: pd.DataFrame,
    first_day: date,
    days: int,
    zone: str,
) -> dict[str, QuarterGrid]:
    """One grid for every machine of a timeline, ordered by machine.

    `occupied`: the occupied spells of the same timeline.
    """
    machines = list(spells["machine"].cat.categories)
    walls = pd.date_range(datetime.combine(first_day, time(0)), periods=days * QUARTERS_PER_DAY, freq=QUARTER)
    readings = [_epoch_quarters(walls, zone, first_time) for first_time in (True, False)]
    begin, end = min(reading.min() for reading in readings), max(reading.max() for reading in readings) + 1
    axis = TimeBins(machines, np.arange(begin, end + 1) * QUARTER.total_seconds())
    values = _values(axis, spells, occupied)
    once, again = (values[:, np.maximum(reading, begin) - begin] for reading in readings)
    found = np.where(once == again, once, UNKNOWN)
    found[(once == NOT_FREE) | (again == NOT_FREE)] = NOT_FREE
    skipped = walls.tz_localize(zone, ambiguous=np.ones(len(walls), dtype=bool), nonexistent="NaT").isna()
    found[:, skipped] = UNKNOWN
    return {machine: QuarterGrid(own, first_day, zone) for machine, own in zip(machines, found, strict=True)}


def _epoch_quarters(walls: pd.DatetimeIndex, zone: str, first_time: bool) -> np.ndarray:
    """The number of quarters between 1970 and each local time. Where a local time occurs twice, `first_time` chooses
    which. The UTC offset of every zone in use is a multiple of a quarter hour."""
    ambiguous = np.full(len(walls), first_time)
    instants = walls.tz_localize(zone, ambiguous=ambiguous, nonexistent="shift_forward")
    return np.asarray(instants.as_unit("s").asi8 // int(QUARTER.total_seconds()))


def _values(axis: TimeBins, spells: pd.DataFrame, occupied: pd.DataFrame) -> np.ndarray:
    """FREE, NOT_FREE or UNKNOWN for each quarter of UTC: shape (machines, quarters)."""
    known_s = axis.hours(spells[spells["state"] != MachineState.UNKNOWN.value]) * 3600
    free_s = axis.hours_outside(idle_spells(spells), occupied) * 3600
    values = np.where(free_s >= known_s - _TOLERANCE_S, FREE, NOT_FREE).astype(np.int8)
    values[known_s < QUARTER.total_seconds() / 2] = UNKNOWN
    return values


def running_counts(flags: np.ndarray) -> np.ndarray:
    """Cumulative sums along the rows, beginning with 0: shape (rows, columns + 1)."""
    sums = np.zeros((flags.shape[0], flags.shape[1] + 1), dtype=np.int32)
    np.cumsum(flags, axis=1, out=sums[:, 1:])
    return sums
