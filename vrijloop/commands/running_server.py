"""Requests to the running server, whose failures are said in a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from telemetry import UserError, load_settings

_TIMEOUT_S = 30.0


def ask_server(config: Path, method: Literal["GET", "PUT", "POST"], path: str, body: object = None) -> Any:
    """Send a request to the running server and return the JSON of its answer. Raises UserError."""
    import httpx2

    from vrijloop.server_client import address_of, request
    from vrijloop.server_settings import ServerSettings

    settings = load_settings(config, ServerSettings)
    address = address_of(settings)
    try:
        answer = request(settings, method, path, _TIMEOUT_S, body)
    except httpx2.HTTPError as error:
        raise UserError(f"no server answers at {address}; is `vrijloop server` running? ({error})") from error
    if not answer.is_success:
        try:
            detail = answer.json()["detail"]
        except (ValueError, KeyError, TypeError):
            detail = answer.text[:200]
        raise UserError(f"the server at {address} answered {answer.status_code}: {detail}")
    return answer.json()
