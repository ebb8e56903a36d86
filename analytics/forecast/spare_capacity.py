"""From stored intervals to the windows that may be offered now. Pure: moment, intervals and policy are arguments.

intervals ─▶ timeline ─▶ occupied, free ─▶ quarter grid ─▶ shares of free windows ─▶ model ─▶ P(free throughout) ─▶ maximal windows
                                             └──▶ trials in past weeks ─▶ thresholds, record ────────────────────┘
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache

import numpy as np
import pandas as pd

from analytics.executors import Executor, InlineExecutor, map_in_order
from analytics.forecast.bookable import Rules, maximal_windows
from analytics.forecast.changed_habits import changed_machines, changed_unseen
from analytics.forecast.counting import CountedWeekdays
from analytics.forecast.outlook import Outlook, outlook
from analytics.forecast.prior import Prior, shipped
from analytics.forecast.promise import NEVER, Promise, Trials, promise
from analytics.forecast.tally import Tally
from analytics.forecast.window_model import WindowModel
from analytics.forecast.window_shares import Origin
from analytics.forecast.window_trials import Teachers, learnt
from analytics.history.offered_quarters import open_quarters
from analytics.history.quarter_grid import QUARTERS_PER_DAY, UNKNOWN, QuarterGrid
from analytics.history.snapshot import Snapshot, snapshot_at, with_borrowed_weeks
from analytics.policy.policy import QUARTER, MachinePolicy, Policy
from analytics.policy.slot import BusyHours, Slot

MIN_KNOWN = timedelta(weeks=2)
MIN_COVERAGE = 0.8
"""A machine known for less than this share of two weeks is not offered."""

MODEL, COUNTING = "windows", "counting weekdays"
"""What can forecast: the model, or the share of the last such weekdays in which the window was free."""


@dataclass(frozen=True)
class Fitted:
    """What forecasts, and the promise it can keep: fitted at `now` to break at most `rate` of what people can book. `trials`: from which the promise
    was made, and the machines that they number."""

    forecast: WindowModel | CountedWeekdays
    promise: Promise
    rate: float
    now: datetime
    trials: tuple[Trials, tuple[str, ...]] | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        return COUNTING if isinstance(self.forecast, CountedWeekdays) else MODEL


@dataclass(frozen=True)
class Proposal:
    """Maximal windows, and per machine the probability that each quarter from the snapshot's `now` on is free: shape
    (quarters,). `outlooks`: for the next round."""

    slots: tuple[Slot, ...] = ()
    shares: Mapping[str, np.ndarray] = field(default_factory=dict)
    outlooks: tuple[Outlook, ...] = ()


@dataclass(frozen=True)
class SpareCapacity:
    """The maximal windows that may be offered, what was fitted, and the grids they were derived from."""

    slots: tuple[Slot, ...]
    fitted: Fitted | None
    grids: Mapping[str, QuarterGrid]


def find_spare_capacity(
    intervals: pd.DataFrame,
    now: datetime,
    policy: Policy,
    booked: BusyHours,
    recent: Tally | None = None,
    executor: Executor | None = None,
) -> SpareCapacity:
    """Find what may be offered at `now`. `intervals`: up to `HISTORY` before `now`, as
    `StateStore.intervals` returns them. `booked`: busy hours per machine. `recent`: outcome of what was promised
    lately; if it is worse than promised, thresholds are chosen for a lower rate."""
    executor = executor or InlineExecutor()
    snapshot = with_borrowed_weeks(snapshot_at(intervals, now, policy), policy)
    if not snapshot.grids:
        return SpareCapacity((), None, {})
    rate = adjusted_rate(policy.max_broken_promises, recent)
    fitted = fit(snapshot, policy, rate, executor) if rate is not None else None
    slots = propose(fitted, snapshot, policy, booked, executor).slots if fitted is not None else ()
    return SpareCapacity(slots, fitted, snapshot.grids)


def fit(
    snapshot: Snapshot,
    policy: Policy,
    rate: float,
    executor: Executor | None = None,
    name: str = MODEL,
    all_day: bool = False,
    prior: Prior | None = None,
) -> Fitted | None:
    """Learn from what is before the snapshot's `now`; None if no promise can be kept. `all_day`: forecasts will be made at all times of
    day until the next fit; by default only at this one. `prior`: what the model begins with; by default the one that is shipped."""
    grids = {machine: grid for machine, grid in snapshot.grids.items() if policy.for_machine(machine).is_offered}
    if not grids:
        return None
    origin = snapshot.origin
    teachers = Teachers.of(grids, origin, policy)
    forecast, trials = learnt(
        teachers,
        origin,
        policy,
        MIN_KNOWN // QUARTER,
        executor or InlineExecutor(),
        _times_of_day(origin, all_day),
        CountedWeekdays() if name == COUNTING else None,
        None if name == COUNTING else prior or shipped(),
    )
    if forecast is None:
        return None
    trials = replace(trials, changed=changed_machines(trials))
    kept = promise(trials, teachers.names, [policy.for_machine(machine) for machine in teachers.names], rate)
    if kept is None:
        return None
    withheld = changed_unseen(trials, teachers.names, grids, origin, policy)
    kept = replace(kept, raised={**kept.raised, **{name: np.full(len(kept.thresholds), NEVER) for name in withheld}})
    lasting = replace(trials, said=trials.said.astype(np.float32, copy=False))
    return Fitted(forecast, kept, rate, snapshot.now, (lasting, tuple(teachers.names)))


def propose(
    fitted: Fitted,
    snapshot: Snapshot,
    policy: Policy,
    booked: BusyHours,
    executor: Executor | None = None,
    last: Sequence[Outlook] = (),
) -> Proposal:
    """The maximal windows that may be offered at the snapshot's `now`, ordered by machine and start, and the forecasts they
    are based on. `last`: the outlooks of the round before."""
    fitted = replace(fitted, trials=None)  # other processes need no trials
    kept = {outlook.names: outlook for outlook in last}
    pieces = []
    for portion in snapshot.portions():
        names = tuple(name for name in portion.grids if _may_be_offered(name, portion, policy))
        if names:
            busy = {name: booked[name] for name in names if name in booked}
            pieces.append((fitted, portion.of(names), policy, busy, kept.get(names)))
    chosen = executor if executor is not None and len(pieces) > 1 else InlineExecutor()
    proposals = list(map_in_order(chosen, _proposed, pieces))
    shares = {name: share for proposal in proposals for name, share in proposal.shares.items()}
    outlooks = tuple(outlook for proposal in proposals for outlook in proposal.outlooks)
    return Proposal(tuple(slot for proposal in proposals for slot in proposal.slots), shares, outlooks)


def _proposed(fitted: Fitted, snapshot: Snapshot, policy: Policy, booked: BusyHours, last: Outlook | None) -> Proposal:
    names, place = list(snapshot.grids), snapshot.origin
    origin = Origin(place // QUARTERS_PER_DAY, place % QUARTERS_PER_DAY)
    coming = outlook(fitted.forecast, fitted.now, snapshot, names, origin, policy, last)
    forecast = coming.said
    midnight, horizon_end = origin.day * QUARTERS_PER_DAY, snapshot.last_quarter(policy.horizon)
    usable = np.stack(
        [usable_quarters(snapshot, name, policy, booked, midnight, forecast.shape[1] * 2) for name in names]
    )
    policies = [policy.for_machine(name) for name in names]
    thresholds = fitted.promise.thresholds_of(names, policies)
    windows = maximal_windows(forecast, thresholds, usable, Rules.of(policies))
    said = fitted.promise.probabilities(windows.probability)
    slots: list[Slot] = []
    moment = cache(snapshot.grids[names[0]].moment)  # the grids of all machines have one axis
    for number, name in enumerate(names):
        own = policies[number]
        of_machine = np.flatnonzero(windows.row == number)
        of_machine = _largest_share(of_machine, windows.begin, windows.end, said, own.largest_share, usable[number])
        tally = fitted.promise.per_machine.get(name, Tally())
        for window in of_machine.tolist():
            start, end = (moment(midnight + int(edge[window])) for edge in (windows.begin, windows.end))
            # The hour that is skipped in spring makes windows shorter, and what begins or ends in it the same.
            before = slots[-1] if slots and slots[-1].machine == name else None
            if before is not None and before.start == start:
                slots.pop()
            elif before is not None and before.end == end:
                continue
            if end - start >= own.minimum_slot:
                slots.append(Slot(name, start, end, float(said[window]), tally.checked, tally.broken))
    half_hours = forecast[:, :, 0].repeat(2, axis=1)[:, origin.quarter : horizon_end - midnight]
    return Proposal(tuple(slots), dict(zip(names, half_hours, strict=True)), (coming,))


def usable_quarters(
    snapshot: Snapshot, machine: str, policy: Policy, booked: BusyHours, midnight: int, count: int
) -> np.ndarray:
    """The quarters from `midnight` to the end of the horizon that may be booked: shape (count,)."""
    rules, grid = policy.for_machine(machine), snapshot.grids[machine]
    earliest = first_bookable(snapshot, machine, rules)
    first = grid.index_of(earliest)
    if grid.moment(first) < earliest:
        first += 1
    usable = open_quarters(grid, midnight, midnight + count, rules, booked.get(machine, ()))
    usable[: first - midnight] = False
    usable[snapshot.last_quarter(policy.horizon) - midnight :] = False
    return usable


def first_bookable(snapshot: Snapshot, machine: str, rules: MachinePolicy) -> datetime:
    """The end of the notice. A machine that works now may go on for a while: nothing of it is offered at once."""
    wait = rules.notice if snapshot.free_now[machine] else max(rules.notice, rules.minimum_slot)
    return snapshot.now + wait


def _largest_share(
    chosen: np.ndarray, begin: np.ndarray, end: np.ndarray, said: np.ndarray, share: float, usable: np.ndarray
) -> np.ndarray:
    """The surest of the chosen windows that together cover at most a share of the usable quarters, ordered by time."""
    if share >= 1:
        return chosen
    left = share * int(usable.sum())
    covered = np.zeros(len(usable), dtype=bool)
    found = []
    for window in sorted(chosen.tolist(), key=lambda window: (-said[window], begin[window])):
        more = covered.copy()
        more[begin[window] : end[window]] = True
        if more.sum() > left:
            break
        covered = more
        found.append(window)
    return np.array(sorted(found), dtype=int)


def _times_of_day(origin: int, all_day: bool) -> tuple[int, ...]:
    """The times of day of past origins, in quarters: the origin's own, and others where forecasts are made all day."""
    return tuple((origin + 24 * place) % QUARTERS_PER_DAY for place in range(4 if all_day else 1))


