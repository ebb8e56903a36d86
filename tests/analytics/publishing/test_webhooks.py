"""Our signatures are those of the specification's own library."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from analytics.publishing.webhooks import InvalidSignatureError, sign, verify
from telemetry import SystemClock

SECRET = "whsec_" + base64.b64encode(b"a key of thirty-two bytes, or so").decode()
BODY = '{"type": "bookings.changed", "data": {"machine": "draaibank één"}}'


def test_the_library_accepts_our_signature() -> None:
    headers = sign("msg-1", SystemClock().now(), BODY.encode(), SECRET)
    assert Webhook(SECRET).verify(BODY, headers)["type"] == "bookings.changed"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY + " ", headers)


def test_we_accept_the_signature_of_the_library() -> None:
    now = SystemClock().now()
    signature = Webhook(SECRET).sign("msg-1", now, BODY)
    headers = {"webhook-id": "msg-1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}
    assert verify(headers, BODY.encode(), SECRET, now) == "msg-1"
    with pytest.raises(InvalidSignatureError, match="5 minutes"):
        verify(headers, BODY.encode(), SECRET, now + timedelta(minutes=6))


@pytest.mark.parametrize("signature", ["", "v1", "v1,", "v1,not base64", "v2,AAAA", "nonsense"])
def test_a_malformed_signature_is_refused(signature: str) -> None:
    now = SystemClock().now()
    headers = sign("msg-1", now, BODY.encode(), SECRET) | {"webhook-signature": signature}
    with pytest.raises(InvalidSignatureError, match="does not match"):
        verify(headers, BODY.encode(), SECRET, now)
