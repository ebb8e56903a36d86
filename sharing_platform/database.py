"""Tables, and sessions over PostgreSQL (production) or SQLite (embedded). Times are stored as UTC."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import (
    JSON,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Float,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    String,
    create_engine,
    event,
)
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from sqlalchemy.types import TypeDecorator

Now = Callable[[], datetime]
"""The platform's clock: aware UTC."""

OPEN, BOOKED, WITHDRAWN = "open", "booked", "withdrawn"


class DatabaseError(Exception):
    """The database cannot be opened; the message says which and why."""


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes in, aware UTC out, on databases that keep no zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC).replace(tzinfo=None) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None else None


class Base(DeclarativeBase):
    """All tables."""


class Machine(Base):
    """What may be known of a machine on the platform."""

    __tablename__ = "machine"

    factory: Mapped[str] = mapped_column(String(63), primary_key=True)
    machine: Mapped[str] = mapped_column(String(63), primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    process: Mapped[str] = mapped_column(String(100))
    now: Mapped[str] = mapped_column(String(20))
    since: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Offer(Base):
    """Hours of a machine that are offered, with the promise that goes with them."""

    __tablename__ = "offer"
    __table_args__ = (
        Index("offer_by_time", "status", "start", "id"),
        Index("offer_by_machine", "factory", "machine"),
        Index("offer_by_factory_and_time", "status", "factory", "start", "id"),
        Index("offer_by_length", "status", "length_s"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    factory: Mapped[str] = mapped_column(String(63))
    machine: Mapped[str] = mapped_column(String(63))
    start: Mapped[datetime] = mapped_column(UtcDateTime)
    end: Mapped[datetime] = mapped_column(UtcDateTime)
    length_s: Mapped[int] = mapped_column(Integer)
    """`end` - `start`, for the search: databases differ in how they subtract times."""
    probability: Mapped[float] = mapped_column(Float)
    checked: Mapped[int] = mapped_column(Integer)
    broken: Mapped[int] = mapped_column(Integer)
    operator: Mapped[str] = mapped_column(String(20), default="included")
    price_per_hour: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    price_minimum: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    visibility: Mapped[str] = mapped_column(String(10), default="public")
    partners: Mapped[list[str]] = mapped_column(JSON, default=list)
    status: Mapped[str] = mapped_column(String(10), default=OPEN)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)


class Booking(Base):
    """Hours that somebody has booked. The database refuses a second booking of the same hours: PostgreSQL by an exclusion
    constraint, SQLite by a trigger, as its writers take turns."""

    __tablename__ = "booking"
    __table_args__ = (
        Index("booking_by_machine", "factory", "machine", "start"),
        Index("booking_by_request", "request_key", unique=True),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    offer_id: Mapped[str] = mapped_column(ForeignKey("offer.id"), unique=True)
    factory: Mapped[str] = mapped_column(String(63))
    machine: Mapped[str] = mapped_column(String(63))
    start: Mapped[datetime] = mapped_column(UtcDateTime)
    end: Mapped[datetime] = mapped_column(UtcDateTime)
    organisation: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(254))
    booked: Mapped[datetime] = mapped_column(UtcDateTime)
    request_key: Mapped[str | None] = mapped_column(String(64))


def open_database(url: str) -> sessionmaker[Session]:
    """Connect and bring the tables up to date. Raises DatabaseError."""
    try:
        engine = create_engine(url, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise DatabaseError(
            f'the database cannot be opened: its URL must look like "sqlite:///file.sqlite" or '
            f'"postgresql+psycopg://user@host/name" ({type(error).__name__}).'
        ) from error
    if engine.dialect.name == "sqlite":
        _make_sqlite_strict(engine)
    try:
        with engine.begin() as connection:
            migrate(connection)
    except OperationalError as error:
        raise DatabaseError(f"{engine.url.render_as_string()}: the database cannot be opened: {error.orig}") from error
    return sessionmaker(engine, expire_on_commit=False)


def migrate(connection: Connection, revision: str = "head") -> None:
    """Bring the tables to a revision, in the connection's transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _make_sqlite_strict(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: sqlite3.Connection, _: Any) -> None:
        # The driver's own transactions begin late and allow two writers to read the same state first.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA busy_timeout=5000")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Any) -> None:
        # Writers are serialised from their first statement on; readers are not kept waiting by WAL.
        connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get("readonly") else "BEGIN IMMEDIATE")
