"""Runs every query of every panel and alert rule on the real engine with known data, and compares the numbers with those of analytics."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from analytics.cycle import CycleResult
from analytics.kpis.utilisation import PeriodUtilisation, utilisation
from analytics.policy.policy import Policy
from analytics.policy.slot import Slot
from analytics.publishing.publications import Publications
from analytics.publishing.state import PublisherState
from analytics.summaries.writer import SummaryWriter
from dashboards.alert_rules import RULES
from stores import ReportBatch
from stores.influxdb_points import InfluxPoints
from stores.influxdb_store import InfluxDBStateStore
from tests.dashboards.known_data import FIRST, NOW, POLICY, Filled, Standing, fill, reports
from tests.dashboards.test_dashboards import BOARDS, queries
from tests.servers import INFLUX_ORG, INFLUX_TOKEN, create_influx_database

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def filled(influx_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    yield from fill(influx_url, tmp_path_factory.mktemp("publisher"))


def used(
    filled: Filled, by: Any, per: Any, first: date = FIRST, last: date | None = None
) -> dict[tuple[str, str], PeriodUtilisation]:
    found = utilisation(filled.spells, POLICY, first, last or NOW.date(), by, per, until=NOW)
    return {(one.of, one.period): one for one in found}


ALL_QUERIES = sorted({query for board in BOARDS.values() for query in queries(board)})


@pytest.mark.parametrize("query", [*ALL_QUERIES, *(one.query for one in RULES)])
def test_every_query_runs_and_finds_what_is_there(filled: Filled, query: str) -> None:
    found = filled.rows(query, end=NOW + timedelta(days=7))
    assert found, "this panel would stay empty"


LOSSES = {
    "production": "apt_h", "set_up": "aust_h", "delay": "adet_h", "down": "adot_h", "maintenance": "maintenance_h",
    "idle": "idle_h", "off": "off_h",
}  # fmt: skip


def same_hours(row: dict[str, Any], one: PeriodUtilisation) -> None:
    for name, field in LOSSES.items():
        assert row[name] == pytest.approx(getattr(one, field), abs=1e-6), name
    assert row["unknown"] == pytest.approx(one.losses_h["unknown"], abs=1e-6)


def test_weeks_are_those_of_analytics_when_the_clocks_change(filled: Filled) -> None:
    expected = used(filled, "factory", "week")
    found = filled.panel("where-hours-go", "By week", start=datetime(2026, 2, 22, 23, tzinfo=UTC))
    assert len(found) == len(expected) == 6
    for row, one in zip(found, expected.values(), strict=True):
        assert datetime.fromtimestamp(row["time"], UTC) == one.start
        same_hours(row, one)


def test_losses_by_machine_and_by_shift_are_those_of_analytics(filled: Filled) -> None:
    begin = datetime(2026, 2, 24, 23, tzinfo=UTC)
    per_shift = used(filled, "machine", "shift", date(2026, 2, 24))
    for board_title, key in (("By machine", "machine"), ("By shift", "shift")):
        rows = filled.panel("where-hours-go", board_title, start=begin)
        assert {row[key] for row in rows} == (
            {"m1", "m2", "l1"} if key == "machine" else {"early", "late", "night", "outside"}
        )
        for row in rows:
            chosen = [
                one
                for (of, period), one in per_shift.items()
                if one.start >= begin and row[key] == (of if key == "machine" else period.partition(" ")[2])
            ]
            total = {field: sum(getattr(one, field) for one in chosen) for field in LOSSES.values()}
            for name, field in LOSSES.items():
                assert row[name] == pytest.approx(total[field], abs=1e-6), (row[key], name)


def test_groups_are_compared_by_the_ratios_of_analytics(filled: Filled) -> None:
    rows = {
        row["group"]: row
        for row in filled.panel("where-hours-go", "Groups compared", start=datetime(2026, 2, 22, 23, tzinfo=UTC))
    }
    for group in ("mills", "lathes"):
        own = [one for (of, _), one in used(filled, "group", "day").items() if of == group]
        apt, calendar = sum(one.apt_h for one in own), sum(one.calendar_h for one in own)
        assert rows[group]["calendar_use"] == pytest.approx(apt / calendar)
        assert rows[group]["efficiency"] == pytest.approx(apt / sum(one.aubt_h for one in own))
        assert rows[group]["coverage"] == pytest.approx(sum(one.known_h for one in own) / calendar)


def test_today_is_compared_with_the_four_weeks_before(filled: Filled) -> None:
    title = "Utilisation: today so far and the four weeks before (APT / calendar hours)"
    today = {row["machine"]: row["today"] for row in filled.panel("factory-now", title)}
    before = {row["machine"]: row["four_weeks"] for row in filled.panel("factory-now", title, 1)}
    days = used(filled, "machine", "day")
    for machine in ("m1", "m2", "l1"):
        one = days[machine, NOW.date().isoformat()]
        assert one.calendar_h == pytest.approx(15 + 10 / 60)
        assert today[machine] == pytest.approx(one.utilization_of_calendar_time)
        weeks = [days[machine, (NOW.date() - timedelta(days=back)).isoformat()] for back in range(1, 29)]
        assert before[machine] == pytest.approx(sum(one.apt_h for one in weeks) / sum(one.calendar_h for one in weeks))


def test_free_hours_by_hour_of_the_day_add_up(filled: Filled) -> None:
    rows = filled.panel(
        "where-hours-go", "Free hours by weekday and hour of the day", start=datetime(2026, 2, 22, 23, tzinfo=UTC)
    )
    assert {row["weekday"] for row in rows} == set("1234567")
    whole = sum(row[f"{hour:02}"] for row in rows for hour in range(24))
    days = used(filled, "machine", "day").values()
    assert whole == pytest.approx(sum(one.idle_h + one.off_h for one in days), abs=1e-6)
    sunday = next(row for row in rows if row["weekday"] == "7")
    assert sunday["02"] < sunday["03"], "of the hour that was skipped nothing was free"


def test_the_timeline_is_the_one_of_analytics_and_silence_is_unknown(filled: Filled) -> None:
    midnight = datetime(2026, 4, 1, 22, tzinfo=UTC)
    for machine in ("m1", "m2", "l1"):
        found = filled.panel("factory-now", "Today", start=midnight, machine=machine)
        own = filled.spells[filled.spells["machine"] == machine]
        for row, following in zip(found, [*found[1:], {"time": NOW.timestamp()}], strict=True):
            middle = datetime.fromtimestamp((row["time"] + following["time"]) / 2, UTC)
            holds = own[(own["start"] <= middle) & (own["end"] > middle)]
            assert [row["state"]] == list(holds["state"]), (machine, middle)
    assert found[0]["time"] == midnight.timestamp()
    assert filled.panel("factory-now", "Today", start=midnight, machine="m2")[-1]["state"] == "unknown"


def test_a_late_report_is_in_the_timeline_and_in_the_hours(filled: Filled) -> None:
    begin = NOW.replace(hour=0, minute=0) - timedelta(hours=30)
    query = "SELECT state FROM machine_timeline WHERE machine = 'm1' AND $timeFilter"
    assert filled.rows(query, begin, begin + timedelta(hours=1))[0]["state"] == "out_of_service"


def test_current_states_and_silent_machines(filled: Filled) -> None:
    found = {row["machine"]: row for row in filled.panel("factory-now", "Now")}
    assert found["m2"]["state"] == "unknown"
    assert found["m2"]["heard_ms"] == (NOW - timedelta(hours=3)).timestamp() * 1000
    last = filled.spells[filled.spells["machine"] == "m1"].iloc[-1]
    assert found["m1"]["state"] == last["state"]
    assert [row["machine"] for row in filled.panel("factory-now", "Machines without contact")] == ["m2"]


def test_capacity_counts_what_is_planned(filled: Filled) -> None:
    found = filled.panel(
        "spare-capacity", "Hours per day: forecast free, offered, requested, booked, broken",
        start=NOW - timedelta(hours=16), end=NOW + timedelta(days=7),
    )  # fmt: skip
    whole = {name: sum(row[name] or 0 for row in found) for name in ("forecast", "offered", "held", "booked")}
    assert whole == pytest.approx({"forecast": 0.75 * 23 + 0.5 * 23, "offered": 6, "held": 2, "booked": 3})
    euros = filled.panel("spare-capacity", "Booked, in euros excl. VAT", end=NOW + timedelta(days=7))
    assert euros[0]["earned"] == pytest.approx(150)
    lain = filled.panel("spare-capacity", "Not booked, in euros excl. VAT")
    assert lain[0]["left"] == pytest.approx(100)


def test_promises_are_counted_by_outcome(filled: Filled) -> None:
    rows = filled.panel("spare-capacity", "Promises per day")
    assert {name: sum(row[name] for row in rows) for name in ("kept", "broken", "booked")} == {
        "kept": 2,
        "broken": 1,
        "booked": 1,
    }
    hours = filled.panel("spare-capacity", "Hours per day: forecast free, offered, requested, booked, broken", 1)
    assert sum(row["sum"] for row in hours) == pytest.approx(2), "the one broken slot had two hours"
    bins = filled.panel("spare-capacity", "Reliability: promised probability and share kept")
    assert [(row["promised"], row["checked"]) for row in bins] == [("0.90", 3)]
    assert bins[0]["kept"] == pytest.approx(2 / 3)
    assert bins[0]["probability"] == pytest.approx(0.92)


def test_a_waiting_approval_is_shown_until_it_is_answered(filled: Filled) -> None:
    waiting = filled.panel("spare-capacity", "Waiting for your approval")
    assert [(row["machine"], row["probability"]) for row in waiting] == [("m2", 0.88)]


def test_forecast_and_actual_are_shown_together(filled: Filled) -> None:
    rows = filled.panel(
        "machine", "Forecast and actual", start=NOW - timedelta(days=2), end=NOW + timedelta(days=2), machine="m1"
    )
    came = [row["came"] for row in rows if row["came"] is not None and row["time"] < NOW.timestamp()]
    assert len(came) > 40
    assert all(0 <= one <= 1 for one in came)
    ahead = [row for row in rows if row["time"] > NOW.timestamp()]
    assert {row["forecast"] for row in ahead} == {0.75, 0.0}
    assert sum(row["offered"] for row in ahead) == pytest.approx(4)


def test_pipeline_health_shows_problems(filled: Filled) -> None:
    gateway = filled.panel("pipe-health", "Gateways")[0]
    assert (gateway["gateway"], gateway["online"], gateway["outbox"], gateway["gaps"]) == ("gw-1", 0, 17, 4)
    assert filled.panel("pipe-health", "In quarantine", end=NOW + timedelta(hours=1))[-1]["max"] == 3
    fired = {
        rule.name: [row for row in filled.rows(rule.query) if _beyond(rule.beyond, list(row.values())[1], rule.bound)]
        for rule in RULES
    }
    assert {name for name, rows in fired.items() if rows} == {
        "alert_gateway", "alert_approval", "alert_certificate", "alert_gateway_certificate",
    }  # fmt: skip


def _beyond(how: str, value: float | None, bound: float) -> bool:
    return value is not None and (value > bound if how == "gt" else value < bound)


def test_points_are_rewritten_for_other_groups_and_shifts(influx_url: str, tmp_path: Path) -> None:
    database = "other_rules"
    create_influx_database(influx_url, database)
    clock = Standing()
    store = InfluxDBStateStore(influx_url, database, INFLUX_TOKEN, INFLUX_ORG, clock=clock)
    points = InfluxPoints(influx_url, database, INFLUX_TOKEN, INFLUX_ORG)
    store.write(ReportBatch.of([one for one in reports() if one.interval.since > NOW - timedelta(days=4)]))
    state, publications = PublisherState(tmp_path / "p.sqlite"), Publications(tmp_path / "q.sqlite")
    other = POLICY.model_copy(update={"machine": {"m1": replace_group(POLICY, "m1", "lathes")}})
    totals = []
    before = NOW - timedelta(days=3)
    slot = Slot("m1", before + timedelta(hours=20), before + timedelta(hours=22), 0.9, 3, 0)
    for policy in (POLICY, other):
        writer = SummaryWriter(store, points, state, publications, policy, clock)
        writer.write_hours()
        if policy is POLICY:
            writer.write_round(CycleResult(before, (slot,), target_rate=0.05))
        totals.append(
            points.sums("machine_shift", "genk", ["calendar_h"], NOW - timedelta(days=3), NOW)["m1"]["calendar_h"]
        )
    assert totals[0] == pytest.approx(totals[1]), "nothing is counted twice"
    offered = points.sums("capacity_day", "genk", ["offered_h"], before - timedelta(days=1), NOW)["m1"]["offered_h"]
    assert offered == pytest.approx(2), "what was planned is not forgotten"
    for part in (store, points, state, publications):
        part.close()


def replace_group(policy: Policy, machine: str, group: str) -> Any:
    return policy.machine[machine].model_copy(update={"group": group})
