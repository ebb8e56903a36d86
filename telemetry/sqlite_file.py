"""A small SQLite file that one process keeps its memory in."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from telemetry.errors import UserError


def open_sqlite_file(path: Path, schema: str, what: str) -> sqlite3.Connection:
    """Open or create it, written ahead, for several threads that take turns; each statement is a transaction of its own.

    Raises UserError where it cannot be written; `what` says what it holds.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(schema)
    except (OSError, sqlite3.Error) as error:
        raise UserError(f"{path}: {what} cannot be opened: {error}") from error
    return connection
