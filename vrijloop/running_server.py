"""Asks the server that runs with a configuration."""

from __future__ import annotations

from typing import Any

import httpx2

from stores.configuration import read_secret
from telemetry import UserError
from vrijloop.server import ServerSettings

_TIMEOUT = httpx2.Timeout(5.0, read=3600.0)
"""A year of a thousand machines takes minutes to write out."""


def ask_running(settings: ServerSettings, method: str, path: str) -> Any:
    """The answer's JSON; None where no server runs there. Raises UserError where it refuses."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    headers = {"Authorization": f"Bearer {read_secret(settings.token_file, 'server token')}"}
    try:
        answer = httpx2.request(method, f"http://{host}:{settings.port}{path}", headers=headers, timeout=_TIMEOUT)
    except httpx2.HTTPError:
        return None
    if answer.is_error:
        raise UserError(f"the server at {host}:{settings.port} answered {answer.status_code}: {answer.text[:200]}")
    return answer.json()
