"""What is known of every machine at a moment, as quarter hours. Pure but for `read_past`, which reads a store in portions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from analytics.executors import Workers, map_in_order
from analytics.history.newest_states import machine_names
from analytics.history.occupied_time import idle_spells, occupied_spells
from analytics.history.quarter_grid import QUARTERS_PER_DAY, QUARTERS_PER_WEEK, UNKNOWN, QuarterGrid, quarter_grids
from analytics.history.timeline import timeline
from analytics.policy.policy import QUARTER, Policy, holidays_between
from stores import StateStore
from telemetry import MachineState

HISTORY = timedelta(weeks=53)
"""What is read at most: a year, so that the model has seen each season."""

PORTION = 50
"""So many machines are looked at together: a year of them is a million intervals, 100 MB."""

_BEFORE = timedelta(days=1)
"""What is read again before the first change: a job that had begun, a report that is cut by a later one."""


@dataclass(frozen=True)
class Snapshot:
    """Grids of all machines that begin on the same day, when each was last heard, and whether it is free now."""

    now: datetime
    grids: Mapping[str, QuarterGrid]
    heard: Mapping[str, datetime]
    free_now: Mapping[str, bool]

    @property
    def origin(self) -> int:
        """The quarter of the grids that contains the moment."""
        return next(iter(self.grids.values())).index_of(self.now)

    def last_quarter(self, horizon: timedelta) -> int:
        """The quarter in which a horizon from now ends."""
        return next(iter(self.grids.values())).index_of(self.now + horizon)

    def of(self, machines: Sequence[str]) -> Snapshot:
        """Of these machines alone."""
        return Snapshot(
            self.now,
            {one: self.grids[one] for one in machines},
            {one: self.heard[one] for one in machines},
            {one: self.free_now[one] for one in machines},
        )

    def portions(self) -> list[Snapshot]:
        names = list(self.grids)
        return [self.of(some) for some in _in_portions(names, PORTION)]


def snapshot_at(intervals: pd.DataFrame, now: datetime, policy: Policy, begin: datetime | None = None) -> Snapshot:
    """The grids of all machines as known at `now`; what intervals say of later is cut off. `begin`: where the grids begin, at
    the midnight before it; without it where the intervals do, a year back at most."""
    intervals = intervals[intervals["since"] < pd.Timestamp(now)]
    if intervals.empty:
        return Snapshot(now, {}, {}, {})
    zone = ZoneInfo(policy.zone)
    first = max(now - HISTORY, begin if begin is not None else intervals["since"].min().to_pydatetime())
    first_day = first.astimezone(zone).date()
    days = (now.astimezone(zone).date() - first_day).days + 1
    start = datetime.combine(first_day, datetime.min.time(), zone)
    spells = timeline(intervals, start, now)
    gaps = {name: policy.for_machine(name).changeover_gap for name in spells["machine"].cat.categories}
    occupied = occupied_spells(spells, gaps)
    grids = quarter_grids(spells, occupied, first_day, days, policy.zone, _masked(policy, first_day, days))
    known = spells[spells["state"] != MachineState.UNKNOWN.value]
    last = known.groupby("machine", observed=True)["end"].max()
    heard = {name: last[name].to_pydatetime() if name in last.index else start for name in grids}
    idle = set(idle_spells(known.groupby("machine", observed=True).tail(1))["machine"])
    return Snapshot(now, grids, heard, {name: name in idle and now - heard[name] <= QUARTER for name in grids})


def read_snapshot(store: StateStore, now: datetime, policy: Policy, workers: Workers) -> Snapshot:
    """Everything, from a store, a portion of the machines at a time. Raises as the store does."""
    earliest = store.earliest(policy.factory)
    if earliest is None or earliest >= now:
        return Snapshot(now, {}, {}, {})
    begin = max(now - HISTORY, earliest)
    names = machine_names(store, policy.factory)
    portions = _in_portions(names, PORTION)
    pieces = ((store.intervals(policy.factory, begin, now, one), now, policy, begin) for one in portions)
    return with_borrowed_weeks(_joined(now, map_in_order(workers, snapshot_at, pieces)), policy)


def with_borrowed_weeks(past: Snapshot, policy: Policy) -> Snapshot:
    """New machines with what their group did before they came, week by week from each of its machines in turn."""
    groups: dict[str, list[str]] = {}
    for name in past.grids:
        group = policy.group_of(name)
        if group is not None:
            groups.setdefault(group, []).append(name)
    grids = dict(past.grids)
    for names in groups.values():
        known = {name: past.grids[name].values != UNKNOWN for name in names}
        begins = {name: int(own.argmax()) // QUARTERS_PER_WEEK * QUARTERS_PER_WEEK for name, own in known.items()}
        for name in names:
            values, turn = past.grids[name].values.copy(), 0
            for week in range(0, begins[name], QUARTERS_PER_WEEK):
                peers = [one for one in names if begins[one] <= week and known[one].any()]
                if peers:
                    span = slice(week, week + QUARTERS_PER_WEEK)
                    values[span] = past.grids[peers[turn % len(peers)]].values[span]
                    turn += 1
            if turn:
                grids[name] = replace(past.grids[name], values=values, own_from=begins[name])
    return replace(past, grids=grids)


def advance_snapshot(
    past: Snapshot, store: StateStore, changed: pd.DataFrame, now: datetime, policy: Policy
) -> Snapshot | None:
    """The past as it stands at `now`, after `changed` has been written: only the days that it touches are read again.

    None where that would not do: machines that are new, or changes from before the grids begin.
    """
    if not past.grids or not set(changed["machine"]) <= set(past.grids):
        return None
    grid = next(iter(past.grids.values()))
    zone = ZoneInfo(policy.zone)
    grids, heard, free_now = {}, {}, {}
    firsts = changed.groupby("machine", observed=True)["since"].min()
    # Machines that say nothing new go on, too: what they said reaches until now at most, and the rest is unknown.
    usual = min(past.now, pd.Timestamp(firsts.median()).to_pydatetime() if len(firsts) else past.now) - _BEFORE
    late = [str(name) for name, since in firsts.items() if since < pd.Timestamp(usual + _BEFORE / 2)]
    others = [name for name in past.grids if name not in set(late)]
    parts = [(others, usual)] if others else []
    parts += [([name], firsts[name].to_pydatetime() - _BEFORE) for name in late]
    for machines, since in parts:
        day = since.astimezone(zone).date()
        keep = (day - grid.first_day).days * QUARTERS_PER_DAY
        if keep < 0:
            return None
        midnight = datetime.combine(day, datetime.min.time(), zone)
        for some in _in_portions(machines, 10 * PORTION):
            tail = snapshot_at(store.intervals(policy.factory, midnight, now, some), now, policy, midnight)
            for name in some:
                own = past.grids[name]
                grids[name] = replace(own, values=own.spliced(keep, tail.grids.get(name), now))
                heard[name] = max(past.heard[name], tail.heard.get(name, past.heard[name]))
                free_now[name] = tail.free_now.get(name, False)
    return Snapshot(now, {name: grids[name] for name in past.grids}, heard, free_now)


def _in_portions(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (names[first : first + size] for first in range(0, len(names), size))


def _joined(now: datetime, pasts: Iterable[Snapshot]) -> Snapshot:
    whole = Snapshot(now, {}, {}, {})
    for one in pasts:
        whole = Snapshot(
            now, {**whole.grids, **one.grids}, {**whole.heard, **one.heard}, {**whole.free_now, **one.free_now}
        )
    return whole


def _masked(policy: Policy, first_day: date, days: int) -> set[date]:
    """Days that say nothing about the others: public holidays, collective leave."""
    last_day = first_day + timedelta(days=days)
    leave = {
        one.first + timedelta(days=offset) for one in policy.leave for offset in range((one.last - one.first).days + 1)
    }
    return holidays_between(policy.holidays, first_day, last_day) | leave
