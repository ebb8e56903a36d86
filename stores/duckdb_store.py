"""The embedded store: one DuckDB file, one process that writes.

Reports are appended to `recent_report` as they come: a batch is one transaction, the sequence numbers it brings are booked
with it, and a process killed at any moment has stored both or neither. Readers see the newest report of each key.
When enough has gathered it is merged into `state_interval`, one row per key, without an index: an index over 20
million keys would have to fit in memory and would have to be kept up at each write.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from stores import duckdb_queries as sql
from stores.report_batch import ReportBatch, interval_of
from stores.sequences import SequenceRanges
from stores.state_store import (
    MODE_TYPE,
    STATE_TYPE,
    GatewayLedger,
    LatestState,
    StoreRefusedError,
    StoreUnavailableError,
)
from telemetry import StateInterval, UserError

_log = logging.getLogger(__name__)

COMPACT_ROWS = 250_000
"""So many recent reports are merged at once: above, reads would slow down; below, writes would."""

_REFUSALS = (duckdb.ConstraintException, duckdb.ConversionException, duckdb.DataError, duckdb.InvalidInputException)

Newest = tuple[int, int, int, StateInterval]
"""(since, until, seq, interval) of a machine; the times in milliseconds."""


class DuckDBStateStore:
    """A `StateStore` in one file. Other processes read it through the service's HTTP API."""

    def __init__(
        self, path: Path, memory_limit: str | None = None, compact_rows: int = COMPACT_ROWS, threads: int | None = None
    ) -> None:
        """Open or create `path`. `memory_limit` as DuckDB writes it (`512MB`) and `threads`; None leaves DuckDB's own. Each
        thread has buffers of its own.

        Raises UserError where another process holds the file or it cannot be written.
        """
        self._path = path
        self._compact_rows = self._compact_from = compact_rows
        self._settings = [] if memory_limit is None else [f"SET memory_limit = '{_checked_size(memory_limit)}'"]
        if threads is not None:
            self._settings.append(f"SET threads = {threads:d}")
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open()
        except (OSError, duckdb.Error) as error:
            raise UserError(_open_failed(path, error)) from error

    def _open(self) -> None:
        self._connection = duckdb.connect(str(self._path))
        for statement in (*self._settings, *sql.SCHEMA):
            self._connection.execute(statement)
        self._sequences = self._load_sequences()
        self._newest = self._load_newest()
        self._recent, self._written = self._load_counts()
        self._shut_down = False

    def write(self, batch: ReportBatch) -> None:
        if len(batch):
            with self._alone("take a batch"):
                self._take(batch, with_sequences=True)

    def restore(self, records: pd.DataFrame) -> None:
        if not records.empty:
            with self._alone("take records"):
                self._take(ReportBatch.from_records(records), with_sequences=False)

    def compact(self) -> None:
        """Merge what is recent into the main table now, whatever there is of it."""
        with self._alone("merge recent reports"):
            self._compact()

    def intervals(
        self, factory: str, start: datetime, end: datetime, machines: Sequence[str] | None = None
    ) -> pd.DataFrame:
        wanted: dict[str, Any] = {"factory": factory, "start": _naive(start), "end": _naive(end)}
        if machines is not None:
            wanted["machines"] = list(machines)
        with self._lock:
            recent = self._recent
        frame = self._fetch(sql.intervals(recent > 0, machines is not None), wanted)
        return _typed(self._without_ended(frame, factory, start))

    def cursor(self) -> str:
        with self._lock:
            return str(self._written)

    def changed_since(self, factory: str, cursor: str) -> tuple[pd.DataFrame, str]:
        following = self.cursor()
        frame = self._fetch(sql.CHANGED, {"factory": factory, "written": int(cursor)})
        return _typed(frame), following

    def records(self, factory: str, start: datetime, end: datetime, machines: Sequence[str]) -> pd.DataFrame:
        wanted = {"factory": factory, "start": _naive(start), "end": _naive(end), "machines": list(machines)}
        return _typed(self._fetch(sql.RECORDS, wanted))

    def latest(self, factory: str) -> list[LatestState]:
        with self._lock:
            return [
                LatestState(own, machine, newest[3])
                for (own, machine), newest in sorted(self._newest.items(), key=lambda item: item[0])
                if own == factory
            ]

    def factories(self) -> list[str]:
        with self._lock:
            return sorted({factory for factory, _ in self._newest})

    def earliest(self, factory: str) -> datetime | None:
        found = self._fetch(sql.EARLIEST, {"factory": factory})["since"].iloc[0]
        return None if pd.isna(found) else found.to_pydatetime().replace(tzinfo=UTC)

    def ledger(self) -> list[GatewayLedger]:
        with self._lock:
            return [GatewayLedger.of(key, *held) for key, held in sorted(self._sequences.items())]

    def restore_ledger(self, ledger: Sequence[GatewayLedger]) -> None:
        with self._alone("take a ledger"):
            updated = {}
            for one in ledger:
                held, repeated = self._held(one.factory, one.gateway)
                held.join(SequenceRanges(list(one.ranges), one.given_up))
                updated[one.factory, one.gateway] = (held, repeated + one.repeated)
            if updated:
                self._store_ledger(self._connection, updated)
                self._sequences.update(updated)
                self._written += 1

    def delete_machine(self, factory: str, machine: str) -> None:
        with self._alone("delete a machine"):
            self._connection.execute(sql.KEEP_COUNT, {"written": self._written})
            for table in (sql.INTERVAL_TABLE, sql.RECENT_TABLE, sql.NEWEST_TABLE):
                self._connection.execute(f"DELETE FROM {table} WHERE factory = ? AND machine = ?", [factory, machine])
            self._newest.pop((factory, machine), None)
            self._recent = self._load_counts()[0]
            self._connection.execute("CHECKPOINT")

    def delete_before(self, moment: datetime) -> None:
        with self._alone("delete what is old"):
            self._compact()
            self._connection.execute(sql.DELETE_BEFORE, {"moment": _naive(moment)})
            self._connection.execute("CHECKPOINT")

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def _alone(self, what: str) -> Iterator[None]:
        """With the lock held, and after a fatal error (a disk that was full in a merge) with the file opened anew: until then DuckDB
        answers nothing more."""
        with self._lock, self._translated(what):
            if self._shut_down:
                with suppress(duckdb.Error):
                    self._connection.close()
                self._open()
                _log.info("DuckDB file %s: opened again.", self._path)
            yield

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except _REFUSALS as error:
            raise StoreRefusedError(f"DuckDB refuses to {what}: {error}") from error
        except duckdb.Error as error:
            self._shut_down = self._shut_down or isinstance(error, duckdb.FatalException)
            raise StoreUnavailableError(f"DuckDB file {self._path} could not {what}: {error}") from error

    def _take(self, batch: ReportBatch, *, with_sequences: bool) -> None:
        """In one transaction: the reports, and with them the numbers that they bring."""
        cursor = self._connection.cursor()
        try:
            cursor.execute("BEGIN")
            self._append(cursor, batch)
            sequences = self._book_sequences(cursor, batch) if with_sequences else {}
            cursor.execute("COMMIT")
        finally:
            cursor.close()
        self._sequences.update(sequences)
        self._appended(batch)
        if self._recent >= self._compact_from:
            self._compact_or_later()

    def _append(self, cursor: duckdb.DuckDBPyConnection, batch: ReportBatch) -> None:
        cursor.register("batch", batch.arrow(self._written + 1))
        cursor.execute(f"INSERT INTO {sql.RECENT_TABLE} SELECT * FROM batch")

    def _appended(self, batch: ReportBatch) -> None:
        self._written += 1
        self._recent += len(batch)
        for place in batch.newest_per_machine().tolist():
            factory, machine, _ = batch.sources[batch.source[place]]
            version = (int(batch.since_ms[place]), int(batch.until_ms[place]), int(batch.seq[place]))
            held = self._newest.get((factory, machine))
            if held is None or version > held[:3]:
                self._newest[factory, machine] = (*version, batch.interval(place))

    def _compact_or_later(self) -> None:
        """The batch is durable: whoever brought it need not hear of a merge that fails, on a full disk say."""
        try:
            with self._translated("merge recent reports"):
                self._compact()
        except (StoreUnavailableError, StoreRefusedError) as error:
            _log.error("%s. What was taken is stored; merging is tried again later.", error)
            self._compact_from = self._recent + self._compact_rows // 10

    def _compact(self) -> None:
        if not self._recent:
            return
        cursor = self._connection.cursor()
        try:
            cursor.execute("BEGIN")
            for statement in sql.COMPACT:
                cursor.execute(statement)
            cursor.execute(sql.KEEP_COUNT, {"written": self._written})
            cursor.execute("COMMIT")
        finally:
            cursor.close()
        self._recent = 0
        self._compact_from = self._compact_rows
        self._connection.execute("CHECKPOINT")

    def _without_ended(self, frame: pd.DataFrame, factory: str, start: datetime) -> pd.DataFrame:
        """Leave out intervals from before `start` that a newer one from before `start` had ended."""
        earlier = frame["since"] < pd.Timestamp(_naive(start))
        if not earlier.any():
            return frame
        wanted = {
            "factory": factory,
            "start": _naive(start),
            "first": frame.loc[earlier, "since"].min().to_pydatetime(),
            "machines": frame.loc[earlier, "machine"].unique().tolist(),
        }
        newest = self._fetch(sql.NEWEST_BEFORE, wanted).set_index("machine")["since"]
        return frame[~earlier | (frame["since"] == frame["machine"].map(newest))].reset_index(drop=True)

    def _fetch(self, query: str, parameters: dict[str, Any]) -> pd.DataFrame:
        with self._alone("answer a query"):
            cursor = self._connection.cursor()
        try:
            with self._translated("answer a query"):
                return cursor.execute(query, parameters).df()
        finally:
            cursor.close()

    def _load_sequences(self) -> dict[tuple[str, str], tuple[SequenceRanges, int]]:
        rows = self._connection.execute(sql.LEDGER)
        return {
            (factory, gateway): (SequenceRanges.from_json(ranges, given_up), repeated)
            for factory, gateway, ranges, given_up, repeated in rows.fetchall()
        }

    def _load_newest(self) -> dict[tuple[str, str], Newest]:
        found: dict[tuple[str, str], Newest] = {}
        for factory, machine, since, until, seq, *rest in self._connection.execute(sql.NEWEST).fetchall():
            found[factory, machine] = (since, until, seq, interval_of(since, until, *rest))
        return found

    def _load_counts(self) -> tuple[int, int]:
        """(recent rows, number of the last batch)."""
        recent, written = self._connection.execute(sql.COUNTS).fetchall()[0]
        return int(recent), int(written)

    def _held(self, factory: str, gateway: str) -> tuple[SequenceRanges, int]:
        held, repeated = self._sequences.get((factory, gateway), (SequenceRanges(), 0))
        return held.copy(), repeated

    def _book_sequences(
        self, cursor: duckdb.DuckDBPyConnection, batch: ReportBatch
    ) -> dict[tuple[str, str], tuple[SequenceRanges, int]]:
        updated: dict[tuple[str, str], tuple[SequenceRanges, int]] = {}
        for key, seqs in batch.seqs_per_gateway():
            ranges, repeated = self._held(*key)
            updated[key] = (ranges, repeated + ranges.add(seqs))
        self._store_ledger(cursor, updated)
        return updated

    def _store_ledger(
        self, cursor: duckdb.DuckDBPyConnection, held: dict[tuple[str, str], tuple[SequenceRanges, int]]
    ) -> None:
        written = self._written + 1
        rows = [
            (*key, ranges.to_json(), ranges.given_up, repeated, written) for key, (ranges, repeated) in held.items()
        ]
        columns = zip(*rows, strict=True)
        # Appended, not replaced, and in one statement: an index to find the old row costs more than all the rest.
        cursor.register("ledger", pa.table([pa.array(one) for one in columns], names=sql.LEDGER_COLUMNS))
        cursor.execute(sql.PUT_LEDGER)


def _checked_size(text: str) -> str:
    number, unit = text[:-2], text[-2:]
    if not number.isdigit() or unit not in ("MB", "GB"):
        raise UserError(f'a memory limit of {text!r} is none; write it as "512MB" or "4GB".')
    return text


def _open_failed(path: Path, error: Exception) -> str:
    if "lock" in str(error).lower():
        return (
            f"{path}: another process has this DuckDB file open, and DuckDB allows one. Stop that process "
            "(another `vrijloop server`?), or read through its HTTP API instead."
        )
    return f"{path}: the DuckDB file cannot be opened: {error}"


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """The dtypes that the protocol promises."""
    for column in ("since", "until"):
        frame[column] = pd.to_datetime(frame[column]).astype("datetime64[us]").dt.tz_localize("UTC")
    frame["state"] = frame["state"].astype(STATE_TYPE)
    frame["mode"] = frame["mode"].astype(MODE_TYPE)
    return frame
