"""Requests of the demo to its own server and platform."""

from __future__ import annotations

from typing import Any

import httpx2

from telemetry import UnavailableError
from vrijloop.demo.workplace import Workplace


def ask(place: Workplace, method: str, path: str, **params: str) -> Any:
    """The JSON of the server's answer. Raises UnavailableError."""
    headers = {"Authorization": f"Bearer {place.server_token}"}
    try:
        answer = httpx2.request(method, place.server_url + path, headers=headers, params=params, timeout=60)
        answer.raise_for_status()
    except httpx2.HTTPError as error:
        raise UnavailableError(f"the demo's server did not answer {path}: {error}. See {place.logs}.") from error
    return answer.json()


def list_offers(place: Workplace) -> list[dict[str, Any]]:
    """The offers on the platform. Raises httpx2.HTTPError."""
    answer = httpx2.get(f"{place.platform_url}/api/v1/offers", params={"limit": 1000}, timeout=10)
    answer.raise_for_status()
    return list(answer.json()["offers"])


def answers(url: str) -> bool:
    """Whether anything answers HTTP requests there."""
    try:
        httpx2.get(url, timeout=2)
    except httpx2.HTTPError:
        return False
    return True
