"""`vrijloop store`: set up, export, import, move, and delete machines."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from stores import ReportBatch, StateStore, StoredReport
from stores.configuration import open_store
from telemetry import (
    MachineState,
    OperationMode,
    StateInterval,
    SystemClock,
    UnavailableError,
    UserError,
    load_settings,
)
from tests.servers import INFLUX_ORG, INFLUX_TOKEN, drop_influx_database, influxdb, shard_hours
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


@pytest.mark.long
@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_exported_states_can_be_imported(duckdb_config: Path, tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"states.{ending}"
    assert json.loads(invoke("store", "export", file, "-c", duckdb_config, "--json"))["records"] == 1198
    other = config(tmp_path, "other", 'kind = "duckdb"')
    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.Pandas4Warning)
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
    header, first, *_ = (tmp_path / "states.csv").read_text().splitlines()
    cells = dict(zip(header.split(","), first.split(","), strict=True)) | {"until": "20261-01-30T12:00:00Z"}
    broken.write_text(f"{header}\n{','.join(cells.values())}\n")
    with pytest.raises(UserError, match="1 records are not valid machine states, for example .*20261-01-30T12"):
        invoke("store", "import", broken, "-c", duckdb_config)


def test_columns_may_be_written_in_capitals(duckdb_config: Path, tmp_path: Path) -> None:
    """As other programs do that have opened the file."""
    file = tmp_path / "states.csv"
    invoke("store", "export", file, "-c", duckdb_config)
    header, rest = file.read_text().split("\n", 1)
    file.write_text(f"{header.upper()}\n{rest}")
    assert "records were imported" in invoke("store", "import", file, "-c", duckdb_config)


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


@pytest.mark.parametrize(
    "command", ["kpis {0}", "spare {0}", "backtest {0}", "store init -c {0}", "store forget genk m1 --yes -c {0}", "store export {1}/a.csv -c {0}", "backup {1}/a.tar -c {0}", "restore {1}/a.tar -c {0}"]
)  # fmt: skip
def test_a_store_that_is_away_is_said_in_a_sentence(command: str, tmp_path: Path) -> None:
    (tmp_path / "influx-token").write_text("0123456789abcdef0123")
    away = config(
        tmp_path, "away", f'kind = "influxdb"\nurl = "http://127.0.0.1:9"\ntoken_file = "{tmp_path}/influx-token"'
    )
    with pytest.raises(UnavailableError, match="InfluxDB at http://127.0.0.1:9 does not answer"):
        invoke(*command.format(away, tmp_path).split())


@pytest.fixture
def influx_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "influxdb").mkdir()
    monkeypatch.setenv("INFLUXDB_ADMIN_TOKEN", INFLUX_TOKEN)
    with influxdb(tmp_path / "influxdb") as url:
        bucket = f"moved-{os.getpid()}"
        drop_influx_database(url, bucket)
        yield config(
            tmp_path,
            "influxdb",
            f'kind = "influxdb"\nurl = "{url}"\nbucket = "{bucket}"\norg = "{INFLUX_ORG}"\ntoken_file = "{tmp_path}/secret/influx-token"',
        )
        drop_influx_database(url, bucket)


@pytest.mark.servers
def test_moving_from_duckdb_to_influxdb_is_one_command(duckdb_config: Path, influx_config: Path) -> None:
    assert "The store is ready" in invoke("store", "init", "-c", influx_config)
    token = influx_config.parent / "secret" / "influx-token"
    assert token.stat().st_mode & 0o077 == 0
    table = load_settings(influx_config, ServerSettings).store
    assert shard_hours(str(table.url), table.bucket) == 2016, "a year's panel looks into five shards, not fifty"
    assert json.loads(invoke("store", "move", duckdb_config, influx_config, "--json"))["records"] == 1198
    invoke("store", "move", duckdb_config, influx_config)  # again, as after an interrupted move
    pd.testing.assert_frame_equal(everything(influx_config), everything(duckdb_config), check_dtype=False)
    with opened(duckdb_config) as old, opened(influx_config) as new:
        assert [(one.stored, one.missing, one.gaps) for one in new.ledger()] == [
            (one.stored, one.missing, one.gaps) for one in old.ledger()
        ]
        assert new.latest("genk") == old.latest("genk")
