"""The embedded store: one DuckDB file, written by one process.

Reports are appended to `recent_report`. A batch and its sequence numbers are one transaction, so a process killed at any moment has stored
both or neither. Readers see the newest report of each key. When there are enough recent reports, they are merged into `state_interval`, which has one
row per key and no index: an index over 20 million keys would have to fit in memory and be updated at every write.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from stores import duckdb_queries as sql
from stores.duckdb_wal import connect
from stores.ledger import Gateway, LedgerEntry, entries_with_batch, entries_with_ledger, ranges_held
from stores.report_batch import ReportBatch, interval_of
from stores.sequences import SequenceRanges
from stores.state_store import (
    INTERVAL_COLUMNS,
    MODE_TYPE,
    STATE_TYPE,
    GatewayLedger,
    LatestState,
    StoreRefusedError,
    StoreUnavailableError,
)
from telemetry import StateInterval, UserError
from telemetry.ranges import Range

_log = logging.getLogger(__name__)

COMPACT_ROWS = 250_000
"""Number of recent reports at which they are merged: a larger number slows reads down, a smaller one writes."""

_REFUSALS = (duckdb.ConstraintException, duckdb.ConversionException, duckdb.DataError, duckdb.InvalidInputException)

Newest = tuple[int, int, int, StateInterval]
"""(since, until, seq, interval) of a machine; times in milliseconds."""


class DuckDBStateStore:
    """A `StateStore` in one file. Other processes read it through the service's HTTP API."""

    def __init__(
        self, path: Path, memory_limit: str | None = None, compact_rows: int = COMPACT_ROWS, threads: int | None = None
    ) -> None:
        """Open or create `path`. `memory_limit` as in DuckDB (`512MB`); None for it or for `threads` means DuckDB's default. Each
        thread has its own buffers.

        Raises UserError if another process uses the file or it cannot be written.
        """
        self._path = path
        self._compact_rows = self._compact_from = compact_rows
        # Otherwise DuckDB takes the type of a column of text from its first values, which may all be missing.
        self._settings = ["SET pandas_analyze_sample = 0"]
        if memory_limit is not None:
            self._settings.append(f"SET memory_limit = '{_checked_size(memory_limit)}'")
        if threads is not None:
            self._settings.append(f"SET threads = {threads:d}")
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open()
        except (OSError, duckdb.Error) as error:
            raise UserError(_open_failed(path, error)) from error

    def _open(self) -> None:
        self._connection = connect(self._path)
        for statement in (*self._settings, *sql.SCHEMA):
            self._connection.execute(statement)
        self._sequences = self._load_sequences()
        self._newest = self._load_newest()
        self._recent, self._written = self._load_counts()
        self._shut_down = False

    def write(self, batch: ReportBatch) -> None:
        if len(batch):
            with self._exclusive("take a batch"):
                self._take(batch, with_sequences=True)

    def restore(self, records: pd.DataFrame) -> int:
        if not records.empty:
            with self._exclusive("take records"):
                self._take(ReportBatch.from_records(records), with_sequences=False)
        return 0

    def compact(self) -> None:
        """Merge all recent reports into the main table now."""
        with self._exclusive("merge recent reports"):
            self._compact()

    def intervals(
        self,
        factory: str,
        start: datetime,
        end: datetime,
        machines: Sequence[str] | None = None,
        *,
        power: bool = False,
    ) -> pd.DataFrame:
        with self._lock:
            recent = self._recent
            names = sorted({machine for name, machine in self._newest if name == factory})
        if machines is not None:
            names = sorted(set(machines).intersection(names))
        wanted = {"factory": factory, "start": _naive(start), "end": _naive(end), "machines": names}
        frame = self._without_ended(self._fetch(sql.intervals(recent > 0, power), wanted), names, factory, start)
        frame["machine"] = _named(frame["number"].to_numpy(), names)
        return _typed(frame)[[*INTERVAL_COLUMNS, "power_w"] if power else INTERVAL_COLUMNS]

    def cursor(self) -> str:
        with self._lock:
            return str(self._written)

    def changed_since(self, factory: str, cursor: str) -> tuple[pd.DataFrame, str]:
        following = self.cursor()
        frame = self._fetch(sql.CHANGED, {"factory": factory, "written": int(cursor)})
        return _typed(frame).astype({"machine": "category"}), following

    def records(self, factory: str, start: datetime, end: datetime, machines: Sequence[str]) -> pd.DataFrame:
        wanted = {"factory": factory, "start": _naive(start), "end": _naive(end), "machines": list(machines)}
        return _typed(self._fetch(sql.RECORDS, wanted))

    def latest(self, factory: str) -> list[LatestState]:
        with self._lock:
            return [
                LatestState(name, machine, newest[3])
                for (name, machine), newest in sorted(self._newest.items(), key=lambda item: item[0])
                if name == factory
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

    def stored_ranges(self, gateways: Collection[Gateway]) -> dict[Gateway, list[Range]]:
        with self._lock:
            return ranges_held(self._sequences, gateways)

    def restore_ledger(self, ledger: Sequence[GatewayLedger]) -> None:
        with self._exclusive("take a ledger"):
            updated = entries_with_ledger(self._sequences, ledger)
            if updated:
                self._store_ledger(self._connection, updated)
                self._sequences.update(updated)
                self._written += 1

    def delete_machine(self, factory: str, machine: str) -> None:
        with self._exclusive("delete a machine"):
            self._connection.execute(sql.KEEP_COUNT, {"written": self._written})
            for table in (sql.INTERVAL_TABLE, sql.RECENT_TABLE, sql.NEWEST_TABLE):
                self._connection.execute(f"DELETE FROM {table} WHERE factory = ? AND machine = ?", [factory, machine])
            self._newest.pop((factory, machine), None)
            self._recent = self._load_counts()[0]
            self._connection.execute("CHECKPOINT")

    def delete_before(self, moment: datetime) -> None:
        with self._exclusive("delete what is old"):
            self._compact()
            self._connection.execute(sql.DELETE_BEFORE, {"moment": _naive(moment)})
            self._connection.execute("CHECKPOINT")

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def _exclusive(self, what: str) -> Iterator[None]:
        """Hold the lock. After a fatal error, such as a full disk during a merge, the file is first reopened, since DuckDB refuses all further
        statements until then."""
        with self._lock, self._errors_translated(what):
            if self._shut_down:
                with suppress(duckdb.Error):
                    self._connection.close()
                self._open()
                _log.info("DuckDB file %s: opened again.", self._path)
            yield

    @contextmanager
    def _errors_translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except _REFUSALS as error:
            raise StoreRefusedError(f"DuckDB refuses to {what}: {error}") from error
        except duckdb.Error as error:
            self._shut_down = self._shut_down or isinstance(error, duckdb.FatalException)
            raise StoreUnavailableError(f"DuckDB file {self._path} could not {what}: {error}") from error

    def _take(self, batch: ReportBatch, *, with_sequences: bool) -> None:
        """Append the reports and record their sequence numbers, in one transaction."""
        cursor = self._connection.cursor()
        try:
            cursor.execute("BEGIN")
            self._append(cursor, batch)
            sequences = self._record_sequences(cursor, batch) if with_sequences else {}
            cursor.execute("COMMIT")
        finally:
            cursor.close()
        self._sequences.update(sequences)
        self._appended(batch)
        if self._recent >= self._compact_from:
            self._compact_or_later()

    def _append(self, cursor: duckdb.DuckDBPyConnection, batch: ReportBatch) -> None:
        cursor.register("batch", batch.columns(self._written + 1))
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
        """Merge after a write. The batch is durable already, so a failing merge, for example on a full disk, is logged and not raised."""
        try:
            with self._errors_translated("merge recent reports"):
                self._compact()
        except (StoreUnavailableError, StoreRefusedError) as error:
            _log.error("%s. The reports are stored; merging is tried again later.", error)
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

    def _without_ended(self, frame: pd.DataFrame, names: list[str], factory: str, start: datetime) -> pd.DataFrame:
        """Drop intervals that began before `start` and were followed by another one that began before `start`. `frame` has the number of
        the machine's name."""
        number, since = frame["number"].to_numpy(), frame["since"].to_numpy()
        earlier = since < np.datetime64(_naive(start))
        if not earlier.any():
            return frame
        some = [names[place] for place in np.unique(number[earlier])]
        first = since[earlier].min().astype("datetime64[us]").item()
        wanted = {"factory": factory, "start": _naive(start), "first": first, "machines": some}
        found = self._fetch(sql.NEWEST_BEFORE, wanted)
        newest = np.full(len(names), np.datetime64("NaT"), dtype=since.dtype)
        newest[[names.index(name) for name in found["machine"]]] = found["since"]
        left: pd.DataFrame = frame[~earlier | (since == newest[number])].reset_index(drop=True)
        return left

    def _fetch(self, query: str, parameters: dict[str, Any]) -> pd.DataFrame:
        with self._exclusive("answer a query"):
            cursor = self._connection.cursor()
        try:
            with self._errors_translated("answer a query"):
                return cursor.execute(query, parameters).df()
        finally:
            cursor.close()

    def _load_sequences(self) -> dict[Gateway, LedgerEntry]:
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
        """(number of recent rows, number of the last batch)."""
        recent, written = self._connection.execute(sql.COUNTS).fetchall()[0]
        return int(recent), int(written)

    def _record_sequences(self, cursor: duckdb.DuckDBPyConnection, batch: ReportBatch) -> dict[Gateway, LedgerEntry]:
        updated = entries_with_batch(self._sequences, batch.seqs_per_gateway())
        self._store_ledger(cursor, updated)
        return updated

    def _store_ledger(self, cursor: duckdb.DuckDBPyConnection, held: dict[Gateway, LedgerEntry]) -> None:
        gateways, entries = list(held), list(held.values())
        columns = {
            "factory": _texts(factory for factory, _ in gateways),
            "gateway": _texts(gateway for _, gateway in gateways),
            "ranges": _texts(ranges.to_json() for ranges, _ in entries),
            "given_up": np.array([ranges.given_up for ranges, _ in entries], dtype=np.int64),
            "repeated": np.array([repeated for _, repeated in entries], dtype=np.int64),
            "written": np.full(len(held), self._written + 1),
        }
        # Appended, not replaced, in one statement: an index for finding the old row would cost more than everything else. A data frame would
        # cost as much as the statement.
        cursor.register("ledger", columns)
        cursor.execute(sql.PUT_LEDGER)


def _texts(values: Iterable[str]) -> np.ndarray:
    return np.array(list(values), dtype=object)


def _checked_size(text: str) -> str:
    number, unit = text[:-2], text[-2:]
    if not number.isdigit() or unit not in ("MB", "GB"):
        raise UserError(f'{text!r} is not a valid memory limit; write it as "512MB" or "4GB".')
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


def _named(number: np.ndarray, names: list[str]) -> pd.Categorical:
    """The machines of rows, from the places of their names; only names that occur are categories."""
    occurs = np.bincount(number, minlength=len(names)) > 0
    codes = (np.cumsum(occurs) - 1)[number]
    return pd.Categorical.from_codes(codes, categories=pd.Index(names, dtype="str")[occurs])


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Convert the columns to the dtypes of the `StateStore` protocol."""
    for column in ("since", "until"):
        frame[column] = pd.to_datetime(frame[column]).astype("datetime64[us]").dt.tz_localize("UTC")
    frame["state"] = frame["state"].astype(STATE_TYPE)
    frame["mode"] = frame["mode"].astype(MODE_TYPE)
    return frame
