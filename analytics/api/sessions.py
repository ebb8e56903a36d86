"""Sessions of the control room, kept in memory: after a restart of the server people sign in again."""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import Request

_log = logging.getLogger(__name__)

COOKIE = "vrijloop_control"
SESSION_LIFETIME = timedelta(hours=12)
MAX_SESSIONS = 1000
"""At the bound the oldest session ends."""
MAX_FAILURES_PER_MINUTE = 30
"""After this many wrong tokens from one address in a minute, the log says so. The right one always signs in, from anywhere: whoever has it may have to
pull the kill switch."""
MAX_ADDRESSES = 1000
"""Addresses whose wrong tokens are counted. At the bound the one that has been quiet longest is forgotten."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Session:
    """`person`: the id of the person who signed in; None where it was with the server's token."""

    factory: str
    person: str | None
    until: datetime


class Sessions:
    """Stores only hashes of session ids. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._failures: OrderedDict[str, tuple[datetime, int]] = OrderedDict()

    def start(self, factory: str, person: str | None, now: datetime) -> str:
        """Start a session. Returns the value of the cookie."""
        secret = secrets.token_urlsafe(32)
        with self._lock:
            self._sessions[_hash(secret)] = Session(factory, person, now + SESSION_LIFETIME)
            while len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)
        return secret

    def find(self, secret: str, now: datetime) -> Session | None:
        """The session, or None if there is no such session."""
        with self._lock:
            session = self._sessions.get(_hash(secret))
        return session if session is not None and session.until > now else None

    def end(self, secret: str) -> None:
        with self._lock:
            self._sessions.pop(_hash(secret), None)

    def record_failure(self, address: str, now: datetime) -> bool:
        """Count a sign-in with a wrong token. Returns whether there were too many from this address within a minute."""
        with self._lock:
            began, count = self._failures.pop(address, (now, 0))
            if now - began >= timedelta(minutes=1):
                began, count = now, 0
            self._failures[address] = (began, count + 1)
            while len(self._failures) > MAX_ADDRESSES:
                self._failures.popitem(last=False)
        if count == MAX_FAILURES_PER_MINUTE:
            _log.warning("More than %d wrong tokens for the control room from %s within a minute.", count, address)
        return count >= MAX_FAILURES_PER_MINUTE


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
