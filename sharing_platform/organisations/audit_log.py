"""The audit log: who did what. Kept permanently, without secrets and messages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.organisations.models import AuditEntry
from sharing_platform.organisations.permissions import Actor


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


def entries(session: Session, organisation: str | None, before: int | None, limit: int) -> list[AuditEntry]:
    """The newest first; of one organisation, or of all."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if organisation is not None:
        query = query.where(AuditEntry.organisation_id == organisation)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    return list(session.scalars(query))
