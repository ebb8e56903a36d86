"""The embedded store on a full disk: it keeps what is stored, reports the error, and continues by itself when there is space again."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

import pytest

from stores import ReportBatch, StoreUnavailableError
from stores.duckdb_store import DuckDBStateStore
from stores.influxdb_store import InfluxDBStateStore
from tests.disks import disk_of, fill
from tests.servers import INFLUX_ORG, INFLUX_TOKEN, create_influx_database, influx_server
from tests.stores.test_state_store_contract import T0, report

A_BATCH = 2_000


def batch(first: int) -> ReportBatch:
    """`A_BATCH` reports of a minute each, no two alike."""
    return ReportBatch.of([report(seq, seq, seq + 1, reason=f"r{seq}") for seq in range(first, first + A_BATCH)])


def held(store: DuckDBStateStore) -> int:
    return len(store.intervals("genk", T0, T0 + timedelta(days=365)))


def write_until_full(store: DuckDBStateStore) -> int:
    """Number of reports stored before the disk was full."""
    for taken in range(0, 2_000_000, A_BATCH):
        try:
            store.write(batch(taken + 1))
        except StoreUnavailableError as error:
            assert "No space left on device" in str(error)
            return taken
    raise AssertionError("the disk is never full")


@pytest.mark.servers
def test_a_full_disk_loses_nothing_and_writing_resumes_when_there_is_space(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A merge on a full disk is a fatal error for DuckDB, which then refuses everything until the file is reopened."""
    caplog.set_level(logging.INFO)
    with disk_of("12m", tmp_path) as disk:
        ballast, path = disk / "ballast", disk / "states.duckdb"
        ballast.write_bytes(bytes(6_000_000))
        store = DuckDBStateStore(path, compact_rows=30_000)
        taken = write_until_full(store)
        assert held(store) == taken > 0, "it can be read meanwhile"
        assert "merging is tried again later" in caplog.text
        assert "opened again" in caplog.text
        ballast.unlink()
        store.write(batch(taken + 1))
        assert held(store) == taken + A_BATCH
        (entry,) = store.ledger()
        assert (entry.stored, entry.repeated, entry.missing) == (taken + A_BATCH, 0, 0)
        store.close()
        again = DuckDBStateStore(path)
        assert held(again) == taken + A_BATCH
        again.close()


@pytest.mark.servers
def test_a_full_disk_of_influxdb_costs_no_report_of_a_new_machine(tmp_path: Path) -> None:
    """It calls points of a new series not valid when it has no room for their name, and goes on doing so until it is restarted."""
    with disk_of("200m", tmp_path) as disk:
        disk.chmod(0o777)
        server = influx_server(disk)
        server.start()
        create_influx_database(server.url, "full")
        store = InfluxDBStateStore(server.url, "full", INFLUX_TOKEN, INFLUX_ORG, "w1")
        store.write(ReportBatch.of([report(1, 0, 1)]))
        ballast = fill(disk)
        more = ReportBatch.of(
            [report(2 + one, one, one + 1, machine=f"new-{one % 300}", reason=f"r{one}") for one in range(6_000)]
        )
        for _ in range(3):
            with pytest.raises(StoreUnavailableError, match="no room on its disk: free some, and then restart"):
                store.write(more)
        ballast.unlink()
        server.kill()
        server.start()
        store.write(more)
        assert len(store.latest("genk")) == 301
        store.close()
        server.close()
