"""Tables of summaries, which are nobody's to see, and of what is published of them."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from sharing_platform.database import Base, UtcDateTime


class SummaryRow(Base):
    """A `Key` with its size. `source`: from whose offers, bookings, listings and notices it is computed, with all others of that organisation and week."""

    __tablename__ = "regional_summary"
    __table_args__ = (Index("summary_by_source", "source", "week"),)

    week: Mapped[date] = mapped_column(Date, primary_key=True)
    source: Mapped[str] = mapped_column(String(63), primary_key=True)
    subject: Mapped[str] = mapped_column(String(8), primary_key=True)
    measure: Mapped[str] = mapped_column(String(12), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    municipality: Mapped[str] = mapped_column(String(100), primary_key=True)
    towards: Mapped[str] = mapped_column(String(100), primary_key=True)
    provider: Mapped[str] = mapped_column(String(63), primary_key=True)
    seeker: Mapped[str] = mapped_column(String(63), primary_key=True)
    size: Mapped[int] = mapped_column(Integer)


class SearchCount(Base):
    """Searches of a week that found nothing, without who searched. `area`: around which they looked, empty for anywhere."""

    __tablename__ = "search_count"

    week: Mapped[date] = mapped_column(Date, primary_key=True)
    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    area: Mapped[str] = mapped_column(String(40), primary_key=True)
    count: Mapped[int] = mapped_column(Integer)


class SummaryProgress(Base):
    """One row. `read_until`: which changes are in the summaries; null where none are. Who has locked it brings them up to date."""

    __tablename__ = "summary_progress"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    read_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PublishedWeek(Base):
    """A week whose figures are published, and stay as they are."""

    __tablename__ = "published_week"

    week: Mapped[date] = mapped_column(Date, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class PublishedFigure(Base):
    """An atom of a week: `kind`, `area`, `municipality`, empty for the rest. `size`: in hours, or a number, rounded."""

    __tablename__ = "published_figure"

    week: Mapped[date] = mapped_column(Date, primary_key=True)
    subject: Mapped[str] = mapped_column(String(8), primary_key=True)
    measure: Mapped[str] = mapped_column(String(12), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    area: Mapped[str] = mapped_column(String(40), primary_key=True)
    municipality: Mapped[str] = mapped_column(String(100), primary_key=True)
    size: Mapped[int] = mapped_column(Integer)


class PublishedFlow(Base):
    """Hours of a quarter that were had in one area by those of another, of what the weeks have published. `quarter`: its first week."""

    __tablename__ = "published_flow"

    quarter: Mapped[date] = mapped_column(Date, primary_key=True)
    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    area: Mapped[str] = mapped_column(String(40), primary_key=True)
    towards: Mapped[str] = mapped_column(String(40), primary_key=True)
    size: Mapped[int] = mapped_column(Integer)
