"""Databases of the sharing platform as the migrations leave them; they run once per process, not once per test.

Tests of the migrations themselves take the fixture `database_url`, which is a database without tables.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache, partial
from pathlib import Path
from unittest.mock import patch

from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from sharing_platform.app import PlatformSettings, create_app
from sharing_platform.database import Now, open_database
from tests.postgres import as_remembered, fresh_database, remember_rows


def sqlite_copy(path: Path) -> str:
    """A new file at `path`; its URL."""
    shutil.copyfile(_sqlite_file(), path)
    return f"sqlite:///{path}"


def reset_sqlite(name: str = "kept") -> str:
    """The same file each time, as a new one is: who had it before must have closed it. Its URL is one for `open_kept`. `name`: of one among several."""
    path = _sqlite_file().with_name(f"{name}.sqlite")
    url = f"sqlite:///{path}"
    for opened in _kept.get(url, {}).values():
        opened.kw["bind"].dispose()
    for journal in ("-wal", "-shm"):
        path.with_name(path.name + journal).unlink(missing_ok=True)
    _kept.setdefault(url, {})
    return sqlite_copy(path)


def reset_postgresql(server: str) -> str:
    """The same database each time, with the rows that a new one has: who had it before must have closed it. Its URL is one for `open_kept`."""
    url = _postgresql_database(server)
    as_remembered(url)
    _kept.setdefault(url, {})
    return url


def waits_for_another(sessions: sessionmaker[Session]) -> bool:
    """Whether a transaction in this PostgreSQL database waits for what another one has locked."""
    query = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with sessions() as session:
        return bool(session.scalar(query))


_kept: dict[str, dict[int, sessionmaker[Session]]] = {}


def open_kept(url: str, process: int = 1) -> sessionmaker[Session]:
    """As `open_database` does, but where the same database comes back it is opened once (by each `process` that a test plays): a sixth of the tests' CPU
    time went into compiling the same statements for each new engine, and into looking for migrations that have run."""
    if url not in _kept:
        return open_database(url)
    opened = _kept[url].get(process) or open_database(url)
    _kept[url][process] = opened
    return opened


def create_kept_app(settings: PlatformSettings, now: Now, process: int = 1) -> FastAPI:
    """The platform over a database that `reset_sqlite` or `reset_postgresql` has just put back. `process`: as which of several that share it."""
    with patch("sharing_platform.app.open_database", partial(open_kept, process=process)):
        return create_app(settings, now)


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
