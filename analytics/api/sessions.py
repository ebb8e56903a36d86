"""Sessions of the control room, kept in memory: after a restart of the server people sign in again."""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from fastapi import Request

from analytics.api.people import Person

_log = logging.getLogger(__name__)

COOKIE = "vrijloop_control"
SESSION_LIFETIME = timedelta(hours=12)
RECENT = timedelta(minutes=10)
"""So long after signing in, a person can add a passkey: whoever sits down later at a browser that was left open shall not have a key for good."""
IN_USE = "x-vrijloop-in-use"
"""Header by which an open page says that somebody has touched it since it last asked for something."""
MAX_SESSIONS = 1000
"""At the bound the oldest session ends."""
MAX_FAILURES_PER_MINUTE = 30
"""After this many wrong tokens or passkeys from one address in a minute, the log says so. The right one always signs in, from anywhere: whoever has it may have to
pull the kill switch. Of answers of the identity provider, each of which it is asked about, no more are looked at."""
MAX_ADDRESSES = 1000
"""Addresses whose failures are counted. At the bound the one that has been quiet longest is forgotten."""
_MINUTE = timedelta(minutes=1)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Session:
    """`person`: who signed in; None where it was with the server's token. `vouched_for`: whether an identity provider says who it is, for as long as the session lasts; others
    are looked up at each request. `used`: when somebody was last there."""

    factory: str
    person: Person | None
    vouched_for: bool
    began: datetime
    until: datetime
    used: datetime


class Sessions:
    """Stores only hashes of session ids. `lock_after`: so long without use, a session is locked until somebody signs in again. Thread-safe."""

    def __init__(self, lock_after: timedelta = SESSION_LIFETIME) -> None:
        self._lock_after = lock_after
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def start(self, factory: str, person: Person | None, now: datetime, vouched_for: timedelta | None = None) -> str:
        """Start a session. `vouched_for`: how long an identity provider's word is taken. Returns the value of the cookie."""
        secret = secrets.token_urlsafe(32)
        until = now + (vouched_for if vouched_for is not None else SESSION_LIFETIME)
        with self._lock:
            self._sessions[_hash(secret)] = Session(factory, person, vouched_for is not None, now, until, now)
            while len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)
        return secret

    def find(self, secret: str, now: datetime, *, in_use: bool = True) -> Session | None:
        """The session, or None if there is no such session, or it is locked. `in_use`: somebody is there, and not an open page alone."""
        key = _hash(secret)
        with self._lock:
            session = self._sessions.get(key)
            if session is None or session.until <= now or self._has_rested(session, now):
                return None
            if in_use:
                self._sessions[key] = replace(session, used=now)
        return session

    def is_locked(self, secret: str, now: datetime) -> bool:
        with self._lock:
            session = self._sessions.get(_hash(secret))
        return session is not None and session.until > now and self._has_rested(session, now)

    def _has_rested(self, session: Session, now: datetime) -> bool:
        return now - session.used >= self._lock_after

    def end(self, secret: str) -> None:
        with self._lock:
            self._sessions.pop(_hash(secret), None)


class Failures:
    """Counts sign-ins that failed, by the address they came from. `what`: for the log. Thread-safe."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._lock = threading.Lock()
        self._counts: OrderedDict[str, tuple[datetime, int]] = OrderedDict()

    def record(self, address: str, now: datetime) -> bool:
        """Count one. Returns whether there were too many from this address within a minute."""
        with self._lock:
            began, count = self._counts.pop(address, (now, 0))
            if now - began >= _MINUTE:
                began, count = now, 0
            self._counts[address] = (began, count + 1)
            while len(self._counts) > MAX_ADDRESSES:
                self._counts.popitem(last=False)
        if count == MAX_FAILURES_PER_MINUTE:
            _log.warning("More than %d %s for the control room from %s within a minute.", count, self._what, address)
        return count >= MAX_FAILURES_PER_MINUTE

    def are_too_many(self, address: str, now: datetime) -> bool:
        """Whether the bound of this minute is reached."""
        with self._lock:
            began, count = self._counts.get(address, (now, 0))
        return now - began < _MINUTE and count >= MAX_FAILURES_PER_MINUTE


def is_cross_site(request: Request) -> bool:
    """Whether a state-changing request comes from another site, by the fetch metadata and `Origin` headers that
    browsers add (OWASP: CSRF prevention). The cookie is SameSite=Strict as well."""
    if request.method in _SAFE:
        return False
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site != "same-origin"
    return origin is None or origin.partition("://")[2] != request.headers.get("host")  # RFC 6454, 6.2


def is_in_use(request: Request) -> bool:
    """Whether somebody is there: opens a page, sends something, or has touched the page that asks. What an open page asks by itself keeps no session open. Clients that send no
    fetch metadata ask for nothing by themselves."""
    by_a_page = request.headers.get("sec-fetch-dest") not in (None, "document")
    return request.method not in _SAFE or not by_a_page or request.headers.get(IN_USE) == "1"


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
