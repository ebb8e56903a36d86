"""The embedded store: one DuckDB file, one process that writes.

A batch is one transaction: its intervals are merged by key and the sequence numbers it brings are booked with them, so
that a process killed at any moment has stored both or neither.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from stores.sequences import SequenceRanges
from stores.state_store import GatewayLedger, LatestState, StoredReport, StoreUnavailableError
from telemetry import MachineState, OperationMode, StateInterval, UserError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS state_interval (
    factory VARCHAR NOT NULL, machine VARCHAR NOT NULL, since TIMESTAMP NOT NULL, until TIMESTAMP NOT NULL,
    state VARCHAR NOT NULL, mode VARCHAR, power_w DOUBLE, reason VARCHAR, gateway VARCHAR NOT NULL, seq BIGINT NOT NULL,
    PRIMARY KEY (factory, machine, since));
CREATE TABLE IF NOT EXISTS sequence_range (
    factory VARCHAR NOT NULL, gateway VARCHAR NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS repeated_report (
    factory VARCHAR NOT NULL, gateway VARCHAR NOT NULL, count BIGINT NOT NULL, PRIMARY KEY (factory, gateway));
"""

_MERGE = """
INSERT INTO state_interval
SELECT factory, machine, since, until, state, mode, power_w, reason, gateway, seq FROM batch
ON CONFLICT (factory, machine, since) DO UPDATE SET
    until = excluded.until, state = excluded.state, mode = excluded.mode, power_w = excluded.power_w,
    reason = excluded.reason, gateway = excluded.gateway, seq = excluded.seq
WHERE (excluded.until, excluded.seq) > (state_interval.until, state_interval.seq)
"""

_COLUMNS = ["factory", "machine", "since", "until", "state", "mode", "power_w", "reason", "gateway", "seq"]


