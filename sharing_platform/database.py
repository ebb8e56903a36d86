"""Tables, and sessions over PostgreSQL (production) or SQLite (embedded). Times are stored as UTC."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, DateTime, Dialect, Engine, create_engine, event
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    import psycopg

_WRITER_WAITS_S = 20
AT_WORK = 24
"""Requests that are worked on at a time, each in a thread. The cores are the limit long before."""
READERS = 8
"""Requests at a time that have a connection before they have a thread. The others wait without either."""
_IN_MEMORY = "sqlite://"
_CONNECTIONS_KEPT, _CONNECTIONS = 8, 48
"""More than readers, threads and background jobs can have together: if a thread waited for a connection, those who have one could wait for its thread, and everything would stand
still. PostgreSQL allows 100 by default, which is enough for two processes."""
_TURN = "vrijloop_turn"
_MIGRATIONS = Path(__file__).parent / "migrations"

UNAVAILABLE = (OperationalError, InterfaceError, PoolTimeoutError)
"""Exceptions of an open database that is unreachable, full or busy. The next attempt may succeed."""

Now = Callable[[], datetime]
"""The platform's clock: aware UTC."""


class DatabaseError(Exception):
    """The database cannot be opened; the message says which and why."""


def message_of(trouble: Exception) -> str:
    """The database's own message in one line, without the statement and its values."""
    return " ".join(str(trouble.orig if isinstance(trouble, DBAPIError) else trouble).split())


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes in, aware UTC out, on databases that keep no zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC).replace(tzinfo=None) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return _as_utc(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """Two calls for each time become one, where the driver gives times itself: a page reads thousands."""
        if self.impl_instance.result_processor(dialect, coltype) is not None:
            return super().result_processor(dialect, coltype)
        return _as_utc


def _as_utc(value: datetime | None) -> datetime | None:
    return value.replace(tzinfo=UTC) if value is not None else None


class Base(DeclarativeBase):
    """All tables."""


@contextmanager
def read_session(sessions: sessionmaker[Session]) -> Iterator[Session]:
    """A session that blocks no writer."""
    with sessions() as session:
        session.connection(execution_options={"readonly": True})
        yield session


def open_database(url: str) -> sessionmaker[Session]:
    """Connect and bring the tables up to date. Raises DatabaseError."""
    engine = _engine(url)
    if engine.dialect.name == "sqlite":
        _make_sqlite_strict(engine)
    try:
        with engine.begin() as connection:
            migrate(connection)
    except OperationalError as error:
        raise DatabaseError(f"{engine.url.render_as_string()}: the database cannot be opened: {error.orig}") from error
    return sessionmaker(engine, expire_on_commit=False)


def _engine(url: str) -> Engine:
    try:
        # A database in memory is its one connection: there is no pool to be bounded.
        pool = {"pool_size": _CONNECTIONS_KEPT, "max_overflow": _CONNECTIONS - _CONNECTIONS_KEPT}
        engine = create_engine(
            url,
            pool_pre_ping=True,
            json_deserializer=msgspec.json.decode,
            **({} if url == _IN_MEMORY else pool),
        )
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise DatabaseError(
            f'the database cannot be opened: its URL must look like "sqlite:///file.sqlite" or '
            f'"postgresql+psycopg://user@host/name" ({type(error).__name__}).'
        ) from error
    if engine.dialect.driver == "psycopg":
        event.listen(engine, "connect", _refuse_other_encodings, insert=True)  # before the dialect asks for the version
        event.listen(engine, "connect", _plan_for_values)
    return engine


def _refuse_other_encodings(connection: psycopg.Connection[Any], _: object) -> None:
    """With SQL_ASCII PostgreSQL hands out bytes, and the driver's dialect ends in an error that nobody understands; LATIN1 has no euro sign."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        name = connection.info.dbname
        raise DatabaseError(
            f"the database {name!r} cannot be opened: its encoding is {encoding}, and the platform needs UTF8. Make a new one with "
            f"`createdb --encoding=UTF8 --template=template0 NAME`; what is in the old one moves with `pg_dump {name} | psql NAME`."
        )


def _plan_for_values(connection: psycopg.Connection[Any], _: object) -> None:
    """Statements are planned for what is asked. Once the driver has prepared one, PostgreSQL would soon plan it for any values: it then finds the hours of a few machines by
    reading those of all of them, in four times the time, and saves half a millisecond of planning."""
    connection.execute("SET plan_cache_mode = force_custom_plan")
    connection.commit()  # as a setting made in a transaction goes where that one is undone


def revision_of(url: str) -> str | None:
    """The revision of the tables in the database; None if there are none yet. Raises DatabaseError."""
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            return revision_in(connection)
    except OperationalError as error:
        raise DatabaseError(f"{engine.url.render_as_string()}: the database cannot be opened: {error.orig}") from error
    finally:
        engine.dispose()


def revision_in(connection: Connection) -> str | None:
    """The revision of the tables in the database; None if there are none yet."""
    return MigrationContext.configure(connection).get_current_revision()


@contextmanager
def inspect_database(url: str) -> Iterator[Session]:
    """A session on the database as it stands, for looking only: nothing is made that is not there. Raises DatabaseError."""
    engine = _engine(url)
    file = engine.url.database if engine.dialect.name == "sqlite" else None
    if file is not None and not Path(file).exists():
        raise DatabaseError(f"{file}: there is no such database.")
    try:
        with read_session(sessionmaker(engine)) as session:
            yield session
    except DBAPIError as error:
        raise DatabaseError(
            f"{engine.url.render_as_string()}: the database cannot be read: {message_of(error)}"
        ) from error
    finally:
        engine.dispose()


def newest_revision() -> str | None:
    """The revision of the tables that this version needs."""
    return ScriptDirectory(str(_MIGRATIONS)).get_current_head()


def migrate(connection: Connection, revision: str = "head") -> None:
    """Bring the tables to a revision, in the connection's transaction."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _make_sqlite_strict(engine: Engine) -> None:
    writing = threading.Lock()

    @event.listens_for(engine, "connect")
    def on_connect(connection: sqlite3.Connection, _: Any) -> None:
        # The driver begins its transactions late, so that two writers could read the same state first.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        # What somebody was told is on the disk, also after a power failure: not every build of SQLite does that by itself.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA busy_timeout={_WRITER_WAITS_S * 1000}")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        # Writers are serialised from their first statement on; in WAL mode they do not block readers.
        if connection.get_execution_options().get("readonly"):
            connection.exec_driver_sql("BEGIN")
            return
        # SQLite's busy handler retries without order, and some writers starve: within the process, a lock queues them.
        turn = writing.acquire(timeout=_WRITER_WAITS_S)
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except BaseException:
            if turn:
                writing.release()
            raise
        connection.info[_TURN] = turn

    def on_end(connection: Connection) -> None:
        if connection.info.pop(_TURN, False):
            writing.release()

    event.listen(engine, "commit", on_end)
    event.listen(engine, "rollback", on_end)
