"""Why hours are on offer, or why not: every condition, whether it is met, and the values that say so. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from analytics.forecast.bookable import Rules, longest_bookable, maximal_windows, probability_of
from analytics.forecast.outlook import Outlook
from analytics.forecast.spare_capacity import Fitted, first_bookable, known_enough, known_share, usable_quarters
from analytics.forecast.window_shares import LENGTHS
from analytics.history.offered_quarters import open_quarters
from analytics.history.quarter_grid import QUARTERS_PER_DAY, QuarterGrid
from analytics.history.snapshot import Snapshot
from analytics.policy.policy import QUARTER, MachinePolicy, Policy

LONGEST = max(LENGTHS) * QUARTER


@dataclass(frozen=True)
class TakenHours:
    """Hours in which a machine is not free for others. `kind`: booked, planned or vetoed; `what`: of planned hours."""

    kind: str
    start: datetime
    end: datetime
    what: str = ""


@dataclass(frozen=True)
class Condition:
    """`met` is None where a condition only informs."""

    code: str
    met: bool | None
    values: Mapping[str, Any] = field(default_factory=dict)


def explain(
    machine: str,
    start: datetime,
    end: datetime,
    snapshot: Snapshot,
    fitted: Fitted | None,
    outlooks: Sequence[Outlook],
    policy: Policy,
    taken: Sequence[TakenHours],
) -> list[Condition]:
    """The conditions under which [start, end) of a machine is on offer, in the order in which they are looked at. `fitted`, `outlooks`: of the
    last round, `snapshot`: what it knew; the machine is one of its."""
    rules, grid, now = policy.for_machine(machine), snapshot.grids[machine], snapshot.now
    last_heard, earliest = snapshot.last_heard[machine], first_bookable(snapshot, machine, rules)
    conditions = [
        Condition("offer", rules.is_offered),
        Condition("heard", now - last_heard <= policy.max_silence, {"at": last_heard}),
        Condition("known", known_enough(grid, snapshot.origin), {"share": known_share(grid, snapshot.origin)}),
        Condition("notice", start >= earliest, {"from": earliest}),
        Condition("horizon", end <= now + policy.horizon, {"until": now + policy.horizon}),
        Condition(
            "length", rules.minimum_slot <= end - start <= rules.maximum_slot,
            {"shortest_h": rules.minimum_slot / timedelta(hours=1), "longest_h": rules.maximum_slot / timedelta(hours=1)},
        ),
        *_hours(grid, start, end, rules),
        *_taken(start, end, rules, taken),
    ]  # fmt: skip
    conditions.append(_forecast(machine, start, end, snapshot, fitted, outlooks, policy, taken))
    if fitted is not None:
        if machine in fitted.promise.raised:
            conditions.append(Condition("habits", None))
        tally = fitted.promise.per_machine.get(machine)
        if tally is not None:
            conditions.append(Condition("record", None, {"checked": tally.checked, "broken": tally.broken}))
    return conditions


def _hours(grid: QuarterGrid, start: datetime, end: datetime, rules: MachinePolicy) -> list[Condition]:
    """The hours and days that the policy offers."""
    first, last = grid.index_of(start), grid.index_of(end - timedelta(microseconds=1)) + 1
    without_days = rules.model_copy(update={"blackout": ()})
    in_hours = bool(open_quarters(grid, first, last, without_days).all())
    on_days = bool(open_quarters(grid, first, last, rules.model_copy(update={"offered": None})).all())
    return [Condition("hours", in_hours), Condition("blackout", on_days)]


def _taken(start: datetime, end: datetime, rules: MachinePolicy, taken: Sequence[TakenHours]) -> list[Condition]:
    meeting = [
        hours for hours in taken if hours.start - rules.buffer_after < end and start < hours.end + rules.buffer_before
    ]
    if not meeting:
        return [Condition("calendar", True)]
    return [
        Condition(hours.kind, False, {"start": hours.start, "end": hours.end, "what": hours.what}) for hours in meeting
    ]


def _forecast(
    machine: str,
    start: datetime,
    end: datetime,
    snapshot: Snapshot,
    fitted: Fitted | None,
    outlooks: Sequence[Outlook],
    policy: Policy,
    taken: Sequence[TakenHours],
) -> Condition:
    """Whether the window, with its buffers, is likely enough to be free throughout."""
    if fitted is None:
        return Condition("promise", False, {"rate": policy.max_broken_promises})
    outlook = next((known for known in outlooks if machine in known.names), None)
    grid, rules = snapshot.grids[machine], policy.for_machine(machine)
    midnight = snapshot.origin // QUARTERS_PER_DAY * QUARTERS_PER_DAY
    begin, stop = grid.index_of(start) - midnight, grid.index_of(end - timedelta(microseconds=1)) + 1 - midnight
    if outlook is None or begin < 0:
        return Condition("forecast", False)
    row = outlook.names.index(machine)
    said, of_rules = outlook.said[row : row + 1], Rules.of([rules])
    before, after = int(of_rules.before[0]), int(of_rules.after[0])
    first = max(0, begin - before) // 2
    thresholds = fitted.promise.thresholds_from(rules.required_probability, machine)[None]
    length = stop + after - 2 * first
    if first >= said.shape[1] or length > max(LENGTHS):
        return Condition("forecast", False)
    busy = {machine: [(hours.start, hours.end) for hours in taken]}
    usable = usable_quarters(snapshot, machine, policy, busy, midnight, 2 * said.shape[1])
    if usable[begin:stop].all():
        # As it is offered: the ends of long windows are rounded more coarsely, and what that cuts off may be too short for itself.
        windows = maximal_windows(said, thresholds, usable[None], of_rules)
        reached = bool(((windows.begin <= begin) & (stop <= windows.end)).any())
    else:  # another condition says why not
        free_for = longest_bookable(said, thresholds, LENGTHS)[0, : first + 1]
        reached = bool((2 * np.arange(first + 1) + free_for >= stop + after).any())
    place = int(np.searchsorted(np.array(LENGTHS), length))
    free = float(probability_of(said, np.array([0]), np.array([begin]), np.array([stop]), of_rules)[0])
    values = {
        "probability": float(fitted.promise.probabilities(np.array([free]))[0]),
        "forecast": round(free, 3),
        "threshold": round(float(thresholds[0, place]), 3),
        "required": rules.required_probability,
        "rate": fitted.rate,
    }
    return Condition("forecast", reached, values)
