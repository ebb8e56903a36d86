"""Opens a DuckDB file also where the end of its write-ahead log is damaged, as a disk leaves it that had not yet written what it said was written.

Without this, a server would not start again after such a power failure. What the damaged end held is missing then; agents send again what the store no longer has.
"""

from __future__ import annotations

import itertools
import logging
import os
import re
import shutil
from pathlib import Path

import duckdb

_log = logging.getLogger(__name__)

_CORRUPT = "Corrupt WAL file"
_PLACE = re.compile(r"entry at byte position (\d+)")


def connect(path: Path) -> duckdb.DuckDBPyConnection:
    """Raises duckdb.Error. A damaged log is kept beside the file, as `….wal.damaged`, the next one as `….wal.damaged.2`."""
    try:
        return duckdb.connect(str(path))
    except duckdb.Error as error:
        log = path.with_name(f"{path.name}.wal")
        if _CORRUPT not in str(error) or not log.exists():
            raise
        place = _PLACE.search(str(error))
        _set_aside(log)
        if place is not None:
            try:
                return _connect_up_to(path, log, int(place[1]))
            except duckdb.Error:
                _log.exception("%s: what comes before the damage cannot be read either.", log)
    log.unlink(missing_ok=True)
    return duckdb.connect(str(path))


def _set_aside(log: Path) -> None:
    names = (f"{log.name}.damaged{f'.{number}' if number > 1 else ''}" for number in itertools.count(1))
    kept = next(place for name in names if not (place := log.with_name(name)).exists())
    shutil.copyfile(log, kept)
    _log.error(
        "%s: its end is damaged. The store goes on without it, and agents send again what is missing, as far as they still have it (`keep_stored`). What was there is kept as %s.",
        log,
        kept.name,
    )


def _connect_up_to(path: Path, log: Path, place: int) -> duckdb.DuckDBPyConnection:
    """With the entries before `place`, which are whole."""
    os.truncate(log, place)
    return duckdb.connect(str(path))
