"""API tokens: creation, revocation, authentication."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sharing_platform.errors import ConflictError, NotFoundError
from sharing_platform.organisations.credentials import hash_secret, new_secret
from sharing_platform.organisations.models import ApiToken, Organisation
from sharing_platform.organisations.permissions import Actor, Kind, Right, scopes_of

PREFIX = "vrijloop_"
"""Lets secret scanners recognise a token."""
_MAX_TOKENS = 50
_NOTED_EVERY = timedelta(minutes=5)


def new_token(
    session: Session, organisation: str, name: str, scopes: Collection[Right], now: datetime
) -> tuple[ApiToken, str]:
    """The token, and its secret, which is known here for the only time. Raises ConflictError beyond fifty."""
    live = select(func.count()).where(ApiToken.organisation_id == organisation, ApiToken.revoked.is_(None))
    if (session.scalar(live) or 0) >= _MAX_TOKENS:
        raise ConflictError("too_many_tokens")
    secret, kept = new_secret(PREFIX)
    token = ApiToken(
        id=str(uuid.uuid4()),
        organisation_id=organisation,
        name=name,
        scopes=sorted(scopes),
        hash=kept,
        created=now,
    )
    session.add(token)
    return token, secret


def revoke(session: Session, organisation: str, token_id: str, now: datetime) -> ApiToken:
    """Raises NotFoundError."""
    token = session.get(ApiToken, token_id)
    if token is None or token.organisation_id != organisation or token.revoked is not None:
        raise NotFoundError
    token.revoked = now
    return token


def find_token(session: Session, secret: str) -> tuple[ApiToken, Organisation] | None:
    query = select(ApiToken, Organisation).join(Organisation, Organisation.id == ApiToken.organisation_id)
    row = session.execute(query.where(ApiToken.hash == hash_secret(secret), ApiToken.revoked.is_(None))).first()
    return (row[0], row[1]) if row else None


def actor_of(token: ApiToken, organisation: Organisation) -> Actor:
    rights = scopes_of(token.scopes, organisation.status)
    return Actor(organisation.id, Kind(organisation.kind), organisation.status, rights, token=token.id)


def last_use_outdated(token: ApiToken, now: datetime) -> bool:
    """Whether the token's last use should be recorded again. Not at each request, because that would turn every read into a write."""
    return token.last_used is None or now - token.last_used >= _NOTED_EVERY
