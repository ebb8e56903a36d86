"""From stored intervals to the slots that may be offered now. Pure: the moment, the intervals and the policy come in.

intervals ─▶ timeline ─▶ occupied, free ─▶ quarter grid ─▶ weekly profile ─▶ windows ─▶ slots with a probability
                                                 └──────▶ back-test ─▶ track record ──────┘
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from analytics.occupied import free_spells, occupied_spells
from analytics.policy import Policy, holidays_between
from analytics.quarter_grid import QUARTER, QuarterGrid, quarter_grid
from analytics.reconcile import Slot
from analytics.slots import propose_windows
from analytics.timeline import timeline
from analytics.track_record import TrackRecord, back_test
from analytics.weekly_profile import WEEKS

HISTORY = timedelta(weeks=WEEKS + 4)
"""What is read: the weeks of the profile, and the weeks that are checked, as far as they lie before those."""

Busy = Mapping[str, Sequence[tuple[datetime, datetime]]]


@dataclass(frozen=True)
class SpareCapacity:
    """The slots that may be offered, with the record they rest on and the grids they came from."""

    slots: tuple[Slot, ...]
    record: TrackRecord
    grids: Mapping[str, QuarterGrid]


def find_spare_capacity(intervals: pd.DataFrame, now: datetime, policy: Policy, booked: Busy) -> SpareCapacity:
    """`intervals`: at least `HISTORY` before `now`, as `StateStore.intervals` gives them. `booked`: per machine."""
    grids, heard, free_now = _grids(intervals, now, policy)
    if not grids:
        return SpareCapacity((), TrackRecord(), {})
    origin = next(iter(grids.values())).index_of(now)
    record = back_test(grids, origin, policy)
    slots: list[Slot] = []
    for machine, grid in grids.items():
        own = policy.for_machine(machine)
        # A machine that nobody hears is Unknown, and Unknown is not idle.
        if not own.offer or now - heard[machine] > policy.max_silence:
            continue
        wait = own.notice if free_now[machine] else max(own.notice, own.minimum_slot)
        first = grid.index_of(now + wait) + 1
        last = grid.index_of(now + policy.horizon)
        tally = record.of_machine(machine)
        for window in propose_windows(grid, origin, first, last, own, booked.get(machine, ())):
            probability = record.probability(machine, window.level)
            if probability is not None and probability >= own.required_probability:
                start, end = grid.moment(window.first), grid.moment(window.last)
                slots.append(Slot(machine, start, end, round(probability, 3), tally.checked, tally.broken))
    return SpareCapacity(tuple(slots), record, grids)


def _grids(
    intervals: pd.DataFrame, now: datetime, policy: Policy
) -> tuple[dict[str, QuarterGrid], dict[str, datetime], dict[str, bool]]:
    zone = ZoneInfo(policy.zone)
    first_day = (now - HISTORY).astimezone(zone).date()
    days = (now.astimezone(zone).date() - first_day).days + 1
    start = datetime.combine(first_day, datetime.min.time(), zone)
    masked = holidays_between(policy.holidays, first_day, first_day + timedelta(days=days))
    spells = timeline(intervals, start, now)
    grids, heard, free_now = {}, {}, {}
    for machine, own in spells.groupby("machine", sort=True):
        name = str(machine)
        occupied = occupied_spells(own, policy.for_machine(name).changeover_gap)
        free = free_spells(own, occupied)
        grids[name] = quarter_grid(own, free, first_day, days, policy.zone, masked)
        reports = intervals.loc[intervals["machine"] == machine]
        known = reports.loc[reports["state"] != "unknown", "until"]
        heard[name] = known.max().to_pydatetime() if len(known) else start
        free_now[name] = bool(len(free)) and now - free["end"].max().to_pydatetime() <= QUARTER
    return grids, heard, free_now
