"""Forecasts and calibration: no look-ahead, promises that hold for simulated factories, and nothing published
without a track record."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from analytics.executors import InlineExecutor
from analytics.forecast.backtest import Plan, origins_of, run_backtest, wilson_interval
from analytics.forecast.counting import CountedWeekdays
from analytics.forecast.spare_capacity import adjusted_rate, find_spare_capacity, fit, propose
from analytics.forecast.tally import Tally
from analytics.forecast.window_shares import Origin, PastWindows
from analytics.forecast.window_trials import Teachers, before, calendar, learnt
from analytics.history.quarter_grid import QUARTERS_PER_DAY, QUARTERS_PER_WEEK, QuarterGrid
from analytics.history.snapshot import snapshot_at, with_borrowed_weeks
from analytics.policy.policy import MachinePolicy, MachineTable, Policy, parse_offered_hours
from tests.analytics.tables import MONDAY, intervals, shift_weeks, utc

RUN, WAIT = "executing", "not_executing"
START = utc(5)


def factory(seed: int, weeks: int, overtime: float, machines: int = 2) -> pd.DataFrame:
    """Two shifts on weekdays. On each day the machine works through the evening with probability `overtime`."""
    chance = np.random.default_rng(seed)
    rows = []
    for machine in range(machines):
        for day in range(weeks * 7):
            midnight = START + timedelta(days=day)
            busy_until = 0
            if (day % 7) < 5:
                busy_until = 24 if chance.random() < overtime else 20
                rows.append((f"m{machine}", midnight, midnight + timedelta(hours=6), WAIT, None))
                rows.append(
                    (f"m{machine}", midnight + timedelta(hours=6), midnight + timedelta(hours=busy_until), RUN, None)
                )
            if busy_until < 24:
                rows.append(
                    (f"m{machine}", midnight + timedelta(hours=busy_until), midnight + timedelta(days=1), WAIT, None)
                )
    return intervals(rows)


POLICY = Policy(zone="UTC", holidays="", notice=timedelta(0), minimum_slot=timedelta(hours=2), required_probability=0.5)
NOW = START + timedelta(weeks=6, hours=3)
LATER = START + timedelta(weeks=9, hours=3)
"""When there is enough of a record to tell what is likely from what is sure."""


def spans(
    history: pd.DataFrame, now: datetime = NOW, policy: Policy = POLICY
) -> list[tuple[str, datetime, datetime, float]]:
    found = find_spare_capacity(history, now, policy, {})
    return [(one.machine, one.start, one.end, one.probability) for one in found.slots]


@pytest.mark.long
def test_changing_the_future_does_not_change_the_slots() -> None:
    history = factory(1, 7, 0.2, machines=1)
    now = START + timedelta(weeks=5, hours=3)
    before = spans(history, now)
    changed = history.copy()
    later = changed["since"] >= pd.Timestamp(now)
    changed.loc[later, "state"] = RUN
    running = (changed["since"] < pd.Timestamp(now)) & (changed["until"] > pd.Timestamp(now))
    changed.loc[running, "until"] = pd.Timestamp(now) + pd.Timedelta(hours=90)
    assert before
    assert spans(changed, now) == before
    assert spans(history[history["since"] < pd.Timestamp(now)], now) == before
    assert spans(history, now) == before, "deterministic"


@pytest.mark.long
def test_slots_lie_where_the_machine_is_free() -> None:
    found = spans(factory(2, 7, 0.0))
    assert {machine for machine, *_ in found} == {"m0", "m1"}
    for _, start, end, probability in found:
        assert start >= NOW
        assert 0.5 <= probability < 1
        hours = pd.date_range(start, end, freq="15min", inclusive="left")
        assert all(one.weekday() >= 5 or not 6 <= one.hour < 20 for one in hours)
    weekend = sum(((end - start) for _, start, end, _ in found if start.weekday() >= 5), timedelta())
    assert weekend >= timedelta(hours=80)


@pytest.mark.long
def test_evenings_that_are_often_worked_are_not_promised() -> None:
    found = spans(factory(3, 10, 0.4), LATER, POLICY.model_copy(update={"required_probability": 0.85}))
    evenings = [one for one in found if one[1].weekday() < 5 and one[1].hour >= 20]
    assert found
    assert evenings == []


@pytest.mark.long
def test_a_stricter_promise_never_offers_more() -> None:
    history = factory(4, 10, 0.08)
    offered = []
    for rate in (0.3, 0.05, 0.02):
        policy = POLICY.model_copy(update={"max_broken_promises": rate})
        offered.append(hours_in_any(spans(history, LATER, policy)))
    assert offered == sorted(offered, reverse=True)
    assert offered[0] > offered[-1]


def hours_in_any(found: list[tuple[str, datetime, datetime, float]]) -> timedelta:
    """Hours inside any of the windows of a machine, which are ordered."""
    covered, last = timedelta(0), ("", NOW)
    for machine, start, end, _ in found:
        begin = max(start, last[1]) if machine == last[0] else start
        covered += max(timedelta(0), end - begin)
        last = (machine, end)
    return covered


@pytest.mark.long
def test_a_new_machine_is_offered_after_two_weeks() -> None:
    now = START + timedelta(weeks=2)
    history = factory(5, 2, 0.0, machines=1)
    assert spans(history, now - timedelta(days=1)) == []
    found = find_spare_capacity(history, now, POLICY, {})
    assert found.slots
    for slot in found.slots:
        hours = pd.date_range(slot.start, slot.end, freq="15min", inclusive="left")
        assert all(one.weekday() >= 5 or not 6 <= one.hour < 20 for one in hours)
        assert slot.probability <= 0.97, "two weeks of its own and what is borrowed tell no more"
        assert slot.checked <= 7 * 3 * 96, "the record is the machine's own"


@pytest.mark.long
def test_a_machine_that_is_little_known_or_silent_is_not_offered() -> None:
    history = factory(6, 7, 0.0)
    gone = (history["machine"] == "m0") & (history["since"] >= pd.Timestamp(NOW - timedelta(days=5)))
    assert {machine for machine, *_ in spans(history[~gone])} == {"m1"}
    holes = (
        (history["machine"] == "m0")
        & (history["since"].dt.day % 2 == 0)
        & (history["since"] < pd.Timestamp(NOW - timedelta(hours=5)))
    )
    assert {machine for machine, *_ in spans(history[~holes])} == {"m1"}


@pytest.mark.long
def test_booked_vetoed_and_closed_hours_are_not_offered() -> None:
    history = factory(7, 7, 0.0)
    policy = POLICY.model_copy(
        update={"machine": {"m1": MachineTable(offer=False)}, "offered": (parse_offered_hours("sat-sun 08:00-18:00"),)}
    )
    saturday = (NOW + timedelta(days=5)).replace(hour=9)
    booked = {"m0": [(saturday, saturday + timedelta(hours=3))]}
    slots = find_spare_capacity(history, NOW, policy, booked).slots
    assert slots
    for slot in slots:
        assert slot.machine == "m0"
        assert slot.start.weekday() >= 5
        assert 8 <= slot.start.hour < 18
        assert not (slot.start < saturday + timedelta(hours=3) and saturday < slot.end)


@pytest.mark.long
def test_promises_hold_for_a_simulated_factory() -> None:
    """Twelve weeks in which a fifth of the evenings are worked; the weeks after the eighth are the test."""
    history = factory(8, 12, 0.2, machines=2)
    policy = POLICY.model_copy(update={"max_broken_promises": 0.1})
    plan = Plan(START + timedelta(weeks=8), START + timedelta(weeks=12), refit=timedelta(weeks=4))
    result = run_backtest(history, policy, plan, ("vrijloop",))["results"]["vrijloop"]
    for length in ("2h", "4h", "8h"):
        assert result["windows"][length]["kept_interval_95"][1] >= 0.9
        assert result["windows"][length]["found"] > 0.75
    assert result["brier"] < 0.1


@pytest.mark.long
def test_a_pattern_that_changes_stops_the_promises() -> None:
    """From the seventh week on the factory works around the clock: soon nothing is promised any more."""
    history = factory(9, 10, 0.0, machines=1)
    history.loc[history["since"] >= pd.Timestamp(START + timedelta(weeks=6)), "state"] = RUN
    plan = Plan(START + timedelta(weeks=8), START + timedelta(weeks=10), refit=timedelta(weeks=1))
    result = run_backtest(history, POLICY, plan, ("vrijloop",))["results"]["vrijloop"]
    assert result["slots"] <= 10


def test_broken_promises_lower_the_rate_and_then_stop_publishing() -> None:
    assert adjusted_rate(0.05, None) == 0.05
    assert adjusted_rate(0.05, Tally(19, 19)) == 0.05
    assert adjusted_rate(0.05, Tally(100, 5)) == 0.05
    assert adjusted_rate(0.05, Tally(100, 10)) == pytest.approx(0.025)
    assert adjusted_rate(0.05, Tally(100, 16)) is None


def test_origins_are_local_midnights() -> None:
    plan = Plan(utc(27, 12, month=3), utc(1, 12, month=4))
    hours = [origin.hour for origin in origins_of(plan, "Europe/Brussels")]
    assert (len(hours), set(hours)) == (4, {0})


def test_wilson() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)
    low, high = wilson_interval(5, 100)
    assert (low, high) == (0.0215, 0.1118)


@pytest.mark.long
def test_a_week_with_a_dst_change() -> None:
    """Local hours repeat; 25 October 2026 has 25 of them."""
    grid_start = date(2026, 9, 7)
    rows = []
    for day in range(49):
        midnight = pd.Timestamp(
            datetime.combine(grid_start + timedelta(days=day), datetime.min.time()), tz="Europe/Brussels"
        )
        following = pd.Timestamp(
            datetime.combine(grid_start + timedelta(days=day + 1), datetime.min.time()), tz="Europe/Brussels"
        )
        begin, stop = (midnight.tz_localize(None) + pd.Timedelta(hours=h) for h in (6, 20))
        begin, stop = (one.tz_localize("Europe/Brussels") for one in (begin, stop))
        rows += [("m", midnight, begin, WAIT, None), ("m", begin, stop, RUN, None), ("m", stop, following, WAIT, None)]
    history = intervals([(m, a.tz_convert("UTC"), b.tz_convert("UTC"), s, x) for m, a, b, s, x in rows])
    now = datetime(2026, 10, 23, 10, tzinfo=utc(5).tzinfo)
    policy = POLICY.model_copy(update={"zone": "Europe/Brussels"})
    found = spans(history, now, policy)
    assert max(end for _, _, end, _ in found) > datetime(2026, 10, 25, 12, tzinfo=utc(5).tzinfo)
    for _, start, end, _ in found:
        local = pd.date_range(start, end, freq="15min", inclusive="left").tz_convert("Europe/Brussels")
        assert all(not 6 <= one.hour < 20 for one in local)


@pytest.mark.long
def test_a_new_machine_borrows_from_its_group_until_it_has_its_own_history() -> None:
    """The group works late every other week. Two weeks of the new machine are known, without late work."""
    rows = []
    for name, first in (("old-1", 0), ("old-2", 0), ("new", 6)):
        for day in range(first * 7, 9 * 7):
            midnight = START + timedelta(days=day)
            late = 23 if (day // 7) % 2 and name != "new" else 16
            times = (0, 6, late, 24) if day % 7 < 5 else (0, 24)
            for begin, end, state in zip(times, times[1:], (WAIT, RUN, WAIT), strict=False):
                rows.append((name, midnight + timedelta(hours=begin), midnight + timedelta(hours=end), state, None))
    history, now = intervals(rows), START + timedelta(weeks=9)
    alone = POLICY
    group = {"turning": MachinePolicy()}
    machines = {name: MachineTable(group="turning") for name in ("old-1", "old-2", "new")}
    together = POLICY.model_copy(update={"group": group, "machine": machines})
    evening = np.arange(18 * 2, 22 * 2)

    def share(policy: Policy) -> float:
        snapshot = with_borrowed_weeks(snapshot_at(history, now, policy), policy)
        grid = snapshot.grids["new"]
        assert grid.own_from in (0, 6 * QUARTERS_PER_WEEK)
        origin = Origin(snapshot.origin // QUARTERS_PER_DAY)
        values = before({"new": grid}, ["new"], origin.place)
        past = PastWindows(values, *calendar(grid.first_day, origin.day + 1, policy))
        ((day, seen),) = past.looking_ahead(origin, [origin.day])
        return float(CountedWeekdays().of_day(past, origin, day, seen)[0, evening, 0].mean())

    assert share(alone) == 1.0, "three free evenings of three"
    assert share(together) == pytest.approx(5.5 / 8, abs=0.07), "and half of five borrowed weeks"
    assert "new" in {machine for machine, *_ in spans(history, now, together)}
    early = START + timedelta(weeks=7, hours=5)
    assert "new" not in {machine for machine, *_ in spans(history, early, together)}, "what is borrowed is no history"


@pytest.mark.long
def test_borrowed_weeks_count_for_no_promise() -> None:
    """Two weeks of its own are needed before a machine is tried; before that, only its peer is."""
    own_from = 12 * QUARTERS_PER_WEEK
    for weeks, machines in ((14, {0}), (16, {0, 1})):
        values = shift_weeks(weeks).values
        grids = {"a": QuarterGrid(values, MONDAY, "UTC"), "b": QuarterGrid(values, MONDAY, "UTC", own_from=own_from)}
        origin = weeks * QUARTERS_PER_WEEK
        teachers = Teachers.of(grids, origin, POLICY)
        need = 2 * QUARTERS_PER_WEEK
        _, trials = learnt(teachers, origin, POLICY, need, InlineExecutor(), (0,), CountedWeekdays())
        assert set(trials.machine.tolist()) == machines
        assert trials.age_days[trials.machine == 1].max(initial=0) <= (weeks - 14) * 7


@pytest.mark.long
def test_an_hour_later_only_the_near_days_are_forecast_anew() -> None:
    """From what was kept, it is as it would be from the whole history; beyond tomorrow, as it was an hour before."""
    history = factory(10, 7, 0.2)
    now = START + timedelta(weeks=6, hours=9)
    rounds = [snapshot_at(history, now + timedelta(hours=hour), POLICY) for hour in range(2)]
    fitted = fit(rounds[0], POLICY, 0.1)
    assert fitted is not None
    first = propose(fitted, rounds[0], POLICY, {})
    again = propose(fitted, rounds[1], POLICY, {}, last=first.outlooks)
    anew = propose(fitted, rounds[1], POLICY, {})
    tomorrow = 39 * 4
    for machine in ("m0", "m1"):
        near = slice(0, tomorrow)
        np.testing.assert_allclose(again.shares[machine][near], anew.shares[machine][near], atol=0.02)
        assert np.abs(anew.shares[machine][near] - first.shares[machine][4:][near]).max() > 0.001, "an hour matters"
        np.testing.assert_array_equal(again.shares[machine][tomorrow:-4], first.shares[machine][tomorrow + 4 :])
    (kept,) = first.outlooks
    day = kept.known.day
    assert kept.holds_for(("m0", "m1"), fitted.now, Origin(day, 95))
    assert not kept.holds_for(("m0", "m1"), fitted.now, Origin(day + 1)), "at midnight there is more to know"
    assert not kept.holds_for(("m0",), fitted.now, Origin(day))
    assert not kept.holds_for(("m0", "m1"), now + timedelta(days=1), Origin(day))
