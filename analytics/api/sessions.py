"""Who is signed in to the control room. In memory: after a restart of the server one signs in again."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import OrderedDict, deque
from datetime import datetime, timedelta

from fastapi import Request

COOKIE = "vrijloop_control"
SESSION_LIFETIME = timedelta(hours=12)
MAX_SESSIONS = 1000
"""At the bound the oldest is signed out."""
MAX_FAILURES_PER_MINUTE = 30
"""So many wrong tokens a minute, then nobody is let in for the rest of it."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Sessions:
    """Only hashes are kept. Safe to call from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[str, tuple[str, datetime]] = OrderedDict()
        self._wrong: deque[datetime] = deque(maxlen=MAX_FAILURES_PER_MINUTE)

    def begin(self, factory: str, now: datetime) -> str:
        """What the browser keeps."""
        secret = secrets.token_urlsafe(32)
        with self._lock:
            self._held[_hash(secret)] = (factory, now + SESSION_LIFETIME)
            while len(self._held) > MAX_SESSIONS:
                self._held.popitem(last=False)
        return secret

    def factory(self, secret: str, now: datetime) -> str | None:
        """Whose person this is; None for nobody."""
        with self._lock:
            factory, until = self._held.get(_hash(secret), ("", now))
        return factory if until > now else None

    def end(self, secret: str) -> None:
        with self._lock:
            self._held.pop(_hash(secret), None)

    def wrong(self, now: datetime) -> None:
        """A token that is none was given."""
        with self._lock:
            self._wrong.append(now)

    def shut(self, now: datetime) -> bool:
        """Whether too many were wrong of late."""
        with self._lock:
            return len(self._wrong) == MAX_FAILURES_PER_MINUTE and now - self._wrong[0] < timedelta(minutes=1)


def is_cross_site(request: Request) -> bool:
    """Whether another site made the browser send this: fetch metadata and Origin, which browsers add to what could change something
    (OWASP: CSRF prevention). The cookie is SameSite=Strict besides."""
    if request.method in _SAFE:
        return False
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site != "same-origin"
    return origin is None or origin.partition("://")[2] != request.headers.get("host")  # RFC 6454, 6.2


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
