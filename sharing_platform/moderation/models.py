"""Tables of reports and of the decisions on them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from sharing_platform.database import Base, UtcDateTime

TAKEN_DOWN, LEFT = "taken_down", "left"
"""What `Decision.outcome` can be."""
UPHELD, REVERSED = "upheld", "reversed"
"""What `Decision.answer` can be."""


class Decision(Base):
    """The region's word on something that was reported, and on the one appeal against it. `title`: as it was then; `reported`: when it was first reported; `account_id`
    and `answered_by`: which administrators."""

    __tablename__ = "moderation_decision"
    __table_args__ = (Index("decision_by_owner", "owner", "at"), Index("decision_by_time", "at"))

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    subject: Mapped[str] = mapped_column(String(140))
    title: Mapped[str] = mapped_column(String(200))
    owner: Mapped[str] = mapped_column(String(63))
    outcome: Mapped[str] = mapped_column(String(10))
    ground: Mapped[str] = mapped_column(String(20))
    text: Mapped[str] = mapped_column(Text)
    reported: Mapped[datetime] = mapped_column(UtcDateTime)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    account_id: Mapped[str | None] = mapped_column(String(36))
    appealed: Mapped[datetime | None] = mapped_column(UtcDateTime)
    appeal: Mapped[str] = mapped_column(Text, default="")
    answered: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answer: Mapped[str | None] = mapped_column(String(10))
    answer_text: Mapped[str] = mapped_column(Text, default="")
    answered_by: Mapped[str | None] = mapped_column(String(36))


class Report(Base):
    """Somebody says that something should not be on the platform. `page`: where they saw it; `owner`: the organisation whose it is; `announced`: when the region's
    administrators were told. Who reported is forgotten with the account, or a year after the decision."""

    __tablename__ = "report"
    __table_args__ = (
        Index("report_by_subject", "kind", "subject"),
        Index("report_by_decision", "decision_id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    subject: Mapped[str] = mapped_column(String(140))
    page: Mapped[str] = mapped_column(String(200))
    title: Mapped[str] = mapped_column(String(200))
    owner: Mapped[str] = mapped_column(String(63))
    category: Mapped[str] = mapped_column(String(20))
    text: Mapped[str] = mapped_column(Text)
    account_id: Mapped[str | None] = mapped_column(ForeignKey("account.id"))
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(254))
    language: Mapped[str] = mapped_column(String(2))
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    announced: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decision_id: Mapped[str | None] = mapped_column(ForeignKey("moderation_decision.id"))
