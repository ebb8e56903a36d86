"""OpenID Connect: asks an organisation's identity provider who somebody is, and checks what it answers (authorisation code flow with PKCE)."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import httpx2
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet, KeySetSerialization
from joserfc.jws import JWSRegistry
from pydantic import TypeAdapter, ValidationError

from sharing_platform.errors import ConflictError, InvalidError, PlatformError, UnavailableError
from sharing_platform.identity_providers import IdentityProvider, is_own_computer
from sharing_platform.schemas import Email, OrganisationName

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
"""With a key that the provider alone has. None of those that the client secret signs, and not `none`."""
_LEEWAY_S = 60
"""By so much clocks may differ."""
_TIMEOUT_S, _WHOLE_S = 5.0, 15.0
_MAX_ANSWER = 256_000
_DISCOVERY = "/.well-known/openid-configuration"
_EMAIL, _NAME = TypeAdapter(Email), TypeAdapter(OrganisationName)

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Exchange:
    """What belongs to one attempt to sign in, made from a secret that only the browser has: nobody else's answer fits it."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def of(cls, secret: str) -> Exchange:
        return cls(*(hashlib.sha256(f"{use}/{secret}".encode()).hexdigest() for use in ("state", "nonce", "verifier")))


@dataclass(frozen=True)
class Somebody:
    """Whom the provider vouches for. Issuer and subject stay the same for good; the address is theirs and of an allowed domain."""

    issuer: str
    subject: str
    email: str
    name: str


class OpenIdClient:
    """One provider. `redirect_uri`: our page to which it sends people back. Every method raises UnavailableError while the provider is away."""

    def __init__(self, provider: IdentityProvider, redirect_uri: str, now: Callable[[], datetime]) -> None:
        self._settings = provider.settings
        self._now = now
        self._transport = _ProviderTransport(
            {urlsplit(provider.settings.issuer).netloc, *provider.settings.other_hosts}
        )
        self._client = OAuth2Client(
            client_id=provider.settings.client_id,
            client_secret=provider.client_secret,
            scope="openid email profile",
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            transport=self._transport,
            timeout=_TIMEOUT_S,
            trust_env=False,
            follow_redirects=False,
            headers={"Accept-Encoding": "identity"},
        )

    def __enter__(self) -> OpenIdClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def authorization_url(self, exchange: Exchange) -> str:
        """The provider's page to which somebody goes to sign in."""

        def ask() -> str:
            endpoint = self._metadata()["authorization_endpoint"]
            self._transport.require(httpx2.URL(endpoint))
            url, _ = self._client.create_authorization_url(
                endpoint, state=exchange.state, nonce=exchange.nonce, code_verifier=exchange.verifier
            )
            return str(url)

        return self._answered(ask)

    def somebody(self, exchange: Exchange, code: str) -> Somebody:
        """Who has come back with this code. Raises ConflictError (`identity_wrong`) for a code or a token that does not hold, InvalidError for an address that nobody
        vouches for."""
        claims = self._answered(lambda: self._claims(exchange, code))
        try:
            email = _EMAIL.validate_python(claims.get("email"), strict=True)
        except ValidationError as error:
            raise InvalidError("identity_mail", "email") from error
        verified = claims.get(self._settings.verified_claim) in (True, "true", "1")
        if not verified or email.rpartition("@")[2] not in self._settings.email_domains:
            _log.warning("%s does not vouch for an address of its domains.", self._settings.name)
            raise InvalidError("identity_mail", "email")
        try:
            name = _NAME.validate_python(claims.get("name"), strict=True)
        except ValidationError:
            name = email.partition("@")[0]
        return Somebody(self._settings.issuer, claims["sub"], email, name)

    def _claims(self, exchange: Exchange, code: str) -> Mapping[str, Any]:
        """What the id token says, once signature, issuer, audience, times and nonce are right."""
        metadata = self._metadata()
        methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if "client_secret_basic" not in methods:
            self._client.token_endpoint_auth_method = "client_secret_post"  # noqa: S105 - a method of OpenID Connect
        token = self._client.fetch_token(
            metadata["token_endpoint"], grant_type="authorization_code", code=code, code_verifier=exchange.verifier
        )
        keys = KeySet.import_key_set(cast("KeySetSerialization", self._json(metadata["jwks_uri"])))
        registry = JWSRegistry(algorithms=list(_ALGORITHMS), strict_check_header=False)
        signed = jwt.decode(token["id_token"], keys, registry=registry)
        claims = CodeIDToken(
            signed.claims,
            signed.header,
            {
                "iss": {"essential": True, "value": self._settings.issuer},
                "aud": {"essential": True, "value": self._settings.client_id},
            },
            {
                "nonce": exchange.nonce,
                "client_id": self._settings.client_id,
                "access_token": token.get("access_token"),
            },
        )
        claims.validate(now=int(self._now().timestamp()), leeway=_LEEWAY_S)
        if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
            raise ValueError("sub")
        return dict(claims)

    def _metadata(self) -> dict[str, Any]:
        found = self._json(self._settings.issuer.rstrip("/") + _DISCOVERY)
        if found.get("issuer") != self._settings.issuer:
            raise ValueError(f"the provider calls itself {found.get('issuer')!r:.200}, not {self._settings.issuer!r}")
        return found

    def _json(self, url: str) -> dict[str, Any]:
        answer = self._client.request("GET", url, withhold_token=True)
        answer.raise_for_status()
        return dict(answer.json())

    def _answered(self, ask: Callable[[], _T]) -> _T:
        try:
            return ask()
        except PlatformError:
            raise
        except httpx2.HTTPError as error:
            _log.warning("%s cannot be asked: %s: %.200r", self._settings.name, type(error).__name__, str(error))
            raise UnavailableError("identity_unavailable") from error
        except Exception as error:
            _log.warning("%s: not accepted: %s: %.200r", self._settings.name, type(error).__name__, str(error))
            raise ConflictError("identity_wrong") from error


class _ProviderTransport(httpx2.BaseTransport):
    """Reaches one provider's hosts alone, and reads so much and waits so long."""

    def __init__(self, hosts: set[str]) -> None:
        self._hosts = hosts

    def require(self, url: httpx2.URL) -> None:
        """Raises an HTTP error for an address that is not the provider's."""
        plain = url.scheme != "https" and not is_own_computer(url.host)
        if url.netloc.decode() not in self._hosts or plain:
            raise httpx2.UnsupportedProtocol(f"{url.scheme}://{url.host} is not one of this provider's hosts")

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.require(request.url)
        until = time.monotonic() + _WHOLE_S
        answer = _wire().handle_request(request)
        body = b""
        try:
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise httpx2.ReadError("a compressed answer, which nobody asked for", request=request)
            for part in answer.iter_raw():
                body += part
                if len(body) > _MAX_ANSWER or time.monotonic() > until:
                    raise httpx2.ReadError("an answer that is too long, or takes too long", request=request)
        finally:
            answer.close()
        return httpx2.Response(answer.status_code, headers=answer.headers, content=body, request=request)


@cache
def _wire() -> httpx2.HTTPTransport:
    """One for all: reading the world's certificates takes a while."""
    return httpx2.HTTPTransport(trust_env=False)
