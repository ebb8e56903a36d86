"""ISO 22400-2 times and KPIs per machine, group and factory, per local day, week and shift. Every ratio names its
denominator. Pure.

APT  actual production time   Executing in mode Processing (or None)
AUST actual unit set-up time  mode Setup
ADOT actual unit down time    OutOfService
ADET actual unit delay time   NotExecuting inside an occupied spell
AUBT actual unit busy time    occupied time
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analytics.history.occupied_time import occupied_spells
from analytics.history.time_bins import TimeBins
from analytics.policy.policy import Policy
from analytics.policy.shifts import ShiftTime, shift_times
from telemetry import MachineState, OperationMode

_NOT_PRODUCTION = (OperationMode.SETUP.value, OperationMode.MAINTENANCE.value)


@dataclass(frozen=True, slots=True)
class UsedHours:
    """How the hours of one or more machines were used. Ratios are None where their denominator is zero.

    `calendar_h` = `apt_h` + `aust_h` + `adot_h` + `adet_h` + `maintenance_h` + `idle_h` + `off_h` + `unknown_h`.
    """

    calendar_h: float
    known_h: float
    apt_h: float
    aust_h: float
    adot_h: float
    adet_h: float
    aubt_h: float
    maintenance_h: float
    idle_h: float
    off_h: float

    @property
    def coverage(self) -> float:
        """Known hours / calendar hours."""
        return self.known_h / self.calendar_h if self.calendar_h else 0.0

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
        """APT / calendar hours."""
        return self.apt_h / self.calendar_h if self.calendar_h else 0.0

    @property
    def unknown_h(self) -> float:
        return max(0.0, self.calendar_h - self.known_h)

    @property
    def losses_h(self) -> dict[str, float]:
        """Calendar hours that were not production, by reason."""
        return {
            "down": self.adot_h,
            "set_up": self.aust_h,
            "delay": self.adet_h,
            "maintenance": self.maintenance_h,
            "idle": self.idle_h,
            "off": self.off_h,
            "unknown": self.unknown_h,
        }


@dataclass(frozen=True, slots=True)
class PeriodUtilisation(UsedHours):
    """Utilisation of a machine, a group or the factory (`of`) in one period. `last_used`: the end of the last
    production in the requested range, None if there was none."""

    of: str
    period: str
    start: datetime
    end: datetime
    last_used: datetime | None

    def reaches(self, coverage_bound: float) -> bool:
        """Whether coverage is high enough for the other figures to be reliable."""
        return self.coverage >= coverage_bound


By = Literal["machine", "group", "factory"]
Per = Literal["day", "week", "shift"]
NO_SHIFT = "outside"
NO_GROUP = "no group"


def utilisation(
    spells: pd.DataFrame,
    policy: Policy,
    first: date,
    last: date,
    by: By = "machine",
    per: Per = "day",
    until: datetime | None = None,
) -> list[PeriodUtilisation]:
    """Utilisation of machines, of the policy's groups or of the whole factory, per local day, ISO week or shift,
    from `first` to `last`, both included, ordered. Weeks are cut to the range. Hours outside every shift belong
    to the period `NO_SHIFT` of their day. Time after `until` does not count as calendar time."""
    edges = _midnights(policy.zone, first, last)
    if until is not None:
        edges = np.minimum(edges, max(edges[0], until.timestamp()))
    shifts = shift_times(policy.shifts, policy.zone, first - timedelta(days=1), last) if per == "shift" else []
    cuts = [moment.timestamp() for shift in shifts for moment in (shift.start, shift.end)]
    edges = np.unique(np.concatenate([edges, [cut for cut in cuts if edges[0] < cut < edges[-1]]]))
    if len(edges) < 2:
        return []
    axis = TimeBins(sorted(pd.unique(spells["machine"])), edges)
    hours = _hours(spells, occupied_spells(spells, policy.changeover_gap), axis)
    subjects: dict[str, list[int]] = {}
    for row, machine in enumerate(axis.machines):
        subjects.setdefault(_subject(machine, policy, by), []).append(row)
    local = ZoneInfo(policy.zone)
    periods: dict[tuple[datetime, str], list[int]] = {}
    for place, begin in enumerate(edges[:-1].tolist()):
        periods.setdefault(_period(datetime.fromtimestamp(begin, local), per, shifts), []).append(place)
    spans = [
        (
            name,
            datetime.fromtimestamp(edges[places[0]], UTC),
            datetime.fromtimestamp(edges[places[-1] + 1], UTC),
            places,
        )
        for (_, name), places in periods.items()
    ]
    last_used = spells[producing(spells)].groupby("machine", observed=True)["end"].max().to_dict()
    found = []
    for subject, rows in sorted(subjects.items()):
        used = (last_used.get(axis.machines[row]) for row in rows)
        newest = max((moment for moment in used if moment is not None), default=None)
        for name, start, end, places in spans:
            sums = {key: _sum(table, rows, places) for key, table in hours.items()}
            found.append(PeriodUtilisation(of=subject, period=name, start=start, end=end, last_used=newest, **sums))
    return found


def _sum(table: np.ndarray, rows: Sequence[int], columns: Sequence[int]) -> float:
    if len(rows) == len(columns) == 1:  # fast path: there are many days of single machines
        return float(table[rows[0], columns[0]])
    return float(table[np.ix_(rows, columns)].sum())


def _midnights(zone: str, first: date, last: date) -> np.ndarray:
    """The midnights that begin the days, and the one that ends the last: seconds since 1970."""
    days = [first + timedelta(days=offset) for offset in range((last - first).days + 2)]
    return np.array([datetime.combine(day, time(0), ZoneInfo(zone)).timestamp() for day in days])


def _subject(machine: str, policy: Policy, by: By) -> str:
    if by == "machine":
        return machine
    return policy.factory if by == "factory" else policy.group_of(machine) or NO_GROUP


def _period(begin: datetime, per: Per, shifts: Sequence[ShiftTime]) -> tuple[datetime, str]:
    """(a moment that identifies the period, its name) for the local time `begin`."""
    midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if per == "week":
        year, week, _ = begin.isocalendar()
        return midnight - timedelta(days=begin.weekday()), f"{year}-W{week:02}"
    if per == "day":
        return midnight, begin.date().isoformat()
    place = bisect_right(shifts, begin, key=lambda shift: shift.start) - 1
    if place >= 0 and begin < shifts[place].end:
        return shifts[place].start, f"{shifts[place].day.isoformat()} {shifts[place].name}"
    return midnight, f"{begin.date().isoformat()} {NO_SHIFT}"


def producing(spells: pd.DataFrame) -> pd.Series:
    return (spells["state"] == MachineState.EXECUTING.value) & ~spells["mode"].isin(_NOT_PRODUCTION)


def _hours(spells: pd.DataFrame, occupied: pd.DataFrame, axis: TimeBins) -> dict[str, np.ndarray]:
    """The fields of `UsedHours`, each of shape (machines, bins)."""
    state, mode = spells["state"], spells["mode"]
    present = state.isin([MachineState.EXECUTING.value, MachineState.NOT_EXECUTING.value])
    waiting = spells[(state == MachineState.NOT_EXECUTING.value) & ~mode.isin(_NOT_PRODUCTION)]
    aubt = axis.hours(occupied)
    idle = axis.hours_outside(waiting, occupied)
    return {
        "calendar_h": np.broadcast_to(np.diff(axis.edges) / 3600, aubt.shape),
        "known_h": axis.hours(spells[state != MachineState.UNKNOWN.value]),
        "apt_h": axis.hours(spells[producing(spells)]),
        "aust_h": axis.hours(spells[present & (mode == OperationMode.SETUP.value)]),
        "adot_h": axis.hours(spells[state == MachineState.OUT_OF_SERVICE.value]),
        # NotExecuting inside occupied spells.
        "adet_h": np.maximum(0.0, axis.hours(waiting) - idle),
        "aubt_h": aubt,
        "maintenance_h": axis.hours(spells[present & (mode == OperationMode.MAINTENANCE.value)]),
        "idle_h": idle,
        "off_h": axis.hours(spells[state == MachineState.NOT_AVAILABLE.value]),
    }
