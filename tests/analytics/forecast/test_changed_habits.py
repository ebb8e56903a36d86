"""Habits that change: noticed where promises are broken by it, and what was before counts for little from then on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analytics.forecast import changed_habits, window_trials
from analytics.forecast.backtest import Plan, run_backtest
from analytics.forecast.changed_habits import changed_machines, changed_unseen
from analytics.forecast.explanation import explain
from analytics.forecast.promise import NEVER, Trials, lowest_thresholds, promise
from analytics.forecast.spare_capacity import COUNTING, fit, propose
from analytics.forecast.window_shares import LENGTHS, STARTS_PER_DAY
from analytics.history.quarter_grid import FREE, NOT_FREE, QUARTERS_PER_DAY, QuarterGrid
from analytics.history.snapshot import Snapshot
from analytics.policy.policy import MachinePolicy, Policy
from tests.analytics.forecast.test_forecast import RUN, START, factory

DAYS, SPAN = 80, 5 * 96
EVENING = slice(72, 96)


def trials(busy_evenings: dict[int, list[int]], machines: int = 3, said: float = 0.9) -> Trials:
    """Every machine was forecast each day, with evenings that were free nine times in ten; `busy_evenings`: on which ages in days a machine
    was busy beyond that."""
    chance = np.random.default_rng(4)
    machine, age = np.repeat(np.arange(machines), DAYS), np.tile(np.arange(DAYS, 0, -1), machines)
    values = np.full((len(machine), SPAN), FREE, dtype=np.int8)
    values[:, 24:72] = NOT_FREE
    values[np.flatnonzero(chance.random(len(machine)) < 0.1), EVENING] = NOT_FREE
    for number, ages in busy_evenings.items():
        values[np.flatnonzero((machine == number) & np.isin(age, ages)), EVENING] = NOT_FREE
    forecast = np.full((len(machine), STARTS_PER_DAY, len(LENGTHS)), 0.05)
    forecast[:, 36:, : LENGTHS.index(24) + 1] = said
    usable = np.zeros(values.shape, dtype=bool)
    usable[:, EVENING] = True
    return Trials(machine, age.astype(float), np.ones(len(machine)), forecast, values, usable)


WEEK = list(range(1, 8))


@pytest.mark.parametrize(
    ("busy", "changed"),
    [
        pytest.param({}, set(), id="steady"),
        pytest.param({1: WEEK}, {1}, id="one machine works in the evening since last week"),
        pytest.param({1: WEEK[:4]}, {1}, id="since four days"),
        pytest.param(dict.fromkeys(range(3), WEEK), {0, 1, 2}, id="the whole factory"),
        pytest.param({1: [1]}, set(), id="one late evening"),
        pytest.param({1: list(range(40, 47))}, set(), id="a week long ago"),
    ],
)
def test_it_is_noticed(busy: dict[int, list[int]], changed: set[int]) -> None:
    assert changed_machines(trials(busy)) == changed


def test_a_machine_that_falls_out_of_use_breaks_no_promise() -> None:
    freer = trials({0: list(range(15, DAYS, 2))}, machines=1, said=0.5)
    assert changed_machines(freer) == frozenset()


def test_too_few_days_tell_nothing() -> None:
    known = trials({0: WEEK}, machines=1)
    young = known.age_days <= 12
    fields = ("machine", "age_days", "weight", "said", "values", "usable")
    assert changed_machines(replace(known, **{name: getattr(known, name)[young] for name in fields})) == frozenset()


def test_only_the_machine_that_has_changed_is_held_back() -> None:
    known = trials({1: WEEK})
    known = replace(known, changed=changed_machines(known))
    policies = [MachinePolicy(required_probability=0.5)] * 3
    found = promise(known, ["a", "b", "c"], policies, 0.2)
    assert found is not None
    place = LENGTHS.index(8)
    assert found.thresholds_from(0.5, "b")[place] == NEVER
    assert found.thresholds_from(0.5, "a")[place] == found.thresholds_from(0.5)[place] < NEVER
    assert set(found.raised) == {"b"}
    assert (found.raised["b"] >= found.thresholds).all()
    assert (lowest_thresholds(known.of(1), 0.2) == NEVER).any()


@pytest.mark.long
def test_an_added_shift_breaks_fewer_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the eleventh week on the evenings are worked."""
    history = factory(9, 13, 0.03, machines=1)
    since = history["since"]
    evening = (since >= pd.Timestamp(START + timedelta(weeks=10))) & (since.dt.hour >= 20) & (since.dt.day_of_week < 5)
    history.loc[evening, "state"] = RUN
    policy = Policy(zone="UTC", holidays="", notice=timedelta(0), minimum_slot=timedelta(hours=2))
    first = START + timedelta(weeks=10, days=4)
    plan = Plan(first, first + timedelta(days=5), timedelta(days=2), timedelta(days=3))

    def broken() -> int:
        return int(run_backtest(history, policy, plan, ("vrijloop",))["results"]["vrijloop"]["broken"])

    noticed = broken()
    monkeypatch.setattr(changed_habits, "LIMIT", np.inf)
    assert noticed < broken()


