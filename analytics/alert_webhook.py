"""Alerts as signed HTTP messages (Standard Webhooks), to whatever wakes the operations manager."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import httpx2

from analytics.bookings_at_risk import Alert
from analytics.standard_webhooks import signed
from telemetry import Clock, UserError, rfc3339
from telemetry.broker import read_secret_file

_log = logging.getLogger(__name__)
logging.getLogger("httpx2").setLevel(logging.WARNING)  # at INFO it writes whole addresses, and those carry secrets

_ATTEMPTS = 3
_TIMEOUT_S = 5.0


def alert_webhook(url_file: Path, secret_file: Path, clock: Clock) -> Callable[[Alert], None]:
    """A function that posts an alert and never raises: it is in the log and the API as well. Raises UserError where a file
    cannot be used."""
    url, secret = read_secret_file(url_file, "alert URL"), read_secret_file(secret_file, "alert secret")
    if not url.startswith(("https://", "http://")):
        raise UserError(f"{url_file}: the alert URL must begin with https://.")

    def tell(alert: Alert) -> None:
        now = clock.now()
        body = json.dumps({"type": "booking.endangered", "timestamp": rfc3339(now), "data": asdict(alert)}).encode()
        headers = {"content-type": "application/json", **signed(str(uuid.uuid4()), now, body, secret)}
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                httpx2.post(url, content=body, headers=headers, timeout=_TIMEOUT_S).raise_for_status()
                return
            except httpx2.HTTPStatusError as error:
                why = f"answered {error.response.status_code}"
            except httpx2.HTTPError as error:
                why = type(error).__name__
            if attempt == _ATTEMPTS:
                _log.error("An alert could not be posted (%s): %s", why, alert.sentence)

    return tell
