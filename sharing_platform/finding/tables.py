"""Tables of machines, offers, listings, wanted notices and saved searches."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, Index, Integer, Numeric, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from sharing_platform.database import Base, UtcDateTime

OPEN, HELD, BOOKED, WITHDRAWN = "open", "held", "booked", "withdrawn"
CLOSED = "closed"
_IS_PART = text("parent_id IS NOT NULL")
"""Few offers are: an index of all would look useless to the database."""


class Machine(Base):
    """What may be known of a machine on the platform. `details`: a `MachineDetails`, as people wrote it."""

    __tablename__ = "machine"

    factory: Mapped[str] = mapped_column(String(63), primary_key=True)
    machine: Mapped[str] = mapped_column(String(63), primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    process: Mapped[str] = mapped_column(String(100))
    now: Mapped[str] = mapped_column(String(20))
    since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class CatalogueVersion(Base):
    """Grows by one with each change to what can be found of machines, so that every process knows when to read them again."""

    __tablename__ = "catalogue_version"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    version: Mapped[int] = mapped_column(Integer)


class Offer(Base):
    """Hours of a machine that are offered, with the promise that goes with them.

    `offered_start` to `offered_end` is what the factory put; `start` to `end` is what of it is free. Where bookings leave more
    than one part free, the others are rows of their own, whose `parent_id` names this one.
    """

    __tablename__ = "offer"
    __table_args__ = (
        Index("offer_by_time", "status", "start", "id"),
        Index("offer_by_machine", "factory", "machine", "status", "start"),
        Index("offer_by_factory_and_time", "status", "factory", "start", "id"),
        Index("offer_by_length", "status", "length_s"),
        Index("offer_by_parent", "parent_id", sqlite_where=_IS_PART, postgresql_where=_IS_PART),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("offer.id"))
    factory: Mapped[str] = mapped_column(String(63))
    machine: Mapped[str] = mapped_column(String(63))
    offered_start: Mapped[datetime] = mapped_column(UtcDateTime)
    offered_end: Mapped[datetime] = mapped_column(UtcDateTime)
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
    booking: Mapped[str] = mapped_column(String(10), default="instant")
    minimum_hours: Mapped[float | None] = mapped_column(Float)
    buffer_minutes: Mapped[int] = mapped_column(Integer, default=0)
    cancellation_hours: Mapped[int] = mapped_column(Integer, default=24)
    status: Mapped[str] = mapped_column(String(10), default=OPEN)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)


class Listing(Base):
    """What else is shared: an operator, equipment, know-how, training. `details`: as people wrote it, by kind."""

    __tablename__ = "listing"
    __table_args__ = (Index("listing_by_kind", "status", "kind", "id"), Index("listing_by_owner", "organisation_id"))

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    kind: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text)
    start: Mapped[datetime] = mapped_column(UtcDateTime)
    end: Mapped[datetime] = mapped_column(UtcDateTime)
    price: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    price_unit: Mapped[str] = mapped_column(String(10))
    places: Mapped[int | None] = mapped_column(Integer)
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    status: Mapped[str] = mapped_column(String(10), default=OPEN)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)


class ListingGiver(Base):
    """Another organisation that gives a training together with its owner; shown once it has agreed."""

    __tablename__ = "listing_giver"

    listing_id: Mapped[str] = mapped_column(ForeignKey("listing.id"), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    agreed: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Search(Base):
    """What somebody looks for, and wants to hear of: a wanted notice, which all may read, or a saved search, which is their own.
    `wish`: a `Wish`."""

    __tablename__ = "search"
    __table_args__ = (Index("search_by_kind", "kind", "status", "id"), Index("search_by_owner", "organisation_id"))

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    account_id: Mapped[str | None] = mapped_column(ForeignKey("account.id"))
    kind: Mapped[str] = mapped_column(String(10))
    title: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)
    wish: Mapped[dict[str, Any]] = mapped_column(JSON)
    notify: Mapped[str] = mapped_column(String(10))
    status: Mapped[str] = mapped_column(String(10), default=OPEN)
    created: Mapped[datetime] = mapped_column(UtcDateTime)


class Match(Base):
    """What was found for a search, and why; told once."""

    __tablename__ = "search_match"

    search_id: Mapped[str] = mapped_column(ForeignKey("search.id"), primary_key=True)
    subject: Mapped[str] = mapped_column(String(140), primary_key=True)
    score: Mapped[float] = mapped_column(Float)
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    found: Mapped[datetime] = mapped_column(UtcDateTime)
