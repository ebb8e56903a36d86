"""Tables of planned orders as ERP systems export them: Belgian Excel's CSV, JSON of an interface, and what goes wrong in them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from analytics.policy.planned_orders import read_orders
from analytics.policy.planned_work import Plan, PlanError
from tests.analytics.policy.test_calendar_events import BRUSSELS, DRAAI, FREES, new_plan, periods
from tests.analytics.tables import utc

BELGIAN = {"machine": "Werkplaats", "start": "Begin", "end": "Einde"}
CSV = 'Order;Klant;Werkplaats;Begin;Einde\r\nO-12;ACME;Frees 1;06/01/2026 08:00;06/01/2026 10:00\r\nO-13;Café "Zürich";CNC-draaibank;07-01-2026 08:00:00;07-01-2026 10:00:00\r\n'
TWO = [f"{DRAAI} 07 07:00 - 07 09:00", f"{FREES} 06 07:00 - 06 09:00"]


def read(content: bytes | str, kind: str = "csv", **feed: Any) -> Plan:
    plan = new_plan(kind=kind, **feed)
    read_orders(content.encode() if isinstance(content, str) else content, plan, BRUSSELS)
    return plan


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_csv_of_windows(encoding: str) -> None:
    found = read(CSV.encode(encoding), columns=BELGIAN)
    assert periods(found) == TWO
    assert found.skipped == ()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(delimiter: str) -> None:
    rows = [["machine", "start", "end"], ["frees-1", "2026-01-06 08:00", "2026-01-06T09:00:00Z"]]
    assert periods(read("\n".join(delimiter.join(row) for row in rows))) == [f"{FREES} 06 07:00 - 06 09:00"]


@pytest.mark.parametrize(
    ("start", "end", "period", "skipped"),
    [
        ("2026-01-06", "2026-01-07", "05 23:00 - 07 23:00", []),
        ("2026-01-06T08:00+01:00", "", "06 07:00 - 06 23:00", []),
        ("6.1.2026 08:00", "soon", "06 07:00 - 06 23:00", ["bad_end row 2"]),
        ("06/01/2026 10:00", "06/01/2026 08:00", "06 07:00 - 06 09:00", []),
        ("06/01/2026 10:00", "06/01/2026 10:00", "06 09:00 - 06 23:00", []),
        ("01/13/2026 10:00", "01/13/2026 12:00", None, ["bad_start row 2"]),
        ("", "06/01/2026 08:00", None, ["bad_start row 2"]),
        ("06/01/2025 08:00", "06/01/2025 10:00", None, []),
        ("06/01/2025 08:00", "", None, []),
    ],
)
def test_times(start: str, end: str, period: str | None, skipped: list[str]) -> None:
    found = read(f"start,end\n{start},{end}\n", machine=FREES)
    assert periods(found) == ([f"{FREES} {period}"] if period else [])
    assert [f"{one.reason} {one.title}" for one in found.skipped] == skipped


def test_rows_that_name_no_machine_or_no_time_are_counted_and_block_where_asked() -> None:
    table = "machine,start,end\nFrees 7,2026-01-06 08:00,2026-01-06 10:00\n,,\nfrees-1,later,\n"
    found = read(table)
    assert [(one.reason, one.title) for one in found.skipped] == [("no_machine", "row 2: Frees 7"), ("bad_start", "row 4: frees-1")]  # fmt: skip
    assert periods(found) == []
    assert periods(read(table, unclear="block", machines=[FREES])) == [f"{FREES} 05 00:00 - 13 00:00", f"{FREES} 06 07:00 - 06 09:00"]  # fmt: skip


ORDERS = [
    {"Machine": "frees-1", "Start": "2026-01-06T08:00:00+01:00", "End": "2026-01-06T10:00:00+01:00", "order": {"no": 12}},
    {"Machine": DRAAI, "Start": "2026-01-07T08:00:00+01:00", "End": "2026-01-07T10:00:00+01:00"},
]  # fmt: skip


@pytest.mark.parametrize("content", [ORDERS, {"@odata.context": "x", "value": ORDERS}])
def test_json(content: object) -> None:
    assert periods(read(json.dumps(content), "json")) == TWO


@pytest.mark.parametrize("content", ["[]", '{"orders": []}'])
def test_no_orders_are_no_problem(content: str) -> None:
    assert periods(read(content, "json")) == []
    assert periods(read("machine,start,end\n")) == []


@pytest.mark.parametrize(
    ("kind", "content", "code"),
    [
        ("csv", "", "not_a_table"), ("csv", "Werkplaats;Begin\nfrees-1;2026-01-06\n", "no_column"), ("csv", "<html>\nPlease log in\n</html>", "no_column"),
        ("json", "", "not_a_table"), ("json", "<html>", "not_a_table"), ("json", '{"a": [], "b": []}', "not_a_table"), ("json", "[1, 2]", "not_a_table"),
        ("json", "[" * 100_000, "not_a_table"), ("json", '[{"machine": "frees-1", "begin": "2026-01-06"}]', "no_column"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused(kind: str, content: str, code: str) -> None:
    with pytest.raises(PlanError) as raised:
        read(content, kind)
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("start", "end", "years"),
    [("2026-01-06 08:00", "9999-12-31", [2200]), ("9999-12-31", "", []), ("0001-01-01T00:00:00+10:00", "2026-01-06 08:00", [2026])],
)  # fmt: skip
def test_days_at_the_ends_of_the_calendar(start: str, end: str, years: list[int]) -> None:
    found = read(f"machine,start,end\nfrees-1,{start},{end}\n")
    assert [one.end.year for one in found.periods] == years
    assert found.skipped == ()


def test_a_row_outside_the_planning_period_is_no_concern() -> None:
    assert read("machine,start,end\nFrees 7,2026-03-06 08:00,\n").skipped == ()
    assert utc(13) == new_plan().end
