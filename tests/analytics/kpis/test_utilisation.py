"""ISO 22400-2 figures calculated by hand, and days of 23 and 25 hours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from analytics.history.timeline import timeline
from analytics.kpis.utilisation import By, Per, PeriodUtilisation, utilisation
from analytics.policy.policy import MachinePolicy, MachineTable, Policy
from analytics.policy.shifts import PATTERNS, shift_times
from tests.analytics.tables import intervals, utc

GAP = timedelta(minutes=30)


def one_day(
    rows: Sequence[tuple[str, datetime, datetime, str, str | None]], day: date, zone: str = "UTC"
) -> PeriodUtilisation:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
    spells = timeline(intervals(rows), start, start + timedelta(days=3))
    found = utilisation(spells, Policy(zone=zone, changeover_gap=GAP), day, day)
    assert len(found) == 1
    return found[0]


def test_a_day_calculated_by_hand() -> None:
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
def test_local_days_have_23_24_or_25_hours(day: date, hours: float) -> None:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
    found = one_day([("m", start, start + timedelta(days=3), "executing", None)], day, "Europe/Brussels")
    assert (found.calendar_h, found.known_h, found.apt_h, found.aubt_h) == (hours,) * 4


def test_days_and_machines_are_separate() -> None:
    rows = [("a", utc(5, 22), utc(6, 3), "executing", None), ("b", utc(6), utc(7), "not_executing", None)]
    spells = timeline(intervals(rows), utc(5), utc(7))
    found = {
        (one.of, date.fromisoformat(one.period).day): one.apt_h
        for one in utilisation(spells, Policy(zone="UTC", changeover_gap=GAP), date(2026, 1, 5), date(2026, 1, 6))
    }
    assert found == {("a", 5): 2.0, ("a", 6): 3.0, ("b", 5): 0.0, ("b", 6): 0.0}


BRUSSELS = "Europe/Brussels"
TWO_TURNING = Policy(
    factory="hal-2",
    zone="UTC",
    group={"turning": MachinePolicy()},
    machine={name: MachineTable(group="turning") for name in ("lathe-1", "lathe-2")},
)
WEEK = [
    # Monday the 5th: the early shift produces for 6 h and waits for 2 h; the late shift is down for 1 h, then off.
    ("lathe-1", utc(5), utc(5, 6), "not_available", None),
    ("lathe-1", utc(5, 6), utc(5, 12), "executing", "processing"),
    ("lathe-1", utc(5, 12), utc(5, 14), "not_executing", "none"),
    ("lathe-1", utc(5, 14), utc(5, 15), "out_of_service", None),
    ("lathe-1", utc(5, 15), utc(6), "not_available", None),
    ("lathe-2", utc(5, 6), utc(5, 8), "not_executing", "maintenance"),
    ("lathe-2", utc(5, 8), utc(5, 9), "executing", "setup"),
    ("saw-1", utc(5), utc(6), "not_executing", None),
]


def test_the_hours_of_a_shift() -> None:
    spells = timeline(intervals(WEEK), utc(5), utc(6))
    rows = utilisation(spells, TWO_TURNING, date(2026, 1, 5), date(2026, 1, 5), "machine", "shift")
    found = {(one.of, one.period): one for one in rows}
    early, late = (found["lathe-1", f"2026-01-05 {name}"] for name in ("early", "late"))
    assert (early.calendar_h, early.apt_h, early.idle_h) == pytest.approx((8, 6, 2))
    assert (late.adot_h, late.off_h) == pytest.approx((1, 7))
    assert early.utilization_of_calendar_time == pytest.approx(0.75)
    outside = found["lathe-1", "2026-01-05 outside"]
    assert (outside.calendar_h, outside.off_h) == pytest.approx((8, 8)), "before the early and after the late shift"
    other = found["lathe-2", "2026-01-05 early"]
    assert other.losses_h == pytest.approx(
        {"down": 0, "set_up": 1, "delay": 0, "maintenance": 2, "idle": 0, "off": 0, "unknown": 5}
    )
    assert not other.reaches(0.8), "three hours of eight are known"
    assert early.reaches(0.8)


def test_groups_the_factory_and_last_use() -> None:
    spells = timeline(intervals(WEEK), utc(5), utc(6))
    groups = {
        one.of: one for one in utilisation(spells, TWO_TURNING, date(2026, 1, 5), date(2026, 1, 5), "group", "week")
    }
    assert set(groups) == {"turning", "no group"}
    assert (groups["turning"].calendar_h, groups["turning"].apt_h) == pytest.approx((48, 6))
    assert groups["turning"].period == "2026-W02"
    assert groups["turning"].last_used == utc(5, 12)
    assert groups["no group"].last_used is None, "the saw was not used"
    (factory,) = utilisation(spells, TWO_TURNING, date(2026, 1, 5), date(2026, 1, 5), "factory", "day")
    assert (factory.of, factory.period) == ("hal-2", "2026-01-05")
    assert factory.calendar_h == pytest.approx(72)


_rows = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.integers(0, 47),
        st.integers(1, 20),
        st.sampled_from(["executing", "not_executing", "not_available", "out_of_service", "unknown"]),
        st.sampled_from([None, "setup", "maintenance", "processing"]),
    ),
    min_size=1,
)


@pytest.mark.long
@given(_rows, st.sampled_from(["day", "week", "shift"]), st.sampled_from(["machine", "group", "factory"]))
def test_the_hours_of_all_reasons_add_up_to_the_calendar(
    rows: list[tuple[str, int, int, str, str | None]], per: Per, by: By
) -> None:
    reports = {(name, since): (length, state, mode) for name, since, length, state, mode in rows}
    frame = intervals(
        [
            (name, utc(5) + timedelta(hours=since), utc(5) + timedelta(hours=since + length), state, mode)
            for (name, since), (length, state, mode) in reports.items()
        ]
    )
    found = utilisation(
        timeline(frame, utc(5), utc(7)),
        TWO_TURNING,
        date(2026, 1, 5),
        date(2026, 1, 6),
        by,
        per,
    )
    for one in found:
        assert one.apt_h + sum(one.losses_h.values()) == pytest.approx(one.calendar_h)
    assert sum(one.calendar_h for one in found) == pytest.approx(48 * len({name for name, _ in reports}))


def test_a_night_shift_over_the_dst_change_is_an_hour_shorter() -> None:
    policy = Policy(zone=BRUSSELS, shifts="3x8")
    nights = [
        one for one in shift_times(policy.shifts, BRUSSELS, date(2026, 3, 27), date(2026, 3, 30)) if one.name == "night"
    ]
    hours = [(one.end.astimezone(UTC) - one.start.astimezone(UTC)) / timedelta(hours=1) for one in nights]
    assert hours == [8, 8], "Friday's and Monday's; Saturday's is none of the pattern's"
    weekend = [one.model_copy(update={"days": ("sat",)}) for one in PATTERNS["3x8"]]
    (night,) = [
        one for one in shift_times(weekend, BRUSSELS, date(2026, 3, 28), date(2026, 3, 28)) if one.name == "night"
    ]
    assert night.end.astimezone(UTC) - night.start.astimezone(UTC) == timedelta(hours=7)


def test_shifts_that_overlap_are_refused() -> None:
    tables = [{"name": "one", "start": "06:00", "end": "14:30"}, {"name": "two", "start": "14:00", "end": "22:00"}]
    with pytest.raises(ValidationError, match="'one' and 'two' overlap"):
        Policy.model_validate({"shifts": tables})
    with pytest.raises(ValidationError, match="2x8"):
        Policy.model_validate({"shifts": "4x6"})
