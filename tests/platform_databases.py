"""Databases of the sharing platform as the migrations leave them; they run once per process, not once per test.

Tests of the migrations themselves take the fixture `database_url`, which is a database without tables.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from sharing_platform.database import open_database
from tests.postgres import as_remembered, fresh_database, remember_rows


def sqlite_copy(path: Path) -> str:
    """A new file at `path`; its URL."""
    shutil.copyfile(_sqlite_file(), path)
    return f"sqlite:///{path}"


def reset_postgresql(server: str) -> str:
    """The same database each time, with the rows that a new one has: who had it before must have closed it."""
    url = _postgresql_database(server)
    as_remembered(url)
    return url


@cache
def _sqlite_file() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="vrijloop-tables-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _make_tables(f"sqlite:///{folder}/platform.sqlite")
    return folder / "platform.sqlite"


@cache
def _postgresql_database(server: str) -> str:
    url = fresh_database(server)
    _make_tables(url)
    remember_rows(url)
    return url


def _make_tables(url: str) -> None:
    open_database(url).kw["bind"].dispose()
