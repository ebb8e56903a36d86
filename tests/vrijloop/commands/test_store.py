"""`vrijloop store`: set up, export, import, move, and delete machines."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from stores import ReportBatch, StateStore, StoredReport
from stores.configuration import open_store
from stores.influxdb_store import InfluxDBStateStore
from telemetry import MachineState, OperationMode, StateInterval, SystemClock, UserError, load_settings
from tests.servers import InfluxServer
from tests.vrijloop.command_line import invoke
from vrijloop.server_settings import ServerSettings

T0 = datetime(2026, 3, 1, tzinfo=UTC)


def config(folder: Path, name: str, store: str) -> Path:
    (folder / "token").write_text("0123456789abcdef0123")
    path = folder / f"{name}.toml"
    path.write_text(
        f'data_dir = "{folder}/{name}"\ntoken_file = "{folder}/token"\npolicy = "p"\n'
        f'[store]\n{store}\n[platform]\nurl = "http://127.0.0.1:1"\ntoken_file = "{folder}/token"\n'
    )
    return path


def opened(path: Path) -> closing[StateStore]:
    settings = load_settings(path, ServerSettings)
    return closing(open_store(settings.store, settings.data_dir, SystemClock()))


@pytest.fixture
def duckdb_config(tmp_path: Path) -> Path:
    """A year of two machines in two factories, with a gap in the ledger."""
    path = config(tmp_path, "duckdb", 'kind = "duckdb"')
    reports = []
    for seq in range(1, 1200):
        since = T0 + timedelta(hours=7 * seq)
        state = (MachineState.EXECUTING, MachineState.NOT_EXECUTING)[seq % 2]
        interval = StateInterval(
            state, since, since + timedelta(hours=7), (None, OperationMode.SETUP)[seq % 3 == 0], 1.5, "r"
        )
        if seq != 500:
            reports.append(StoredReport("genk" if seq % 5 else "hasselt", f"m{seq % 2}", "gw-1", seq, interval))
    with opened(path) as store:
        store.write(ReportBatch.of(reports))
    return path


def everything(path: Path) -> pd.DataFrame:
    with opened(path) as store:
        parts = [
            store.records(name, T0, T0 + timedelta(days=3000), [one.machine for one in store.latest(name)])
            for name in store.factories()
        ]
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_exported_states_can_be_imported(duckdb_config: Path, tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"states.{ending}"
    assert json.loads(invoke("store", "export", file, "-c", duckdb_config, "--json"))["records"] == 1198
    other = config(tmp_path, "other", 'kind = "duckdb"')
    for _ in range(2):
        assert "1198 records were imported" in invoke("store", "import", file, "-c", other)
    pd.testing.assert_frame_equal(everything(other), everything(duckdb_config))


def test_a_part_is_exported(duckdb_config: Path, tmp_path: Path) -> None:
    file = tmp_path / "part.csv"
    invoke(
        "store",
        "export",
        file,
        "-c",
        duckdb_config,
        "--factory",
        "genk",
        "--machine",
        "m1",
        "--start",
        "2026-04-01",
        "--end",
        "2026-05-01",
    )
    frame = pd.read_csv(file, parse_dates=["since"])
    assert set(frame["machine"]) == {"m1"}
    assert set(frame["factory"]) == {"genk"}
    assert (frame["since"].min().month, frame["since"].max().month) == (4, 4)
    with pytest.raises(UserError, match="nothing is stored for m7"):
        invoke("store", "export", file, "-c", duckdb_config, "--machine", "m7")
    with pytest.raises(UserError, match=r"\.parquet or \.csv"):
        invoke("store", "export", tmp_path / "states.xlsx", "-c", duckdb_config)
    with pytest.raises(UserError, match="not a time"):
        invoke("store", "export", file, "-c", duckdb_config, "--start", "yesterday")


def test_a_file_that_is_not_an_export_is_refused(duckdb_config: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"broken\.csv"):
        invoke("store", "import", broken, "-c", duckdb_config)
    invoke("store", "export", tmp_path / "states.csv", "-c", duckdb_config)
    text = (tmp_path / "states.csv").read_text().replace("not_executing", "lazy", 1)
    broken.write_text(text)
    with pytest.raises(UserError, match="lazy"):
        invoke("store", "import", broken, "-c", duckdb_config)


def test_a_machine_is_deleted_after_confirmation(duckdb_config: Path) -> None:
    invoke("store", "forget", "genk", "m1", "-c", duckdb_config, code=1)  # not confirmed
    invoke("store", "forget", "genk", "m1", "-c", duckdb_config, "--yes")
    left = everything(duckdb_config)
    assert set(zip(left["factory"], left["machine"], strict=True)) == {
        ("genk", "m0"),
        ("hasselt", "m0"),
        ("hasselt", "m1"),
    }
    with pytest.raises(UserError, match="nothing is stored about genk/m1"):
        invoke("store", "forget", "genk", "m1", "-c", duckdb_config, "--yes")


@pytest.fixture
def influx_config(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "influxdb").mkdir()
    server = InfluxServer(tmp_path / "influxdb")
    server.start()
    yield config(
        tmp_path, "influxdb", f'kind = "influxdb"\nurl = "{server.url}"\ntoken_file = "{tmp_path}/secret/influx-token"'
    )
    server.close()


@pytest.mark.servers
def test_moving_from_duckdb_to_influxdb_is_one_command(duckdb_config: Path, influx_config: Path) -> None:
    assert "The store is ready" in invoke("store", "init", "-c", influx_config)
    token = influx_config.parent / "secret" / "influx-token"
    assert token.stat().st_mode & 0o077 == 0
    with opened(influx_config) as fresh:
        assert isinstance(fresh, InfluxDBStateStore)
        (policy,) = fresh._connection.ask("SHOW RETENTION POLICIES")
        assert "2016h0m0s" in policy.values[0], (
            "shards of twelve weeks: a year's panel looks into five of them, not fifty"
        )
    assert json.loads(invoke("store", "move", duckdb_config, influx_config, "--json"))["records"] == 1198
    invoke("store", "move", duckdb_config, influx_config)  # again, as after an interrupted move
    pd.testing.assert_frame_equal(everything(influx_config), everything(duckdb_config), check_dtype=False)
    with opened(duckdb_config) as old, opened(influx_config) as new:
        assert [(one.stored, one.missing, one.gaps) for one in new.ledger()] == [
            (one.stored, one.missing, one.gaps) for one in old.ledger()
        ]
        assert new.latest("genk") == old.latest("genk")


def test_a_real_influxdb_2_or_3(tmp_path: Path) -> None:
    """Set VRIJLOOP_TEST_INFLUXDB_URL and INFLUXDB_ADMIN_TOKEN (organisation `vrijloop`) to run this on a server of
    your own."""
    url = os.environ.get("VRIJLOOP_TEST_INFLUXDB_URL")
    if url is None:
        pytest.skip("VRIJLOOP_TEST_INFLUXDB_URL is not set: this test needs InfluxDB 2.7 or newer.")
    bucket = f"vrijloop-test-{os.getpid()}"
    path = config(
        tmp_path,
        "real",
        f'kind = "influxdb"\nurl = "{url}"\nbucket = "{bucket}"\ntoken_file = "{tmp_path}/influx-token"',
    )
    invoke("store", "init", "-c", path)
    with opened(path) as store:
        assert isinstance(store, InfluxDBStateStore)
        since = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
        for minutes in (5, 9, 2):
            interval = StateInterval(MachineState.EXECUTING, since, since + timedelta(minutes=minutes))
            store.write(ReportBatch.of([StoredReport("genk", "m1", "gw-1", minutes, interval)]))
        frame = store.intervals("genk", since - timedelta(days=1), since + timedelta(days=1))
        assert len(frame) == 1
        assert frame["until"].iloc[0] == since + timedelta(minutes=9)
        assert store.ledger()[0].stored == 3
