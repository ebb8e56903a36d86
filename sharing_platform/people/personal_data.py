"""What is kept of a person: all of it, for them; and gone, where they ask for that (GDPR, articles 15, 17 and 20)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from sharing_platform.booking.tables import Booking, BookingMessage
from sharing_platform.errors import ConflictError
from sharing_platform.finding.tables import CLOSED, Search
from sharing_platform.notices.tables import Mail
from sharing_platform.people.access import Role
from sharing_platform.people.organisations import memberships
from sharing_platform.people.tables import Account, AuditEntry, MailedLink, Membership, WebSession

ERASED_NAME = "–"


def export(session: Session, account: Account) -> dict[str, Any]:
    """Everything that is kept of the person, but for what is no use to anyone: hashes."""

    def rows(table: Any, *columns: str) -> list[dict[str, Any]]:
        found = session.scalars(select(table).where(table.account_id == account.id)).all()
        return [{name: _plain(getattr(one, name)) for name in columns} for one in found]

    return {
        "account": {
            name: _plain(getattr(account, name)) for name in ("id", "email", "name", "language", "confirmed", "created")
        },
        "memberships": [
            {"organisation": organisation.id, "name": organisation.name, "role": role}
            for organisation, role in memberships(session, account.id)
        ],
        "sessions": rows(WebSession, "created", "expires", "organisation_id"),
        "bookings": rows(Booking, "id", "title", "start", "end", "state", "booked", "organisation", "email"),
        "messages": rows(BookingMessage, "booking_id", "at", "text"),
        "searches": rows(Search, "id", "kind", "title", "text", "wish", "created"),
        "mails": rows(Mail, "to", "subject", "created", "sent"),
        "actions": rows(AuditEntry, "at", "action", "subject", "details"),
    }


def erase(session: Session, account: Account, now: datetime) -> None:
    """Name and address go, and what the person wrote; that somebody did something stays, as others rely on it. Raises ConflictError
    for the last owner of an organisation that has other members: they would be left without one."""
    for organisation, role in memberships(session, account.id):
        if role == Role.OWNER and _left_alone(session, organisation.id, account.id):
            raise ConflictError("last_owner")
    gone = f"erased-{account.id}@invalid"
    for table in (WebSession, MailedLink, Membership, Mail):
        session.execute(delete(table).where(table.account_id == account.id))
    session.execute(update(Booking).where(Booking.account_id == account.id).values(email=gone))
    session.execute(update(BookingMessage).where(BookingMessage.account_id == account.id).values(text=ERASED_NAME))
    own = update(Search).where(Search.account_id == account.id)
    session.execute(own.values(title=ERASED_NAME, text="", status=CLOSED, account_id=None))
    account.email, account.name = gone, ERASED_NAME
    account.password_hash, account.confirmed, account.erased = None, None, now


def _left_alone(session: Session, organisation: str, without: str) -> bool:
    others = (Membership.organisation_id == organisation) & (Membership.account_id != without)
    count = session.scalar(select(func.count()).where(others)) or 0
    owners = session.scalar(select(func.count()).where(others, Membership.role == Role.OWNER)) or 0
    return count > 0 and owners == 0


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
