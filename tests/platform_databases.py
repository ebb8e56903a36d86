"""Empty databases of the sharing platform whose tables have been made: the migrations run once per process, not once per test.

Tests of the migrations themselves take the fixture `database_url`, which is a database without tables.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from sharing_platform.database import open_database
from tests.postgres import empty, fresh_database


def sqlite_copy(path: Path) -> str:
    """A new file at `path`; its URL."""
    shutil.copyfile(_sqlite_file(), path)
    return f"sqlite:///{path}"


def emptied_postgresql(server: str) -> str:
    """The same database each time, without a row: who had it before must have closed it."""
    url = _postgresql_database(server)
    empty(url, but="alembic_version")
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
    return url


def _make_tables(url: str) -> None:
    open_database(url).kw["bind"].dispose()
