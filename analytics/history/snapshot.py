"""What is known about every machine at a given moment, in quarter hours. Pure, except for the functions that read a
store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from analytics.executors import Executor, map_in_order
from analytics.history.newest_states import machine_names
from analytics.history.occupied_time import idle_spells, occupied_spells
from analytics.history.quarter_grid import QUARTERS_PER_DAY, QUARTERS_PER_WEEK, UNKNOWN, QuarterGrid, quarter_grids
from analytics.history.timeline import timeline
from analytics.policy.policy import QUARTER, Policy
from stores import StateStore
from telemetry import MachineState

HISTORY = timedelta(weeks=53)
"""How far back history is read: a year, so that a model has seen each season."""

PORTION = 50
"""Machines read together. A year of 50 machines is a million intervals, or 100 MB."""

_BEFORE = timedelta(days=1)
"""How far before the first change history is read again: a job may have begun before it, and a later report may
shorten an earlier one."""


@dataclass(frozen=True)
class Snapshot:
    """Grids of all machines, which begin on the same day; when each machine was last heard; and whether it is free
    now."""

    now: datetime
    grids: Mapping[str, QuarterGrid]
    last_heard: Mapping[str, datetime]
    free_now: Mapping[str, bool]

    @property
    def origin(self) -> int:
        """The position in the grids of the quarter that contains `now`."""
        return next(iter(self.grids.values())).index_of(self.now)

    def last_quarter(self, horizon: timedelta) -> int:
        """The position of the quarter in which `now` plus the horizon falls."""
        return next(iter(self.grids.values())).index_of(self.now + horizon)

    def of(self, machines: Sequence[str]) -> Snapshot:
        """The snapshot of these machines only."""
        return Snapshot(
            self.now,
            {machine: self.grids[machine] for machine in machines},
            {machine: self.last_heard[machine] for machine in machines},
            {machine: self.free_now[machine] for machine in machines},
        )

    def portions(self) -> list[Snapshot]:
        names = list(self.grids)
        return [self.of(some) for some in _in_portions(names, PORTION)]


def snapshot_at(intervals: pd.DataFrame, now: datetime, policy: Policy, begin: datetime | None = None) -> Snapshot:
    """The grids of all machines as known at `now`; whatever intervals assert about later times is cut off.

    `begin`: the grids begin at the midnight before it. By default they begin with the first interval, but at most
    a year back.
    """
    begun = intervals["since"] < pd.Timestamp(now)
    intervals = intervals if begun.all() else intervals[begun]
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
    grids = quarter_grids(spells, occupied, first_day, days, policy.zone)
    known = spells[spells["state"] != MachineState.UNKNOWN.value]
    newest = known[known["machine"].cat.codes.diff(-1) != 0]  # the last of each machine, as they are ordered
    last = dict(zip(newest["machine"], newest["end"].dt.to_pydatetime(), strict=True))
    last_heard = {name: last.get(name, start) for name in grids}
    idle = set(idle_spells(newest)["machine"])
    return Snapshot(
        now, grids, last_heard, {name: name in idle and now - last_heard[name] <= QUARTER for name in grids}
    )


def read_snapshot(store: StateStore, now: datetime, policy: Policy, executor: Executor) -> Snapshot:
    """Read all machines from a store, `PORTION` machines at a time. Raises what the store raises."""
    earliest = store.earliest(policy.factory)
    if earliest is None or earliest >= now:
        return Snapshot(now, {}, {}, {})
    begin = max(now - HISTORY, earliest)
    names = machine_names(store, policy.factory)
    portions = _in_portions(names, PORTION)
    pieces = ((store.intervals(policy.factory, begin, now, portion), now, policy, begin) for portion in portions)
    return with_borrowed_weeks(_joined(now, map_in_order(executor, snapshot_at, pieces)), policy)


def with_borrowed_weeks(snapshot: Snapshot, policy: Policy) -> Snapshot:
    """Fill the weeks before a machine's own history with those of other machines of its group, taking the peers in
    turn."""
    groups: dict[str, list[str]] = {}
    for name in snapshot.grids:
        group = policy.group_of(name)
        if group is not None:
            groups.setdefault(group, []).append(name)
    grids = dict(snapshot.grids)
    for names in groups.values():
        known = {name: snapshot.grids[name].values != UNKNOWN for name in names}
        begins = {name: int(mask.argmax()) // QUARTERS_PER_WEEK * QUARTERS_PER_WEEK for name, mask in known.items()}
        for name in names:
            values, turn = snapshot.grids[name].values.copy(), 0
            for week in range(0, begins[name], QUARTERS_PER_WEEK):
                peers = [peer for peer in names if begins[peer] <= week and known[peer].any()]
                if peers:
                    span = slice(week, week + QUARTERS_PER_WEEK)
                    values[span] = snapshot.grids[peers[turn % len(peers)]].values[span]
                    turn += 1
            if turn:
                grids[name] = replace(snapshot.grids[name], values=values, own_from=begins[name])
    return replace(snapshot, grids=grids)


def advance_snapshot(
    snapshot: Snapshot, store: StateStore, changed: pd.DataFrame, now: datetime, policy: Policy
) -> Snapshot | None:
    """The snapshot at `now`, reading only the days touched by `changed`, the intervals written since.

    Returns None where everything has to be read again: for new machines, and for changes before the grids begin.
    """
    if not snapshot.grids or not set(changed["machine"]) <= set(snapshot.grids):
        return None
    grid = next(iter(snapshot.grids.values()))
    zone = ZoneInfo(policy.zone)
    grids, last_heard, free_now = {}, {}, {}
    firsts = changed.groupby("machine", observed=True)["since"].min()
    # Machines without new intervals are extended too: their last report may reach until now, and the rest is unknown.
    usual = min(snapshot.now, pd.Timestamp(firsts.median()).to_pydatetime() if len(firsts) else snapshot.now) - _BEFORE
    late = [str(name) for name, since in firsts.items() if since < pd.Timestamp(usual + _BEFORE / 2)]
    others = [name for name in snapshot.grids if name not in set(late)]
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
                own = snapshot.grids[name]
                grids[name] = replace(own, values=own.spliced(keep, tail.grids.get(name), now))
                last_heard[name] = max(snapshot.last_heard[name], tail.last_heard.get(name, snapshot.last_heard[name]))
                free_now[name] = tail.free_now.get(name, False)
    return Snapshot(now, {name: grids[name] for name in snapshot.grids}, last_heard, free_now)


def _in_portions(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (names[first : first + size] for first in range(0, len(names), size))


def _joined(now: datetime, pasts: Iterable[Snapshot]) -> Snapshot:
    whole = Snapshot(now, {}, {}, {})
    for part in pasts:
        whole = Snapshot(
            now,
            {**whole.grids, **part.grids},
            {**whole.last_heard, **part.last_heard},
            {**whole.free_now, **part.free_now},
        )
    return whole
