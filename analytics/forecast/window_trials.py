"""Forecasts of the past weeks, made with models that knew nothing of what came after, and the model of today. Pure.

Every four weeks of the past a model is fitted to the windows that had ended by then, and forecasts the weeks that follow. From these
trials the promise is derived; the last model, fitted to all windows, makes the forecast.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np

from analytics.executors import Executor, map_in_order
from analytics.forecast.counting import CountedWeekdays
from analytics.forecast.prior import WEIGHT_DAYS, Prior, left
from analytics.forecast.promise import Trials
from analytics.forecast.window_model import SEED, WindowModel, never_growing
from analytics.forecast.window_shares import LENGTHS, STARTS_PER_DAY, Origin, PastWindows
from analytics.history.day_kinds import day_kinds
from analytics.history.offered_quarters import open_quarters
from analytics.history.quarter_grid import FREE, QUARTERS_PER_DAY, UNKNOWN, QuarterGrid
from analytics.policy.policy import QUARTER, Policy

TRIED_DAYS = 26 * 7
"""How far back the past is forecast: with their half-life, older days would weigh next to nothing."""
REFIT_DAYS = 28
LEARNT_DAYS = 21
"""The first weeks of a history, in which the shares are still beliefs, are not learnt from."""
YOUNG_DAYS = 7
"""Beside a prior, which is learnt from young histories, only the first week is left out, and the days from then on are forecast."""
MAX_MACHINES = 64
"""Machines that teach the model and the promise, at random: more would cost much time and change little."""
MAX_TRIALS = 1_000
MAX_ROWS = 30_000
FADING_DAYS = 200.0
"""Half-life of the windows to which a model is fitted."""

_ROWS_PER_DAY = 240
_ALL_TRIED = 3
"""With a horizon of so many days each of them is tried."""
_REACH = max(LENGTHS) // QUARTERS_PER_DAY + 1
"""Days that the longest window reaches into."""


class _ToFit(NamedTuple):
    """What a model is fitted to. `young`: some of it is of other factories' recordings."""

    features: np.ndarray
    free: np.ndarray
    young: bool


