"""Tables of neighbouring regions, of what goes to them and comes from them, and of requests on either side."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, ForeignKey, Index, Integer, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from sharing_platform.database import Base, UtcDateTime

ADDED, AGREED, ENDED = "added", "agreed", "ended"
"""What `Neighbour.state` can be."""
EVERYBODY = ""
"""`SharedItem.neighbour_id` of what goes to all neighbours."""


class FederationKey(Base):
    """The platform's own key: one row, made when it is first needed. `secret`: the private key (Ed25519) in base64. `epoch`: marks of the feed begin with it, so that those
    of another database are not taken for ours."""

    __tablename__ = "federation_key"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    secret: Mapped[str] = mapped_column(String(64))
    epoch: Mapped[str] = mapped_column(String(16))


class Neighbour(Base):
    """The platform of another region. `name`: as our administrator calls it; `public_key` in base64. `heard`: when it last answered; `read`: when all that it shares was
    last read from the beginning; `mark`: up to where its feed is read; `due`: when it is asked again; `trouble`: why it could not be, as the end of a translation's name."""

    __tablename__ = "neighbour"
    __table_args__ = (Index("neighbour_due", "state", "due"), Index("neighbour_by_key", "public_key"))

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    url: Mapped[str] = mapped_column(String(300))
    public_key: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(10))
    added: Mapped[datetime] = mapped_column(UtcDateTime)
    agreed: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_there: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Whether it was the other side that ended it."""
    organisation_id: Mapped[str | None] = mapped_column(ForeignKey("organisation.id"))
    """In whose name its requests are booked here."""
    zone: Mapped[str] = mapped_column(String(60), default="", server_default="")
    heard: Mapped[datetime | None] = mapped_column(UtcDateTime)
    read: Mapped[datetime | None] = mapped_column(UtcDateTime)
    mark: Mapped[str | None] = mapped_column(String(60))
    due: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failures: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    trouble: Mapped[str] = mapped_column(String(20), default="", server_default="")


class SharedItem(Base):
    """What we share at present, or have taken back (`content` null). `sequence`: of its latest change; each change has the next number."""

    __tablename__ = "shared_item"
    __table_args__ = (Index("shared_by_sequence", "sequence"),)

    neighbour_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    content: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    sequence: Mapped[int] = mapped_column(BigInteger)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)


class UnsharedItem(Base):
    """What of ours neighbours do not take, as its `field` is beyond their bounds."""

    __tablename__ = "unshared_item"

    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    field: Mapped[str] = mapped_column(String(100))


class NeighbourItem(Base):
    """What a neighbour shares, as it was last heard."""

    __tablename__ = "neighbour_item"
    __table_args__ = (Index("neighbour_item_by_kind", "kind", "neighbour_id"),)

    neighbour_id: Mapped[str] = mapped_column(ForeignKey("neighbour.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    content: Mapped[dict[str, Any]] = mapped_column(JSON)


class UsedNonce(Base):
    """Of a request that was signed by a neighbour: the same one again is a replay."""

    __tablename__ = "used_nonce"
    __table_args__ = (Index("nonce_expires", "expires"),)

    neighbour_id: Mapped[str] = mapped_column(ForeignKey("neighbour.id"), primary_key=True)
    nonce: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires: Mapped[datetime] = mapped_column(UtcDateTime)


class ForwardedRequest(Base):
    """What one of our organisations asks for in another region. `state`: a `forwarding.Asked`; `version`: of the latest news from there; `told`: the outcome that the person
    was told; `at_home`: what the other platform says of it. `contact`: whether it is known there whom to turn to here."""

    __tablename__ = "forwarded_request"
    __table_args__ = (
        Index("forwarded_by_organisation", "organisation_id", "asked"),
        Index("forwarded_by_neighbour", "neighbour_id", "state"),
        Index("forwarded_by_account", "account_id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    neighbour_id: Mapped[str] = mapped_column(ForeignKey("neighbour.id"))
    kind: Mapped[str] = mapped_column(String(10))
    item_id: Mapped[str] = mapped_column(String(64))
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    account_id: Mapped[str | None] = mapped_column(ForeignKey("account.id"))
    title: Mapped[str] = mapped_column(String(200))
    start: Mapped[datetime] = mapped_column(UtcDateTime)
    end: Mapped[datetime] = mapped_column(UtcDateTime)
    places: Mapped[int] = mapped_column(Integer, default=1)
    message: Mapped[str] = mapped_column(Text, default="")
    asked: Mapped[datetime] = mapped_column(UtcDateTime)
    valid_until: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(12))
    version: Mapped[int] = mapped_column(Integer, default=0)
    told: Mapped[str | None] = mapped_column(String(12))
    at_home: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    contact: Mapped[str] = mapped_column(String(8), default="unsaid")


class ReceivedRequest(Base):
    """What a neighbour's organisation asks for here. Without a booking: it was refused, for `reason`, or cancelled before it came."""

    __tablename__ = "received_request"
    __table_args__ = (Index("received_by_booking", "booking_id"),)

    neighbour_id: Mapped[str] = mapped_column(ForeignKey("neighbour.id"), primary_key=True)
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    booking_id: Mapped[str | None] = mapped_column(ForeignKey("booking.id"))
    state: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str] = mapped_column(String(40), default="")
    received: Mapped[datetime] = mapped_column(UtcDateTime)
