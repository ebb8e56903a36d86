"""Exports a store's records to a file, imports them from a file, or copies them to another store; by machine and quarter, to limit memory."""

from __future__ import annotations

import glob
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import duckdb
import pandas as pd

from stores.report_batch import MODES, STATES
from stores.state_store import MODE_TYPE, STATE_TYPE, StateStore
from telemetry import UserError
from telemetry.message import EARLIEST

Progress = Callable[[int, int], None]
"""Called with the amount done and the total."""

_PORTION = timedelta(days=92)
_BATCH_VECTORS = 50
"""DuckDB's vectors, of 2,048 rows each, that are imported at a time."""
_MEMORY = "256MB"
_COLUMNS = {
    "factory": "VARCHAR",
    "machine": "VARCHAR",
    "since": "TIMESTAMPTZ",
    "until": "TIMESTAMPTZ",
    "state": "VARCHAR",
    "mode": "VARCHAR",
    "power_w": "DOUBLE",
    "reason": "VARCHAR",
    "gateway": "VARCHAR",
    "seq": "BIGINT",
}
_LISTED = ", ".join(_COLUMNS)
_TIMES = [name for name, kind in _COLUMNS.items() if kind == "TIMESTAMPTZ"]
_READ = ", ".join(f"timezone('UTC', {name}) AS {name}" if name in _TIMES else f"{name} AS {name}" for name in _COLUMNS)
"""By our names, as a file may write them in capitals. Times without a zone: those with one, DuckDB converts by functions of pandas that are going away."""
_WRITTEN_AS = {".parquet": "FORMAT parquet, COMPRESSION zstd", ".csv": "FORMAT csv, HEADER"}
_CSV = "read_csv(?, header = true, delim = ',', quote = '\"', escape = '\"', nullstr = '', types = ?)"
_READ_BY = {".parquet": "read_parquet(?)", ".csv": _CSV}


class Copied(NamedTuple):
    """How many records are in the store, and how many were left out because they are older than it keeps them."""

    records: int
    too_old: int

    @property
    def sentences(self) -> list[str]:
        """What to say about those that were left out; empty where there are none."""
        return (
            [f"{self.too_old} records were left out, as they are older than the store keeps them"]
            if self.too_old
            else []
        )


def portions(
    store: StateStore, factory: str | None, machines: Sequence[str], start: datetime, end: datetime, progress: Progress
) -> Iterator[pd.DataFrame]:
    """Portions of all records with `since` in [start, end). `factory` None means all factories, `machines` empty all machines."""
    chosen = [
        (name, latest)
        for name in store.factories()
        if factory in (None, name)
        for latest in store.latest(name)
        if not machines or latest.machine in machines
    ]
    known = {latest.machine for _, latest in chosen}
    if unknown := sorted(set(machines) - known):
        raise UserError(f"nothing is stored for {', '.join(unknown)}.")
    begins = {name: store.earliest(name) or EARLIEST for name, _ in chosen}
    for done, (name, latest) in enumerate(chosen):
        progress(done, len(chosen))
        first, last = max(start, begins[name]), min(end, latest.interval.since + timedelta(milliseconds=1))
        while first < last:
            records = store.records(name, first, min(first + _PORTION, last), [latest.machine])
            if len(records):
                yield records
            first += _PORTION
    progress(len(chosen), len(chosen))


def export_records(portions: Iterator[pd.DataFrame], path: Path) -> int:
    """Write to `path`, as Parquet or CSV depending on its suffix; returns the number of records. Raises UserError.

    The file gets its final name when it is complete. DuckDB gathers the records beside it, on disk, as it writes a file in one statement.
    """
    form = _WRITTEN_AS[_suffix(path)]
    count = 0
    try:
        with (
            tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as name,
            _duckdb(f"{name}/records.duckdb") as connection,
        ):
            columns = ", ".join(f"{column} {kind}" for column, kind in _COLUMNS.items())
            connection.execute(f"CREATE TABLE record ({columns})")
            for records in portions:
                connection.register("portion", records)
                connection.execute(f"INSERT INTO record SELECT {_LISTED} FROM portion")
                count += len(records)
            unfinished = Path(name) / path.name
            connection.execute(f"COPY record TO ? ({form})", [str(unfinished)])
            unfinished.replace(path)
    except (OSError, duckdb.Error) as error:
        raise UserError(f"{path}: cannot be written ({error}).") from error
    return count


def import_records(store: StateStore, path: Path, progress: Progress) -> Copied:
    """Import a file written by `export_records`. Idempotent. Raises UserError."""
    count = left_out = 0
    try:
        size = path.stat().st_size
        for records in _batches(path):
            _check(records, path)
            records["state"] = records["state"].astype(STATE_TYPE)
            records["mode"] = records["mode"].astype(MODE_TYPE)
            left_out += store.restore(records)
            count += len(records)
            progress(min(count * 40, size), size)
        progress(size, size)
    except (OSError, duckdb.Error, UnicodeDecodeError) as error:
        raise UserError(f"{path}: is not an export of Vrijloop ({error}).") from error
    return Copied(count - left_out, left_out)


def copy_store(source: StateStore, target: StateStore, progress: Progress) -> Copied:
    """Copy all records, then the ledger. Idempotent: an interrupted copy is repeated."""
    count = left_out = 0
    for records in portions(source, None, [], EARLIEST, datetime.max.replace(tzinfo=UTC), progress):
        left_out += target.restore(records)
        count += len(records)
    target.restore_ledger(source.ledger())
    return Copied(count - left_out, left_out)


def _suffix(path: Path) -> str:
    if path.suffix not in _WRITTEN_AS:
        raise UserError(f"{path}: the file name must end in .parquet or .csv.")
    return path.suffix


def _batches(path: Path) -> Iterator[pd.DataFrame]:
    """The records of a file, `RECORD_COLUMNS`. DuckDB takes a name for a pattern, which is why it is escaped."""
    query = f"SELECT {_READ} FROM {_READ_BY[_suffix(path)]}"
    with _duckdb(":memory:") as connection:
        name = glob.escape(str(path))
        connection.execute(query, [name] if path.suffix == ".parquet" else [name, _COLUMNS])
        while len(records := connection.fetch_df_chunk(_BATCH_VECTORS)):
            for name in _TIMES:
                records[name] = records[name].dt.tz_localize(UTC)
            yield records


@contextmanager
def _duckdb(database: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database that is not the store's: it keeps little in memory, loads nothing from outside, and reckons in UTC."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": _MEMORY,
        "threads": 1,
        "autoinstall_known_extensions": False,
        "TimeZone": "UTC",
    }
    with duckdb.connect(database, config=settings) as connection:
        yield connection


def _check(records: pd.DataFrame, path: Path) -> None:
    """Raises UserError if a record is not a valid report."""
    wrong = ~records["state"].isin([item.value for item in STATES])
    wrong |= records["mode"].notna() & ~records["mode"].isin([item.value for item in MODES])
    wrong |= (records["until"] < records["since"]) | (records["since"] < pd.Timestamp(EARLIEST))
    wrong |= records["until"] > pd.Timestamp(datetime.max.replace(tzinfo=UTC))  # there are files with the year 20261
    wrong |= records[["factory", "machine", "gateway", "since", "until", "seq"]].isna().any(axis=1)
    if wrong.any():
        first = records[wrong].iloc[:1]
        times = {name: f"{first[name].dt.tz_localize(None).to_numpy()[0]}Z" for name in _TIMES}
        row = first.iloc[0].drop(_TIMES).to_dict() | times
        raise UserError(f"{path}: {int(wrong.sum())} records are not valid machine states, for example {row}.")
