"""Links in e-mails that need no sign-in and work more than once, as they lead to little: the platform's signature says what for. Those that lead to more work once
(`organisations.mailed_links`)."""

from __future__ import annotations

import json
import secrets
from enum import StrEnum

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from sharing_platform.errors import NotFoundError
from sharing_platform.notifications.models import SigningKey

_ALGORITHM = "HS256"


class LinkTo(StrEnum):
    """What a link leads to."""

    REPORT = "report"
    """What became of a report. The value is its id."""
    MAILS = "mails"
    """No more e-mails of a kind. The value: account and kind."""


def signed(session: Session, purpose: LinkTo, value: str) -> str:
    """The last part of the link."""
    payload = json.dumps([purpose, value]).encode()
    return jws.serialize_compact({"alg": _ALGORITHM}, payload, _keys(session)[0])


def value_of(session: Session, purpose: LinkTo, token: str) -> str:
    """Raises NotFoundError for a token that the platform did not sign, or not for this."""
    payload = next((found for key in _keys(session) if (found := _payload(token, key)) is not None), None)
    if payload is None:
        raise NotFoundError("link")
    signed_for, value = json.loads(payload)
    if signed_for != purpose:
        raise NotFoundError("link")
    return str(value)


def begin_new_key(session: Session) -> None:
    """Sign with another key from now on. Links that were signed with the one before it still work, older ones no longer do."""
    newest = session.scalars(select(SigningKey.id).order_by(SigningKey.id.desc())).first() or 0
    session.execute(delete(SigningKey).where(SigningKey.id < newest))
    session.add(SigningKey(id=newest + 1, secret=secrets.token_urlsafe(32)))


def _payload(token: str, key: OctKey) -> bytes | None:
    try:
        return jws.deserialize_compact(token, key, algorithms=[_ALGORITHM]).payload
    except (JoseError, ValueError):
        return None


def _keys(session: Session) -> list[OctKey]:
    """The newest first."""
    found = session.scalars(select(SigningKey).order_by(SigningKey.id.desc()))
    return [OctKey.import_key(one.secret) for one in found]
