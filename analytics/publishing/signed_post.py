"""Posting a signed message (Standard Webhooks), once."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import datetime

import httpx2

from analytics.publishing.standard_webhooks import signed
from telemetry import rfc3339

logging.getLogger("httpx2").setLevel(logging.WARNING)  # at INFO it writes whole addresses, and those carry secrets

_TIMEOUT_S = 5.0


def post_signed(
    url: str, secret: str, message_id: str, kind: str, data: Mapping[str, object], now: datetime
) -> str | None:
    """None when it arrived, else why not, without the address."""
    body = json.dumps({"type": kind, "timestamp": rfc3339(now), "data": data}).encode()
    headers = {"content-type": "application/json", **signed(message_id, now, body, secret)}
    try:
        answer = httpx2.post(url, content=body, headers=headers, timeout=_TIMEOUT_S)
    except httpx2.HTTPError as error:
        return type(error).__name__
    return None if answer.is_success else f"answered {answer.status_code}"
