"""The context that every route needs, built once per application, and the FastAPI dependencies for it. Dependencies for the caller are in
`organisations.dependencies`.

A dependency that only looks something up is asynchronous: FastAPI sends every other one to a thread, and the way there and back takes longer than the look.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, cast

from fastapi import Depends, Request
from sqlalchemy.orm import Session, sessionmaker

from sharing_platform.bounds import Bounds
from sharing_platform.database import READERS, Now, read_session
from sharing_platform.events import Events
from sharing_platform.identity_providers import IdentityProvider
from sharing_platform.live_updates import LiveUpdates
from sharing_platform.occupancy import Occupancy
from sharing_platform.virus_scanner import VirusScanner

ZONE = "Europe/Brussels"
"""The region's time zone where nobody says another."""


@dataclass(frozen=True)
class PlatformContext:
    """`tokens`: factory to its bearer token, from the operator's configuration. `zone`: the region's time zone, in which the pages show
    times. `url`: the platform's public address, without a trailing slash."""

    sessions: sessionmaker[Session]
    now: Now
    live: LiveUpdates
    tokens: Mapping[str, str]
    zone: str
    url: str
    private_webhooks: bool
    webhook_ports: frozenset[int]
    wake_workers: Callable[[], None]
    """Called after a commit that left something to deliver. Returns at once. What it left to match is found within seconds."""
    bounds: Bounds
    visitor: Callable[[Request], Mapping[str, object]]
    """Who is signed in, as values for the layout of pages: error pages have no dependencies that tell."""
    events: Events
    occupancy: Occupancy
    identity_providers: tuple[IdentityProvider, ...] = ()
    sender: str = "vrijloop@localhost"
    """Whose e-mails are the platform's."""
    scanner: VirusScanner | None = None
    """None: files are not scanned."""
    attachment_days: int = 90
    """How long files are kept after their booking has ended."""
    lock_after: timedelta = timedelta(days=14)
    """So long without use, people have to sign in again."""
    security_contact: str = ""
    """Where vulnerabilities are reported, as a URI; empty for the contact page alone."""

    @property
    def secure(self) -> bool:
        """Whether browsers reach the platform over TLS."""
        return self.url.startswith("https://")

    @property
    def cookie(self) -> str:
        """Name of the session cookie. With the prefix `__Host-`, browsers refuse it from neighbouring hosts and without TLS."""
        return "__Host-session" if self.secure else "session"

    @property
    def device_cookie(self) -> str:
        """Name of the cookie by which a browser is known."""
        return "__Host-device" if self.secure else "device"

    @property
    def challenge_cookie(self) -> str:
        """Name of the cookie of a browser that was asked to sign something with a passkey."""
        return "__Host-challenge" if self.secure else "challenge"

    @property
    def identity_cookie(self) -> str:
        """Name of the cookie of a browser that has gone to an identity provider."""
        return "__Host-identity" if self.secure else "identity"


def get_context(request: Request) -> PlatformContext:
    return cast("PlatformContext", request.app.state.context)


async def _context(request: Request) -> PlatformContext:
    return get_context(request)


Context = Annotated[PlatformContext, Depends(_context)]


def get_read_session(request: Request) -> Iterator[Session]:
    """A session that blocks no writer."""
    with read_session(get_context(request).sessions) as session:
        yield session


ReadSession = Annotated[Session, Depends(get_read_session, scope="function", max_concurrency=READERS)]
"""Given back before the answer is sent: whoever reads slowly keeps no connection."""


def client_address(request: Request) -> str:
    """Where the request comes from, for rate limits; behind a proxy, the address that the proxy reports if it is trusted. Of an IPv6 address
    the first 64 bits: a host may choose the others as it likes."""
    host = request.client.host if request.client else "unknown"
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if address.version == 4:
        return host
    return str(address.ipv4_mapped or ipaddress.ip_network((address.packed[:8] + bytes(8), 64)))
