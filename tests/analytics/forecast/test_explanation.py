"""The explanation agrees with what is proposed: all conditions of what is on offer are met, and what meets all of them is on offer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analytics.forecast.explanation import Condition, TakenHours, explain
from analytics.forecast.promise import MIN_DAYS, Trials
from analytics.forecast.promise_cost import promise_costs
from analytics.forecast.spare_capacity import propose
from analytics.forecast.window_shares import LENGTHS, STARTS_PER_DAY
from analytics.history.quarter_grid import FREE, NOT_FREE, UNKNOWN
from analytics.policy.policy import MachinePolicy, Policy, parse_blackout, parse_offered_hours
from tests.analytics.forecast.test_what_may_be_offered import FITTED, NOW, ZONE, bookings, policies, snapshot

HOUR = timedelta(hours=1)


def conditions(
    seed: int, policy: Policy, taken: list[tuple[datetime, datetime]], start: datetime, end: datetime
) -> list[Condition]:
    known = snapshot(seed)
    outlooks = propose(FITTED, known, policy, {"m": taken}).outlooks
    hours = [TakenHours("booked", *span) for span in taken]
    return explain("m", start, end, known, FITTED, outlooks, policy, hours)


A_COARSE_END = Policy(
    zone=ZONE, minimum_slot=timedelta(minutes=15), maximum_slot=HOUR, notice=timedelta(0),
    buffer_before=timedelta(minutes=20), required_probability=0.01,
)  # fmt: skip


@pytest.mark.long
@example(2, A_COARSE_END, [], 21, 1)
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100), policies, bookings, st.integers(0, 140), st.integers(1, 24))
def test_what_meets_every_condition_is_what_is_proposed(
    seed: int, policy: Policy, taken: list[tuple[datetime, datetime]], hours_ahead: int, quarters: int
) -> None:
    policy = policy.model_copy(update={"largest_share": 1.0, "round_to": "1h"})
    # On whole hours, as the policy rounds; of the quarters some are whole hours.
    start = datetime(2026, 3, 26, 9, tzinfo=UTC) + hours_ahead * HOUR
    end = start + quarters * HOUR
    slots = propose(FITTED, snapshot(seed), policy, {"m": taken}).slots
    proposed = any(slot.start <= start and end <= slot.end for slot in slots)
    found = conditions(seed, policy, taken, start, end)
    met = all(condition.met is not False for condition in found)
    if met:
        assert proposed, found
    unmet = {condition.code for condition in found if condition.met is False}
    if proposed:
        assert unmet <= {"length"}, "windows may be longer than a booking, and parts of them shorter"


@pytest.mark.parametrize(
    ("policy", "taken", "hours", "unmet"),
    [
        ({}, [], (20, 24), set()),
        ({"offer": False}, [], (20, 24), {"offer"}),
        ({"approval": "never"}, [], (20, 24), {"offer"}),
        ({"notice": timedelta(hours=48)}, [], (20, 24), {"notice"}),
        ({"minimum_slot": timedelta(hours=6)}, [], (20, 24), {"length"}),
        ({"maximum_slot": timedelta(hours=2)}, [], (20, 24), {"length"}),
        ({"offered": (parse_offered_hours("mon-fri 06:00-08:00"),)}, [], (20, 24), {"hours"}),
        ({"blackout": (parse_blackout("2026-03-27"),)}, [], (20, 24), {"blackout"}),
        ({"buffer_before": timedelta(hours=1)}, [("booked", 18, 19.5)], (20, 24), {"booked"}),
        ({}, [("planned", 22, 23), ("vetoed", 23, 25)], (20, 24), {"planned", "vetoed"}),
        ({"required_probability": 0.999}, [], (20, 24), {"forecast"}),
        ({"horizon": timedelta(hours=22)}, [], (20, 24), {"horizon"}),
        ({}, [], (-30, -28), {"notice", "forecast"}),
    ],
)
def test_every_reason_is_named(
    policy: dict[str, Any], taken: list[tuple[str, float, float]], hours: tuple[float, float], unmet: set[str]
) -> None:
    rules = Policy(zone=ZONE, holidays="", **({"notice": timedelta(0), "required_probability": 0.5} | policy))
    known = snapshot(0)
    known.grids["m"].values[:] = FREE
    outlooks = propose(FITTED, known, Policy(zone=ZONE, holidays="", notice=timedelta(0)), {}).outlooks
    base = NOW.astimezone(UTC).replace(minute=0)
    spans = [TakenHours(kind, base + a * HOUR, base + b * HOUR, "service") for kind, a, b in taken]
    found = explain("m", base + hours[0] * HOUR, base + hours[1] * HOUR, known, FITTED, outlooks, rules, spans)
    assert {condition.code for condition in found if condition.met is False} == unmet


def test_a_machine_that_is_silent_or_hardly_known_is_said_to_be() -> None:
    known = replace(snapshot(0), last_heard={"m": NOW - timedelta(hours=5)})
    known.grids["m"].values[-14 * 96 :: 2] = UNKNOWN
    found = explain("m", NOW + 20 * HOUR, NOW + 24 * HOUR, known, None, (), Policy(zone=ZONE), [])
    assert {"heard", "known", "promise"} <= {condition.code for condition in found if condition.met is False}


def test_a_stricter_promise_finds_less() -> None:
    """Forty days: half of the windows said to be 99 % sure are free always, those of 90 % nine times of ten."""
    chance = np.random.default_rng(3)
    days, quarters = 40 + MIN_DAYS, 96 * 5
    said = np.where(np.arange(days)[:, None, None] % 2, 0.99, 0.9) * np.ones((days, STARTS_PER_DAY, len(LENGTHS)))
    broken = (np.arange(days) % 2 == 0) & (chance.random(days) < 0.1)
    values = np.where(broken[:, None], NOT_FREE, FREE) * np.ones((days, quarters), dtype=np.int8)
    trials = Trials(
        np.zeros(days, dtype=int), np.arange(days, dtype=float), np.ones(days), said, values.astype(np.int8),
        np.ones((days, quarters), dtype=bool),
    )  # fmt: skip
    costs = promise_costs(trials, ["m"], [MachinePolicy(required_probability=0.01)])
    assert [(cost.rate, cost.hours) for cost in costs[:4]] == [(0.01, 2), (0.01, 4), (0.01, 8), (0.02, 2)]
    of_two_hours = [cost for cost in costs if cost.hours == 2]
    found = [cost.found or 0.0 for cost in of_two_hours]
    assert found == sorted(found)
    assert found[-1] > 0.9
    assert found[0] < 0.6
    assert all(cost.kept is None or cost.kept >= 1 - cost.rate for cost in of_two_hours)
