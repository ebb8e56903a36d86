"""The figures of a month by which factories compare themselves, by ISO 22400-2, for all machines of a process class. Pure.

Every figure is a share with a denominator of its own:

availability             APT in planned busy time / PBT
utilization_efficiency   APT / AUBT
setup_ratio              AUST / (APT + AUST)
energy_while_idle        energy drawn outside occupied time / energy
idle, off, down, delay, maintenance
                         hours of planned busy time / PBT; with availability and set-up they make up all of it

PBT, the planned busy time, is the time of the policy's shifts on working days, as far as it is known what the machines did.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date, timedelta

import numpy as np
import pandas as pd

from analytics.comparison.contribution import REASONS
from analytics.history.day_kinds import DAYS_OFF, day_kinds
from analytics.history.occupied_time import occupied_spells
from analytics.history.time_bins import epoch_seconds
from analytics.kpis.utilisation import NO_SHIFT, PeriodUtilisation, utilisation
from analytics.policy.policy import Policy


@dataclass(frozen=True, slots=True)
class MonthHours:
    """Sums over machines. `planned`: known hours of planned busy time, `planned_apt` and the reasons: hours of it. Energy in watt hours."""

    calendar: float = 0.0
    known: float = 0.0
    apt: float = 0.0
    aubt: float = 0.0
    aust: float = 0.0
    planned: float = 0.0
    planned_apt: float = 0.0
    idle: float = 0.0
    off: float = 0.0
    down: float = 0.0
    delay: float = 0.0
    maintenance: float = 0.0
    energy: float = 0.0
    energy_idle: float = 0.0

    def __add__(self, other: MonthHours) -> MonthHours:
        return MonthHours(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)})

    @property
    def coverage(self) -> float:
        return self.known / self.calendar if self.calendar else 0.0

    def shares(self) -> dict[str, float | None]:
        """The figures, from 0 to 1. Without a denominator a figure is 0: that nothing was produced is no more secret than how much was. Energy that nobody measures is None."""
        return {
            "availability": _share(self.planned_apt, self.planned),
            "utilization_efficiency": _share(self.apt, self.aubt),
            "setup_ratio": _share(self.aust, self.apt + self.aust),
            "energy_while_idle": _share(self.energy_idle, self.energy) if self.energy > 0 else None,
            **{reason: _share(getattr(self, reason), self.planned) for reason in REASONS},
        }


def month_hours(intervals: pd.DataFrame, spells: pd.DataFrame, policy: Policy, first: date, last: date) -> MonthHours:
    """Of all machines of `spells`, the timeline of `intervals`, from `first` to `last`, both included. Both begin some days before `first`, for jobs that began
    earlier."""
    rows = utilisation(spells, policy, first, last, "machine", "shift")
    start = first - timedelta(days=1)
    kinds = day_kinds(start, (last - start).days + 1, policy.country, policy.leave)
    off = {start + timedelta(days=place) for place, kind in enumerate(kinds) if kind in DAYS_OFF}
    whole = sum((_of_row(row, off) for row in rows), MonthHours())
    if not rows:
        return whole
    begin, end = min(row.start for row in rows), max(row.end for row in rows)
    energy, idle = _energy(intervals, spells, policy, begin.timestamp(), end.timestamp())
    return whole + MonthHours(energy=energy, energy_idle=idle)


def _of_row(row: PeriodUtilisation, off: Iterable[date]) -> MonthHours:
    day, _, shift = row.period.partition(" ")
    used = MonthHours(calendar=row.calendar_h, known=row.known_h, apt=row.apt_h, aubt=row.aubt_h, aust=row.aust_h)
    if shift == NO_SHIFT or date.fromisoformat(day) in off:
        return used
    return used + MonthHours(
        planned=row.known_h, planned_apt=row.apt_h, idle=row.idle_h, off=row.off_h, down=row.adot_h,
        delay=row.adet_h, maintenance=row.maintenance_h,
    )  # fmt: skip


def _energy(
    intervals: pd.DataFrame, spells: pd.DataFrame, policy: Policy, begin: float, end: float
) -> tuple[float, float]:
    """All energy that was measured, and what of it outside occupied time."""
    occupied = occupied_spells(spells, policy.changeover_gap)
    whole = idle = 0.0
    for name, own in intervals.groupby("machine", observed=True):
        # Cut like a timeline: where a later report overlaps, it holds.
        since, until = epoch_seconds(own["since"]), epoch_seconds(own["until"])
        until[:-1] = np.minimum(until[:-1], since[1:])
        since, until = np.clip(since, begin, end), np.clip(until, begin, end)
        power = own["power_w"].to_numpy(np.float64)
        counts = np.isfinite(power) & (until > since)
        since, until, power = since[counts], until[counts], np.maximum(0.0, power[counts])
        hours = (until - since) / 3600
        jobs = occupied[occupied["machine"] == name]
        whole += float((power * hours).sum())
        idle += float((power * (hours - _inside(since, until, jobs))).sum())
    return whole, max(0.0, idle)


def _inside(since: np.ndarray, until: np.ndarray, jobs: pd.DataFrame) -> np.ndarray:
    """How many hours of each interval lie in one of the jobs, which are in order and do not overlap."""
    if jobs.empty:
        return np.zeros(len(since))
    starts, ends = epoch_seconds(jobs["start"]), epoch_seconds(jobs["end"])
    edges = np.column_stack([starts, ends]).ravel()
    lengths = (ends - starts).cumsum()
    totals = np.column_stack([np.concatenate([[0.0], lengths[:-1]]), lengths]).ravel()
    return np.asarray((np.interp(until, edges, totals) - np.interp(since, edges, totals)) / 3600)


def _share(part: float, whole: float) -> float:
    return min(1.0, max(0.0, part / whole)) if whole > 0 else 0.0