def evenings(seed: int, worked_since: int | None, days: int = 120) -> np.ndarray:
    """One shift on weekdays, now and then an evening; worked every evening since so many days."""
    chance = np.random.default_rng(seed)
    values = np.full((days, QUARTERS_PER_DAY), FREE, dtype=np.int8)
    for day in (day for day in range(days) if day % 7 < 5):
        late = chance.random() < 0.1 or (worked_since is not None and days - day <= worked_since)
        values[day, 24 : 88 if late else 56] = NOT_FREE
    return values.ravel()


def grids(worked_since: dict[int, int | None], days: int = 120, own_from: int = 0) -> dict[str, QuarterGrid]:
    monday = date(2026, 1, 5)
    return {
        f"m{number}": QuarterGrid(evenings(number, since, days), monday, "UTC", own_from * QUARTERS_PER_DAY)
        for number, since in worked_since.items()
    }


UNSEEN = Policy(zone="UTC", holidays="", notice=timedelta(0), minimum_slot=timedelta(hours=2))
STEADY: dict[int, int | None] = dict.fromkeys(range(5))
NOW = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(days=120)


@pytest.mark.parametrize(
    ("more", "found"),
    [
        pytest.param({}, set(), id="steady"),
        pytest.param({"worked_since": STEADY | {3: 7, 4: 12}}, {"m3", "m4"}, id="two machines work in the evening"),
        pytest.param({"worked_since": STEADY | {3: 1}}, set(), id="one late evening"),
        pytest.param({"worked_since": STEADY | {3: 60}}, set(), id="since two months: the forecast has followed"),
        pytest.param({"worked_since": {3: 7}, "days": 45}, set(), id="too young to tell"),
        pytest.param({"worked_since": {3: 7}, "own_from": 100}, set(), id="before it were another machine's habits"),
    ],
)
def test_a_machine_that_is_never_tried_is_noticed_too(more: dict[str, Any], found: set[str]) -> None:
    known = grids(**({"worked_since": STEADY} | more))
    origin = len(known["m3"].values)
    nothing = replace(trials({}, machines=1), machine=np.full(DAYS, 0), age_days=np.full(DAYS, 50.0))
    assert changed_unseen(nothing, ["m0"], known, origin, UNSEEN) == found


def test_a_machine_that_is_tried_often_is_judged_by_its_trials() -> None:
    known = grids(STEADY | {3: 9})
    tried = trials({}, machines=2)
    assert changed_unseen(tried, ["m0", "m3"], known, len(known["m3"].values), UNSEEN) == frozenset()


@pytest.mark.long
def test_nothing_is_offered_of_a_machine_whose_habits_have_changed_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window_trials, "MAX_TRIALS", 92)
    known = grids(STEADY | {3: 9})
    snapshot = Snapshot(NOW, known, dict.fromkeys(known, NOW), dict.fromkeys(known, True))
    fitted = fit(snapshot, UNSEEN, 0.2, name=COUNTING)
    assert fitted is not None
    assert set(fitted.promise.raised) == {"m3"}
    assert {slot.machine for slot in propose(fitted, snapshot, UNSEEN, {}).slots} == set(known) - {"m3"}


@pytest.mark.long
def test_a_machine_that_was_never_tried_has_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not that of the machines that were."""
    monkeypatch.setattr(window_trials, "MAX_MACHINES", 2)
    known = grids(STEADY)
    snapshot = Snapshot(NOW, known, dict.fromkeys(known, NOW), dict.fromkeys(known, True))
    fitted = fit(snapshot, UNSEEN, 0.2, name=COUNTING)
    assert fitted is not None
    checked = {slot.machine: slot.checked for slot in propose(fitted, snapshot, UNSEEN, {}).slots}
    assert {name for name in known if checked[name]} == set(fitted.promise.per_machine)
    assert len(fitted.promise.per_machine) == 2
    machine = next(name for name in known if not checked[name])
    conditions = explain(machine, NOW, NOW + timedelta(hours=2), snapshot, fitted, (), UNSEEN, ())
    assert "record" not in {condition.code for condition in conditions}
