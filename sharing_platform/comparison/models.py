"""Tables of who takes part and of what was contributed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, Boolean, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from sharing_platform.database import Base, UtcDateTime


class ComparisonParticipant(Base):
    """An organisation that takes part, or has left. One that was never there has no row."""

    __tablename__ = "comparison_participant"

    organisation: Mapped[str] = mapped_column(String(63), primary_key=True)
    takes_part: Mapped[bool] = mapped_column(Boolean)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)


class ComparisonContribution(Base):
    """The figures of a month, in percentage points, with the noise that the factory's server has added. `month`: 2026-08."""

    __tablename__ = "comparison_contribution"

    organisation: Mapped[str] = mapped_column(String(63), primary_key=True)
    process_class: Mapped[int] = mapped_column(Integer, primary_key=True)
    month: Mapped[str] = mapped_column(String(7), primary_key=True)
    figures: Mapped[dict[str, int | None]] = mapped_column(JSON)
    received: Mapped[datetime] = mapped_column(UtcDateTime)


class ComparisonSpent(Base):
    """A month of which figures have come. It stays when they are deleted, without them: what has been told once is told."""

    __tablename__ = "comparison_spent"

    organisation: Mapped[str] = mapped_column(String(63), primary_key=True)
    process_class: Mapped[int] = mapped_column(Integer, primary_key=True)
    month: Mapped[str] = mapped_column(String(7), primary_key=True)
