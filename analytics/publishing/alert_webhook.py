"""Posts alerts as signed HTTP messages (Standard Webhooks), for instance to a paging service."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from pathlib import Path

from analytics.i18n import LANGUAGES, Translator
from analytics.publishing.alerts import Alert
from analytics.publishing.webhooks import post_signed
from telemetry import Clock, UserError
from telemetry.broker import read_secret_file

_log = logging.getLogger(__name__)

_ATTEMPTS = 3


def alert_webhook(url_file: Path, secret_file: Path, clock: Clock) -> Callable[[Alert, str], None]:
    """Return a function that posts an alert, with its text in every language and the times in the given zone. It never raises, since alerts are in the log and the API as well.
    Raises UserError if a file cannot be used."""
    url, secret = read_secret_file(url_file, "alert URL"), read_secret_file(secret_file, "alert secret")
    if not url.startswith(("https://", "http://")):
        raise UserError(f"{url_file}: the alert URL must begin with https://.")

    def post(alert: Alert, zone: str) -> None:
        message_id, now = str(uuid.uuid4()), clock.now()
        data = {
            "kind": alert.kind, "machine": alert.machine, "booking": alert.booking, "values": alert.plain_values(),
            "sentence": alert.sentence,
            "texts": {language: alert.written(Translator(language, zone)) for language in LANGUAGES},
        }  # fmt: skip
        why = None
        for _ in range(_ATTEMPTS):
            why = post_signed(url, secret, message_id, "booking.endangered", data, now)
            if why is None:
                return
        _log.error("An alert could not be posted (%s): %s", why, alert.sentence)

    return post
