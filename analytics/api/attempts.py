"""What a browser has begun and not finished: signing in with a passkey or at an identity provider, or adding a passkey."""

from __future__ import annotations

import hmac
import re
import secrets
import threading
from datetime import datetime, timedelta

_BEGAN = re.compile(r"([0-9]{1,12})\.")


class Attempts:
    """Each has a secret that follows from a cookie of the browser and a key of this process. Nothing is stored for it until it has succeeded, so that nobody can push
    out the attempts of others by beginning many. Thread-safe."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._used: dict[str, datetime] = {}

    def begin(self, purpose: str, now: datetime) -> tuple[str, bytes]:
        """The value of the cookie, and the secret: what is to be signed, or what state and nonce are made of."""
        cookie = f"{int(now.timestamp())}.{secrets.token_urlsafe(24)}"
        return cookie, self._secret(purpose, cookie)

    def find(self, purpose: str, cookie: str, life: timedelta, now: datetime) -> bytes | None:
        """The secret of what this browser has begun; None where that was too long ago, or has succeeded already. For a cookie that was not given out, it is a secret
        that nobody knows."""
        began = _BEGAN.match(cookie)
        if began is None or not 0 <= int(now.timestamp()) - int(began.group(1)) < life.total_seconds():
            return None
        with self._lock:
            return None if cookie in self._used else self._secret(purpose, cookie)

    def finish(self, cookie: str, life: timedelta, now: datetime) -> bool:
        """It has succeeded and counts no more. Returns False if it had already, at the same moment."""
        with self._lock:
            self._used = {one: until for one, until in self._used.items() if until > now}
            if cookie in self._used:
                return False
            self._used[cookie] = now + life
            return True

    def _secret(self, purpose: str, cookie: str) -> bytes:
        return hmac.digest(self._key, f"{purpose}/{cookie}".encode(), "sha256")
