"""Tables of bookings, their history, what the parties write to each other, and calendar feeds."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Boolean, ForeignKey, Index, Integer, Numeric, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from sharing_platform.bookings.amounts import VAT
from sharing_platform.bookings.lifecycle import Party
from sharing_platform.database import Base, UtcDateTime
from sharing_platform.machines.anonymity import public_title


class Booking(Base):
    """Hours of a machine, or a listing, that somebody asks for or has.

    `resource` names what can be had by one at a time, with `start` to `free_again` (the end and the buffer after it): the
    database refuses two live bookings of it that overlap, PostgreSQL by an exclusion constraint, SQLite by a trigger, as its
    writers take turns. It is null for what has several places. `due`: when time alone changes the state.
    """

    __tablename__ = "booking"
    __table_args__ = (
        Index("booking_by_resource", "resource", "start"),
        Index("booking_by_provider", "provider", "end"),
        Index("booking_by_seeker", "seeker", "end"),
        Index("booking_by_offer", "offer_id"),
        Index("booking_by_listing", "listing_id"),
        Index("booking_due", "due"),
        Index("booking_by_request", "request_key", unique=True),
        Index("booking_by_parts", "request_id"),
        Index("booking_by_email", "email"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    offer_id: Mapped[str | None] = mapped_column(ForeignKey("offer.id"))
    listing_id: Mapped[str | None] = mapped_column(ForeignKey("listing.id"))
    provider: Mapped[str] = mapped_column(String(63))
    machine: Mapped[str | None] = mapped_column(String(63))
    resource: Mapped[str | None] = mapped_column(String(140))
    title: Mapped[str] = mapped_column(String(200))
    start: Mapped[datetime] = mapped_column(UtcDateTime)
    end: Mapped[datetime] = mapped_column(UtcDateTime)
    free_again: Mapped[datetime] = mapped_column(UtcDateTime)
    places: Mapped[int] = mapped_column(Integer, default=1)
    alias: Mapped[str | None] = mapped_column(String(20))
    """Of an anonymous machine, until the factory has accepted: the seeker does not know yet whose it is."""
    seeker: Mapped[str | None] = mapped_column(ForeignKey("organisation.id"))
    account_id: Mapped[str | None] = mapped_column(ForeignKey("account.id"))
    organisation: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(254))
    state: Mapped[str] = mapped_column(String(10))
    due: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cancel_until: Mapped[datetime] = mapped_column(UtcDateTime)
    price: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    vat_percent: Mapped[Decimal] = mapped_column(Numeric(4, 2), default=VAT, server_default="21")
    booked: Mapped[datetime] = mapped_column(UtcDateTime)
    request_key: Mapped[str | None] = mapped_column(String(64))
    first_answer: Mapped[dict[str, Any] | None] = mapped_column(JSON, deferred=True)
    """What the request was answered, without what is somebody's: the same request with the same key gets it again."""
    request_id: Mapped[str | None] = mapped_column(String(36))
    """Of a request with several parts: the parts share it, and are answered together."""
    hours_kept: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Of a declined request: its factory keeps the hours for itself, and they are not on offer."""
    revision: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """How often the parties have agreed on other terms since it was accepted."""
    reminded: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When both sides were reminded, or when it was clear that they need not be."""
    seeker_mailed: Mapped[datetime | None] = mapped_column(UtcDateTime)
    provider_mailed: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the latest e-mail about a message was sent to that side, or will be."""

    def title_for(self, party: Party) -> str:
        return public_title(self.alias) if self.alias is not None and party is Party.SEEKER else self.title


class BookingEvent(Base):
    """A step in the life of a booking. The database refuses to change or remove one."""

    __tablename__ = "booking_event"
    __table_args__ = (Index("event_by_booking", "booking_id", "id"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    booking_id: Mapped[str] = mapped_column(ForeignKey("booking.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(10))
    party: Mapped[str] = mapped_column(String(10))
    account_id: Mapped[str | None] = mapped_column(String(36))


class BookingMessage(Base):
    """What one party wrote to the other. `organisation_id` is null for a guest's word until the request is confirmed."""

    __tablename__ = "booking_message"
    __table_args__ = (
        Index("message_by_booking", "booking_id", "id"),
        Index("message_by_public_id", "public_id", unique=True),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    """The order in which messages came. It never leaves the platform, or both parties could count what others write."""
    public_id: Mapped[str] = mapped_column(String(36), default=lambda: str(uuid.uuid4()))
    booking_id: Mapped[str] = mapped_column(ForeignKey("booking.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    organisation_id: Mapped[str | None] = mapped_column(String(63))
    account_id: Mapped[str | None] = mapped_column(String(36))
    text: Mapped[str] = mapped_column(Text)
    quantity: Mapped[int | None] = mapped_column(Integer)
    """How many pieces it is about."""
    taken_down: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the region hid it from the other party."""


class BookingReview(Base):
    """What one party says of how it was."""

    __tablename__ = "booking_review"

    booking_id: Mapped[str] = mapped_column(ForeignKey("booking.id"), primary_key=True)
    party: Mapped[str] = mapped_column(String(10), primary_key=True)
    account_id: Mapped[str | None] = mapped_column(String(36))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    verdict: Mapped[str] = mapped_column(String(12))
    text: Mapped[str] = mapped_column(Text)
    taken_down: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the region hid it from the other party, and out of the factory's record."""


class WaitingPlace(Base):
    """Places in a training that an organisation waits for, in the order of their ids. `confirm_until`: while they are kept for it, how long it has to confirm."""

    __tablename__ = "waiting_place"
    __table_args__ = (
        Index("waiting_by_listing", "listing_id", "state", "id"),
        Index("waiting_by_organisation", "organisation_id", "state"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    listing_id: Mapped[str] = mapped_column(ForeignKey("listing.id"))
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"))
    places: Mapped[int] = mapped_column(Integer)
    joined: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(10))
    confirm_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Proposal(Base):
    """Other hours or another price for a request, or a quote (`lines`): `state` as `ProposalState`. One that is open is answered by the other side than
    `party`. `valid_until`: when the request expires if it is not. `of_agreed`: made once the booking was accepted; it is about this one alone, and ends by itself at `valid_until`."""

    __tablename__ = "booking_proposal"
    __table_args__ = (Index("proposal_by_booking", "booking_id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    booking_id: Mapped[str] = mapped_column(ForeignKey("booking.id"))
    party: Mapped[str] = mapped_column(String(10))
    account_id: Mapped[str | None] = mapped_column(String(36))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    start: Mapped[datetime] = mapped_column(UtcDateTime)
    end: Mapped[datetime] = mapped_column(UtcDateTime)
    price: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    vat_percent: Mapped[Decimal] = mapped_column(Numeric(4, 2))
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    taken_down: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the region hid the texts of its lines from the other party."""
    valid_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(10))
    answered: Mapped[datetime | None] = mapped_column(UtcDateTime)
    of_agreed: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())


class CalendarFeed(Base):
    """A secret address at which calendar programs read bookings; only its hash is kept. `subject`: seeker, provider, or the name of
    a machine."""

    __tablename__ = "calendar_feed"
    __table_args__ = (Index("feed_by_organisation", "organisation_id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    subject: Mapped[str] = mapped_column(String(80))
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
