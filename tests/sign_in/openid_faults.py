"""What an identity provider, or somebody in its place, may do wrong."""

from __future__ import annotations

from fastapi.responses import JSONResponse, Response
from joserfc.jwk import KeySet, OctKey, RSAKey

from tests.sign_in.openid_provider import SECRET, Provider


def other_key(provider: Provider) -> None:
    provider.key = RSAKey.generate_key(2048, parameters={"kid": "one"}, auto_kid=False)


def signed_by_the_client_secret(provider: Provider) -> None:
    provider.key, provider.header = OctKey.import_key(SECRET), {"alg": "HS256"}


def signed_with_what_is_public(provider: Provider) -> None:
    """The public key taken for a shared secret."""
    assert isinstance(provider.key, RSAKey)
    provider.shared = provider.key.as_pem(private=False)


def signed_with_a_published_secret(provider: Provider) -> None:
    key = OctKey.import_key("k" * 32, parameters={"kid": "two"})
    provider.key, provider.header = key, {"alg": "HS256", "kid": "two"}
    provider.shown = KeySet([key]).as_dict(private=True)


def not_signed(provider: Provider) -> None:
    provider.header = {"alg": "none"}


def gone(provider: Provider) -> None:
    provider.broken = Response("not now", 503)


def too_long(provider: Provider) -> None:
    provider.broken = Response("x" * 300_000)


def compressed(provider: Provider) -> None:
    provider.broken = Response(b"\x1f\x8b", headers={"content-encoding": "gzip"})


def elsewhere(provider: Provider) -> None:
    provider.broken = Response("", 307, {"location": "http://127.0.0.1:9/token"})


def nonsense(provider: Provider) -> None:
    provider.broken = JSONResponse([1])


def no_token(provider: Provider) -> None:
    provider.broken = JSONResponse({"access_token": "x", "token_type": "Bearer"})


def another_issuer(provider: Provider) -> None:
    provider.metadata = {"issuer": "https://evil.example"}


def tokens_elsewhere(provider: Provider) -> None:
    provider.metadata = {"token_endpoint": "http://127.0.0.1:9/token"}


def keys_elsewhere(provider: Provider) -> None:
    provider.metadata = {"jwks_uri": "http://localhost:9/keys"}


def pages_elsewhere(provider: Provider) -> None:
    provider.metadata = {"authorization_endpoint": "https://evil.example/authorize"}


def no_keys(provider: Provider) -> None:
    provider.shown = {"keys": []}
