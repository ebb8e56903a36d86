"""Weekly capacity: hours that are open, hours that can be expected to be free, and how far they may lie from that."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.capacity.weekly import INTERVAL, WEEKS, Capacity, GroupWeeks, interval, together, weekly_capacity
from analytics.history.quarter_grid import FREE, NOT_FREE, QUARTERS_PER_DAY, UNKNOWN, QuarterGrid
from analytics.history.snapshot import Snapshot
from analytics.policy.policy import Policy
from analytics.policy.slot import BusyHours

MONDAY = date(2026, 1, 5)
QUARTERS = 7 * QUARTERS_PER_DAY


def grid(weeks: int, free: Mapping[int, bool] | None = None, zone: str = "UTC") -> QuarterGrid:
    """Free at all hours, but busy on Saturdays of the weeks that `free` says are not."""
    values = np.full(weeks * QUARTERS, FREE, dtype=np.int8)
    for week, is_free in (free or {}).items():
        if not is_free:
            values[week * QUARTERS + 5 * QUARTERS_PER_DAY : week * QUARTERS + 6 * QUARTERS_PER_DAY] = NOT_FREE
    return QuarterGrid(values, MONDAY, zone)


def policy(**wishes: Any) -> Policy:
    return Policy.model_validate(
        {"factory": "hal-2", "zone": "UTC", "holidays": "", "offered": ["sat 08:00-18:00"]} | wishes
    )


def capacity_of(
    grids: Mapping[str, QuarterGrid],
    rules: Policy,
    busy: BusyHours | None = None,
    shares: Mapping[str, np.ndarray] | None = None,
    days: int = 0,
) -> Capacity:
    """At noon of the day after the last whole week of the grids, and `days` later."""
    first = next(iter(grids.values()))
    day = first.first_day + timedelta(days=len(first.values) // QUARTERS_PER_DAY + days)
    now = datetime.combine(day, time(12), ZoneInfo(rules.zone))
    return weekly_capacity(Snapshot(now, grids, {}, {}), shares or {}, rules, busy or {})


def group(capacity: Capacity) -> GroupWeeks:
    return together(list(capacity.machines.values()))


def test_weeks_begin_on_the_next_monday() -> None:
    for days in range(7):
        mondays = capacity_of({"mill": grid(8)}, policy(), days=days).mondays
        assert mondays[0] == MONDAY + timedelta(weeks=9)
        assert [one - mondays[0] for one in mondays] == [timedelta(weeks=week) for week in range(WEEKS)]


SPRING, AUTUMN = date(2026, 3, 23), date(2026, 10, 19)
ALWAYS = {"offered": ["mon-sun 00:00-24:00"]}


@pytest.mark.parametrize(
    ("wishes", "monday", "hours"),
    [
        pytest.param({}, date(2026, 3, 9), 10, id="what the policy offers"),
        pytest.param({"offered": None, "shifts": "2x8"}, date(2026, 3, 9), 80, id="the shifts where it names no hours"),
        pytest.param({"offered": None, "shifts": "3x8"}, date(2026, 3, 9), 120, id="a night shift belongs to the day it begins on"),
        pytest.param({"blackout": ["2026-03-14"]}, date(2026, 3, 9), 0, id="a blackout"),
        pytest.param({"leave": ["2026-03-09/2026-03-14"]}, date(2026, 3, 9), 0, id="collective leave"),
        pytest.param({"offered": ["mon-fri 08:00-18:00"], "zone": "Europe/Brussels", "holidays": "BE"}, date(2026, 4, 6), 40, id="Easter Monday"),
        pytest.param(ALWAYS | {"zone": "Europe/Brussels"}, SPRING, 167, id="clocks put forward"),
        pytest.param(ALWAYS | {"zone": "Europe/Brussels"}, AUTUMN, 169, id="clocks put back"),
        pytest.param({"largest_share": 0.5}, date(2026, 3, 9), 5, id="no more than the largest share"),
    ],
)  # fmt: skip
def test_open_hours_follow_policy_and_calendar(wishes: dict[str, Any], monday: date, hours: float) -> None:
    rules = policy(**wishes)
    found = capacity_of({"mill": grid(8, zone=rules.zone)}, rules)
    week = found.mondays.index(monday)
    weeks = group(found)
    assert weeks.open_h[week] == pytest.approx(hours)
    # The machine is always free, so that all that is open can be expected.
    assert weeks.expected_h[week] == pytest.approx(hours)


def test_what_is_taken_is_not_open() -> None:
    saturday = datetime(2026, 3, 14, 6, tzinfo=ZoneInfo("UTC"))
    taken = {"mill": [(saturday, saturday + timedelta(hours=6))]}
    weeks = group(capacity_of({"mill": grid(8)}, policy(), taken))
    assert weeks.open_h[:2].tolist() == [6, 10]


def test_without_a_forecast_the_past_weeks_say_what_to_expect() -> None:
    every_other = {week: week % 2 == 0 for week in range(26)}
    weeks = group(capacity_of({"mill": grid(26, every_other)}, policy()))
    assert weeks.expected_h.tolist() == [5] * WEEKS
    assert weeks.forecast.tolist() == [0] * WEEKS
    assert (weeks.low_h[0], weeks.high_h[0]) == (0, 10)


def test_as_far_as_it_reaches_the_forecast_counts() -> None:
    # From Monday noon of week 8 on: the rest of that week, and of the next one up to Saturday at one o'clock.
    reach = np.full(12 * 4 + 6 * 96 + 5 * 96 + 13 * 4, 0.2)
    weeks = group(capacity_of({"mill": grid(8)}, policy(), shares={"mill": reach}))
    assert weeks.forecast[:2].tolist() == [0.5, 0]
    assert weeks.expected_h[:2].tolist() == pytest.approx([5 * 0.2 + 5, 10])


def test_the_interval_moves_with_the_forecast_and_stays_inside_what_is_open() -> None:
    every_other = {week: week % 2 == 0 for week in range(26)}
    weeks = group(capacity_of({"mill": grid(26, every_other)}, policy(), shares={"mill": np.full(14 * 96, 0.9)}))
    assert weeks.expected_h[0] == pytest.approx(9)
    assert (weeks.low_h[0], weeks.high_h[0]) == pytest.approx((4, 10))


def test_machines_that_are_busy_by_turns_are_surer_together() -> None:
    turns = {week: week % 2 == 0 for week in range(26)}
    both = {"mill-1": grid(26, turns), "mill-2": grid(26, {week: not free for week, free in turns.items()})}
    weeks = group(capacity_of(both, policy()))
    assert (weeks.low_h[0], weeks.expected_h[0], weeks.high_h[0]) == (10, 10, 10)
    assert (weeks.past_weeks, weeks.checked, weeks.inside) == (26, 17, 17)


def test_too_few_weeks_give_no_interval_and_even_fewer_no_capacity() -> None:
    few = group(capacity_of({"mill": grid(8)}, policy()))
    assert np.isnan(few.low_h).all()
    assert np.isnan(few.high_h).all()
    assert (few.past_weeks, few.checked) == (8, 0)
    assert capacity_of({"mill": grid(3)}, policy()).unknown == ("mill",)


def test_weeks_of_others_and_weeks_that_nobody_knows_do_not_count() -> None:
    borrowed = QuarterGrid(grid(26).values, MONDAY, "UTC", own_from=24 * QUARTERS)
    silent = grid(26).values.copy()
    silent[20 * QUARTERS :] = UNKNOWN
    found = capacity_of({"new": borrowed, "silent": QuarterGrid(silent, MONDAY, "UTC"), "mill": grid(26)}, policy())
    assert found.unknown == ("new", "silent")
    assert list(found.machines) == ["mill"]


def test_days_that_are_not_like_others_teach_nothing() -> None:
    """A machine that stands still in the leave does not look free on ordinary Saturdays."""
    busy = dict.fromkeys(range(26), False) | {24: True, 25: True}
    leave = [f"{MONDAY + timedelta(weeks=24)}/{MONDAY + timedelta(weeks=26, days=-1)}"]
    weeks = group(capacity_of({"mill": grid(26, busy)}, policy(leave=leave)))
    assert weeks.expected_h.tolist() == [0] * WEEKS
    assert weeks.past_weeks == 24


def test_what_is_not_offered_is_not_told() -> None:
    found = capacity_of({"mill": grid(8)}, policy(machine={"mill": {"offer": False}}))
    assert (found.machines, found.unknown) == ({}, ())


@given(st.lists(st.integers(0, 60), min_size=2, max_size=40))
def test_the_interval_holds_as_often_as_it_says(values: list[int]) -> None:
    """Leave each one out in turn: however they lie, at least that share of them is in the interval of the others."""
    inside = []
    for place, value in enumerate(values):
        bounds = interval(np.array(values[:place] + values[place + 1 :], dtype=float))
        if bounds is not None:
            inside.append(bounds[0] <= value <= bounds[1])
    assert not inside or sum(inside) >= INTERVAL * len(inside)


@given(
    st.lists(st.lists(st.sampled_from([FREE, NOT_FREE, UNKNOWN]), min_size=26, max_size=26), min_size=1, max_size=3),
    st.floats(0, 1),
    st.floats(0.1, 1),
)
def test_lower_is_never_above_expected_nor_that_above_what_is_open(
    saturdays: list[list[int]], share: float, largest: float
) -> None:
    grids = {}
    for number, states in enumerate(saturdays):
        values = grid(26).values.copy().reshape(26, QUARTERS)
        values[:, 5 * QUARTERS_PER_DAY : 6 * QUARTERS_PER_DAY] = np.array(states, dtype=np.int8)[:, None]
        grids[f"mill-{number}"] = QuarterGrid(values.ravel(), MONDAY, "UTC")
    shares = {name: np.full(10 * 96, share) for name in grids}
    found = capacity_of(grids, policy(largest_share=largest), shares=shares)
    if not found.machines:
        return
    weeks = group(found)
    assert (weeks.expected_h <= weeks.open_h + 1e-9).all()
    assert (weeks.expected_h >= 0).all()
    known = ~np.isnan(weeks.low_h)
    assert (weeks.low_h[known] <= weeks.expected_h[known]).all()
    assert (weeks.expected_h[known] <= weeks.high_h[known]).all()
    assert (weeks.low_h[known] >= 0).all()
    assert (weeks.high_h[known] <= weeks.open_h[known] + 1e-9).all()
