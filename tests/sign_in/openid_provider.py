"""A small OpenID provider of the test's own on 127.0.0.1. What it answers can be made wrong from outside."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

import pytest
from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

from tests.analytics.tables import utc
from tests.servers import free_port, serving

CLIENT, SECRET = "vrijloop", "known to both alone"
NOON = utc(2, 12, month=3)


@dataclass
class Provider:
    """`claims`, `metadata`: put over what is right. `shared`: a secret to sign with (HS256) instead of its own key. `broken`: instead of what
    the token endpoint answers."""

    issuer: str
    now: Callable[[], datetime]
    claims: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256"})
    shared: bytes | None = None
    broken: Response | None = None
    waits: threading.Event | None = None
    """The token endpoint answers once it is set."""
    asked: list[dict[str, str]] = field(default_factory=list)
    """What browsers were sent here with."""
    read: list[str] = field(default_factory=list)
    """Which of its documents were read."""

    def __post_init__(self) -> None:
        self.key: RSAKey | OctKey = RSAKey.generate_key(2048, parameters={"kid": "one"}, auto_kid=False)
        self.shown = KeySet([self.key]).as_dict(private=False)
        self.codes: dict[str, dict[str, str]] = {}

    def id_token(self, nonce: str) -> str:
        now = int(self.now().timestamp())
        right = {
            "iss": self.issuer, "sub": "248289761001", "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": nonce, "name": "An Peeters",
            "email": "an@hal2.be", "email_verified": True,
        }  # fmt: skip
        claims = {name: value for name, value in {**right, **self.claims}.items() if value is not None}
        if self.shared is not None:
            parts = [json.dumps(part).encode() for part in ({"alg": "HS256"}, claims)]
            signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
            mark = hmac.digest(self.shared, signed, "sha256")
            return f"{signed.decode()}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"
        return jwt.encode({**self.header}, claims, self.key, algorithms=["RS256", "HS256", "none"])


@contextmanager
def served_provider(now: Callable[[], datetime]) -> Iterator[Provider]:
    port = free_port()
    provider = Provider(f"http://127.0.0.1:{port}", now)
    with serving(provider_app(provider), port):
        yield provider


@contextmanager
def as_it_should_be(provider: Provider) -> Iterator[Provider]:
    """Whatever the test makes wrong is forgotten afterwards."""
    right = dict(provider.__dict__)
    yield provider
    provider.__dict__.update({**right, "codes": {}, "asked": [], "read": []})


@pytest.fixture(scope="module")
def served() -> Iterator[Provider]:
    """A provider of the module's own, whose clock stands at `NOON` until a test gives it another."""
    with served_provider(lambda: NOON) as provider:
        yield provider


@pytest.fixture
def provider(served: Provider) -> Iterator[Provider]:
    with as_it_should_be(served):
        yield served


def provider_app(provider: Provider) -> FastAPI:
    app = FastAPI()

    @app.get("/.well-known/openid-configuration")
    def configuration() -> Response:
        own = provider.issuer
        provider.read.append("configuration")
        right = {
            "issuer": own, "authorization_endpoint": f"{own}/authorize", "token_endpoint": f"{own}/token", "jwks_uri": f"{own}/keys",
        }  # fmt: skip
        return JSONResponse({**right, **provider.metadata})

    @app.get("/keys")
    def keys() -> Response:
        provider.read.append("keys")
        return JSONResponse(provider.shown)

    @app.get("/authorize")
    def authorize(request: Request) -> Response:
        """Signs everybody in at once, and sends them back."""
        given = dict(request.query_params)
        provider.asked.append(given)
        code = secrets.token_urlsafe(16)
        provider.codes[code] = given
        return RedirectResponse(f"{given['redirect_uri']}?code={code}&state={given['state']}", 303)

    @app.post("/token")
    def token(
        request: Request, code: Annotated[str, Form()], redirect_uri: Annotated[str, Form()], code_verifier: Annotated[str, Form()]
    ) -> Response:  # fmt: skip
        if provider.waits is not None:
            provider.waits.wait(30)
        if provider.broken is not None:
            return provider.broken
        given = provider.codes.pop(code, {})
        challenge = base64.urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).decode().rstrip("=")
        known = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        right = (given.get("code_challenge"), given.get("code_challenge_method")) == (challenge, "S256")
        if not right or given["redirect_uri"] != redirect_uri or request.headers["authorization"] != f"Basic {known}":
            return JSONResponse({"error": "invalid_grant"}, 400)
        answer = {"access_token": "x", "token_type": "Bearer", "id_token": provider.id_token(given["nonce"])}
        return JSONResponse(answer)

    return app
