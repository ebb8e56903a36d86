"""From stored intervals to the slots that may be offered now. Pure: the moment, the intervals and the policy come in.

intervals ─▶ timeline ─▶ occupied, free ─▶ quarter grid ─▶ forecasts ─▶ scores ─▶ slots with a probability
                                                 └──▶ trials in past weeks ─▶ track record ──┘
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from analytics.calibration import Tally, TrackRecord, Trial, calibrate
from analytics.forecast import PROFILES, SHARED, Boosted, Forecast
from analytics.occupied import free_spells, occupied_spells
from analytics.policy import Policy, holidays_between
from analytics.quarter_grid import (
    QUARTER,
    QUARTERS_PER_DAY,
    QUARTERS_PER_WEEK,
    UNKNOWN,
    QuarterGrid,
    quarter_grid,
)
from analytics.reconcile import Slot
from analytics.slots import open_quarters
from analytics.timeline import timeline

HISTORY = timedelta(weeks=53)
"""What is read at most: a year, so that the model has seen each season."""

MIN_KNOWN = timedelta(weeks=2)
MIN_COVERAGE = 0.8
"""Of a machine that is less known than this over two weeks, nothing is published."""

CHECKED_WEEKS = 12
REFIT_WEEKS = 4
MIN_WEEKS_TO_LEARN = 10
"""Below, the trees have too little to learn from and to be checked on; the baselines alone compete."""

Busy = Mapping[str, Sequence[tuple[datetime, datetime]]]


@dataclass(frozen=True)
class Fitted:
    """The forecast that kept most in the back-test, and its track record."""

    forecast: Forecast
    record: TrackRecord


@dataclass(frozen=True)
class SpareCapacity:
    """The slots that may be offered, what they rest on, and the grids they came from."""

    slots: tuple[Slot, ...]
    fitted: Fitted | None
    grids: Mapping[str, QuarterGrid]


@dataclass(frozen=True)
class Past:
    """What is known of every machine at a moment."""

    now: datetime
    grids: Mapping[str, QuarterGrid]
    heard: Mapping[str, datetime]
    free_now: Mapping[str, bool]

    @property
    def origin(self) -> int:
        """The quarter of the grids that contains the moment."""
        return next(iter(self.grids.values())).index_of(self.now)


def find_spare_capacity(
    intervals: pd.DataFrame, now: datetime, policy: Policy, booked: Busy, lived: Tally | None = None
) -> SpareCapacity:
    """`intervals`: up to `HISTORY` before `now`, as `StateStore.intervals` gives them. `booked`: per machine. `lived`: what
    became of published slots lately; where it is worse than promised, the promise is tightened."""
    past = past_at(intervals, now, policy)
    if not past.grids:
        return SpareCapacity((), None, {})
    fitted = fit(past, policy, lived)
    slots = propose(fitted, past, policy, booked) if fitted is not None else ()
    return SpareCapacity(slots, fitted, past.grids)


def past_at(intervals: pd.DataFrame, now: datetime, policy: Policy) -> Past:
    """The grids of all machines as known at `now`; what intervals say of later is cut off."""
    zone = ZoneInfo(policy.zone)
    intervals = intervals[intervals["since"] < pd.Timestamp(now)]
    if intervals.empty:
        return Past(now, {}, {}, {})
    begin = max(now - HISTORY, intervals["since"].min().to_pydatetime())
    first_day = begin.astimezone(zone).date()
    days = (now.astimezone(zone).date() - first_day).days + 1
    start = datetime.combine(first_day, datetime.min.time(), zone)
    masked = holidays_between(policy.holidays, first_day, first_day + timedelta(days=days))
    spells = timeline(intervals, start, now)
    occupied = occupied_spells(spells, policy.changeover_gap)
    grids, heard, free_now = {}, {}, {}
    for machine, own in spells.groupby("machine", sort=True):
        name = str(machine)
        gap = policy.for_machine(name).changeover_gap
        busy = occupied[occupied["machine"] == name] if gap == policy.changeover_gap else occupied_spells(own, gap)
        free = free_spells(own, busy)
        grids[name] = quarter_grid(own, free, first_day, days, policy.zone, masked)
        known = own.loc[own["state"] != "unknown", "end"]
        heard[name] = known.max().to_pydatetime() if len(known) else start
        free_now[name] = bool(len(free)) and now - free["end"].max().to_pydatetime() <= QUARTER
    return Past(now, grids, heard, free_now)


def fit(
    past: Past, policy: Policy, lived: Tally | None = None, names: Sequence[str] = (SHARED.name, Boosted.name)
) -> Fitted | None:
    """Try the forecasts of these names on past weeks and keep the best; None where none has a record that keeps the promise."""
    grids = {machine: grid for machine, grid in past.grids.items() if policy.for_machine(machine).offer}
    if not grids:
        return None
    rate = tightened(policy.max_broken_promises, lived)
    if rate is None:
        return None
    origin, count = past.origin, policy.horizon // QUARTER
    weeks = origin // QUARTERS_PER_WEEK
    origins = [
        at
        for at in range(origin - QUARTERS_PER_DAY, 2 * QUARTERS_PER_WEEK, -QUARTERS_PER_DAY)
        if at >= origin - CHECKED_WEEKS * QUARTERS_PER_WEEK
    ]
    contenders: list[Fitted] = []
    for baseline in (one for one in PROFILES if one.name in names):
        trials = [
            Trial(machine, at, baseline.scores(grid, at, count)) for machine, grid in grids.items() for at in origins
        ]
        record = calibrate(trials, grids, origin, policy, rate)
        if record is not None:
            contenders.append(Fitted(baseline, record))
    if weeks >= MIN_WEEKS_TO_LEARN and Boosted.name in names:
        learner = Boosted.learnt(grids, origin, origin % QUARTERS_PER_DAY, count)
        record = calibrate(_learners_trials(grids, origin, origins, count), grids, origin, policy, rate)
        if learner is not None and record is not None:
            contenders.append(Fitted(learner, record))
    return max(contenders, key=lambda one: one.record.kept_quarters, default=None)


def propose(fitted: Fitted, past: Past, policy: Policy, booked: Busy) -> tuple[Slot, ...]:
    """The slots that may be offered at the past's moment."""
    slots: list[Slot] = []
    for machine, grid in past.grids.items():
        own = policy.for_machine(machine)
        # A machine that nobody hears is Unknown, and Unknown is not idle.
        if not own.offer or past.now - past.heard[machine] > policy.max_silence or not _known_enough(grid, past.origin):
            continue
        wait = own.notice if past.free_now[machine] else max(own.notice, own.minimum_slot)
        first = grid.index_of(past.now + wait)
        if grid.moment(first) < past.now + wait:
            first += 1
        count = grid.index_of(past.now + policy.horizon) - past.origin
        scores = fitted.forecast.scores(grid, past.origin, count)
        usable = open_quarters(grid, past.origin, past.origin + count, own, booked.get(machine, ()))
        usable[: first - past.origin] = False
        tally = fitted.record.own.get(machine, Tally())
        for window in fitted.record.windows(scores, usable, machine, policy):
            probability = fitted.record.probability(machine, window.score)
            if probability >= own.required_probability:
                start, end = (grid.moment(past.origin + place) for place in (window.first, window.last))
                slots.append(Slot(machine, start, end, min(0.999, round(probability, 3)), tally.checked, tally.broken))
    return tuple(slots)


