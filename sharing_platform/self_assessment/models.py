"""Tables of answers, goals, and of what an organisation shows others that it is good at. None says which person answered."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import JSON, Date, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from sharing_platform.database import Base, UtcDateTime


class AssessmentAnswer(Base):
    """An organisation's answer to a question, from a day on until the next one. Of a day the last answer counts. `level` null: the question does not apply. `edition`: in which it was asked."""

    __tablename__ = "assessment_answer"

    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    question: Mapped[str] = mapped_column(String(40), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    level: Mapped[int | None] = mapped_column(Integer)
    edition: Mapped[int] = mapped_column(Integer)


class AssessmentGoal(Base):
    """The level that an organisation wants to have reached by a day. `remind`: when its people are reminded next; null: never again."""

    __tablename__ = "assessment_goal"
    __table_args__ = (Index("assessment_goal_by_remind", "remind"),)

    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    transformation: Mapped[str] = mapped_column(String(40), primary_key=True)
    level: Mapped[int] = mapped_column(Integer)
    day: Mapped[date] = mapped_column(Date)
    remind: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ShownStrength(Base):
    """An organisation lets others know that it is good at this. `questions`: at what of it; `listing_id`: its know-how, by which it is asked. Removed when the organisation no longer wants it."""

    __tablename__ = "shown_strength"

    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    transformation: Mapped[str] = mapped_column(String(40), primary_key=True)
    questions: Mapped[list[str]] = mapped_column(JSON)
    listing_id: Mapped[str] = mapped_column(ForeignKey("listing.id"))
    since: Mapped[datetime] = mapped_column(UtcDateTime)
