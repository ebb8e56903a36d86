"""Tables of the pages that the region edits, and of who has accepted which terms."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from sharing_platform.database import Base, UtcDateTime


class PageVersion(Base):
    """What a page says from a moment on, in Markdown, in three languages. Never changed: another text is another version. `account_id`: who wrote it, null for what is
    shipped; `announced`: whether people were told, and asked to accept it again."""

    __tablename__ = "page_version"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    nl: Mapped[str] = mapped_column(Text)
    fr: Mapped[str] = mapped_column(Text)
    en: Mapped[str] = mapped_column(Text)
    effective: Mapped[datetime] = mapped_column(UtcDateTime)
    made: Mapped[datetime] = mapped_column(UtcDateTime)
    account_id: Mapped[str | None] = mapped_column(String(36))
    announced: Mapped[bool] = mapped_column(Boolean)

    def text(self, language: str) -> str:
        return str(getattr(self, language))


class TermsAcceptance(Base):
    """Somebody has accepted a version of the terms of use."""

    __tablename__ = "terms_acceptance"

    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