def tightened(rate: float, lived: Tally | None) -> float | None:
    """The rate to aim at, given what became of the slots published lately: None where publishing stops for now."""
    if lived is None or lived.checked < 20:
        return rate
    achieved = lived.broken / lived.checked
    if achieved > 3 * rate:
        return None
    return rate if achieved <= rate else rate * rate / achieved


def _learners_trials(grids: Mapping[str, QuarterGrid], origin: int, origins: Sequence[int], count: int) -> list[Trial]:
    """Scores of past origins, each by trees that knew nothing of its week or later."""
    trials: list[Trial] = []
    span = REFIT_WEEKS * QUARTERS_PER_WEEK
    for end in range(origin - CHECKED_WEEKS * QUARTERS_PER_WEEK, origin, span):
        learner = Boosted.learnt(grids, end, origin % QUARTERS_PER_DAY, count) if end > 0 else None
        if learner is not None:
            trials += [
                Trial(machine, at, learner.scores(grid, at, count))
                for machine, grid in grids.items()
                for at in origins
                if end <= at < end + span
            ]
    return trials


def _known_enough(grid: QuarterGrid, origin: int) -> bool:
    """Whether the last two weeks are known well enough to promise anything."""
    lately = grid.values[max(0, origin - MIN_KNOWN // QUARTER) : origin]
    return len(lately) >= MIN_KNOWN // QUARTER and bool((lately != UNKNOWN).mean() >= MIN_COVERAGE)
