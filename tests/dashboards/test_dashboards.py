"""What is checked in is what the code builds, and every query runs on the real engine."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from dashboards import build
from dashboards.factory_now import FACTORIES_QUERY, LATEST_QUERY, TIMELINE_QUERY
from dashboards.state_colours import STATE_COLOURS, STATE_TEXTS
from stores import ReportBatch, StoredReport
from stores.influxdb_store import InfluxDBStateStore
from telemetry import MachineState, StateInterval
from tests.servers import create_influx_database

ROOT = Path(__file__).resolve().parents[2]


def test_the_files_in_the_repository_are_up_to_date() -> None:
    checked_in = {path.name: path.read_text() for path in (ROOT / "dashboards" / "json").iterdir()}
    assert checked_in == build.documents(), "run `vrijloop dashboards` and commit what it wrote"


def test_every_state_has_a_colour_and_a_word_of_its_own() -> None:
    assert set(STATE_COLOURS) == set(STATE_TEXTS) == set(MachineState)
    assert len(set(STATE_COLOURS.values())) == len(set(STATE_TEXTS.values())) == len(MachineState)


def test_no_panel_is_without_a_query() -> None:
    panels = json.loads(build.documents()["factory-now.json"])["panels"]
    assert len(panels) == 2
    for panel in panels:
        assert panel["targets"][0]["query"]
        assert panel["datasource"]["uid"] == "vrijloop-influxdb"


@pytest.mark.servers
def test_the_queries_run_on_the_real_engine(influx_url: str) -> None:
    create_influx_database(influx_url, "dashboards")
    store = InfluxDBStateStore(influx_url, "dashboards", "token-of-sixteen", "vrijloop")
    start = datetime(2026, 1, 5, 6, tzinfo=UTC)
    turn, end = start + timedelta(hours=1), start + timedelta(hours=3)
    store.write(
        ReportBatch.of(
            [
                StoredReport("hal-2", "m1", "gw", 1, StateInterval(MachineState.EXECUTING, start, turn)),
                StoredReport("hal-2", "m1", "gw", 2, StateInterval(MachineState.NOT_EXECUTING, turn, end)),
                StoredReport("hal-3", "m9", "gw", 3, StateInterval(MachineState.EXECUTING, start, end)),
            ]
        )
    )
    store.close()
    day = "time >= '2026-01-05T00:00:00Z' AND time < '2026-01-06T00:00:00Z'"

    def rows(query: str) -> list[dict[str, object]]:
        filled = query.replace("/^$factory$/", "/^hal-2$/").replace("$timeFilter", day)
        with urlopen(f"{influx_url}/query?{urlencode({'q': filled, 'db': 'dashboards'})}", timeout=20) as answer:
            series = json.load(answer)["results"][0].get("series", [])
        return [
            dict(zip(one["columns"], row, strict=True)) | one.get("tags", {}) for one in series for row in one["values"]
        ]

    assert [(row["machine"], row["state"]) for row in rows(TIMELINE_QUERY)] == [
        ("m1", "executing"),
        ("m1", "not_executing"),
    ]
    latest = rows(LATEST_QUERY)
    assert [(row["machine"], row["state"]) for row in latest] == [("m1", "not_executing")]
    assert latest[0]["heard"] == end.timestamp() * 1000
    assert [row["value"] for row in rows(FACTORIES_QUERY)] == ["hal-2", "hal-3"]
