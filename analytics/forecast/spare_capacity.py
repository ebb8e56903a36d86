"""From stored intervals to the slots that may be offered now. Pure: moment, intervals and policy are arguments.

intervals ─▶ timeline ─▶ occupied, free ─▶ quarter grid ─▶ forecasts ─▶ scores ─▶ slots with a probability
                                             └──▶ trials in past weeks ─▶ track record ──┘
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from analytics.executors import Executor, InlineExecutor, map_in_order
from analytics.forecast.calibration import Tally, TrackRecord, Trial, calibrate
from analytics.forecast.forecasters import PROFILES, SEED, SHARED, BoostedTrees, Forecaster, score_all
from analytics.forecast.slots import Window, open_quarters
from analytics.history.quarter_grid import QUARTERS_PER_DAY, QUARTERS_PER_WEEK, UNKNOWN, QuarterGrid
from analytics.history.snapshot import Snapshot, snapshot_at, with_borrowed_weeks
from analytics.policy.policy import QUARTER, Policy
from analytics.policy.slot import BusyHours, Slot

MIN_KNOWN = timedelta(weeks=2)
MIN_COVERAGE = 0.8
"""A machine known for less than this share of two weeks is not offered."""

CHECKED_WEEKS = 12
REFIT_WEEKS = 4
MIN_WEEKS_TO_LEARN = 10
"""With less history the trees can be neither trained nor checked, and only the profiles compete."""
MAX_TRIALS = 1_500
"""Forecasts in the past, over all machines and days, on which a forecaster is judged; more would change little."""


@dataclass(frozen=True)
class Fitted:
    """The forecaster that kept most hours in past weeks, with its track record. It was fitted at `now` to break at
    most `rate` of its promises."""

    forecast: Forecaster
    record: TrackRecord
    rate: float
    now: datetime


@dataclass(frozen=True)
class Proposal:
    """Slots, and per machine the probability that each quarter from the snapshot's `now` on is free: shape
    (quarters,), NaN where unknown."""

    slots: tuple[Slot, ...] = ()
    shares: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class SpareCapacity:
    """The slots that may be offered, the fitted forecaster, and the grids they were derived from."""

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
    """Find the slots that may be offered at `now`. `intervals`: up to `HISTORY` before `now`, as
    `StateStore.intervals` returns them. `booked`: busy hours per machine. `recent`: outcome of recently published
    slots; if it is worse than promised, the forecaster is fitted to a lower rate."""
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
    names: Sequence[str] = (SHARED.name, BoostedTrees.name),
) -> Fitted | None:
    """Try the named forecasters on past weeks and return the best; None if none stays within the rate."""
    executor = executor or InlineExecutor()
    grids = {machine: grid for machine, grid in snapshot.grids.items() if policy.for_machine(machine).is_offered}
    if not grids:
        return None
    origin, count = snapshot.origin, policy.horizon // QUARTER
    pairs = _trial_origins(grids, origin)
    under_way = []
    for baseline in (profile for profile in PROFILES if profile.name in names):
        trials = _trials(baseline, grids, pairs, count)
        under_way.append((baseline, executor.submit(_calibrated, grids, origin, policy, rate, trials)))
    learner: Forecaster | None = None
    learners_trials: list[Trial] = []
    if origin // QUARTERS_PER_WEEK >= MIN_WEEKS_TO_LEARN and BoostedTrees.name in names:
        span = REFIT_WEEKS * QUARTERS_PER_WEEK
        ends = [end for end in range(origin - CHECKED_WEEKS * QUARTERS_PER_WEEK, origin, span) if end > 0]
        pieces: list[tuple[object, ...]] = [(grids, origin, policy, origin, [])]
        pieces += [
            (grids, end, policy, origin, [pair for pair in pairs if end <= pair[1] < end + span]) for end in ends
        ]
        (learner, _), *tried = map_in_order(executor, _train_with_trials, pieces)
        learners_trials = [trial for _, trials in tried for trial in trials]
    contenders: list[tuple[Forecaster, TrackRecord | None]] = []
    if learner is not None and learners_trials:
        contenders.append((learner, _calibrated(grids, origin, policy, rate, learners_trials)))
    contenders = [(baseline, done.result()) for baseline, done in under_way] + contenders
    found = [Fitted(forecast, record, rate, snapshot.now) for forecast, record in contenders if record is not None]
    return max(found, key=lambda fitted: fitted.record.kept_quarters, default=None)


def propose(
    fitted: Fitted, snapshot: Snapshot, policy: Policy, booked: BusyHours, executor: Executor | None = None
) -> Proposal:
    """The slots that may be offered at the snapshot's `now`, ordered by machine and start, and the forecasts they
    are based on."""
    portions = snapshot.portions()
    if executor is None or len(portions) < 2:
        return _proposed(fitted, snapshot, policy, booked)
    pieces = [
        (fitted, portion, policy, {name: booked[name] for name in portion.grids if name in booked})
        for portion in portions
    ]
    found = list(map_in_order(executor, _proposed, pieces))
    shares = {name: own for proposal in found for name, own in proposal.shares.items()}
    return Proposal(tuple(slot for proposal in found for slot in proposal.slots), shares)


def _proposed(fitted: Fitted, snapshot: Snapshot, policy: Policy, booked: BusyHours) -> Proposal:
    slots: list[Slot] = []
    machines = [name for name in snapshot.grids if _may_be_offered(name, snapshot, policy)]
    count = snapshot.last_quarter(policy.horizon) - snapshot.origin if machines else 0
    all_scores = score_all(fitted.forecast, [(snapshot.grids[name], snapshot.origin) for name in machines], count)
    for machine, scores in zip(machines, all_scores, strict=True):
        own, grid = policy.for_machine(machine), snapshot.grids[machine]
        wait = own.notice if snapshot.free_now[machine] else max(own.notice, own.minimum_slot)
        first = grid.index_of(snapshot.now + wait)
        if grid.moment(first) < snapshot.now + wait:
            first += 1
        usable = open_quarters(grid, snapshot.origin, snapshot.origin + count, own, booked.get(machine, ()))
        usable[: first - snapshot.origin] = False
        tally = fitted.record.per_machine.get(machine, Tally())
        likely = [
            (min(0.999, round(fitted.record.probability(machine, window.score), 3)), window)
            for window in fitted.record.windows(scores, usable, own, snapshot.origin)
        ]
        enough = [(sure, window) for sure, window in likely if sure >= own.required_probability]
        for sure, window in _largest_share(enough, own.largest_share * int(usable.sum())):
            start, end = (grid.moment(snapshot.origin + place) for place in (window.first, window.last))
            if end - start < own.minimum_slot:
                continue  # the clocks go forward within it
            slots.append(Slot(machine, start, end, sure, tally.checked, tally.broken))
    return Proposal(tuple(slots), dict(zip(machines, all_scores, strict=True)))


def _largest_share(likely: Sequence[tuple[float, Window]], quarters: float) -> list[tuple[float, Window]]:
    """The most probable windows that fit into `quarters`, ordered by time."""
    chosen = []
    for sure, window in sorted(likely, key=lambda pair: (-pair[0], pair[1].first)):
        quarters -= window.last - window.first
        if quarters < 0:
            break
        chosen.append((sure, window))
    return sorted(chosen, key=lambda pair: pair[1].first)


def _may_be_offered(machine: str, snapshot: Snapshot, policy: Policy) -> bool:
    """Whether anything of the machine may be offered. A machine that has not been heard is Unknown, and Unknown is
    not idle."""
    last_heard = snapshot.now - snapshot.last_heard[machine] <= policy.max_silence
    return (
        policy.for_machine(machine).is_offered
        and last_heard
        and _known_enough(snapshot.grids[machine], snapshot.origin)
    )


def _trial_origins(grids: Mapping[str, QuarterGrid], origin: int) -> list[tuple[str, int]]:
    """(machine, origin) of the forecasts to judge: every day of the checked weeks, or a random `MAX_TRIALS` of them.
    For a machine with borrowed weeks, only from when it could have been offered."""
    earliest = max(2 * QUARTERS_PER_WEEK + 1, origin - CHECKED_WEEKS * QUARTERS_PER_WEEK)
    origins = range(origin - QUARTERS_PER_DAY, earliest - 1, -QUARTERS_PER_DAY)
    need = MIN_KNOWN // QUARTER
    pairs = [
        (name, at) for name, grid in grids.items() for at in origins if not grid.own_from or at >= grid.own_from + need
    ]
    if len(pairs) <= MAX_TRIALS:
        return pairs
    chosen = np.random.default_rng(SEED).choice(len(pairs), MAX_TRIALS, replace=False)
    return [pairs[place] for place in np.sort(chosen)]


def _calibrated(
    grids: Mapping[str, QuarterGrid], origin: int, policy: Policy, rate: float, trials: Sequence[Trial]
) -> TrackRecord | None:
    return calibrate(trials, grids, origin, policy, rate)


def _train_with_trials(
    grids: Mapping[str, QuarterGrid], end: int, policy: Policy, origin: int, pairs: Sequence[tuple[str, int]]
) -> tuple[BoostedTrees | None, list[Trial]]:
    """Trees trained on what is before `end`, and their scores at the given later origins."""
    count = policy.horizon // QUARTER
    learner = BoostedTrees.train(grids, end, origin % QUARTERS_PER_DAY, count)
    if learner is None:
        return None, []
    return learner, _trials(learner, grids, pairs, count)


def _trials(
    forecast: Forecaster, grids: Mapping[str, QuarterGrid], pairs: Sequence[tuple[str, int]], count: int
) -> list[Trial]:
    scores = score_all(forecast, [(grids[machine], at) for machine, at in pairs], count)
    return [Trial(machine, at, own) for (machine, at), own in zip(pairs, scores, strict=True)]


def adjusted_rate(rate: float, recent: Tally | None) -> float | None:
    """The rate to fit to, given the outcome of recently published slots. None stops publishing."""
    if recent is None or recent.checked < 20:
        return rate
    achieved = recent.broken / recent.checked
    if achieved > 3 * rate:
        return None
    return rate if achieved <= rate else rate * rate / achieved


def _known_enough(grid: QuarterGrid, origin: int) -> bool:
    """Whether enough of the last two weeks is known."""
    lately = grid.values[max(grid.own_from, origin - MIN_KNOWN // QUARTER) : origin]
    return len(lately) >= MIN_KNOWN // QUARTER and bool((lately != UNKNOWN).mean() >= MIN_COVERAGE)
