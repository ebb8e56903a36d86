"""Links in e-mails that need no sign-in and work more than once, as they lead to little: the platform's signature says what for. Those that lead to more work once
(`organisations.mailed_links`)."""

from __future__ import annotations

import json
from enum import StrEnum

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
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
    return jws.serialize_compact({"alg": _ALGORITHM}, payload, _key(session))


def value_of(session: Session, purpose: LinkTo, token: str) -> str:
    """Raises NotFoundError for a token that the platform did not sign, or not for this."""
    try:
        payload = jws.deserialize_compact(token, _key(session), algorithms=[_ALGORITHM]).payload
    except (JoseError, ValueError):
        raise NotFoundError("link") from None
    signed_for, value = json.loads(payload)
    if signed_for != purpose:
        raise NotFoundError("link")
    return str(value)


def _key(session: Session) -> OctKey:
    return OctKey.import_key(session.get_one(SigningKey, 1).secret)
