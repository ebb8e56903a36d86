"""Figures of a month, by hand; which months, which process class."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pandas as pd
import pytest

from analytics.comparison.contribution import FIGURES, days_of, month_due
from analytics.comparison.figures import MonthHours, month_hours
from analytics.comparison.sender import machines_by_class
from analytics.history.timeline import timeline
from analytics.policy.policy import MachineTable, Policy
from analytics.policy.process_classes import CLASS_OF
from sharing_platform.search.vocabulary import PROCESSES
from tests.analytics.tables import intervals, utc

POLICY = Policy(zone="UTC", holidays="", changeover_gap=timedelta(minutes=30))  # 2x8: 06:00 to 22:00 on working days


def of_days(rows: pd.DataFrame, first: int, last: int, policy: Policy = POLICY) -> MonthHours:
    """Of these days of January 2026; without power where nothing is said of it."""
    rows = rows if "power_w" in rows else rows.assign(power_w=float("nan"))
    spells = timeline(rows, utc(first) - timedelta(days=2), utc(last) + timedelta(days=1))
    return month_hours(rows, spells, policy, date(2026, 1, first), date(2026, 1, last))


def test_a_day_calculated_by_hand() -> None:
    rows = intervals(
        [
            ("m", utc(5, 0), utc(5, 6), "not_available", None),  # before the shifts
            ("m", utc(5, 6), utc(5, 7), "not_executing", "setup"),
            ("m", utc(5, 7), utc(5, 9), "executing", "processing"),
            ("m", utc(5, 9), utc(5, 9, 15), "not_executing", "processing"),
            ("m", utc(5, 9, 15), utc(5, 12), "executing", "processing"),
            ("m", utc(5, 12), utc(5, 14), "out_of_service", None),
            ("m", utc(5, 14), utc(5, 18), "not_executing", "none"),
            ("m", utc(5, 18), utc(5, 22), "not_available", None),
            ("m", utc(5, 22), utc(5, 23), "executing", "processing"),  # after the shifts
        ]
    )
    rows["power_w"] = [0.0, 500, 2000, 500, 2000, 0, 1000, 0, 2000]
    shares = of_days(rows, 5, 5).shares()
    energy, idle = 500 + 4000 + 125 + 5500 + 4000 + 2000, 4000
    assert shares == pytest.approx(
        {
            "availability": 4.75 / 16,
            "utilization_efficiency": 5.75 / 7,
            "setup_ratio": 1 / 6.75,
            "energy_while_idle": idle / energy,
            "idle": 4 / 16,
            "off": 4 / 16,
            "down": 2 / 16,
            "delay": 0.25 / 16,
            "maintenance": 0.0,
        }
    )
    assert tuple(shares) == FIGURES
    reasons = sum(value or 0 for name, value in shares.items() if name in ("idle", "off", "down", "delay"))
    assert reasons + 4.75 / 16 + 1 / 16 == pytest.approx(1), "with set-up they are all of planned busy time"


@pytest.mark.parametrize(
    ("policy", "planned"),
    [
        (POLICY, 16.0),
        (POLICY.model_copy(update={"holidays": "BE"}), 0.0),  # New Year
        (POLICY.model_copy(update={"leave": Policy(leave=("2026-01-01",)).leave}), 0.0),
        (Policy(zone="UTC", holidays="", shifts="3x8"), 24.0),
    ],
)
def test_planned_busy_time_is_that_of_the_shifts_on_working_days(policy: Policy, planned: float) -> None:
    rows = intervals([("m", utc(1) - timedelta(days=2), utc(3), "executing", None)])
    found = of_days(rows, 1, 1, policy)
    assert found.planned == pytest.approx(planned)
    assert found.apt == 24.0
    assert found.shares()["availability"] == (1.0 if planned else 0.0)


def test_unknown_time_is_in_no_denominator_but_that_of_the_coverage() -> None:
    rows = intervals([("m", utc(5, 6), utc(5, 14), "executing", None)])
    found = of_days(rows, 5, 5)
    assert found.planned == 8.0
    assert found.coverage == pytest.approx(8 / 24)
    assert found.shares()["availability"] == 1.0
    assert found.shares()["energy_while_idle"] is None, "nobody measures it"


def test_overlapping_reports_count_their_energy_once() -> None:
    rows = intervals(
        [("m", utc(5, 6), utc(5, 10), "executing", None), ("m", utc(5, 8), utc(5, 12), "not_executing", None)]
    )
    rows["power_w"] = [1000.0, 500.0]
    found = of_days(rows, 5, 5)
    assert (found.energy, found.energy_idle) == (2000 + 2000, 2000)


def test_months_are_those_of_the_middle_of_a_quarter_and_due_when_late_reports_are_in() -> None:
    due = Counter(month_due(date(2026, 1, 1) + timedelta(days=day)) for day in range(365))
    assert set(due) == {"2025-11", "2026-02", "2026-05", "2026-08", "2026-11"}
    assert month_due(date(2026, 3, 3)) == "2025-11"
    assert month_due(date(2026, 3, 4)) == "2026-02"
    assert days_of("2026-02") == (date(2026, 2, 1), date(2026, 2, 28))
    assert days_of("2025-11") == (date(2025, 11, 1), date(2025, 11, 30))
    with pytest.raises(ValueError, match="not a month"):
        days_of("2026-03")


def test_process_classes_are_those_of_the_platforms_vocabulary() -> None:
    names = {name.casefold(): process.din for process in PROCESSES for name in (process.code, *process.names.values())}
    assert {name: int(din[0]) for name, din in names.items() if din} == CLASS_OF


def test_machines_whose_process_nobody_names_are_not_compared() -> None:
    tables = {
        "mill": MachineTable(process="Frezen"),
        "weld": MachineTable(process="welding"),
        "cmm": MachineTable(process="measuring"),
    }
    assert machines_by_class(["mill", "weld", "cmm", "new"], Policy(machine=tables)) == {3: ["mill"], 4: ["weld"]}
