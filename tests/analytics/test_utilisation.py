"""ISO 22400-2 worked out by hand, and days of 23 and 25 hours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest

from analytics.timeline import timeline
from analytics.utilisation import DayUtilisation, utilisation_per_day
from tests.analytics.tables import intervals, utc

GAP = timedelta(minutes=30)


def one_day(
    rows: Sequence[tuple[str, datetime, datetime, str, str | None]], day: date, zone: str = "UTC"
) -> DayUtilisation:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
    spells = timeline(intervals(rows), start, start + timedelta(days=3))
    found = utilisation_per_day(spells, zone, day, day, GAP)
    assert len(found) == 1
    return found[0]


def test_a_day_worked_out_by_hand() -> None:
    day = one_day(
        [
            ("m", utc(5, 0), utc(5, 6), "not_available", None),
            ("m", utc(5, 6), utc(5, 7), "not_executing", "setup"),
            ("m", utc(5, 7), utc(5, 9), "executing", "processing"),
            ("m", utc(5, 9), utc(5, 9, 15), "not_executing", "processing"),
            ("m", utc(5, 9, 15), utc(5, 12), "executing", "processing"),
            ("m", utc(5, 12), utc(5, 14), "out_of_service", None),
            ("m", utc(5, 14), utc(5, 18), "not_executing", "none"),
        ],
        date(2026, 1, 5),
    )
    assert (day.calendar_h, day.known_h) == (24.0, 18.0)
    assert day.apt_h == pytest.approx(4.75)  # 2 h and 2 h 45
    assert day.aust_h == pytest.approx(1.0)
    assert day.adot_h == pytest.approx(2.0)
    assert day.adet_h == pytest.approx(0.25)  # the quarter between two parts
    assert day.aubt_h == pytest.approx(6.0)  # 06:00 to 12:00
    assert day.coverage == pytest.approx(0.75)
    assert day.utilization_efficiency == pytest.approx(4.75 / 6)
    assert day.setup_ratio == pytest.approx(1 / 5.75)
    assert day.utilization_of_calendar_time == pytest.approx(4.75 / 24)


def test_a_ratio_without_a_denominator_is_none() -> None:
    day = one_day([("m", utc(5), utc(6), "not_available", None)], date(2026, 1, 5))
    assert day.utilization_efficiency is None
    assert day.setup_ratio is None
    assert day.utilization_of_calendar_time == 0.0


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 29), 23.0), (date(2026, 10, 25), 25.0), (date(2026, 3, 30), 24.0)]
)
def test_local_days_are_as_long_as_they_are(day: date, hours: float) -> None:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
    found = one_day([("m", start, start + timedelta(days=3), "executing", None)], day, "Europe/Brussels")
    assert (found.calendar_h, found.known_h, found.apt_h, found.aubt_h) == (hours,) * 4


def test_days_and_machines_are_told_apart() -> None:
    rows = [("a", utc(5, 22), utc(6, 3), "executing", None), ("b", utc(6), utc(7), "not_executing", None)]
    spells = timeline(intervals(rows), utc(5), utc(7))
    found = {
        (one.machine, one.day.day): one.apt_h
        for one in utilisation_per_day(spells, "UTC", date(2026, 1, 5), date(2026, 1, 6), GAP)
    }
    assert found == {("a", 5): 2.0, ("a", 6): 3.0, ("b", 5): 0.0, ("b", 6): 0.0}
