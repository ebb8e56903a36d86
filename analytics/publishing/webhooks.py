"""Signed HTTP messages by the Standard Webhooks specification (symmetric signatures, version `v1`).

Decision 17 explains why this is not the library `standardwebhooks`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import httpx2

from analytics.http_answers import asked
from telemetry import rfc3339

logging.getLogger("httpx2").setLevel(logging.WARNING)  # at INFO it logs whole URLs, which may contain secrets

TOLERANCE = timedelta(minutes=5)
"""A message with a timestamp further from now is refused: it may be a replay."""
_TIMEOUT_S, _WHOLE_S = 5.0, 15.0


class InvalidSignatureError(Exception):
    """The message is not signed with the secret, or its timestamp is outside the tolerance."""


def sign(message_id: str, at: datetime, body: bytes, secret: str) -> dict[str, str]:
    """The three headers to send with the body. `secret`: base64, with or without `whsec_`; any other text is used as it is."""
    timestamp = str(int(at.timestamp()))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{_signature(message_id, timestamp, body, secret)}",
    }


def verify(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> str:
    """Return the id of the message. Raises InvalidSignatureError. Header names must be in lower case."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    try:
        at = datetime.fromtimestamp(int(timestamp), UTC)
    except (ValueError, OverflowError, OSError):
        raise InvalidSignatureError("webhook-timestamp is not a time") from None
    if abs(now - at) > TOLERANCE:
        raise InvalidSignatureError(f"webhook-timestamp is more than {TOLERANCE.seconds // 60} minutes from now")
    expected = f"v1,{_signature(message_id, timestamp, body, secret)}".encode()
    signatures = headers.get("webhook-signature", "").split()
    if not any(hmac.compare_digest(expected, signature.encode()) for signature in signatures):
        raise InvalidSignatureError("webhook-signature does not match")
    return message_id


def post_signed(
    url: str, secret: str, message_id: str, kind: str, data: Mapping[str, object], now: datetime
) -> str | None:
    """Post one signed message. Returns None once it is delivered, else the reason, which does not contain the URL. Whoever receives it says so by the status: what
    else they answer is not read, as it may have no end."""
    body = json.dumps({"type": kind, "timestamp": rfc3339(now), "data": data}).encode()
    headers = {"content-type": "application/json", **sign(message_id, now, body, secret)}
    try:
        with (
            httpx2.Client(timeout=_TIMEOUT_S) as client,
            asked(client, "POST", url, _WHOLE_S, headers, content=body) as answer,
        ):
            return None if answer.is_success else f"answered {answer.status_code}"
    except httpx2.HTTPError as error:
        return type(error).__name__


def _signature(message_id: str, timestamp: str, body: bytes, secret: str) -> str:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (ValueError, binascii.Error):
        key = secret.encode()
    content = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
