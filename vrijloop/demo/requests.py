"""What the demo asks of its own server and platform."""

from __future__ import annotations

import ssl
from typing import Any

import httpx2

from telemetry import UnavailableError
from vrijloop.demo.workplace import Workplace

NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""The demo speaks plain HTTP to its own servers; loading the system's certificates would take 50 ms per request."""


def ask(place: Workplace, method: str, path: str, **params: str) -> Any:
    """The JSON of the server's answer. Raises UnavailableError."""
    headers = {"Authorization": f"Bearer {place.server_token}"}
    try:
        answer = httpx2.request(
            method, place.server_url + path, headers=headers, params=params, timeout=60, verify=NO_AUTHORITIES
        )
        answer.raise_for_status()
    except httpx2.HTTPError as error:
        raise UnavailableError(f"the demo's server did not answer {path}: {error}. See {place.logs}.") from error
    return answer.json()


def list_offers(place: Workplace) -> list[dict[str, Any]]:
    """The offers on the platform. Raises httpx2.HTTPError."""
    answer = httpx2.get(
        f"{place.platform_url}/api/v1/offers", params={"limit": 1000}, timeout=10, verify=NO_AUTHORITIES
    )
    answer.raise_for_status()
    return list(answer.json()["offers"])


def answers(url: str) -> bool:
    """Whether anything answers HTTP requests there."""
    try:
        httpx2.get(url, timeout=2, verify=NO_AUTHORITIES)
    except httpx2.HTTPError:
        return False
    return True
