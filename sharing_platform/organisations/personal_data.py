"""What is kept of a person: exported on request, and erased on request (GDPR, articles 15, 17 and 20)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from sharing_platform.errors import ConflictError
from sharing_platform.events import Events
from sharing_platform.notifications.models import DigestItem, Mail, MailSettings
from sharing_platform.organisations.directory import memberships
from sharing_platform.organisations.events import AccountErasing, PersonalDataRequested
from sharing_platform.organisations.models import (
    Account,
    AuditEntry,
    Identity,
    IdentityAttempt,
    Invitation,
    KnownDevice,
    MailedLink,
    Membership,
    Passkey,
    PasskeyChallenge,
    WebSession,
)
from sharing_platform.organisations.permissions import Role
from sharing_platform.site_pages.models import TermsAcceptance

ERASED_NAME = "–"


def erased_address(account_id: str) -> str:
    """What stands in place of the e-mail address of an account that was erased."""
    return f"erased-{account_id}@invalid"


def export(session: Session, account: Account, events: Events) -> dict[str, Any]:
    """Everything that is kept of the person except hashes, as JSON values."""
    data = {
        "account": columns_of(account, "id", "email", "name", "language", "confirmed", "created"),
        "memberships": [
            {"organisation": organisation.id, "name": organisation.name, "role": role}
            for organisation, role in memberships(session, account.id)
        ],
        "invitations": [
            columns_of(invitation, "organisation_id", "name", "role", "created", "expires")
            for invitation in session.scalars(select(Invitation).where(Invitation.email == account.email))
        ],
        "sessions": rows_of(session, WebSession, account, "created", "expires", "organisation_id"),
        "devices": rows_of(session, KnownDevice, account, "created", "expires"),
        "identities": rows_of(session, Identity, account, "issuer", "subject", "created", "last_used"),
        "passkeys": rows_of(session, Passkey, account, "name", "created", "last_used"),
    }
    events.publish(PersonalDataRequested(session, account, data))
    mails = select(Mail).where((Mail.account_id == account.id) | (Mail.to == account.email))
    data["mails"] = [columns_of(mail, "to", "subject", "created", "sent") for mail in session.scalars(mails)]
    data["mail_settings"] = rows_of(session, MailSettings, account, "hour", "choices")
    data["terms"] = rows_of(session, TermsAcceptance, account, "number", "at")
    data["actions"] = rows_of(session, AuditEntry, account, "at", "action", "subject", "details")
    return data


def rows_of(session: Session, table: Any, account: Account, *columns: str) -> list[dict[str, Any]]:
    """These columns of the rows of a table that belong to the account."""
    return [columns_of(row, *columns) for row in session.scalars(select(table).where(table.account_id == account.id))]


def columns_of(row: Any, *columns: str) -> dict[str, Any]:
    return {name: _json_value(getattr(row, name)) for name in columns}


def erase(session: Session, account: Account, events: Events, now: datetime) -> None:
    """Remove name, address and what the person wrote. That somebody did something stays, as others rely on it.

    Raises ConflictError for the last owner of an organisation that has other members, who would be left without one, and where a
    handler of `AccountErasing` refuses.
    """
    events.publish(AccountErasing(session, account))
    for organisation, role in memberships(session, account.id):
        if role == Role.OWNER and _left_alone(session, organisation.id, account.id):
            raise ConflictError("last_owner")
    tables: Iterable[Any] = (
        WebSession,
        KnownDevice,
        Passkey,
        PasskeyChallenge,
        Identity,
        IdentityAttempt,
        Membership,
        Mail,
        MailSettings,
        DigestItem,
    )
    for table in tables:
        session.execute(delete(table).where(table.account_id == account.id))
    session.execute(delete(MailedLink).where(MailedLink.email == account.email))
    session.execute(delete(Invitation).where(Invitation.email == account.email))
    session.execute(delete(Mail).where(Mail.to == account.email))
    account.email, account.name = erased_address(account.id), ERASED_NAME
    account.password_hash, account.confirmed, account.erased = None, None, now


def _left_alone(session: Session, organisation: str, without: str) -> bool:
    others = (Membership.organisation_id == organisation) & (Membership.account_id != without)
    count = session.scalar(select(func.count()).where(others)) or 0
    owners = session.scalar(select(func.count()).where(others, Membership.role == Role.OWNER)) or 0
    return count > 0 and owners == 0


def _json_value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
