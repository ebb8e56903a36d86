"""Sends requests to the running server, using the address and token of its configuration."""

from __future__ import annotations

from typing import Any

import httpx2

from stores.configuration import read_secret
from telemetry import UserError
from vrijloop.server_settings import ServerSettings

_LONG = httpx2.Timeout(5.0, read=3600.0)
"""Backing up a year of a thousand machines takes minutes."""


def address_of(settings: ServerSettings) -> str:
    """The server's URL on this machine."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    return f"http://{host}:{settings.port}"


def request(
    settings: ServerSettings, method: str, path: str, timeout: float | httpx2.Timeout, body: object = None
) -> httpx2.Response:
    """Send a request and return any answer. Raises UserError if the token cannot be read, httpx2.HTTPError if
    nothing answers."""
    headers = {"Authorization": f"Bearer {read_secret(settings.token_file, 'server token')}"}
    return httpx2.request(method, address_of(settings) + path, json=body, headers=headers, timeout=timeout)


def request_json(settings: ServerSettings, method: str, path: str) -> Any:
    """Send a request and return the JSON of the answer; None if the server is not running. Raises UserError if it
    answers with an error."""
    try:
        answer = request(settings, method, path, _LONG)
    except httpx2.HTTPError:
        return None
    if not answer.is_success:
        raise UserError(f"the server at {address_of(settings)} answered {answer.status_code}: {answer.text[:200]}")
    return answer.json()
