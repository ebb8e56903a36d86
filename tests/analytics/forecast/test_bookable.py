"""Maximal windows: every part of one is bookable, none lies inside another, and nothing is outside what may be booked."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.forecast.bookable import Rules, Windows, longest_bookable, maximal_windows, probability_of
from analytics.forecast.promise import NEVER, parts_kept, was_kept
from analytics.forecast.tally import Tally
from analytics.forecast.window_model import never_growing
from analytics.history.offered_quarters import open_quarters
from analytics.history.quarter_grid import FREE, NOT_FREE, QUARTERS_PER_DAY, QUARTERS_PER_WEEK, UNKNOWN
from analytics.policy.policy import MachinePolicy, parse_blackout, parse_offered_hours
from tests.analytics.tables import shift_weeks

LENGTHS = (2, 4, 8, 16, 32, 96)
OPEN = MachinePolicy(minimum_slot=timedelta(hours=2))


def rules(**quarters: int) -> Rules:
    given = {"shortest": 8, "before": 0, "after": 0, "step": 1} | quarters
    return Rules(*(np.array([value]) for value in given.values()))


def free_but_for(*busy: tuple[int, int], starts: int = 96) -> np.ndarray:
    """Windows are sure where they do not touch the given quarters: shape (1, starts, lengths)."""
    begin = 2 * np.arange(starts)[:, None]
    end = begin + np.array(LENGTHS)[None, :]
    touched = np.zeros((starts, len(LENGTHS)), dtype=bool)
    for first, last in busy:
        touched |= (begin < last) & (first < end)
    return np.where(touched, 0.01, 0.99)[None]


def shown(windows: Windows) -> list[str]:
    return [f"{begin / 4:g}-{end / 4:g}" for begin, end in zip(windows.begin, windows.end, strict=True)]


HALF = np.full((1, len(LENGTHS)), 0.5)
ALL = np.ones((1, 192), dtype=bool)


def test_what_is_told_are_the_windows_inside_no_other_one() -> None:
    """Busy from 10 to 12."""
    found = maximal_windows(free_but_for((40, 48)), HALF, ALL, rules(), LENGTHS)
    assert shown(found)[:5] == ["0-8", "0.5-8.5", "1-9", "1.5-9.5", "2-10"]
    ends = dict(zip((found.begin / 4).tolist(), (found.end / 4).tolist(), strict=True))
    assert all(end <= 10 or begin >= 10.5 for begin, end in ends.items())
    assert (np.diff(found.begin) > 0).all()
    assert (np.diff(found.end) > 0).all()
    assert (found.probability >= 0.5 - 1e-9).all()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["2-4", "7-9"]),
        ({"shortest": 9}, []),
        ({"step": 8}, ["2-4"]),
        ({"step": 4, "shortest": 4}, ["2-4", "7-9"]),
    ],
)
def test_windows_keep_to_the_hours_that_may_be_booked(given: dict[str, int], expected: list[str]) -> None:
    usable = np.zeros((1, 192), dtype=bool)
    usable[0, 8:16] = usable[0, 28:36] = True
    assert shown(maximal_windows(free_but_for(), HALF, usable, rules(**given), LENGTHS)) == expected


def test_buffers_must_be_free_as_well() -> None:
    busy = free_but_for((40, 48))
    without = maximal_windows(busy, HALF, ALL, rules(), LENGTHS)
    found = maximal_windows(busy, HALF, ALL, rules(before=4, after=2), LENGTHS)
    assert found.begin[found.begin >= 40].min() >= without.begin[without.begin >= 40].min() + 4
    assert found.end[found.begin < 40].max() <= without.end[without.begin < 40].max() - 2


def test_no_window_reaches_a_threshold_that_there_is_not() -> None:
    assert shown(maximal_windows(free_but_for(), np.full((1, 6), NEVER), ALL, rules(), LENGTHS)) == []
    only_short = np.array([[0.5, 0.5, 0.5, NEVER, NEVER, NEVER]])
    found = maximal_windows(free_but_for(), only_short, ALL, rules(), LENGTHS)
    assert set((found.end - found.begin).tolist()) == {8}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 3), st.integers(0, 3), st.sampled_from([1, 2, 4]))
def test_every_part_of_a_bookable_window_is_bookable_and_at_least_as_sure(
    seed: int, before: int, after: int, step: int
) -> None:
    chance = np.random.default_rng(seed)
    forecast = never_growing(chance.beta(4, 1, (1, 96, len(LENGTHS))), LENGTHS)
    thresholds = np.sort(chance.uniform(0.2, 0.9, len(LENGTHS)))[None]
    usable = (chance.random((1, 24)) < 0.9).repeat(8, axis=1)
    own = rules(before=before, after=after, step=step)
    found = maximal_windows(forecast, thresholds, usable, own, LENGTHS)
    for place in range(len(found.row)):
        begin, end = int(found.begin[place]), int(found.end[place])
        assert usable[0, begin:end].all()
        assert begin % step == end % step == 0
        for _ in range(5):
            length = int(chance.integers(8, end - begin + 1))
            start = begin + int(chance.integers(0, end - begin - length + 1))
            sure = probability_of(forecast, np.array([0]), np.array([start]), np.array([start + length]), own, LENGTHS)
            assert sure[0] >= found.probability[place] - 1e-9
    for one, other in zip(range(len(found.row)), range(1, len(found.row)), strict=False):
        assert found.begin[one] < found.begin[other]
        assert found.end[one] < found.end[other]


def test_the_longest_window_from_each_start() -> None:
    forecast = np.array([[[0.99, 0.9, 0.5, 0.4, 0.3, 0.2]]])
    lengths = [
        int(longest_bookable(forecast, np.full((1, 6), threshold), LENGTHS)[0, 0])
        for threshold in (0.995, 0.99, 0.9, 0.7, 0.5, 0.1)
    ]
    assert lengths == [0, 2, 4, 4, 8, 96]


def test_offered_hours() -> None:
    grid = shift_weeks(8)
    origin = 8 * QUARTERS_PER_WEEK
    closed = OPEN.model_copy(
        update={"offered": (parse_offered_hours("mon-tue 20:00-24:00"),), "blackout": (parse_blackout("2026-03-03"),)}
    )
    usable = open_quarters(grid, origin, origin + 2 * QUARTERS_PER_DAY, closed)
    assert np.flatnonzero(usable).tolist() == list(range(80, 96))
    booked = [(grid.moment(origin) + timedelta(hours=1), grid.moment(origin) + timedelta(hours=2, minutes=10))]
    usable = open_quarters(grid, origin, origin + QUARTERS_PER_DAY, OPEN, booked)
    assert np.flatnonzero(~usable).tolist() == [4, 5, 6, 7, 8]


def test_whether_a_window_was_kept() -> None:
    assert was_kept(np.array([FREE] * 8 + [UNKNOWN] * 2)) is True
    assert was_kept(np.array([FREE] * 7 + [UNKNOWN] * 3)) is None
    assert was_kept(np.array([FREE] * 7 + [NOT_FREE])) is False
    assert was_kept(np.array([])) is None


def test_what_people_could_have_booked_of_a_window() -> None:
    """Busy in its last hour: of four windows of two hours two were broken, and those of four hours but one."""
    values = np.array([FREE] * 12 + [NOT_FREE] * 2 + [FREE] * 2)
    assert parts_kept(values) == Tally(5 + 1, 2 + 1)
    assert parts_kept(values[:4]) == Tally(1, 0)
