"""From stored intervals to the slots that may be offered now. Pure: the moment, the intervals and the policy come in.

intervals ─▶ timeline ─▶ occupied, free ─▶ quarter grid ─▶ forecasts ─▶ scores ─▶ slots with a probability
                                                 └──▶ trials in past weeks ─▶ track record ──┘
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from analytics.executors import InlineExecutor, Workers, map_in_order
from analytics.forecast.calibration import Tally, TrackRecord, Trial, calibrate
from analytics.forecast.forecasters import PROFILES, SEED, SHARED, BoostedTrees, Forecast, score_all
from analytics.forecast.slots import Window, open_quarters
from analytics.history.quarter_grid import QUARTERS_PER_DAY, QUARTERS_PER_WEEK, UNKNOWN, QuarterGrid
from analytics.history.snapshot import Snapshot, snapshot_at, with_borrowed_weeks
from analytics.policy.policy import QUARTER, Policy
from analytics.policy.slot import BusyHours, Slot

MIN_KNOWN = timedelta(weeks=2)
MIN_COVERAGE = 0.8
"""Of a machine that is less known than this over two weeks, nothing is published."""

CHECKED_WEEKS = 12
REFIT_WEEKS = 4
MIN_WEEKS_TO_LEARN = 10
"""Below, the trees have too little to learn from and to be checked on; the baselines alone compete."""
MAX_TRIALS = 1_500
"""Of so many forecasts in the past, spread over machines and days, the worth is judged: more would change little."""


@dataclass(frozen=True)
class Fitted:
    """The forecast that kept most in the back-test, and its track record. `rate`: what it was fitted to keep, at `now`."""

    forecast: Forecast
    record: TrackRecord
    rate: float
    now: datetime


@dataclass(frozen=True)
class Proposal:
    """`shares`: per machine how likely each quarter from the past's moment on is free, shape (quarters,), NaN where unknown."""

    slots: tuple[Slot, ...] = ()
    shares: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class SpareCapacity:
    """The slots that may be offered, what they rest on, and the grids they came from."""

    slots: tuple[Slot, ...]
    fitted: Fitted | None
    grids: Mapping[str, QuarterGrid]


def find_spare_capacity(
    intervals: pd.DataFrame,
    now: datetime,
    policy: Policy,
    booked: BusyHours,
    lived: Tally | None = None,
    workers: Workers | None = None,
) -> SpareCapacity:
    """`intervals`: up to `HISTORY` before `now`, as `StateStore.intervals` gives them. `booked`: per machine. `lived`: what
    became of published slots lately; where it is worse than promised, the promise is tightened."""
    workers = workers or InlineExecutor()
    past = with_borrowed_weeks(snapshot_at(intervals, now, policy), policy)
    if not past.grids:
        return SpareCapacity((), None, {})
    rate = adjusted_rate(policy.max_broken_promises, lived)
    fitted = fit(past, policy, rate, workers) if rate is not None else None
    slots = propose(fitted, past, policy, booked, workers).slots if fitted is not None else ()
    return SpareCapacity(slots, fitted, past.grids)


def fit(
    past: Snapshot,
    policy: Policy,
    rate: float,
    workers: Workers | None = None,
    names: Sequence[str] = (SHARED.name, BoostedTrees.name),
) -> Fitted | None:
    """Try the forecasts of these names on past weeks and keep the best; None where none has a record that keeps the `rate`."""
    workers = workers or InlineExecutor()
    grids = {machine: grid for machine, grid in past.grids.items() if policy.for_machine(machine).is_offered}
    if not grids:
        return None
    origin, count = past.origin, policy.horizon // QUARTER
    pairs = _trial_origins(grids, origin)
    under_way = []
    for baseline in (one for one in PROFILES if one.name in names):
        trials = _trials(baseline, grids, pairs, count)
        under_way.append((baseline, workers.submit(_calibrated, grids, origin, policy, rate, trials)))
    learner: Forecast | None = None
    learners_trials: list[Trial] = []
    if origin // QUARTERS_PER_WEEK >= MIN_WEEKS_TO_LEARN and BoostedTrees.name in names:
        span = REFIT_WEEKS * QUARTERS_PER_WEEK
        ends = [end for end in range(origin - CHECKED_WEEKS * QUARTERS_PER_WEEK, origin, span) if end > 0]
        pieces: list[tuple[object, ...]] = [(grids, origin, policy, origin, [])]
        pieces += [(grids, end, policy, origin, [one for one in pairs if end <= one[1] < end + span]) for end in ends]
        (learner, _), *tried = map_in_order(workers, _train_with_trials, pieces)
        learners_trials = [trial for _, trials in tried for trial in trials]
    contenders: list[tuple[Forecast, TrackRecord | None]] = []
    if learner is not None and learners_trials:
        contenders.append((learner, _calibrated(grids, origin, policy, rate, learners_trials)))
    contenders = [(baseline, done.result()) for baseline, done in under_way] + contenders
    found = [Fitted(forecast, record, rate, past.now) for forecast, record in contenders if record is not None]
    return max(found, key=lambda one: one.record.kept_quarters, default=None)


