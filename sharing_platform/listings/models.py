"""Tables of listings and of the organisations that give a training together."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, Numeric, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from sharing_platform.database import Base, UtcDateTime

OPEN, CLOSED = "open", "closed"
"""What `Listing.status` can be."""


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
    taken_down: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the region hid it from all but its owner."""


class ListingGiver(Base):
    """Another organisation that gives a training together with its owner; shown once it has agreed."""

    __tablename__ = "listing_giver"

    listing_id: Mapped[str] = mapped_column(ForeignKey("listing.id"), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    agreed: Mapped[datetime | None] = mapped_column(UtcDateTime)
