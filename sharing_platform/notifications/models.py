"""Tables of mails, webhooks and their deliveries, and the key that signs links."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from sharing_platform.database import Base, UtcDateTime


class Mail(Base):
    """An e-mail. `next_attempt` is null once it has been sent or given up. Its text is removed then: it may carry a link. `unsubscribe`: the last part of the link with which
    no more of its kind are sent, for those that can be off."""

    __tablename__ = "mail"
    __table_args__ = (Index("mail_due", "next_attempt"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    account_id: Mapped[str | None] = mapped_column(String(36))
    to: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(300))
    text: Mapped[str] = mapped_column(Text)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_attempt: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str] = mapped_column(String(300), default="")
    unsubscribe: Mapped[str | None] = mapped_column(String(300))
    calendars: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    """Calendar entries that go with it (iCalendar); removed with the text."""


class MailSettings(Base):
    """What somebody chose about e-mails. `hour`: of the day (local), at which summaries go; `choices`: a `preferences.How` by kind; what is not in it goes at once."""

    __tablename__ = "mail_settings"

    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), primary_key=True)
    hour: Mapped[int] = mapped_column(Integer)
    choices: Mapped[dict[str, str]] = mapped_column(JSON)


class DigestItem(Base):
    """Something that waits for somebody's summary of the day."""

    __tablename__ = "digest_item"
    __table_args__ = (Index("digest_by_account", "account_id", "created"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"))
    kind: Mapped[str] = mapped_column(String(20))
    subject: Mapped[str] = mapped_column(String(300))
    text: Mapped[str] = mapped_column(Text)
    created: Mapped[datetime] = mapped_column(UtcDateTime)


class SigningKey(Base):
    """The key with which the platform signs links in e-mails: the newest row, the first of which is made with the table. The one before it is kept for
    links that are under way. They are restored with the back-up."""

    __tablename__ = "signing_key"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    secret: Mapped[str] = mapped_column(String(64))


class Webhook(Base):
    """Where an organisation's program is told of events. `configured`: set by the platform's operator, not by the organisation."""

    __tablename__ = "webhook"
    __table_args__ = (Index("webhook_by_organisation", "organisation_id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    url: Mapped[str] = mapped_column(String(500))
    secret: Mapped[str] = mapped_column(String(200))
    configured: Mapped[bool] = mapped_column(default=False)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    removed: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Delivery(Base):
    """One message to one webhook. `next_attempt` is null once it has arrived or been given up."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        Index("delivery_due", "next_attempt"),
        Index("delivery_by_webhook", "webhook_id", "created"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhook.id"))
    kind: Mapped[str] = mapped_column(String(60))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_attempt: Mapped[datetime | None] = mapped_column(UtcDateTime)
    arrived: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str] = mapped_column(String(300), default="")
