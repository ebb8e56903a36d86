"""Requests to the platforms of neighbours and their answers, as values. What sends them is passed in from outside."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from sharing_platform.errors import InvalidError

MOST_BYTES = 4_000_000
"""Of an answer. A page of the feed stays far below."""


@dataclass(frozen=True)
class HttpRequest:
    """Header names are in lower case."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class HttpAnswer:
    """Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class AwayError(Exception):
    """No answer came, or it came too late or was too long."""


Ask = Callable[[HttpRequest], HttpAnswer]
"""Sends a request as it is and returns the answer, of at most `MOST_BYTES`. Follows no redirect. Raises AwayError."""


def nobody(_: HttpRequest) -> HttpAnswer:
    """For a platform that asks nobody."""
    raise AwayError


def read_address(text: str) -> str:
    """A neighbour's address in one spelling: https, and http on the own computer alone. It is the only address that is asked for this neighbour. Raises InvalidError."""
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise InvalidError("neighbour_url", "url") from None
    good = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    if not good or not host or parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment:
        raise InvalidError("neighbour_url", "url")
    if not host.isascii() or any(character.isspace() for character in host):
        raise InvalidError("neighbour_url", "url")
    shown = f"[{host}]" if ":" in host else host
    usual = {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{shown}" + (f":{port}" if port is not None and port != usual else "")


def own_address(url: str) -> str:
    """Our own, as neighbours write it; as it is where they could not."""
    try:
        return read_address(url)
    except InvalidError:
        return url


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
