"""ISO 22400-2 times and KPIs per machine and local day. Every percentage names its denominator. Pure.

APT  actual production time   Executing in mode Processing (or None)
AUST actual unit set-up time  mode Setup
ADOT actual unit down time    OutOfService
ADET actual unit delay time   NotExecuting inside an occupied spell
AUBT actual unit busy time    occupied time
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analytics.occupied import occupied_spells
from analytics.timeline import seconds_per_bin
from telemetry import MachineState, OperationMode


@dataclass(frozen=True, slots=True)
class DayUtilisation:
    """One machine's local day. Times in hours; ratios are None where their denominator is zero."""

    machine: str
    day: date
    calendar_h: float
    known_h: float
    apt_h: float
    aust_h: float
    adot_h: float
    adet_h: float
    aubt_h: float

    @property
    def coverage(self) -> float:
        """Share of the day (23, 24 or 25 h) that is known."""
        return self.known_h / self.calendar_h

    @property
    def utilization_efficiency(self) -> float | None:
        """APT / AUBT."""
        return self.apt_h / self.aubt_h if self.aubt_h else None

    @property
    def setup_ratio(self) -> float | None:
        """AUST / AUPT, where AUPT = APT + AUST."""
        return self.aust_h / (self.apt_h + self.aust_h) if self.apt_h + self.aust_h else None

    @property
    def utilization_of_calendar_time(self) -> float:
        """APT / calendar hours of the day."""
        return self.apt_h / self.calendar_h


def utilisation_per_day(
    spells: pd.DataFrame, zone: str, first: date, last: date, changeover_gap: timedelta
) -> list[DayUtilisation]:
    """One entry per machine of the timeline and local day from `first` to `last`, both included, ordered."""
    days = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    midnights = [datetime.combine(day, time(0), ZoneInfo(zone)) for day in [*days, last + timedelta(days=1)]]
    edges = np.array([midnight.timestamp() for midnight in midnights])
    occupied = occupied_spells(spells, changeover_gap)
    found = []
    for machine, own in spells.groupby("machine", sort=True):
        hours = _hours(own, occupied[occupied["machine"] == machine], edges)
        for place, day in enumerate(days):
            values = {name: float(column[place]) for name, column in hours.items()}
            found.append(DayUtilisation(str(machine), day, **values))
    return found


def _hours(own: pd.DataFrame, occupied: pd.DataFrame, edges: np.ndarray) -> dict[str, np.ndarray]:
    state, mode = own["state"], own["mode"]
    setup = (mode == OperationMode.SETUP.value) & state.isin(
        [MachineState.EXECUTING.value, MachineState.NOT_EXECUTING.value]
    )
    producing = (state == MachineState.EXECUTING.value) & ~mode.isin(
        [OperationMode.SETUP.value, OperationMode.MAINTENANCE.value]
    )
    waiting = own[(state == MachineState.NOT_EXECUTING.value) & ~setup & (mode != OperationMode.MAINTENANCE.value)]
    aubt = _in_bins(occupied, edges)
    # Waiting inside occupied spells = waiting + occupied - their union; the union is what either covers.
    either = _in_bins(_union(waiting, occupied), edges)
    return {
        "calendar_h": np.diff(edges) / 3600,
        "known_h": _in_bins(own[state != MachineState.UNKNOWN.value], edges),
        "apt_h": _in_bins(own[producing], edges),
        "aust_h": _in_bins(own[setup], edges),
        "adot_h": _in_bins(own[state == MachineState.OUT_OF_SERVICE.value], edges),
        "adet_h": np.maximum(0.0, _in_bins(waiting, edges) + aubt - either),
        "aubt_h": aubt,
    }


def _in_bins(spells: pd.DataFrame, edges: np.ndarray) -> np.ndarray:
    return seconds_per_bin(epoch_seconds(spells["start"]), epoch_seconds(spells["end"]), edges) / 3600


def _union(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    both = pd.concat([one[["start", "end"]], other[["start", "end"]]]).sort_values("start", kind="stable")
    if both.empty:
        return both
    reach = both["end"].cummax().shift()
    block = (both["start"] > reach).cumsum()
    return both.groupby(block).agg(start=("start", "min"), end=("end", "max"))


def epoch_seconds(times: pd.Series) -> np.ndarray:
    """Seconds since 1970 as float64, whatever the resolution of the column."""
    return pd.to_datetime(times, utc=True).astype("datetime64[us, UTC]").astype("int64").to_numpy() / 1e6
