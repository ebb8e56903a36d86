"""Quarter hours of local time, over days of 23 and 25 hours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.history.occupied_time import occupied_spells
from analytics.history.quarter_grid import FREE, NOT_FREE, QUARTERS_PER_DAY, UNKNOWN, QuarterGrid, quarter_grids
from analytics.history.timeline import timeline
from analytics.policy.policy import QUARTER
from tests.analytics.tables import intervals, utc

BRUSSELS = "Europe/Brussels"


def grid_of(
    rows: Sequence[tuple[str, datetime, datetime, str, str | None]],
    first: date,
    days: int,
    zone: str = "UTC",
) -> QuarterGrid:
    start = datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(zone))
    spells = timeline(intervals(rows), start, start + timedelta(days=days))
    occupied = occupied_spells(spells, timedelta(minutes=30))
    return quarter_grids(spells, occupied, first, days, zone)["m"]


def test_free_busy_and_unknown_quarters() -> None:
    grid = grid_of(
        [("m", utc(5, 1), utc(5, 2), "executing", None), ("m", utc(5, 2), utc(5, 4), "not_executing", None)],
        date(2026, 1, 5),
        1,
    )
    assert grid.values[:4].tolist() == [UNKNOWN] * 4
    assert grid.values[4:8].tolist() == [NOT_FREE] * 4
    assert grid.values[8:16].tolist() == [FREE] * 8
    assert (grid.values[16:] == UNKNOWN).all()


@pytest.mark.parametrize(("busy_s", "expected"), [(20, FREE), (40, NOT_FREE)])
def test_a_quarter_tolerates_a_disturbance_of_one_poll(busy_s: int, expected: int) -> None:
    turn = utc(5, 1) + timedelta(seconds=busy_s)
    grid = grid_of(
        [("m", utc(5, 0), turn, "executing", None), ("m", turn, utc(5, 4), "not_executing", None)], date(2026, 1, 5), 1
    )
    assert grid.values[4] == expected


def test_the_skipped_hour_is_unknown() -> None:
    first = date(2026, 3, 29)
    grid = grid_of([("m", utc(28, month=3), utc(31, month=3), "not_executing", None)], first, 1, BRUSSELS)
    assert grid.values[8:12].tolist() == [UNKNOWN] * 4
    assert (grid.values[[*range(8), *range(12, 96)]] == FREE).all()


def test_the_repeated_hour_is_free_only_if_it_was_free_both_times() -> None:
    # Local 02:00 to 03:00 occurs at 00:00 UTC and again at 01:00 UTC. The machine runs in the second.
    rows = [
        ("m", utc(24, month=10), utc(25, 1, month=10), "not_executing", None),
        ("m", utc(25, 1, month=10), utc(25, 2, month=10), "executing", None),
        ("m", utc(25, 2, month=10), utc(27, month=10), "not_executing", None),
    ]
    grid = grid_of(rows, date(2026, 10, 25), 1, BRUSSELS)
    assert grid.values[8:12].tolist() == [NOT_FREE] * 4
    assert grid.values[4:8].tolist() == [FREE] * 4
    assert grid.values[12:16].tolist() == [FREE] * 4


@given(st.integers(0, 365 * 96 - 1))
def test_index_and_moment_are_inverse(index: int) -> None:
    grid = QuarterGrid(quarter_grid_values(), date(2026, 1, 1), BRUSSELS)
    found = grid.index_of(grid.moment(index))
    # Only in the skipped hour may the quarter differ; then it is the first that exists.
    assert found == index or (grid.local_time(found).hour, grid.local_time(found).minute) == (3, 0)
    assert timedelta(0) <= grid.moment(index + 1) - grid.moment(index) <= timedelta(minutes=75)
    assert grid.moment(index + QUARTERS_PER_DAY) - grid.moment(index) in [timedelta(hours=h) for h in (23, 24, 25)]


def quarter_grid_values() -> np.ndarray:
    return np.zeros(0, dtype=np.int8)


def test_moments_are_utc() -> None:
    grid = QuarterGrid(quarter_grid_values(), date(2026, 7, 1), BRUSSELS)
    assert grid.moment(32) == datetime(2026, 7, 1, 6, 0, tzinfo=UTC)
    assert grid.moment(33) - grid.moment(32) == QUARTER
