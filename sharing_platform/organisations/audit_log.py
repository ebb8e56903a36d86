"""The audit log: who did what. Kept permanently, without secrets and messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from sharing_platform.organisations.models import Account, AuditEntry, Organisation
from sharing_platform.organisations.permissions import Actor

_MAX_WORDS = 5
"""Of a search."""


def log(session: Session, now: datetime, actor: Actor | None, action: str, subject: str, **details: Any) -> None:
    """Add an entry in the caller's transaction."""
    session.add(
        AuditEntry(
            at=now,
            account_id=actor.account if actor else None,
            token_id=actor.token if actor else None,
            organisation_id=actor.organisation if actor else details.pop("organisation", None),
            action=action,
            subject=subject,
            details=details,
        )
    )


@dataclass(frozen=True)
class LogFilter:
    """`words`: the name or id of an organisation, of a person (or their address), or of what was changed. `kind`: of actions, `booking`. `first` to `last`."""

    words: str = ""
    kind: str | None = None
    first: datetime | None = None
    last: datetime | None = None


def search(session: Session, wanted: LogFilter, before: int | None, limit: int) -> list[AuditEntry]:
    """The newest first."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    if wanted.kind is not None:
        query = query.where(AuditEntry.action.startswith(f"{wanted.kind}.", autoescape=True))
    if wanted.first is not None:
        query = query.where(AuditEntry.at >= wanted.first)
    if wanted.last is not None:
        query = query.where(AuditEntry.at < wanted.last)
    for word in wanted.words.split()[:_MAX_WORDS]:
        organisations = select(Organisation.id).where(
            Organisation.name.icontains(word, autoescape=True) | Organisation.id.icontains(word, autoescape=True)
        )
        people = select(Account.id).where(
            Account.name.icontains(word, autoescape=True) | Account.email.icontains(word, autoescape=True)
        )
        query = query.where(
            or_(
                AuditEntry.organisation_id.in_(organisations),
                AuditEntry.account_id.in_(people),
                AuditEntry.subject.in_(people),
                AuditEntry.subject.in_(organisations),
                AuditEntry.subject.icontains(word, autoescape=True),
            )
        )
    return list(session.scalars(query))


def of_subject(session: Session, subject: str, prefix: str, limit: int) -> list[AuditEntry]:
    """What was done to something, the newest first. `prefix`: of the actions."""
    query = select(AuditEntry).where(AuditEntry.subject == subject, AuditEntry.action.startswith(prefix))
    return list(session.scalars(query.order_by(AuditEntry.id.desc()).limit(limit)))


def entries(session: Session, before: int | None, limit: int) -> list[AuditEntry]:
    """Of all organisations, the newest first."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    return list(session.scalars(query))


def own_entries(session: Session, organisation: str, before: int | None, limit: int) -> list[tuple[int, AuditEntry]]:
    """Of one organisation, the newest first, each with its number among them. The ids of entries would tell it how much others do."""
    own = AuditEntry.organisation_id == organisation
    newest = session.scalar(select(func.count()).where(own)) or 0
    first = newest if before is None else min(before - 1, newest)
    if first < 1:
        return []
    query = select(AuditEntry).where(own).order_by(AuditEntry.id.desc()).offset(newest - first).limit(limit)
    return [(first - place, one) for place, one in enumerate(session.scalars(query))]
