"""What the forecast of windows rests on: shares that never grow with a window and never look ahead, and a model that keeps both."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.forecast.window_model import MIN_ROWS, WindowModel, never_growing
from analytics.forecast.window_shares import FEATURES, SHARES, STARTS_PER_DAY, Origin, PastWindows, window_states
from analytics.history.day_kinds import DayKind, day_kinds
from analytics.history.quarter_grid import FREE, NOT_FREE, QUARTERS_PER_DAY, UNKNOWN
from analytics.policy.policy import Blackout

LENGTHS = (2, 4, 8, 16, 32, 96, 144)
DAYS = 40
MONDAY = date(2026, 3, 2)


def values(seed: int, days: int = DAYS, machines: int = 2) -> np.ndarray:
    """Hours that are free, busy or now and then unknown."""
    chance = np.random.default_rng(seed)
    hours = chance.choice([FREE, NOT_FREE, UNKNOWN], (machines, days * 24), p=[0.75, 0.22, 0.03])
    return hours.repeat(4, axis=1).astype(np.int8)


def past(quarters: np.ndarray, days: int = DAYS + 20) -> PastWindows:
    kinds = day_kinds(MONDAY, days, "BE")
    return PastWindows(quarters, kinds, np.arange(days) % 7, LENGTHS)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0, 4, -2]))
def test_a_window_is_free_where_all_of_it_is(seed: int, grow: int) -> None:
    quarters = values(seed, 3)
    states = window_states(quarters, LENGTHS, grow)
    chance = np.random.default_rng(seed)
    for _ in range(30):
        day, start, place = (int(chance.integers(0, size)) for size in (3, STARTS_PER_DAY, len(LENGTHS)))
        begin = day * QUARTERS_PER_DAY + 2 * start - grow
        end = begin + LENGTHS[place] + 2 * grow
        own = quarters[0, max(0, begin) : max(0, end)]
        unknown = (own == UNKNOWN).sum() + max(0, end - begin) - len(own)
        free = FREE if unknown <= 0.2 * max(0, end - begin) else UNKNOWN
        expected = NOT_FREE if (own == NOT_FREE).any() else free
        assert states[day, place, 0, start] == expected


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(20, DAYS - 8), st.integers(0, QUARTERS_PER_DAY - 1))
def test_nothing_that_ends_after_the_origin_is_used(seed: int, day: int, quarter: int) -> None:
    quarters = values(seed)
    other = quarters.copy()
    other[:, day * QUARTERS_PER_DAY + quarter :] = NOT_FREE
    ahead = [day, day + 1, day + 7]
    for (_, one), (_, two) in zip(
        past(quarters).looking_ahead(Origin(day, quarter), ahead),
        past(other).looking_ahead(Origin(day, quarter), ahead),
        strict=True,
    ):
        np.testing.assert_array_equal(one, two)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_a_window_inside_another_one_was_free_at_least_as_often(seed: int) -> None:
    """For windows within a day: all of them have ended, and nothing is unknown."""
    quarters = np.where(values(seed) == UNKNOWN, FREE, values(seed)).astype(np.int8)
    ((_, features),) = past(quarters).looking_ahead(Origin(DAYS), [DAYS + 1])
    shares = features[..., : SHARES.index("wider, like days")]
    for place in range(1, 5):
        room = (LENGTHS[place] - LENGTHS[place - 1]) // 2
        last = STARTS_PER_DAY - LENGTHS[place] // 2
        for offset in range(room + 1):
            assert (shares[:, : last + 1, place] <= shares[:, offset : last + 1 + offset, place - 1] + 1e-6).all()


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 2 * DAYS - 1))
def test_many_days_at_once_tell_the_same_as_one_after_the_other(seed: int, day: int) -> None:
    quarters = values(seed, 2 * DAYS, machines=1)
    at_once, one_by_one = (past(quarters, 2 * DAYS + 20) for _ in range(2))
    for before in range(1, day):
        one_by_one.advance(before)
    ahead = [day, day + 1, day + 8]
    for (_, one), (_, two) in zip(
        at_once.looking_ahead(Origin(day, 30), ahead), one_by_one.looking_ahead(Origin(day, 30), ahead), strict=True
    ):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def test_shares_follow_a_habit_that_changes() -> None:
    """Evenings were free for five weeks and are worked since six days: the shares that fade fast notice."""
    quarters = np.full((1, DAYS * QUARTERS_PER_DAY), FREE, dtype=np.int8)
    for day in range(DAYS):
        begin = day * QUARTERS_PER_DAY
        quarters[0, begin + 24 : begin + (96 if day >= DAYS - 6 else 72)] = NOT_FREE
    ((_, features),) = past(quarters).looking_ahead(Origin(DAYS), [DAYS + 2])
    evening = dict(zip(FEATURES, features[0, 40, 2], strict=True))
    assert evening["all days, 2 days"] < 0.25
    assert evening["like days, 4 days"] < evening["like days, 10 days"] < evening["like days, 60 days"]
    assert evening["freer than usual in 3 days"] < -0.05


def test_kinds_of_days() -> None:
    """Ascension Day 2026 is Thursday 14 May, and the Friday after it a bridge; Whit Sunday is 24 May."""
    kinds = day_kinds(date(2026, 5, 11), 14, "BE", (Blackout(first=date(2026, 5, 20), last=date(2026, 5, 21)),))
    assert [DayKind(kind).name for kind in kinds] == [
        "WORKDAY", "WORKDAY", "BESIDE", "HOLIDAY", "BRIDGE", "SATURDAY", "SUNDAY",
        "WORKDAY", "WORKDAY", "LEAVE", "LEAVE", "BRIDGE", "SATURDAY", "HOLIDAY",
    ]  # fmt: skip
    assert set(day_kinds(date(2026, 5, 11), 7, "")) == {DayKind.WORKDAY, DayKind.SATURDAY, DayKind.SUNDAY}


def test_a_holiday_is_believed_to_be_like_a_sunday() -> None:
    """Workdays are worked, Sundays are free, and no public holiday has been seen yet."""
    days = 70
    quarters = np.full((1, days * QUARTERS_PER_DAY), FREE, dtype=np.int8)
    for day in range(days):
        if day % 7 < 5:
            quarters[0, day * QUARTERS_PER_DAY : (day + 1) * QUARTERS_PER_DAY] = NOT_FREE
    kinds = day_kinds(MONDAY, days + 10, "")
    kinds[days + 3] = DayKind.HOLIDAY
    history = PastWindows(quarters, kinds, np.arange(days + 10) % 7, LENGTHS)
    (_, workday), (_, holiday) = history.looking_ahead(Origin(days), [days + 2, days + 3])
    morning = (0, 16, 2, FEATURES.index("like days, 60 days"))
    assert workday[morning] < 0.1
    assert holiday[morning] > 0.8


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_a_probability_never_grows_with_its_window(seed: int) -> None:
    found = never_growing(np.random.default_rng(seed).random((2, 60, len(LENGTHS))), LENGTHS)
    chance = np.random.default_rng(seed + 1)
    for _ in range(60):
        inner, outer = sorted(int(place) for place in chance.integers(0, len(LENGTHS), 2))
        room = (LENGTHS[outer] - LENGTHS[inner]) // 2
        start = int(chance.integers(0, 60))
        inside = start + int(chance.integers(0, room + 1))
        if inside < 60:
            assert (found[:, start, outer] <= found[:, inside, inner]).all()


@pytest.mark.long
def test_the_model_learns_what_was_free_and_keeps_the_order_of_shares() -> None:
    chance = np.random.default_rng(3)
    features = chance.random((4 * MIN_ROWS, len(FEATURES))).astype(np.float32)
    free = chance.random(len(features)) < features[:, 0]
    model = WindowModel.fit(features, free)
    assert model is not None
    found = model.probabilities(features)
    assert np.mean((found - free) ** 2) < np.mean((free.mean() - free) ** 2) - 0.04
    more = features.copy()
    more[:, 0] = np.minimum(1.0, more[:, 0] + 0.3)
    assert (model.probabilities(more) >= found - 1e-9).all()


@pytest.mark.parametrize(("rows", "share"), [(MIN_ROWS - 1, 0.5), (2 * MIN_ROWS, 1.0)])
def test_too_little_to_learn_from(rows: int, share: float) -> None:
    chance = np.random.default_rng(0)
    free = chance.random(rows) < share
    assert WindowModel.fit(chance.random((rows, len(FEATURES))), free) is None


def test_a_young_record_is_believed_no_further_than_the_whole_of_it() -> None:
    """From tomorrow on, what was free lately alone, such as in a standstill, is no surer than on all the days that are known."""
    chance = np.random.default_rng(3)
    features = chance.random((4 * MIN_ROWS, len(FEATURES))).astype(np.float32)
    free = chance.random(len(features)) < features[:, 0]
    grown, young = WindowModel.fit(features, free), WindowModel.fit(features, free, young=True)
    assert grown is not None
    assert young is not None
    whole = features[:, SHARES.index("like days, 60 days")]
    assert (grown.probabilities(features) > whole).any()
    soon = features[:, FEATURES.index("days ahead")] < np.log1p(0.99)
    believed = np.where(soon, grown.probabilities(features), np.minimum(grown.probabilities(features), whole))
    np.testing.assert_allclose(young.probabilities(features), believed)
