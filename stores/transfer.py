"""Exports a store's records to a file, imports them from a file, or copies them to another store; by machine and quarter, to limit memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from stores.report_batch import MODES, STATES
from stores.state_store import MODE_TYPE, RECORD_COLUMNS, STATE_TYPE, StateStore
from telemetry import UserError
from telemetry.message import EARLIEST

Progress = Callable[[int, int], None]
"""Called with the amount done and the total."""

_PORTION = timedelta(days=92)
_BATCH_ROWS = 100_000
_TIME = pa.timestamp("ms", tz="UTC")
SCHEMA = pa.schema(
    [
        ("factory", pa.string()),
        ("machine", pa.string()),
        ("since", _TIME),
        ("until", _TIME),
        ("state", pa.string()),
        ("mode", pa.string()),
        ("power_w", pa.float64()),
        ("reason", pa.string()),
        ("gateway", pa.string()),
        ("seq", pa.int64()),
    ]
)


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

    The file gets its final name when it is complete.
    """
    unfinished = path.with_name(path.name + ".unfinished")
    count = 0
    try:
        with _writer(path, unfinished) as writer:
            for records in portions:
                writer.write_table(pa.Table.from_pandas(records[RECORD_COLUMNS], SCHEMA, preserve_index=False))
                count += len(records)
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise UserError(f"{path}: cannot be written ({error}).") from error
    return count


def import_records(store: StateStore, path: Path, progress: Progress) -> Copied:
    """Import a file written by `export_records`. Idempotent. Raises UserError."""
    count = left_out = 0
    try:
        size = path.stat().st_size
        for batch in _batches(path):
            records = batch.to_pandas()
            _check(records, path)
            records["state"] = records["state"].astype(STATE_TYPE)
            records["mode"] = records["mode"].astype(MODE_TYPE)
            left_out += store.restore(records)
            count += len(records)
            progress(min(count * 40, size), size)
        progress(size, size)
    except (OSError, pa.ArrowException, KeyError, UnicodeDecodeError) as error:
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


def _writer(path: Path, unfinished: Path) -> pq.ParquetWriter | pa_csv.CSVWriter:
    if path.suffix == ".parquet":
        return pq.ParquetWriter(unfinished, SCHEMA, compression="zstd")
    if path.suffix == ".csv":
        return pa_csv.CSVWriter(unfinished, SCHEMA)
    raise UserError(f"{path}: the file name must end in .parquet or .csv.")


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    if path.suffix == ".parquet":
        yield from pq.ParquetFile(path).iter_batches(_BATCH_ROWS, columns=RECORD_COLUMNS)
        return
    if path.suffix != ".csv":
        raise UserError(f"{path}: the file name must end in .parquet or .csv.")
    types = {field.name: field.type for field in SCHEMA}
    options = pa_csv.ConvertOptions(column_types=types, include_columns=RECORD_COLUMNS, strings_can_be_null=True)
    yield from pa_csv.open_csv(path, convert_options=options)


def _check(records: pd.DataFrame, path: Path) -> None:
    """Raises UserError if a record is not a valid report."""
    wrong = ~records["state"].isin([item.value for item in STATES])
    wrong |= records["mode"].notna() & ~records["mode"].isin([item.value for item in MODES])
    wrong |= (records["until"] < records["since"]) | (records["since"] < pd.Timestamp(EARLIEST))
    wrong |= records[["factory", "machine", "gateway", "since", "until", "seq"]].isna().any(axis=1)
    if wrong.any():
        row = records[wrong].iloc[0].to_dict()
        raise UserError(f"{path}: {int(wrong.sum())} records are not valid machine states, for example {row}.")
