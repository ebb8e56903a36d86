"""Checks the files with secrets. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from analytics.policy.policy import Policy
from stores.configuration import read_secret
from telemetry import UserError
from telemetry.broker import read_secret_file
from vrijloop.operations.finding import Finding
from vrijloop.server_settings import ServerSettings

_Named = Iterator[tuple[str, Path | None]]


def secrets(settings: ServerSettings, policy: Policy) -> Iterator[Finding]:
    """Check that secrets can be read, are long enough (what others chose, such as passwords of calendars, is as long as they like), and are not readable by others."""
    files = [(read_secret, *one) for one in _ours(settings)] + [
        (read_secret_file, *one) for one in _others(settings, policy)
    ]
    for read, what, path in dict.fromkeys(files):
        if path is None:
            continue
        try:
            read(path, what)
        except UserError as error:
            yield Finding("secrets", "wrong", str(error), "")
            continue
        if path.stat().st_mode & 0o077:
            yield Finding("secrets", "warning", f"{path}: the {what} is readable by others.", f"chmod 600 {path}")
        else:
            yield Finding("secrets", "ok", f"The {what} is readable by its owner only.")


def _ours(settings: ServerSettings) -> _Named:
    yield "server token", settings.token_file
    if settings.platform is not None:
        yield "platform token", settings.platform.token_file
        yield "webhook secret", settings.platform.webhook_secret_file
    yield "token of the store", settings.store.token_file
    for factory, path in settings.tokens.items():
        yield f"token of {factory}", path


def _others(settings: ServerSettings, policy: Policy) -> _Named:
    yield "password of the MQTT broker", settings.mqtt.password_file
    yield "log-in for the MQTT broker", settings.mqtt.credentials_file
    yield "key for the MQTT broker", settings.mqtt.client_key
    if settings.alerts is not None:
        yield "address for alerts", settings.alerts.url_file
        yield "secret for alerts", settings.alerts.secret_file
    for feed in policy.feed:
        yield f"password of {feed.user}", feed.password_file
