"""Profiles and slots: within the offered hours, never overlapping, never over booked hours, no look-ahead."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.forecast.slots import Window, cut_windows, open_quarters, was_kept
from analytics.forecast.weekly_profile import quarter_shares
from analytics.history.quarter_grid import FREE, NOT_FREE, QUARTERS_PER_DAY, QUARTERS_PER_WEEK, UNKNOWN, QuarterGrid
from analytics.policy.policy import QUARTER, MachinePolicy, parse_blackout, parse_offered_hours
from tests.analytics.tables import MONDAY, shift_weeks, utc

OPEN = MachinePolicy(minimum_slot=timedelta(hours=2), maximum_slot=timedelta(hours=12))


def propose_windows(
    grid: QuarterGrid,
    origin: int,
    first: int,
    last: int,
    policy: MachinePolicy,
    taken: Sequence[tuple[datetime, datetime]] = (),
) -> list[Window]:
    """Windows cut from the weekly profile, with positions in the grid."""
    scores = quarter_shares(grid.values, origin, first, last)
    windows = cut_windows(scores, open_quarters(grid, first, last, policy, taken), 0.7, policy)
    return [Window(first + one.first, first + one.last, one.score) for one in windows]


def shown(grid: QuarterGrid, windows: list[Window]) -> list[str]:
    return [f"{grid.local_time(w.first):%a %H:%M} {(w.last - w.first) / 4:g} h" for w in windows]


def test_a_two_shift_machine_is_offered_at_night_and_at_the_weekend() -> None:
    grid = shift_weeks(8)
    origin = 8 * QUARTERS_PER_WEEK
    windows = propose_windows(grid, origin, origin, origin + QUARTERS_PER_WEEK, OPEN)
    assert shown(grid, windows) == [
        "Mon 00:00 6 h", "Mon 22:00 8 h", "Tue 22:00 8 h", "Wed 22:00 8 h", "Thu 22:00 8 h", "Fri 22:00 12 h",
        "Sat 10:00 12 h", "Sat 22:00 12 h", "Sun 10:00 12 h", "Sun 22:00 2 h",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        (["mon 00:00-04:00"], ["Mon 00:00 4 h"]),
        (["mon 05:00-08:00"], []),  # only one of these hours is free, which is less than the minimum
        (["mon-tue 20:00-24:00"], ["Mon 22:00 2 h", "Tue 22:00 2 h"]),
        (["sat-mon 00:00-02:00"], ["Mon 00:00 2 h", "Sat 00:00 2 h", "Sun 00:00 2 h"]),
    ],
)
def test_only_offered_hours_are_offered(offered: list[str], expected: list[str]) -> None:
    grid = shift_weeks(8)
    policy = OPEN.model_copy(update={"offered": tuple(parse_offered_hours(text) for text in offered)})
    origin = 8 * QUARTERS_PER_WEEK
    windows = propose_windows(grid, origin, origin, origin + QUARTERS_PER_WEEK, policy)
    assert shown(grid, windows) == expected


def test_booked_hours_are_not_offered_again() -> None:
    grid = shift_weeks(8)
    origin = 8 * QUARTERS_PER_WEEK
    booked = [(grid.moment(origin) + timedelta(hours=1), grid.moment(origin) + timedelta(hours=2, minutes=10))]
    windows = propose_windows(grid, origin, origin, origin + QUARTERS_PER_DAY, OPEN, booked)
    assert shown(grid, windows) == ["Mon 02:15 3.75 h", "Mon 22:00 2 h"]


_grids = st.builds(
    lambda seed, busy, unknown: QuarterGrid(
        np.random.default_rng(seed)
        .choice([FREE, NOT_FREE, UNKNOWN], 6 * QUARTERS_PER_WEEK // 24, p=[1 - busy - unknown, busy, unknown])
        .repeat(24)
        .astype(np.int8),
        MONDAY,
        "Europe/Brussels",
    ),
    st.integers(0, 10_000), st.floats(0, 0.5), st.floats(0, 0.4),
)  # fmt: skip


@given(_grids, st.integers(1, 16), st.integers(1, 48))
def test_windows_never_overlap_and_keep_to_their_lengths(grid: QuarterGrid, shortest: int, longest: int) -> None:
    quarter = timedelta(minutes=15)
    policy = OPEN.model_copy(update={"minimum_slot": shortest * quarter, "maximum_slot": longest * quarter})
    origin = 6 * QUARTERS_PER_WEEK
    windows = propose_windows(grid, origin, origin, origin + QUARTERS_PER_WEEK, policy)
    for before, after in itertools.pairwise(windows):
        assert before.last <= after.first
    for window in windows:
        assert shortest <= window.last - window.first <= max(shortest, longest)
        assert window.score >= 0.7


@given(_grids, st.integers(0, 10_000))
def test_nothing_at_or_after_the_origin_changes_a_proposal(grid: QuarterGrid, seed: int) -> None:
    origin = 4 * QUARTERS_PER_WEEK + 37
    other = grid.values.copy()
    other[origin:] = np.random.default_rng(seed).choice([FREE, NOT_FREE, UNKNOWN], len(other) - origin)
    changed = QuarterGrid(other, grid.first_day, grid.zone)
    args = (origin, origin, origin + QUARTERS_PER_WEEK, OPEN)
    assert propose_windows(grid, *args) == propose_windows(changed, *args)


def test_a_share_needs_two_known_weeks() -> None:
    values = np.full(3 * QUARTERS_PER_WEEK, FREE, dtype=np.int8)
    values[: 2 * QUARTERS_PER_WEEK] = UNKNOWN
    origin = 3 * QUARTERS_PER_WEEK
    assert np.isnan(quarter_shares(values, origin, origin, origin + 8)).all()
    values[QUARTERS_PER_WEEK : 2 * QUARTERS_PER_WEEK] = NOT_FREE
    assert quarter_shares(values, origin, origin, origin + 8).tolist() == [0.5] * 8


def test_a_margin_is_left_where_busy_time_borders() -> None:
    scores = np.array([0.9] * 8 + [0.1] * 4 + [0.9] * 12)
    windows = cut_windows(
        scores, np.ones(24, dtype=bool), 0.5, OPEN.model_copy(update={"minimum_slot": timedelta(hours=1)}), 2
    )
    assert [(one.first, one.last) for one in windows] == [(0, 6), (14, 24)]


def test_slots_are_no_longer_than_requested() -> None:
    windows = cut_windows(np.ones(20), np.ones(20, dtype=bool), 0.5, OPEN, longest_slot=timedelta(hours=2))
    assert [(one.first, one.last) for one in windows] == [(0, 8), (8, 16)]


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ([1] * 8, True),
        ([1] * 7 + [0], False),
        ([-1] * 7 + [0], False),
        ([1] * 4 + [-1] * 4, None),
        ([1] * 7 + [-1], True),
        ([], None),
    ],
)
def test_was_kept(values: list[int], kept: bool | None) -> None:
    assert was_kept(np.array(values, dtype=np.int8)) is kept


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        # The night of the DST change: local 22:00 to 06:00 lasts 7 hours in March, 9 in October.
        (date(2026, 3, 28), 7.0),
        (date(2026, 10, 24), 9.0),
        (date(2026, 6, 13), 8.0),
    ],
)
def test_slots_follow_local_time(day: date, expected: float) -> None:
    monday = day - timedelta(days=day.weekday(), weeks=8)
    grid = shift_weeks(9, monday, zone="Europe/Brussels")
    for week in range(9):  # Saturdays and Sundays work the same hours
        for offset in (5, 6):
            start = week * QUARTERS_PER_WEEK + offset * QUARTERS_PER_DAY
            grid.values[start + 24 : start + 88] = NOT_FREE
    first = (day - monday).days * QUARTERS_PER_DAY + 80
    windows = propose_windows(grid, 8 * QUARTERS_PER_WEEK, first, first + 60, OPEN)
    assert [f"{grid.local_time(one.first):%H:%M}-{grid.local_time(one.last):%H:%M}" for one in windows] == [
        "22:00-06:00"
    ]
    assert (grid.moment(windows[0].last) - grid.moment(windows[0].first)) / timedelta(hours=1) == expected


def test_moments_of_slots_are_aware() -> None:
    assert shift_weeks(1).moment(0) == utc(5)
    assert isinstance(shift_weeks(1).moment(0), datetime)


@given(st.integers(0, 60), st.integers(1, 12), st.integers(0, 20))
def test_runs_are_cut_into_pieces_of_valid_length_with_little_loss(length: int, shortest: int, more: int) -> None:
    longest = shortest + more
    policy = MachinePolicy(minimum_slot=shortest * QUARTER, maximum_slot=longest * QUARTER)
    windows = cut_windows(np.ones(length), np.ones(length, dtype=bool), 0.5, policy)
    expected, begin = [], 0
    while length - begin >= shortest:  # the rule, one piece after the other
        stop = min(length, begin + longest)
        if 0 < length - stop < shortest and stop - begin >= 2 * shortest:
            stop = length - shortest
        expected.append((begin, stop))
        begin = stop
    assert [(one.first, one.last) for one in windows] == expected


_ALL = 2 * QUARTERS_PER_DAY
_FREE_AT_NOON = np.where((np.arange(_ALL) % 96 >= 45) & (np.arange(_ALL) % 96 < 75), 0.9, 0.1)
"""A forecast that is free from 11:15 to 18:45 on both days."""


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ({}, ["11:15-18:45"]),
        ({"buffer_before": timedelta(minutes=30), "buffer_after": timedelta(minutes=45)}, ["11:45-18:00"]),
        ({"round_to": "1h"}, ["12:00-18:00"]),
        ({"round_to": "2h", "buffer_before": timedelta(hours=1)}, ["14:00-18:00"]),
        ({"round_to": "1h", "maximum_slot": timedelta(minutes=150)}, ["12:00-14:00", "14:00-16:00", "16:00-18:00"]),
    ],
)
def test_buffers_and_rounding(wishes: dict[str, object], expected: list[str]) -> None:
    policy = MachinePolicy(**{"minimum_slot": timedelta(hours=2), **wishes})
    # The forecast begins at 01:30: local times are rounded, not positions.
    windows = cut_windows(_FREE_AT_NOON[6:], np.ones(_ALL - 6, dtype=bool), 0.5, policy, origin=96 + 6)

    def clock(place: int) -> str:
        return f"{(place + 6) % 96 // 4:02}:{(place + 6) % 4 * 15:02}"

    assert [f"{clock(one.first)}-{clock(one.last)}" for one in windows] == 2 * expected


def test_blackout_days_and_time_near_taken_hours_are_not_open() -> None:
    grid = shift_weeks(1)
    policy = MachinePolicy(
        blackout=(parse_blackout("2026-01-13/2026-01-14"),), buffer_before=timedelta(hours=1), buffer_after=QUARTER
    )
    usable = open_quarters(grid, 7 * 96, 11 * 96, policy, [(utc(12, 8), utc(12, 10))])  # Monday the 12th is day 7
    assert not usable[96 : 3 * 96].any()
    assert usable[:96].tolist() == [not 8 * 4 - 1 <= place < 11 * 4 for place in range(96)]
    assert usable[3 * 96 :].all()
