"""Tables of wanted notices, saved searches and their matches."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from sharing_platform.database import Base, UtcDateTime

OPEN, CLOSED = "open", "closed"
"""What `Search.status` can be."""


class Search(Base):
    """A wanted notice, which everybody may read, a part of one, or a saved search, which is private. Its owner is notified of matches. `wish`: a `Wish`; that of
    a notice with parts is not matched, those of its parts are. `parent_id` and `position`: of a part."""

    __tablename__ = "search"
    __table_args__ = (
        Index("search_by_kind", "kind", "status", "id"),
        Index("search_by_owner", "organisation_id"),
        Index("search_by_parent", "parent_id"),
    )

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
    parent_id: Mapped[str | None] = mapped_column(String(36))
    """Not declared as a foreign key: SQLite would have to make the table anew, to which others refer."""
    position: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    parts: Mapped[list[Search]] = relationship(
        "Search", primaryjoin="Search.id == foreign(Search.parent_id)", order_by="Search.position", viewonly=True
    )
    taken_down: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the region hid a notice from all but its owner."""


class NoticeAnswer(Base):
    """What an organisation answers to a wanted notice, or to a part of one; `state`: whether its owner has said yes or no."""

    __tablename__ = "notice_answer"
    __table_args__ = (Index("answer_by_search", "search_id", "organisation_id", unique=True),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    search_id: Mapped[str] = mapped_column(ForeignKey("search.id"))
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    account_id: Mapped[str | None] = mapped_column(ForeignKey("account.id"))
    text: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(10))
    answered: Mapped[datetime] = mapped_column(UtcDateTime)


class Match(Base):
    """A match of a search and the reasons for it; notified once."""

    __tablename__ = "search_match"

    search_id: Mapped[str] = mapped_column(ForeignKey("search.id"), primary_key=True)
    subject: Mapped[str] = mapped_column(String(140), primary_key=True)
    score: Mapped[float] = mapped_column(Float)
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    found: Mapped[datetime] = mapped_column(UtcDateTime)
