"""Tables of attachments. Files are kept in the database: every process of the platform reads the same ones, and a backup has them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from sharing_platform.database import Base, UtcDateTime


class StoredFile(Base):
    """The content of a file, once for all parts of a request."""

    __tablename__ = "stored_file"
    __table_args__ = (Index("stored_file_by_organisation", "organisation_id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    account_id: Mapped[str | None] = mapped_column(String(36))
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    size: Mapped[int] = mapped_column(Integer)
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)


class Attachment(Base):
    """A file of a message. `file_id` is null once the file was deleted; that there was one stays."""

    __tablename__ = "attachment"
    __table_args__ = (
        Index("attachment_by_message", "message_id"),
        Index("attachment_by_booking", "booking_id"),
        Index("attachment_by_file", "file_id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    booking_id: Mapped[str] = mapped_column(ForeignKey("booking.id"))
    message_id: Mapped[int] = mapped_column(ForeignKey("booking_message.id"))
    file_id: Mapped[str | None] = mapped_column(ForeignKey("stored_file.id"))
    account_id: Mapped[str | None] = mapped_column(String(36))
    name: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(4))
    size: Mapped[int] = mapped_column(Integer)
    taken_down: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the region hid it from the other party."""