def _may_be_offered(machine: str, snapshot: Snapshot, policy: Policy) -> bool:
    """Whether anything of the machine may be offered. A machine that has not been heard is Unknown, and Unknown is
    not idle."""
    last_heard = snapshot.now - snapshot.last_heard[machine] <= policy.max_silence
    return (
        policy.for_machine(machine).is_offered and last_heard and known_enough(snapshot.grids[machine], snapshot.origin)
    )


def adjusted_rate(rate: float, recent: Tally | None) -> float | None:
    """The rate to fit to, given the outcome of what was promised lately. None stops publishing."""
    if recent is None or recent.checked < 20:
        return rate
    achieved = recent.broken / recent.checked
    if achieved > 3 * rate:
        return None
    return rate if achieved <= rate else rate * rate / achieved


def known_enough(grid: QuarterGrid, origin: int) -> bool:
    """Whether the machine has two weeks of its own, of which enough is known."""
    return origin - grid.own_from >= MIN_KNOWN // QUARTER and known_share(grid, origin) >= MIN_COVERAGE


def known_share(grid: QuarterGrid, origin: int) -> float:
    """How much of the last two weeks is known of the machine itself, not borrowed."""
    lately = grid.values[max(grid.own_from, origin - MIN_KNOWN // QUARTER, 0) : origin]
    return float((lately != UNKNOWN).sum() / (MIN_KNOWN // QUARTER))