@dataclass
class _Rows:
    """Windows to learn from, of so many machines."""

    machines: int
    features: list[np.ndarray] = field(default_factory=list)
    free: list[np.ndarray] = field(default_factory=list)
    begun_on: list[np.ndarray] = field(default_factory=list)
    ended: list[np.ndarray] = field(default_factory=list)

    def add(self, features: np.ndarray, free: np.ndarray, begun_on: np.ndarray, ended: np.ndarray) -> None:
        self.features.append(features)
        self.free.append(free)
        self.begun_on.append(begun_on)
        self.ended.append(ended)

    def ended_by(self, place: int, chance: np.random.Generator, prior: Prior | None) -> _ToFit | None:
        """Windows that had ended, older ones more rarely: at most `MAX_ROWS` of them, and what is left of the prior."""
        if not self.free:
            return _ToFit(*prior.windows(0.0, chance), young=True) if prior is not None else None
        known = np.flatnonzero(np.concatenate(self.ended) <= place)
        # Drawn by weight instead of weighted in the fit: scikit-learn's trees take four times as long with weights.
        weights = np.exp2(-(place // QUARTERS_PER_DAY - np.concatenate(self.begun_on)[known]) / FADING_DAYS)
        wanted = min(MAX_ROWS, int(weights.sum()))
        known = np.sort(chance.choice(known, wanted, replace=False, p=weights / weights.sum())) if wanted else known[:0]
        features, free = np.concatenate(self.features)[known], np.concatenate(self.free)[known]
        own_days = self.machines * len(np.unique(np.concatenate(self.begun_on)[known]))
        if prior is None or not left(own_days):
            return _ToFit(features, free, young=False)
        of_others, free_there = prior.windows(own_days, chance)
        return _ToFit(np.concatenate([features, of_others]), np.concatenate([free, free_there]), young=True)


@dataclass
class _Tried:
    """Which machine, origin and day each row of the trials belongs to, and for how many days of the horizon it stands."""

    machine: list[int] = field(default_factory=list)
    origin: list[Origin] = field(default_factory=list)
    day: list[int] = field(default_factory=list)
    weight: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Teachers:
    """The machines that teach, their grids on one axis, and the kinds of their days and of those ahead."""

    names: tuple[str, ...]
    grids: tuple[QuarterGrid, ...]
    values: np.ndarray
    kinds: np.ndarray
    weekdays: np.ndarray

    @classmethod
    def of(cls, grids: Mapping[str, QuarterGrid], origin: int, policy: Policy) -> Teachers:
        names = sorted(grids)
        if len(names) > MAX_MACHINES:
            names = sorted(np.random.default_rng(SEED).choice(names, MAX_MACHINES, replace=False).tolist())
        values = before(grids, names, origin)
        days = values.shape[1] // QUARTERS_PER_DAY + policy.horizon // timedelta(days=1) + _REACH + 2
        first_day = next(iter(grids.values())).first_day
        kinds, weekdays = calendar(first_day, days, policy)
        return cls(tuple(names), tuple(grids[name] for name in names), values, kinds, weekdays)


def before(grids: Mapping[str, QuarterGrid], names: Sequence[str], origin: int) -> np.ndarray:
    """What is known before the origin, on whole days: shape (machines, quarters)."""
    values = np.full((len(names), (origin // QUARTERS_PER_DAY + 1) * QUARTERS_PER_DAY), UNKNOWN, dtype=np.int8)
    for place, name in enumerate(names):
        known = grids[name].values[:origin]
        values[place, : len(known)] = known
    return values


def calendar(first_day: date, days: int, policy: Policy) -> tuple[np.ndarray, np.ndarray]:
    """(kind, weekday) of each day: each of shape (days,)."""
    return day_kinds(first_day, days, policy.country, policy.leave), (np.arange(days) + first_day.weekday()) % 7


def days_ahead(origin: Origin, horizon: timedelta) -> int:
    """How many local days a forecast touches, the origin's included."""
    return -(-(origin.quarter + horizon // QUARTER) // QUARTERS_PER_DAY)


def learnt(
    teachers: Teachers,
    origin: int,
    policy: Policy,
    need: int,
    executor: Executor,
    times_of_day: Sequence[int],
    counting: CountedWeekdays | None = None,
    prior: Prior | None = None,
) -> tuple[WindowModel | CountedWeekdays | None, Trials]:
    """The model of today and the trials of the past weeks. `need`: quarters of its own that a machine must have before it is tried;
    `times_of_day`: of the origins, in quarters, in turn from day to day; `counting`: forecasts in the model's place; `prior`: what the model
    knows before it has learnt from the factory."""
    today = origin // QUARTERS_PER_DAY
    if not left(len(teachers.names) * (today - LEARNT_DAYS - 7)):
        prior = None
    models: list[WindowModel | None] = []
    said: list[np.ndarray] = []
    tried = _Tried()
    if counting is not None:
        said = [answers for _, answers in _pieces(teachers, origin, policy, need, times_of_day, tried, counting)]
        return counting, _trials(teachers, origin, policy, tried, _joined(said))
    pieces = _pieces(teachers, origin, policy, need, times_of_day, tried, prior=prior)
    for model, answers in map_in_order(executor, _fit_and_forecast, pieces):
        models.append(model)
        said.append(answers)
    trials = _trials(teachers, origin, policy, tried, _joined(said))
    own_days = len(set(zip(trials.machine.tolist(), trials.age_days.tolist(), strict=True)))
    if prior is not None and left(own_days):
        trials = _with_prior(trials, prior, own_days, teachers, origin, policy)
    return (models[-1] if models else None), trials


def _joined(said: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([some for some in said if len(some)]) if any(map(len, said)) else _NOTHING


_NOTHING = np.empty((0, STARTS_PER_DAY, len(LENGTHS)), dtype=np.float32)
_Piece = tuple[_ToFit | None, np.ndarray]


def _pieces(
    teachers: Teachers,
    origin: int,
    policy: Policy,
    need: int,
    times_of_day: Sequence[int],
    tried: _Tried,
    counting: CountedWeekdays | None = None,
    prior: Prior | None = None,
) -> Iterator[_Piece]:
    """What each model is fitted to and what it has to forecast: one for each block of the past, and the model of today at the end."""
    chance, horizon = np.random.default_rng(SEED), policy.horizon // QUARTER
    past = PastWindows(teachers.values, teachers.kinds, teachers.weekdays)
    today = origin // QUARTERS_PER_DAY
    rows, block = _Rows(len(teachers.names)), list[np.ndarray]()
    fitted_to = None
    first_learnt, first_tried = (LEARNT_DAYS, LEARNT_DAYS + 7) if prior is None else (YOUNG_DAYS, YOUNG_DAYS)
    first_tried = max(first_tried, today - TRIED_DAYS)
    per_day = max(1, MAX_TRIALS // max(1, min(TRIED_DAYS, today - first_tried)))
    for day in range(first_learnt, today):
        at = Origin(day, times_of_day[day % len(times_of_day)])
        count = days_ahead(at, policy.horizon)
        if (day >= first_tried and (today - day) % REFIT_DAYS == 0) or day == first_tried:
            if block:
                yield fitted_to, np.stack(block)
                block = []
            fitted_to = rows.ended_by(at.place, chance, prior)
        able = [place for place, grid in enumerate(teachers.grids) if _may_be_tried(grid, at.place, need)]
        if len(able) > per_day:
            able = np.sort(chance.choice(able, per_day, replace=False)).tolist()
        machines, ahead = np.array(able, dtype=int), _days_tried(day, count)
        for on_day, seen in past.looking_ahead(at, [day + offset for offset, _ in ahead], machines):
            said = seen
            if counting is not None:
                said = never_growing(counting.of_day(past, at, on_day, seen, machines), LENGTHS)
            else:
                _collect(rows, past, machines, at, on_day, seen, min(origin, at.place + horizon), chance)
            if day >= first_tried:
                tried.machine += able
                tried.origin += [at] * len(able)
                tried.day += [on_day] * len(able)
                tried.weight += [dict(ahead)[on_day - day]] * len(able)
                block += list(said)
    if block:
        yield fitted_to, np.stack(block)
    yield rows.ended_by(origin, chance, prior), np.empty((0, 0))


def _fit_and_forecast(fitted_to: _ToFit | None, features: np.ndarray) -> tuple[WindowModel | None, np.ndarray]:
    model = WindowModel.fit(*fitted_to) if fitted_to is not None else None
    if not len(features):
        return model, _NOTHING
    if model is None:
        return None, np.full(features.shape[:-1], np.nan, dtype=np.float32)
    return model, never_growing(model.probabilities(features), LENGTHS).astype(np.float32)


def _days_tried(day: int, count: int) -> list[tuple[int, float]]:
    """(days ahead, for how many days of the horizon it stands): the first two, and one of the others in turn."""
    if count <= _ALL_TRIED:
        return [(ahead, 1.0) for ahead in range(count)]
    return [(0, 1.0), (1, 1.0), (2 + day % (count - 2), float(count - 2))]


def _may_be_tried(grid: QuarterGrid, place: int, need: int) -> bool:
    """Whether the machine could have been offered then: not on weeks that are borrowed from others."""
    return not grid.own_from or place >= grid.own_from + need


def _collect(
    rows: _Rows,
    past: PastWindows,
    machines: np.ndarray,
    at: Origin,
    day: int,
    features: np.ndarray,
    until: int,
    chance: np.random.Generator,
) -> None:
    """Add some windows of a day that begin after the origin and end by `until`: the end of its horizon, or now."""
    if (day + 1) * QUARTERS_PER_DAY > past.quarters:
        return
    begin = day * QUARTERS_PER_DAY + 2 * np.arange(STARTS_PER_DAY)
    end = begin[:, None] + np.array(LENGTHS)[None, :]
    states = past.outcomes(day)[machines]
    able = np.flatnonzero((states != UNKNOWN) & (begin[:, None] >= at.place)[None] & (end <= until)[None])
    if not len(able):
        return
    chosen = np.sort(chance.choice(able, min(len(able), _ROWS_PER_DAY), replace=False))
    rows.add(
        features.reshape(-1, features.shape[-1])[chosen],
        states.ravel()[chosen] == FREE,
        np.full(len(chosen), at.day),
        np.broadcast_to(end, states.shape).ravel()[chosen],
    )


def _trials(teachers: Teachers, origin: int, policy: Policy, tried: _Tried, said: np.ndarray) -> Trials:
    """The rows for which there was a model, with what became of their windows."""
    kept = np.flatnonzero(~np.isnan(said).all(axis=(1, 2))) if len(said) else np.empty(0, dtype=int)
    span = _REACH * QUARTERS_PER_DAY + QUARTERS_PER_DAY
    values = np.full((len(kept), span), UNKNOWN, dtype=np.int8)
    usable = np.zeros((len(kept), span), dtype=bool)
    policies = [policy.for_machine(name) for name in teachers.names]
    horizon = policy.horizon // QUARTER
    for row, place in enumerate(kept.tolist()):
        machine, at = tried.machine[place], tried.origin[place]
        begin = tried.day[place] * QUARTERS_PER_DAY
        known = teachers.values[machine, begin : min(begin + span, origin)]
        values[row, : len(known)] = known
        rules = policies[machine]
        usable[row] = open_quarters(teachers.grids[machine], begin, begin + span, rules)
        usable[row, : max(0, at.place - begin + rules.notice // QUARTER)] = False
        usable[row, max(0, at.place + horizon - begin) :] = False
        usable[row, max(0, origin - begin) :] = False
    today = origin // QUARTERS_PER_DAY
    return Trials(
        np.array([tried.machine[place] for place in kept], dtype=int),
        np.array([today - tried.origin[place].day for place in kept], dtype=float),
        np.array([tried.weight[place] for place in kept], dtype=float),
        said[kept],
        values,
        usable,
    )


def _with_prior(trials: Trials, prior: Prior, own_days: int, teachers: Teachers, origin: int, policy: Policy) -> Trials:
    """The trials, and after them forecasts of days of the prior's recordings, as if they were of these machines, which take them in turn."""
    ahead, horizon = days_ahead(Origin(0), policy.horizon), policy.horizon // QUARTER
    chosen = np.flatnonzero(prior.ahead < ahead)
    machine = np.arange(len(chosen)) % len(teachers.names)
    policies = [policy.for_machine(name) for name in teachers.names]
    span = trials.usable.shape[1]
    usable = np.zeros((len(chosen), span), dtype=bool)
    today = origin // QUARTERS_PER_DAY
    for row, place in enumerate(chosen.tolist()):
        rules, grid = policies[machine[row]], teachers.grids[machine[row]]
        # A day of the coming week stands for the recorded one: what the policy offers depends on the weekday.
        day = today + int(prior.weekday[place] - teachers.weekdays[today]) % 7
        begin, midnight = day * QUARTERS_PER_DAY, int(prior.ahead[place]) * QUARTERS_PER_DAY
        usable[row] = open_quarters(grid, begin, begin + span, rules)
        usable[row, : max(0, rules.notice // QUARTER - midnight)] = False
        usable[row, max(0, horizon - midnight) :] = False
    weight = np.where((ahead > _ALL_TRIED) & (prior.ahead[chosen] > 1), ahead - 2.0, 1.0)
    days = WEIGHT_DAYS * left(own_days)
    # A day of the factory's own stands for all days of the horizon, and so does a borrowed one.
    weight *= days * ahead / weight.sum()
    return Trials(
        np.concatenate([trials.machine, machine]),
        np.concatenate([trials.age_days, np.zeros(len(chosen))]),
        np.concatenate([trials.weight, weight]),
        np.concatenate([trials.said, prior.said[chosen]]),
        np.concatenate([trials.values, prior.values[chosen][:, :span]]),
        np.concatenate([trials.usable, usable]),
        borrowed=len(chosen),
        borrowed_days=days,
    )
