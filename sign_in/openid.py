"""OpenID Connect: asks an identity provider who somebody is, and checks what it answers (authorisation code flow with PKCE). Who of them may come in is
decided elsewhere."""

from __future__ import annotations

import hashlib
import logging
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import httpx2
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization
from joserfc.jws import JWSRegistry
from joserfc.jwt import Token

from sign_in.settings import ProviderSettings, is_own_computer

ATTEMPT_LIFE = timedelta(minutes=10)
"""So long somebody may take with the provider."""
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
"""With a key that the provider alone has. None of those that the client secret signs, and not `none`."""
_LEEWAY_S = 60
"""By so much clocks may differ."""
_TIMEOUT_S, _WHOLE_S = 5.0, 15.0
_MAX_ANSWER = 256_000
_DISCOVERY = "/.well-known/openid-configuration"
_KEEP = timedelta(hours=1)
_MAX_SUBJECT = 255
"""OpenID Connect Core, 2."""

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class OpenIdError(Exception):
    """What the provider, or somebody in its place, answered does not hold. The log says why."""


class ProviderAwayError(Exception):
    """The provider cannot be asked. The log says why."""


@dataclass(frozen=True)
class Exchange:
    """What belongs to one attempt to sign in, made from a secret that only the browser has: nobody else's answer fits it."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def of(cls, secret: str) -> Exchange:
        return cls(*(hashlib.sha256(f"{use}/{secret}".encode()).hexdigest() for use in ("state", "nonce", "verifier")))


class KeptDocuments:
    """What a provider publishes about itself and its keys, kept for an hour. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[datetime, dict[str, Any]]] = {}

    def find(self, url: str, now: datetime) -> dict[str, Any] | None:
        with self._lock:
            kept = self._kept.get(url)
        return kept[1] if kept is not None and now - kept[0] < _KEEP else None

    def keep(self, url: str, document: dict[str, Any], now: datetime) -> None:
        """There are as many as the provider has addresses that are asked: two."""
        with self._lock:
            self._kept[url] = now, document


