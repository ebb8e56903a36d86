"""Tables of what organisations learn from each other."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from sharing_platform.database import Base, UtcDateTime

OPEN, CLOSED = "open", "closed"
"""What `Post.status` can be."""


class Post(Base):
    """What an organisation posts under its name, for all to read. `details`: as people wrote it, by kind. `start` and `end`: of what has dates. `account_id`: who posted it, and
    is told of it; None once their account was erased."""

    __tablename__ = "learning_post"
    __table_args__ = (
        Index("learning_by_kind", "status", "kind", "end"),
        Index("learning_by_owner", "organisation_id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    account_id: Mapped[str | None] = mapped_column(ForeignKey("account.id"))
    kind: Mapped[str] = mapped_column(String(10))
    title: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    start: Mapped[datetime | None] = mapped_column(UtcDateTime)
    end: Mapped[datetime | None] = mapped_column(UtcDateTime)
    status: Mapped[str] = mapped_column(String(10), default=OPEN)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)
    revision: Mapped[int] = mapped_column(Integer, default=0)
    """How often its dates or place have changed: calendar programs go by it."""
    told: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When people were last reminded of it, or trainers were told of it."""
    listing_id: Mapped[str | None] = mapped_column(ForeignKey("listing.id"))
    """The training that what was wanted has become."""
    taken_down: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the region hid it from all but its owner."""


class PostFile(Base):
    """A file that goes with a success story. Its content belongs to the organisation, not to the person who uploaded it."""

    __tablename__ = "learning_file"
    __table_args__ = (Index("learning_file_by_post", "post_id"), Index("learning_file_by_file", "file_id"))

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    post_id: Mapped[str] = mapped_column(ForeignKey("learning_post.id"))
    file_id: Mapped[str] = mapped_column(ForeignKey("stored_file.id"))
    name: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(4))
    size: Mapped[int] = mapped_column(Integer)


class Seat(Base):
    """Somebody who has signed up for a plant visit or a learning group; `state`: whether they have a seat or wait for one. The database holds that nobody signs up twice."""

    __tablename__ = "learning_seat"
    __table_args__ = (
        Index("seat_by_person", "post_id", "account_id", unique=True),
        Index("seat_by_account", "account_id"),
        Index("seat_by_organisation", "organisation_id"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    post_id: Mapped[str] = mapped_column(ForeignKey("learning_post.id"))
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"))
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    state: Mapped[str] = mapped_column(String(10))
    joined: Mapped[datetime] = mapped_column(UtcDateTime)


class Interest(Base):
    """An organisation would like to have a training, for so many people; `account_id`: who said so, and is told of the course."""

    __tablename__ = "learning_interest"
    __table_args__ = (Index("interest_by_account", "account_id"), Index("interest_by_organisation", "organisation_id"))

    post_id: Mapped[str] = mapped_column(ForeignKey("learning_post.id"), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"))
    people: Mapped[int] = mapped_column(Integer)
    joined: Mapped[datetime] = mapped_column(UtcDateTime)


class LearningSettings(Base):
    """What the region has set, in one row. `enough`: so many organisations have to want a training before trainers are told."""

    __tablename__ = "learning_settings"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    enough: Mapped[int] = mapped_column(Integer)


class Answer(Base):
    """An answer to a question; `mark`: what the asker says of it, `told`: when who answered was told of that."""

    __tablename__ = "learning_answer"
    __table_args__ = (
        Index("learning_answer_by_post", "post_id", "answered"),
        Index("learning_answer_by_account", "account_id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    post_id: Mapped[str] = mapped_column(ForeignKey("learning_post.id"))
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    account_id: Mapped[str | None] = mapped_column(ForeignKey("account.id"))
    text: Mapped[str] = mapped_column(Text)
    mark: Mapped[str] = mapped_column(String(10))
    answered: Mapped[datetime] = mapped_column(UtcDateTime)
    told: Mapped[datetime | None] = mapped_column(UtcDateTime)
    taken_down: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the region hid it from all but its owner."""
