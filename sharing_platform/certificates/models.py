"""Table of certificates of attendance."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from sharing_platform.database import Base, UtcDateTime


class AttendanceCertificate(Base):
    """That somebody attended a training. `name` is kept for nothing else, and is gone once it is withdrawn."""

    __tablename__ = "attendance_certificate"
    __table_args__ = (Index("certificate_by_listing", "listing_id"), Index("certificate_by_booking", "booking_id"))

    number: Mapped[str] = mapped_column(String(20), primary_key=True)
    listing_id: Mapped[str] = mapped_column(ForeignKey("listing.id"))
    booking_id: Mapped[str] = mapped_column(ForeignKey("booking.id"))
    name: Mapped[str] = mapped_column(String(200))
    issued: Mapped[datetime] = mapped_column(UtcDateTime)
    withdrawn: Mapped[datetime | None] = mapped_column(UtcDateTime)
