"""A small SQLite file in which one process keeps its state."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from telemetry.errors import UserError

_log = logging.getLogger(__name__)

RESERVE_BYTES = 1_000_000
"""Enough for the decisions of users."""
_CHECKPOINT_PAGES = 100


def open_sqlite_file(path: Path, schema: str, what: str, reserve_bytes: int = 0) -> sqlite3.Connection:
    """Open or create the file in WAL mode. Threads must take turns; each statement is a transaction of its own.

    `reserve_bytes`: amount that can still be written when the disk is full. `what`: content of the file, for the error message.
    Raises UserError if the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # also where SQLite was built for less
        connection.executescript(schema)
    except (OSError, sqlite3.Error) as error:
        raise UserError(f"{path}: {what} cannot be opened: {error}") from error
    if reserve_bytes:
        _reserve(connection, reserve_bytes, path)
    return connection


def add_columns(connection: sqlite3.Connection, table: str, columns: Mapping[str, str]) -> None:
    """Add the columns, types by name, that a file of an earlier version lacks."""
    known = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
    for name, kind in columns.items():
        if name not in known:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


def _reserve(connection: sqlite3.Connection, size: int, path: Path) -> None:
    """Reserve space in both files: as free pages in the database, and in the WAL file, which keeps its length and is restarted before it
    would have to grow."""
    try:
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE room (taken BLOB)")
        connection.execute("INSERT INTO room VALUES (zeroblob(?))", (size,))
        connection.execute("DROP TABLE room")
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        _log.warning("%s: no space could be reserved (%s).", path, error)
