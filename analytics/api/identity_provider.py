"""The identity provider of the factory, at which people sign in to the control room."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from analytics.api.people import Person
from analytics.api.provider_settings import IdentityProviderTable
from sign_in.openid import Exchange, KeptDocuments, OpenIdClient, OpenIdError, ProviderAwayError, vouches_for_address

START = "/control/sign-in/provider"
BACK = f"{START}/back"
MAX_AT_ONCE = 4
"""So many threads wait for the provider at most, of the forty that answer requests: the kill switch needs one."""

_log = logging.getLogger(__name__)


class NotAdmittedError(Exception):
    """The provider vouches for somebody who may not come in."""


class FactoryProvider:
    """`url`: where people open the control room. Thread-safe."""

    def __init__(self, table: IdentityProviderTable, client_secret: str, url: str, now: Callable[[], datetime]) -> None:
        self._table = table
        self._client_secret = client_secret
        self._redirect_uri = url + BACK
        self.start = url + START
        """Where signing in begins: the browser gets its cookie at the address to which the provider sends it back."""
        self._now = now
        self._documents = KeptDocuments()
        self._places = threading.BoundedSemaphore(MAX_AT_ONCE)

    @property
    def label(self) -> str:
        """How its people call it."""
        return self._table.label

    @property
    def session(self) -> timedelta:
        """How long they stay signed in."""
        return self._table.session

    def authorization_url(self, secret: bytes) -> str:
        """The provider's page to go to. Raises ProviderAwayError, OpenIdError."""
        with self._client() as client:
            return client.authorization_url(Exchange.of(secret.hex()))

    def person(self, secret: bytes, state: str, code: str) -> Person:
        """Who has come back. Raises ProviderAwayError, OpenIdError, NotAdmittedError."""
        exchange = Exchange.of(secret.hex())
        if not secrets.compare_digest(state.encode(), exchange.state.encode()) or not code:
            raise OpenIdError("the answer belongs to another attempt")
        with self._client() as client:
            claims = client.claims(exchange, code)
        name = self._table.admit(claims, vouches_for_address(claims, self._table))
        if name is None:
            _log.warning("%s vouches for somebody who may not come in: subject %.100r.", self.label, claims["sub"])
            raise NotAdmittedError
        return Person(f"{self._table.issuer} {claims['sub']}", name, self._now())

    def look(self) -> None:
        """Read what the provider publishes, as for signing in. Raises ProviderAwayError, OpenIdError."""
        with self._client() as client:
            client.look()

    @contextmanager
    def _client(self) -> Iterator[OpenIdClient]:
        if not self._places.acquire(blocking=False):
            raise ProviderAwayError("others are waiting for it")
        try:
            with OpenIdClient(
                self.label, self._table, self._client_secret, self._redirect_uri, self._now, self._documents
            ) as client:
                yield client
        finally:
            self._places.release()
