"""Sessions of the control room, kept in memory: after a restart of the server people sign in again."""

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
"""At the bound the oldest session ends."""
MAX_FAILURES_PER_MINUTE = 30
"""After this many wrong tokens in a minute, sign-in is refused for the rest of it."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Sessions:
    """Stores only hashes of session ids. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, tuple[str, datetime]] = OrderedDict()
        self._failures: deque[datetime] = deque(maxlen=MAX_FAILURES_PER_MINUTE)

    def start(self, factory: str, now: datetime) -> str:
        """Start a session. Returns the value of the cookie."""
        secret = secrets.token_urlsafe(32)
        with self._lock:
            self._sessions[_hash(secret)] = (factory, now + SESSION_LIFETIME)
            while len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)
        return secret

    def factory(self, secret: str, now: datetime) -> str | None:
        """The factory of the session, or None if there is no such session."""
        with self._lock:
            factory, until = self._sessions.get(_hash(secret), ("", now))
        return factory if until > now else None

    def end(self, secret: str) -> None:
        with self._lock:
            self._sessions.pop(_hash(secret), None)

    def record_failure(self, now: datetime) -> None:
        """Count a sign-in with a wrong token."""
        with self._lock:
            self._failures.append(now)

    def is_locked(self, now: datetime) -> bool:
        """Whether there were too many wrong tokens in the last minute."""
        with self._lock:
            return len(self._failures) == MAX_FAILURES_PER_MINUTE and now - self._failures[0] < timedelta(minutes=1)


def is_cross_site(request: Request) -> bool:
    """Whether a state-changing request comes from another site, by the fetch metadata and `Origin` headers that
    browsers add (OWASP: CSRF prevention). The cookie is SameSite=Strict as well."""
    if request.method in _SAFE:
        return False
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site != "same-origin"
    return origin is None or origin.partition("://")[2] != request.headers.get("host")  # RFC 6454, 6.2


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
