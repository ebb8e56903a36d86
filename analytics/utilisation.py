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
from analytics.timeline import seconds_within
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
    axis = _Axis(sorted(pd.unique(spells["machine"])), np.array([midnight.timestamp() for midnight in midnights]))
    hours = _hours(spells, occupied_spells(spells, changeover_gap), axis)
    return [
        DayUtilisation(str(machine), day, **{name: float(values[row, place]) for name, values in hours.items()})
        for row, machine in enumerate(axis.machines)
        for place, day in enumerate(days)
    ]


class _Axis:
    """All machines one behind the other on a single axis of seconds: a thousand of them are counted in one go."""

    def __init__(self, machines: list[str], edges: np.ndarray) -> None:
        """`edges`: shape (bins + 1,), epoch seconds."""
        self.machines = machines
        self._origin = edges[0]
        self._stride = edges[-1] - edges[0]
        self.edges = edges

    def hours(self, spells: pd.DataFrame) -> np.ndarray:
        """Hours of disjoint, ordered spells in each bin; shape (machines, bins)."""
        return self._binned(*self._along(spells))

    def hours_of_union(self, one: pd.DataFrame, other: pd.DataFrame) -> np.ndarray:
        """Hours that either covers."""
        starts, ends = (np.concatenate(both) for both in zip(self._along(one), self._along(other), strict=True))
        order = np.argsort(starts, kind="stable")
        starts, reach = starts[order], np.maximum.accumulate(ends[order])
        fresh = np.append(True, starts[1:] > reach[:-1])[: len(starts)]
        begins = starts[fresh]
        stops = reach[np.append(np.flatnonzero(fresh)[1:] - 1, len(starts) - 1)] if len(starts) else reach
        return self._binned(begins, stops)

    def _binned(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        offsets = np.arange(len(self.machines))[:, None] * self._stride - self._origin
        begins, stops = self.edges[None, :-1] + offsets, self.edges[None, 1:] + offsets
        return seconds_within(starts, ends, begins.ravel(), stops.ravel()).reshape(begins.shape) / 3600

    def _along(self, spells: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Starts and ends on the axis, cut to the bins so that no machine reaches into the next one's part."""
        machine = pd.Categorical(spells["machine"], categories=self.machines)
        offsets = machine.codes * self._stride - self._origin
        cut = (np.clip(epoch_seconds(spells[name]), self.edges[0], self.edges[-1]) for name in ("start", "end"))
        starts, ends = (times + offsets for times in cut)
        return starts, ends


def _hours(spells: pd.DataFrame, occupied: pd.DataFrame, axis: _Axis) -> dict[str, np.ndarray]:
    state, mode = spells["state"], spells["mode"]
    setup = (mode == OperationMode.SETUP.value) & state.isin(
        [MachineState.EXECUTING.value, MachineState.NOT_EXECUTING.value]
    )
    producing = (state == MachineState.EXECUTING.value) & ~mode.isin(
        [OperationMode.SETUP.value, OperationMode.MAINTENANCE.value]
    )
    waiting = spells[(state == MachineState.NOT_EXECUTING.value) & ~setup & (mode != OperationMode.MAINTENANCE.value)]
    aubt = axis.hours(occupied)
    return {
        "calendar_h": np.broadcast_to(np.diff(axis.edges) / 3600, aubt.shape),
        "known_h": axis.hours(spells[state != MachineState.UNKNOWN.value]),
        "apt_h": axis.hours(spells[producing]),
        "aust_h": axis.hours(spells[setup]),
        "adot_h": axis.hours(spells[state == MachineState.OUT_OF_SERVICE.value]),
        # Waiting inside occupied spells = waiting + occupied - what either covers.
        "adet_h": np.maximum(0.0, axis.hours(waiting) + aubt - axis.hours_of_union(waiting, occupied)),
        "aubt_h": aubt,
    }


def epoch_seconds(times: pd.Series) -> np.ndarray:
    """Seconds since 1970 as float64, whatever the resolution of the column."""
    return pd.to_datetime(times, utc=True).astype("datetime64[us, UTC]").astype("int64").to_numpy() / 1e6