def propose(
    fitted: Fitted, past: Snapshot, policy: Policy, booked: BusyHours, workers: Workers | None = None
) -> Proposal:
    """The slots that may be offered at the past's moment, ordered by machine and start, and the forecasts they rest on."""
    portions = past.portions()
    if workers is None or len(portions) < 2:
        return _proposed(fitted, past, policy, booked)
    pieces = [(fitted, one, policy, {name: booked[name] for name in one.grids if name in booked}) for one in portions]
    found = list(map_in_order(workers, _proposed, pieces))
    shares = {name: own for one in found for name, own in one.shares.items()}
    return Proposal(tuple(slot for one in found for slot in one.slots), shares)


def _proposed(fitted: Fitted, past: Snapshot, policy: Policy, booked: BusyHours) -> Proposal:
    slots: list[Slot] = []
    machines = [name for name in past.grids if _may_be_offered(name, past, policy)]
    count = past.last_quarter(policy.horizon) - past.origin if machines else 0
    all_scores = score_all(fitted.forecast, [(past.grids[name], past.origin) for name in machines], count)
    for machine, scores in zip(machines, all_scores, strict=True):
        own, grid = policy.for_machine(machine), past.grids[machine]
        wait = own.notice if past.free_now[machine] else max(own.notice, own.minimum_slot)
        first = grid.index_of(past.now + wait)
        if grid.moment(first) < past.now + wait:
            first += 1
        usable = open_quarters(grid, past.origin, past.origin + count, own, booked.get(machine, ()))
        usable[: first - past.origin] = False
        tally = fitted.record.own.get(machine, Tally())
        likely = [
            (min(0.999, round(fitted.record.probability(machine, window.score), 3)), window)
            for window in fitted.record.windows(scores, usable, own, past.origin)
        ]
        enough = [(sure, window) for sure, window in likely if sure >= own.required_probability]
        for sure, window in _largest_share(enough, own.largest_share * int(usable.sum())):
            start, end = (grid.moment(past.origin + place) for place in (window.first, window.last))
            if end - start < own.minimum_slot:
                continue  # the clocks are set forward within it
            slots.append(Slot(machine, start, end, sure, tally.checked, tally.broken))
    return Proposal(tuple(slots), dict(zip(machines, all_scores, strict=True)))


def _largest_share(likely: Sequence[tuple[float, Window]], quarters: float) -> list[tuple[float, Window]]:
    """The surest windows, as many as there is room for, in order of time."""
    chosen = []
    for sure, window in sorted(likely, key=lambda one: (-one[0], one[1].first)):
        quarters -= window.last - window.first
        if quarters < 0:
            break
        chosen.append((sure, window))
    return sorted(chosen, key=lambda one: one[1].first)


def _may_be_offered(machine: str, past: Snapshot, policy: Policy) -> bool:
    """A machine that nobody hears is Unknown, and Unknown is not idle."""
    heard = past.now - past.heard[machine] <= policy.max_silence
    return policy.for_machine(machine).is_offered and heard and _known_enough(past.grids[machine], past.origin)


def _trial_origins(grids: Mapping[str, QuarterGrid], origin: int) -> list[tuple[str, int]]:
    """(machine, origin) of the forecasts that are judged: each day of the checked weeks, or as many as there is time for; of a
    machine that borrows, from when it might have been offered."""
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
    """Trees that know nothing of `end` or later, and their scores as seen at these later origins."""
    count = policy.horizon // QUARTER
    learner = BoostedTrees.train(grids, end, origin % QUARTERS_PER_DAY, count)
    if learner is None:
        return None, []
    return learner, _trials(learner, grids, pairs, count)


def _trials(
    forecast: Forecast, grids: Mapping[str, QuarterGrid], pairs: Sequence[tuple[str, int]], count: int
) -> list[Trial]:
    scores = score_all(forecast, [(grids[machine], at) for machine, at in pairs], count)
    return [Trial(machine, at, own) for (machine, at), own in zip(pairs, scores, strict=True)]


def adjusted_rate(rate: float, lived: Tally | None) -> float | None:
    """The rate to aim at, given what became of the slots published lately: None where publishing stops for now."""
    if lived is None or lived.checked < 20:
        return rate
    achieved = lived.broken / lived.checked
    if achieved > 3 * rate:
        return None
    return rate if achieved <= rate else rate * rate / achieved


def _known_enough(grid: QuarterGrid, origin: int) -> bool:
    """Whether the last two weeks are known well enough to promise anything."""
    lately = grid.values[max(grid.own_from, origin - MIN_KNOWN // QUARTER) : origin]
    return len(lately) >= MIN_KNOWN // QUARTER and bool((lately != UNKNOWN).mean() >= MIN_COVERAGE)