class OpenIdClient:
    """One provider. `name`: for the log. `redirect_uri`: our page to which it sends people back. `documents`: what is known of it already. Every method raises
    ProviderAwayError while the provider cannot be asked, and OpenIdError for answers that do not hold."""

    def __init__(
        self,
        name: str,
        provider: ProviderSettings,
        client_secret: str,
        redirect_uri: str,
        now: Callable[[], datetime],
        documents: KeptDocuments | None = None,
    ) -> None:
        self._name = name
        self._provider = provider
        self._now = now
        self._documents = documents if documents is not None else KeptDocuments()
        self._transport = _ProviderTransport({urlsplit(provider.issuer).netloc, *provider.other_hosts})
        self._client = OAuth2Client(
            client_id=provider.client_id,
            client_secret=client_secret,
            scope=" ".join(("openid", "email", "profile", *provider.more_scopes)),
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

    def claims(self, exchange: Exchange, code: str) -> Mapping[str, Any]:
        """What the provider says of who has come back with this code, once signature, issuer, audience, times and nonce are right."""
        return self._answered(lambda: self._claims(exchange, code))

    def look(self) -> None:
        """Read what the provider publishes, as for signing in: its addresses, which must be its own, and its keys."""

        def ask() -> None:
            metadata = self._metadata()
            for name in ("authorization_endpoint", "token_endpoint"):
                self._transport.require(httpx2.URL(metadata[name]))
            KeySet.import_key_set(self._keys(metadata))

        self._answered(ask)

    def _claims(self, exchange: Exchange, code: str) -> Mapping[str, Any]:
        metadata = self._metadata()
        methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if "client_secret_basic" not in methods:
            self._client.token_endpoint_auth_method = "client_secret_post"  # noqa: S105 - a method of OpenID Connect
        token = self._client.fetch_token(
            metadata["token_endpoint"], grant_type="authorization_code", code=code, code_verifier=exchange.verifier
        )
        signed = self._signed(metadata, token["id_token"])
        claims = CodeIDToken(
            signed.claims,
            signed.header,
            {
                "iss": {"essential": True, "value": self._provider.issuer},
                "aud": {"essential": True, "value": self._provider.client_id},
            },
            {
                "nonce": exchange.nonce,
                "client_id": self._provider.client_id,
                "access_token": token.get("access_token"),
            },
        )
        claims.validate(now=int(self._now().timestamp()), leeway=_LEEWAY_S)
        if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= _MAX_SUBJECT:
            raise ValueError("sub")
        return dict(claims)

    def _signed(self, metadata: Mapping[str, Any], token: str) -> Token:
        """The token, with a signature that holds. Keys that are kept may have been replaced since: then the provider is asked once more."""
        registry = JWSRegistry(algorithms=list(_ALGORITHMS), strict_check_header=False)
        kept = self._documents.find(metadata["jwks_uri"], self._now())
        if kept is not None:
            try:
                return jwt.decode(token, KeySet.import_key_set(cast("KeySetSerialization", kept)), registry=registry)
            except (JoseError, ValueError) as error:
                _log.info("%s: its keys are read anew: %s", self._name, type(error).__name__)
        return jwt.decode(token, KeySet.import_key_set(self._keys(metadata)), registry=registry)

    def _keys(self, metadata: Mapping[str, Any]) -> KeySetSerialization:
        return cast("KeySetSerialization", self._fetch(metadata["jwks_uri"]))

    def _metadata(self) -> dict[str, Any]:
        url = self._provider.issuer.rstrip("/") + _DISCOVERY
        found = self._documents.find(url, self._now()) or self._fetch(url)
        if found.get("issuer") != self._provider.issuer:
            raise ValueError(f"the provider calls itself {found.get('issuer')!r:.200}, not {self._provider.issuer!r}")
        return found

    def _fetch(self, url: str) -> dict[str, Any]:
        answer = self._client.request("GET", url, withhold_token=True)
        answer.raise_for_status()
        found = dict(answer.json())
        self._documents.keep(url, found, self._now())
        return found

    def _answered(self, ask: Callable[[], _T]) -> _T:
        try:
            return ask()
        except httpx2.HTTPError as error:
            _log.warning("%s cannot be asked: %s: %.200r", self._name, type(error).__name__, str(error))
            raise ProviderAwayError(f"{type(error).__name__}: {error!s:.200}") from error
        except Exception as error:
            _log.warning("%s: not accepted: %s: %.200r", self._name, type(error).__name__, str(error))
            raise OpenIdError(f"{type(error).__name__}: {error!s:.200}") from error


def vouches_for_address(claims: Mapping[str, Any], provider: ProviderSettings) -> bool:
    """Whether the provider says that it has checked the e-mail address."""
    return claims.get(provider.verified_claim) in (True, "true", "1")


class _ProviderTransport(httpx2.BaseTransport):
    """Reaches one provider's hosts alone, and reads so much and waits so long, however slowly the answer comes. A transport, as the client library makes the
    requests and reads the answers itself."""

    def __init__(self, hosts: set[str]) -> None:
        self._hosts = hosts

    def require(self, url: httpx2.URL) -> None:
        """Raises an HTTP error for an address that is not the provider's."""
        plain = url.scheme != "https" and not is_own_computer(url.host)
        if url.netloc.decode() not in self._hosts or plain:
            raise httpx2.UnsupportedProtocol(f"{url.scheme}://{url.host} is not one of this provider's hosts")

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.require(request.url)
        wire = httpx2.HTTPTransport(verify=_authorities(), trust_env=False)
        late = threading.Timer(_WHOLE_S, wire.close)  # also where no header comes to its end
        late.daemon = True
        late.start()
        try:
            answer = wire.handle_request(request)
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise httpx2.ReadError("a compressed answer, which nobody asked for", request=request)
            body = b""
            for part in answer.iter_raw():
                body += part
                if len(body) > _MAX_ANSWER:
                    raise httpx2.ReadError("an answer that is too long", request=request)
        except (RuntimeError, OSError) as error:  # what a transport says that was closed meanwhile
            raise httpx2.ReadTimeout("an answer that takes too long", request=request) from error
        finally:
            late.cancel()
            wire.close()
        return httpx2.Response(answer.status_code, headers=answer.headers, content=body, request=request)


@cache
def _authorities() -> ssl.SSLContext:
    """Once for all: reading the world's certificates takes a while."""
    return httpx2.create_ssl_context(trust_env=False)
