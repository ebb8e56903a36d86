"""Properties of proposals for any history: the factory's rules hold for every window, and stricter rules never offer
more."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.forecast.counting import CountedWeekdays
from analytics.forecast.promise import Promise
from analytics.forecast.spare_capacity import Fitted, propose
from analytics.forecast.window_shares import LENGTHS
from analytics.history.quarter_grid import FREE, NOT_FREE, UNKNOWN, QuarterGrid
from analytics.history.snapshot import Snapshot
from analytics.policy.policy import QUARTER, Blackout, Policy, parse_offered_hours
from analytics.policy.slot import Slot

FIRST_DAY = date(2026, 3, 2)
ZONE = "Europe/Brussels"
LOCAL = ZoneInfo(ZONE)
# Four weeks and a morning: the horizon includes the DST change on 29 March.
NOW = datetime(2026, 3, 26, 9, 7, tzinfo=LOCAL)
SKIPPED = [datetime(2026, 3, 29, 3, minute, tzinfo=LOCAL) for minute in (0, 15, 30, 45)]
FITTED = Fitted(CountedWeekdays(), Promise(np.full(len(LENGTHS), 0.5), days=200), rate=0.05, now=NOW)

policies = st.builds(
    lambda offered, blackout, shortest, more, notice, before, after, share, step: Policy(
        zone=ZONE,
        offered=offered,
        blackout=blackout,
        minimum_slot=timedelta(minutes=15 * shortest),
        maximum_slot=timedelta(minutes=15 * (shortest + more)),
        notice=timedelta(minutes=notice),
        buffer_before=timedelta(minutes=before),
        buffer_after=timedelta(minutes=after),
        largest_share=share,
        round_to=step,
        required_probability=0.01,
    ),
    st.sampled_from(
        [None, (parse_offered_hours("mon-fri 06:00-22:00"),), (parse_offered_hours("sat-mon 00:00-24:00"),)]
    ),
    st.sampled_from([(), (Blackout(first=date(2026, 3, 27), last=date(2026, 3, 28)),)]),
    st.integers(1, 12),
    st.integers(0, 20),
    st.sampled_from([0, 40, 600]),
    st.sampled_from([0, 20, 60]),
    st.sampled_from([0, 45]),
    st.sampled_from([0.1, 0.5, 1.0]),
    st.sampled_from(["15min", "30min", "1h", "2h"]),
)
bookings = st.lists(
    st.tuples(st.integers(0, 6 * 24 * 60), st.integers(1, 600)).map(
        lambda one: (NOW + timedelta(minutes=one[0]), NOW + timedelta(minutes=sum(one)))
    ),
    max_size=4,
)


def snapshot(seed: int) -> Snapshot:
    chance = np.random.default_rng(seed)
    days = (NOW.date() - FIRST_DAY).days + 1
    week = chance.choice([FREE, NOT_FREE], 7 * 24, p=[0.7, 0.3]).repeat(4)
    values = np.tile(week, days // 7 + 1)[: days * 96].astype(np.int8)
    values[chance.random(len(values)) < 0.05] = UNKNOWN
    return Snapshot(NOW, {"m": QuarterGrid(values, FIRST_DAY, ZONE)}, {"m": NOW}, {"m": bool(seed % 2)})


def slots_of(seed: int, policy: Policy, booked: list[tuple[datetime, datetime]]) -> tuple[Slot, ...]:
    return propose(FITTED, snapshot(seed), policy, {"m": booked}).slots


@pytest.mark.long
@given(st.integers(0, 500), policies, bookings)
def test_every_slot_keeps_every_rule(seed: int, policy: Policy, booked: list[tuple[datetime, datetime]]) -> None:
    slots = slots_of(seed, policy, booked)
    step = {"15min": 15, "30min": 30, "1h": 60, "2h": 120}[policy.round_to]
    for slot in slots:
        start, end = slot.start.astimezone(LOCAL), slot.end.astimezone(LOCAL)
        assert policy.minimum_slot <= slot.end - slot.start
        assert start >= NOW + policy.notice
        assert end <= NOW + policy.horizon
        for moment in (start, end):
            # Where clocks go forward, two hours take three on the clock.
            assert (moment.hour * 60 + moment.minute) % step == 0 or moment in SKIPPED
        for begin, stop in booked:
            assert slot.end + policy.buffer_after <= begin or stop + policy.buffer_before <= slot.start
        moment = start.replace(tzinfo=None)
        while moment < end.replace(tzinfo=None):
            assert policy.offered is None or any(hours.contains(moment, QUARTER) for hours in policy.offered)
            assert not any(one.first <= moment.date() <= one.last for one in policy.blackout)
            moment += QUARTER
    for earlier, later in pairwise(slots):
        assert earlier.start < later.start
        assert earlier.end < later.end, "no window lies inside another one"


def hours(found: tuple[Slot, ...]) -> timedelta:
    """Hours inside any of the windows, which are ordered."""
    covered, reached = timedelta(0), NOW.astimezone(UTC)
    for window in found:
        covered += max(timedelta(0), window.end - max(window.start, reached))
        reached = max(reached, window.end)
    return covered


@given(st.integers(0, 500), policies)
def test_no_more_than_the_share_is_offered(seed: int, policy: Policy) -> None:
    days = policy.horizon / timedelta(days=1)
    assert hours(slots_of(seed, policy, [])) <= policy.largest_share * timedelta(days=days)


@pytest.mark.long
@given(
    st.integers(0, 500),
    policies,
    bookings,
    st.sampled_from(
        [
            {"largest_share": 0.05},
            {"required_probability": 0.99},
            {"offer": False},
            {"approval": "never"},
            {"max_silence": timedelta(0) - timedelta(seconds=1)},
            {"notice": timedelta(days=2)},
            {"blackout": (Blackout(first=date(2026, 3, 26), last=date(2026, 3, 30)),)},
        ]
    ),
)
def test_a_stricter_policy_never_offers_more(
    seed: int, policy: Policy, booked: list[tuple[datetime, datetime]], stricter: dict[str, object]
) -> None:
    if stricter.keys() & {"notice", "blackout", "required_probability"}:
        # Without `largest_share`: whole windows are chosen up to the share, so that fewer windows to choose from may add
        # up to more hours. Another test checks the share.
        policy = policy.model_copy(update={"largest_share": 1.0})
    assert hours(slots_of(seed, policy.model_copy(update=stricter), booked)) <= hours(slots_of(seed, policy, booked))
