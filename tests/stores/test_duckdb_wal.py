"""A DuckDB file whose write-ahead log is damaged, as after a power failure."""

from __future__ import annotations

import logging
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stores import ReportBatch, StoredReport
from stores.duckdb_store import DuckDBStateStore
from telemetry import MachineState, StateInterval, UserError

T0 = datetime(2026, 1, 1, tzinfo=UTC)
BATCHES = 4


def write(store: DuckDBStateStore, seq: int) -> None:
    at = T0 + timedelta(minutes=seq)
    interval = StateInterval(MachineState.EXECUTING, at, at + timedelta(seconds=30))
    store.write(ReportBatch.of([StoredReport("genk", "m1", "gw-1", seq, interval)]))


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """The file as a process leaves it that was killed: what was written since it was opened is in the log alone."""
    running = DuckDBStateStore(tmp_path / "running" / "states.duckdb")
    for seq in range(1, BATCHES + 1):
        write(running, seq)
    shutil.copytree(tmp_path / "running", tmp_path / "killed")
    running.close()
    return tmp_path / "killed" / "states.duckdb"


def damage(file: Path, at: int, garbage: bytes) -> None:
    log = file.with_name("states.duckdb.wal")
    content = bytearray(log.read_bytes())
    place = at if at >= 0 else len(content) + at
    content[place : place + len(garbage)] = garbage
    log.write_bytes(bytes(content))


def stored(store: DuckDBStateStore) -> list[tuple[int, int]]:
    return store.stored_ranges([("genk", "gw-1")])["genk", "gw-1"]


def test_the_end_of_a_log_that_is_garbage_costs_what_it_held_alone(
    killed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damage(killed, -40, b"\xaa" * 40)
    store = DuckDBStateStore(killed)
    assert stored(store) == [(1, BATCHES - 1)]
    assert "agents send again what is missing" in caplog.text
    assert killed.with_name("states.duckdb.wal.damaged").stat().st_size > 0
    write(store, BATCHES)
    store.close()
    again = DuckDBStateStore(killed)
    assert stored(again) == [(1, BATCHES)]
    assert len(again.intervals("genk", T0, T0 + timedelta(hours=1))) == BATCHES
    again.close()


def test_each_damaged_log_is_kept(killed: Path) -> None:
    contents = []
    for garbage in (b"\xaa", b"\xbb"):
        damage(killed, -40, garbage * 40)
        contents.append(killed.with_name("states.duckdb.wal").read_bytes())
        store = DuckDBStateStore(killed)
        write(store, BATCHES)
        shutil.copytree(killed.parent, again := killed.parents[1] / garbage.hex())
        store.close()
        killed = again / killed.name
    kept = [killed.with_name(f"states.duckdb.wal.damaged{end}").read_bytes() for end in ("", ".2")]
    assert kept == contents


@pytest.mark.parametrize("at", [200, 1000, 3000])
def test_it_goes_on_wherever_the_damage_begins(killed: Path, at: int) -> None:
    damage(killed, at, b"\xaa" * 100_000)
    store = DuckDBStateStore(killed)
    for seq in range(1, BATCHES + 1):  # an agent sends again what is not there
        write(store, seq)
    assert stored(store) == [(1, BATCHES)]
    store.close()


def test_a_whole_log_is_replayed_and_nothing_is_said(killed: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    store = DuckDBStateStore(killed)
    assert stored(store) == [(1, BATCHES)]
    assert caplog.text == ""
    store.close()


def test_a_damaged_file_is_still_said(killed: Path) -> None:
    killed.write_bytes(b"\xaa" * 20_000)
    with pytest.raises(UserError, match="cannot be opened"):
        DuckDBStateStore(killed)
