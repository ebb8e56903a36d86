"""Signing and checking messages by the Standard Webhooks specification (symmetric, `v1`)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

TOLERANCE = timedelta(minutes=5)
"""A message that is older, or from further in the future, may be one that somebody sends again."""


class NotSignedError(Exception):
    """The message is not from who holds the secret, or not from now."""


def signed(message_id: str, at: datetime, body: bytes, secret: str) -> dict[str, str]:
    """The headers that go with the body."""
    stamp = str(int(at.timestamp()))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{_signature(message_id, stamp, body, secret)}",
    }


def check(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> str:
    """The message's id. Raises NotSignedError. `headers` with names in small letters."""
    message_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    try:
        at = datetime.fromtimestamp(int(stamp), UTC)
    except (ValueError, OverflowError, OSError):
        raise NotSignedError("webhook-timestamp is no time") from None
    if abs(now - at) > TOLERANCE:
        raise NotSignedError("webhook-timestamp is not from now")
    wanted = f"v1,{_signature(message_id, stamp, body, secret)}".encode()
    given = headers.get("webhook-signature", "").split()
    if not any(hmac.compare_digest(wanted, one.encode()) for one in given):
        raise NotSignedError("webhook-signature does not fit")
    return message_id


def _signature(message_id: str, stamp: str, body: bytes, secret: str) -> str:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (ValueError, binascii.Error):
        key = secret.encode()
    content = f"{message_id}.{stamp}.".encode() + body
    return base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