class DuckDBStateStore:
    """A `StateStore` in one file. Other processes read it through the service's HTTP API."""

    def __init__(self, path: Path) -> None:
        """Open or create `path`. Raises UserError where another process holds it or it cannot be written."""
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = duckdb.connect(str(path))
            self._connection.execute(_SCHEMA)
        except duckdb.Error as error:
            raise UserError(_open_failed(path, error)) from error
        self._lock = threading.Lock()
        self._sequences = self._load_sequences()

    def write(self, reports: Sequence[StoredReport]) -> None:
        if not reports:
            return
        newest: dict[tuple[str, str, datetime], StoredReport] = {}
        for report in reports:
            key = (report.factory, report.machine, report.interval.since)
            held = newest.get(key)
            if held is None or (report.interval.until, report.seq) > (held.interval.until, held.seq):
                newest[key] = report
        rows = [_row(report) for report in newest.values()]
        # An object column of a batch without any reason would be taken for integers: the types are named.
        batch = pd.DataFrame(rows, columns=_COLUMNS).astype(
            {"mode": "string", "reason": "string", "power_w": "float64", "since": "M8[us]", "until": "M8[us]"}
        )
        with self._lock:
            cursor = self._connection.cursor()
            try:
                cursor.register("batch", batch)
                cursor.execute("BEGIN")
                cursor.execute(_MERGE)
                sequences = self._book_sequences(cursor, reports)
                cursor.execute("COMMIT")
            except duckdb.Error as error:
                raise StoreUnavailableError(f"DuckDB file {self._path} did not take a batch: {error}") from error
            finally:
                cursor.close()
            self._sequences.update(sequences)

    def intervals(
        self, factory: str, start: datetime, end: datetime, machines: Sequence[str] | None = None
    ) -> pd.DataFrame:
        query = (
            "SELECT machine, since, until, state, mode, power_w FROM state_interval "
            "WHERE factory = ? AND since < ? AND until >= ?"
        )
        parameters: list[Any] = [factory, _naive(end), _naive(start)]
        if machines is not None:
            query += " AND machine IN (SELECT unnest(?::VARCHAR[]))"
            parameters.append(list(machines))
        frame = self._fetch(query + " ORDER BY machine, since", parameters)
        for column in ("since", "until"):
            frame[column] = pd.to_datetime(frame[column]).dt.tz_localize("UTC")
        return frame

    def latest(self, factory: str) -> list[LatestState]:
        with self._lock:
            rows = self._connection.execute(
                "SELECT machine, max(since), arg_max((state, mode, until, power_w, reason), since) AS newest "
                "FROM state_interval WHERE factory = ? GROUP BY machine ORDER BY machine",
                [factory],
            ).fetchall()
        return [LatestState(factory, machine, _interval(since, newest)) for machine, since, newest in rows]

    def ledger(self) -> list[GatewayLedger]:
        with self._lock:
            counts = self._connection.execute("SELECT factory, gateway, count FROM repeated_report").fetchall()
            repeated = {(factory, gateway): count for factory, gateway, count in counts}
            return [
                GatewayLedger(
                    factory, gateway, held.count, held.missing, repeated.get((factory, gateway), 0), tuple(held.gaps)
                )
                for (factory, gateway), held in sorted(self._sequences.items())
            ]

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _fetch(self, query: str, parameters: list[Any]) -> pd.DataFrame:
        with self._lock:
            cursor = self._connection.cursor()
        try:
            return cursor.execute(query, parameters).df()
        finally:
            cursor.close()

    def _load_sequences(self) -> dict[tuple[str, str], SequenceRanges]:
        held: dict[tuple[str, str], SequenceRanges] = defaultdict(SequenceRanges)
        query = "SELECT factory, gateway, first, last FROM sequence_range ORDER BY factory, gateway, first"
        for factory, gateway, first, last in self._connection.execute(query).fetchall():
            held[factory, gateway].ranges.append((first, last))
        return dict(held)

    def _book_sequences(
        self, cursor: duckdb.DuckDBPyConnection, reports: Sequence[StoredReport]
    ) -> dict[tuple[str, str], SequenceRanges]:
        arrived: dict[tuple[str, str], list[int]] = defaultdict(list)
        for report in reports:
            arrived[report.factory, report.gateway].append(report.seq)
        updated: dict[tuple[str, str], SequenceRanges] = {}
        for key, seqs in arrived.items():
            ranges = SequenceRanges(list(self._sequences[key].ranges) if key in self._sequences else [])
            repeated = ranges.add(seqs)
            cursor.execute("DELETE FROM sequence_range WHERE factory = ? AND gateway = ?", list(key))
            cursor.executemany(
                "INSERT INTO sequence_range VALUES (?, ?, ?, ?)", [[*key, first, last] for first, last in ranges.ranges]
            )
            if repeated:
                cursor.execute(
                    "INSERT INTO repeated_report VALUES (?, ?, ?) "
                    "ON CONFLICT DO UPDATE SET count = repeated_report.count + excluded.count",
                    [*key, repeated],
                )
            updated[key] = ranges
        return updated


def _open_failed(path: Path, error: duckdb.Error) -> str:
    if "lock" in str(error).lower():
        return (
            f"{path}: another process has this DuckDB file open, and DuckDB allows one. Stop that process "
            "(another `vrijloop server`?), or read through its HTTP API instead."
        )
    return f"{path}: the DuckDB file cannot be opened: {error}"


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _row(report: StoredReport) -> tuple[Any, ...]:
    interval = report.interval
    return (
        report.factory,
        report.machine,
        _naive(interval.since),
        _naive(interval.until),
        interval.state.value,
        interval.mode.value if interval.mode else None,
        interval.power_w,
        interval.reason,
        report.gateway,
        report.seq,
    )


def _interval(since: datetime, newest: tuple[str, str | None, datetime, float | None, str | None]) -> StateInterval:
    state, mode, until, power_w, reason = newest
    return StateInterval(
        MachineState(state),
        since.replace(tzinfo=UTC),
        until.replace(tzinfo=UTC),
        OperationMode(mode) if mode else None,
        power_w,
        reason,
    )
