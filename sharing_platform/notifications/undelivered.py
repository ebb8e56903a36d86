"""Mails and webhook messages that were not delivered, for the platform's administrator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from sharing_platform.notifications.models import Delivery, Mail

LATE = timedelta(minutes=10)
"""A message that has waited for longer counts as late."""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """`late`: still tried. `given_up`: no more, of the last month. `why`: what was said of the newest of them, empty where nothing was."""

    late: int
    given_up: int
    why: str


def late_mails(session: Session, now: datetime) -> Undelivered:
    return _undelivered(session, Mail, Mail.sent, now)


def late_webhooks(session: Session, now: datetime) -> Undelivered:
    """Without those of webhooks that were removed meanwhile."""
    return _undelivered(session, Delivery, Delivery.arrived, now)


def _undelivered(
    session: Session, table: type[Mail | Delivery], done: InstrumentedAttribute[datetime | None], now: datetime
) -> Undelivered:
    waits = table.next_attempt.is_not(None) & (table.created < now - LATE)
    given_up = table.next_attempt.is_(None) & done.is_(None) & (table.error != "") & (table.error != "removed")
    newest = select(table.error).where(waits | given_up, table.error != "").order_by(table.created.desc()).limit(1)
    late, lost = (session.scalar(select(func.count()).select_from(table).where(which)) for which in (waits, given_up))
    return Undelivered(late or 0, lost or 0, session.scalar(newest) or "")
