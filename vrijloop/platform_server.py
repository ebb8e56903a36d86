"""The sharing platform as a process."""

from __future__ import annotations

import json
from pathlib import Path

from sharing_platform.app import PlatformSettings, create_app
from sharing_platform.database import DatabaseError
from telemetry import SystemClock, UserError
from telemetry.clock import Clock
from vrijloop.booking_webhooks import BookingWebhooks, read_targets
from vrijloop.http_server import listen_on, serve


def run_platform(
    database: str, tokens_file: Path, webhooks_file: Path | None, host: str, port: int, clock: Clock | None = None
) -> None:
    """Serve until told to stop. `tokens_file`: a JSON object, factory to token; `webhooks_file`: where factories are told of
    their bookings. Raises UserError."""
    clock = clock or SystemClock()
    try:
        tokens = json.loads(tokens_file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{tokens_file}: factories and their tokens cannot be read ({error}).") from error
    if not isinstance(tokens, dict) or not all(isinstance(one, str) and len(one) >= 16 for one in tokens.values()):
        raise UserError(f'{tokens_file}: write {{"factory": "token of at least 16 characters"}}.')
    webhooks = BookingWebhooks(read_targets(webhooks_file) if webhooks_file is not None else {}, clock)
    try:
        app = create_app(PlatformSettings(database, tokens), clock.now, webhooks.tell)
    except DatabaseError as error:
        raise UserError(str(error)) from error
    serve(app, listen_on(host, port))
    webhooks.close()
