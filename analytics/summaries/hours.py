"""Points of how hours were used, with the figures of `/api/v1/kpis` by day and shift, and of free and used hours by
time of day. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analytics.history.occupied_time import idle_spells, occupied_spells
from analytics.history.time_bins import TimeBins
from analytics.kpis.utilisation import PeriodUtilisation, producing, utilisation
from analytics.policy.policy import Policy
from analytics.summaries.subjects import lasting_tags_of, tags_of
from stores import Point
from telemetry import MachineState
from telemetry.measurements import CLOCK, DAY, HOUR, HOURS_FIELDS, SHIFT, TIMELINE

_DAY = timedelta(days=1)
CONTEXT = 2
"""Days before the first written one that are read as well, for jobs and night shifts that began earlier."""


def hour_points(spells: pd.DataFrame, policy: Policy, first: date, now: datetime, detailed: datetime) -> list[Point]:
    """`DAY`, `CLOCK` and `SHIFT` points from the local day `first` until `now`, and `HOUR` points from `detailed`
    on. `spells`: a timeline from `CONTEXT` days before `first` to `now`.

    What was known of the day before `first` is written again as well: a pause before midnight is delay, not free time, if
    a job begins soon enough after midnight."""
    if spells.empty:
        return []
    zone = ZoneInfo(policy.zone)
    last = now.astimezone(zone).date()
    before = first - _DAY
    midnight = datetime.combine(first, time(0), zone)
    edges, shares = _by_the_hour(spells, policy, before, now)
    points = []
    days = utilisation(spells, policy, before, last, "machine", "day", until=now)
    by_clock = _free_by_the_clock(edges, shares["free"], zone)
    machines = sorted(pd.unique(spells["machine"]))
    rows = {machine: row for row, machine in enumerate(machines)}
    for day_row in days:
        if day_row.start < midnight and not day_row.known_h:
            continue
        day = day_row.start.astimezone(zone).date()
        points.append(Point(DAY, tags_of(day_row.of, policy), day_row.start, _fields(day_row)))
        free = by_clock.get(day, np.zeros((len(machines), 24)))[rows[day_row.of]]
        clock = {f"free_{hour:02}": float(free[hour]) for hour in range(24)}
        points.append(Point(CLOCK, tags_of(day_row.of, policy, weekday=str(day.isoweekday())), day_row.start, clock))
    for shift_row in utilisation(spells, policy, before, last, "machine", "shift", until=now):
        day_of_shift, _, shift = shift_row.period.partition(" ")
        # A shift that began before the timeline is incomplete here; its point is left as it was written before.
        if date.fromisoformat(day_of_shift) >= before and shift_row.start >= datetime.combine(before, time(0), zone):
            points.append(Point(SHIFT, tags_of(shift_row.of, policy, shift=shift), shift_row.start, _fields(shift_row)))
    return points + list(_hour_points(edges, shares, machines, policy, detailed))


def timeline_points(
    spells: pd.DataFrame, policy: Policy, since: datetime, stand: dict[str, list[datetime]]
) -> list[Point]:
    """`TIMELINE` points from `since` on. `stand`: the times at which each machine already has points. Those at which
    the state no longer changes are overwritten with the state that holds then, so that nothing needs to be
    deleted."""
    zone = ZoneInfo(policy.zone)
    first, last = since.astimezone(zone).date(), spells["end"].max().to_pydatetime().astimezone(zone).date()
    # A point at each midnight, so that a panel of one day need not look back further.
    each = (
        datetime.combine(first + offset * _DAY, time(0), zone).astimezone(UTC)
        for offset in range((last - first).days + 1)
    )
    midnights = [midnight for midnight in each if midnight >= since]
    points = []
    for name, own in spells.groupby("machine", observed=True):
        machine = str(name)
        state, mode = own["state"].astype("object").to_numpy(), own["mode"].astype("object").to_numpy()
        mode = np.where(pd.isna(mode), "", mode)
        starts = [start.to_pydatetime() for start in own["start"]]
        changes = np.append(True, (state[1:] != state[:-1]) | (mode[1:] != mode[:-1]))
        at = {starts[place]: place for place in np.flatnonzero(changes).tolist() if starts[place] >= since}
        for moment in (*midnights, *stand.get(machine, ())):
            if moment not in at and starts[0] <= moment:
                at[moment] = bisect_right(starts, moment) - 1
        tags = tags_of(machine, policy)
        points += [
            Point(TIMELINE, tags, moment, {"state": str(state[place]), "mode": str(mode[place])})
            for moment, place in at.items()
        ]
    return points


def _fields(period: PeriodUtilisation) -> dict[str, float]:
    return {name: getattr(period, name) for name in HOURS_FIELDS}


def _by_the_hour(
    spells: pd.DataFrame, policy: Policy, first: date, now: datetime
) -> tuple[list[datetime], dict[str, np.ndarray]]:
    """UTC hours, and how much of each was used, free and known: shapes (machines, hours)."""
    begin = datetime.combine(first, time(0), ZoneInfo(policy.zone)).astimezone(UTC)
    begin = begin.replace(minute=0, second=0, microsecond=0)
    count = max(1, -(-(now - begin) // timedelta(hours=1)))
    hours = [begin + place * timedelta(hours=1) for place in range(count)]
    edges = np.array([*(hour.timestamp() for hour in hours), now.timestamp()])
    axis = TimeBins(sorted(pd.unique(spells["machine"])), edges)
    occupied = occupied_spells(spells, policy.changeover_gap)
    shares = {
        "used": axis.hours(spells[producing(spells)]),
        "free": axis.hours_outside(idle_spells(spells), occupied),
        "known": axis.hours(spells[spells["state"] != MachineState.UNKNOWN.value]),
    }
    return hours, shares


def _free_by_the_clock(hours: Sequence[datetime], free: np.ndarray, zone: ZoneInfo) -> dict[date, np.ndarray]:
    """Free hours per local day and hour of the day: shape (machines, 24). An hour that occurs twice may have two
    hours."""
    days: dict[date, np.ndarray] = {}
    for place, hour in enumerate(hours):
        local = hour.astimezone(zone)
        hours_of_day = days.setdefault(local.date(), np.zeros((len(free), 24)))
        hours_of_day[:, local.hour] += free[:, place]
    return days


def _hour_points(
    hours: Sequence[datetime],
    shares: dict[str, np.ndarray],
    machines: Sequence[str],
    policy: Policy,
    detailed: datetime,
) -> Iterable[Point]:
    pauses = detailed - policy.changeover_gap
    for row, machine in enumerate(machines):
        tags = lasting_tags_of(machine, policy)
        used, free, known = (shares[name][row].tolist() for name in ("used", "free", "known"))
        for place, hour in enumerate(hours):
            if hour < detailed and (hour + timedelta(hours=1) <= pauses or not known[place]):
                continue
            fields = {"known": known[place]}
            if known[place] > 0:
                fields |= {"used": used[place], "free": free[place]}
            yield Point(HOUR, tags, hour, fields)


def power_points(intervals: pd.DataFrame, policy: Policy) -> list[Point]:
    """The `power_w` of `HOUR` points: the mean of the reported values whose intervals begin in that UTC hour."""
    measured = intervals[intervals["power_w"].notna()]
    if measured.empty:
        return []
    keys = {"machine": measured["machine"].astype("object"), "hour": measured["since"].dt.floor("h")}
    means = measured.assign(**keys).groupby(["machine", "hour"])["power_w"].mean().reset_index()
    rows = zip(means["machine"], means["hour"].dt.to_pydatetime(), means["power_w"], strict=True)
    return [
        Point(HOUR, lasting_tags_of(str(name), policy), hour, {"power_w": float(mean)}) for name, hour, mean in rows
    ]
