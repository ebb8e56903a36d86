"""Whom an organisation's identity provider vouches for on the platform."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from sharing_platform.errors import ConflictError, InvalidError, UnavailableError
from sharing_platform.identity_providers import IdentityProvider, ProviderSettings
from sharing_platform.schemas import Email, OrganisationName
from sign_in.openid import Exchange, OpenIdClient, OpenIdError, ProviderAwayError, vouches_for_address

_EMAIL, _NAME = TypeAdapter(Email), TypeAdapter(OrganisationName)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Somebody:
    """Whom the provider vouches for. Issuer and subject stay the same for good; the address is theirs and of an allowed domain."""

    issuer: str
    subject: str
    email: str
    name: str


def authorization_url(
    provider: IdentityProvider, redirect_uri: str, now: Callable[[], datetime], exchange: Exchange
) -> str:
    """The provider's page to which somebody goes to sign in. Raises UnavailableError, ConflictError (`identity_wrong`)."""
    with _asked(), _client(provider, redirect_uri, now) as client:
        return client.authorization_url(exchange)


def somebody(
    provider: IdentityProvider, redirect_uri: str, now: Callable[[], datetime], exchange: Exchange, code: str
) -> Somebody:
    """Who has come back with this code. Raises UnavailableError, ConflictError (`identity_wrong`) for a code or a token that does not hold, InvalidError for an
    address that nobody vouches for."""
    with _asked(), _client(provider, redirect_uri, now) as client:
        claims = client.claims(exchange, code)
    return _somebody(provider.settings, claims)


def _somebody(provider: ProviderSettings, claims: Mapping[str, Any]) -> Somebody:
    try:
        email = _EMAIL.validate_python(claims.get("email"), strict=True)
    except ValidationError as error:
        raise InvalidError("identity_mail", "email") from error
    if not vouches_for_address(claims, provider) or email.rpartition("@")[2] not in provider.email_domains:
        _log.warning("%s does not vouch for an address of its domains.", provider.name)
        raise InvalidError("identity_mail", "email")
    try:
        name = _NAME.validate_python(claims.get("name"), strict=True)
    except ValidationError:
        name = email.partition("@")[0]
    return Somebody(provider.issuer, claims["sub"], email, name)


def _client(provider: IdentityProvider, redirect_uri: str, now: Callable[[], datetime]) -> OpenIdClient:
    return OpenIdClient(provider.settings.name, provider.settings, provider.client_secret, redirect_uri, now)


@contextmanager
def _asked() -> Iterator[None]:
    """Says as errors of the platform what is wrong with the provider."""
    try:
        yield
    except ProviderAwayError as error:
        raise UnavailableError("identity_unavailable") from error
    except OpenIdError as error:
        raise ConflictError("identity_wrong") from error
