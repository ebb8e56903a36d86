"""What an identity provider, or somebody in its place, may answer, against a real one on 127.0.0.1."""

from __future__ import annotations

import logging
import socket
import threading
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc.jwk import KeySet, RSAKey

from sign_in import openid
from sign_in.openid import Exchange, KeptDocuments, OpenIdClient, OpenIdError, ProviderAwayError
from sign_in.settings import ProviderSettings
from tests.sign_in.openid_faults import (
    another_issuer,
    compressed,
    elsewhere,
    gone,
    keys_elsewhere,
    no_keys,
    no_token,
    nonsense,
    not_signed,
    other_key,
    pages_elsewhere,
    signed_by_the_client_secret,
    signed_with_a_published_secret,
    signed_with_what_is_public,
    tokens_elsewhere,
    too_long,
)
from tests.sign_in.openid_provider import CLIENT, NOON, SECRET, Provider

NOON_S = int(NOON.timestamp())
BACK = "http://127.0.0.1/back"


def asked(provider: Provider, documents: KeptDocuments | None = None, now: Any = lambda: NOON) -> str:
    """Whom the provider vouches for; "wrong" or "away"."""
    settings = ProviderSettings(label="Hal 2", issuer=provider.issuer, client_id=CLIENT, client_secret_file=Path("x"))
    exchange = Exchange.of("a secret of the browser")
    with OpenIdClient("hal-2", settings, SECRET, BACK, now, documents) as client:
        try:
            there = httpx2.get(client.authorization_url(exchange), verify=False)
            code = parse_qs(urlsplit(there.headers["location"]).query)["code"][0]
            return str(client.claims(exchange, code)["email"])
        except OpenIdError:
            return "wrong"
        except ProviderAwayError:
            return "away"


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "another"}, {"aud": ["another"]}, {"aud": [CLIENT, "another"]}, {"aud": [CLIENT, "another"], "azp": "another"}, {"aud": None},
        {"aud": "another", "azp": CLIENT}, {"iss": "https://evil.example"}, {"iss": None}, {"sub": None}, {"sub": 7}, {"sub": ""}, {"sub": "x" * 256},
        {"nonce": "of another attempt"}, {"nonce": None}, {"exp": NOON_S - 120}, {"exp": None}, {"iat": NOON_S + 3600}, {"nbf": NOON_S + 3600},
        {"at_hash": "of another token"}, other_key, signed_by_the_client_secret, signed_with_what_is_public, signed_with_a_published_secret, not_signed,
    ],
    ids=lambda one: one.__name__ if callable(one) else str(one)[:50],
)  # fmt: skip
def test_a_token_that_does_not_hold(provider: Provider, wrong: Any) -> None:
    if callable(wrong):
        wrong(provider)
    else:
        provider.claims = wrong
    assert asked(provider) == "wrong"


@pytest.mark.parametrize("right", [{}, {"aud": [CLIENT]}, {"exp": NOON_S - 30}, {"iat": NOON_S + 30}], ids=str)
def test_a_token_that_holds(provider: Provider, right: dict[str, Any]) -> None:
    provider.claims = right
    assert asked(provider) == "an@hal2.be"


@pytest.mark.parametrize(
    ("happens", "said"),
    [
        (gone, "away"), (too_long, "away"), (compressed, "away"), (elsewhere, "away"), (nonsense, "wrong"), (no_token, "wrong"), (another_issuer, "wrong"),
        (tokens_elsewhere, "away"), (keys_elsewhere, "away"), (pages_elsewhere, "away"), (no_keys, "wrong"),
    ],
    ids=lambda one: one.__name__ if callable(one) else one,
)  # fmt: skip
def test_a_provider_that_does_not_do_as_it_should(
    provider: Provider, happens: Any, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is asked elsewhere, and no secret is in the log."""
    happens(provider)
    with caplog.at_level(logging.DEBUG):
        assert asked(provider) == said
    assert SECRET not in caplog.text


def test_nobody_waits_for_a_slow_provider(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openid, "_TIMEOUT_S", 0.2)
    provider.waits = threading.Event()
    assert asked(provider) == "away"
    provider.waits.set()
    assert asked(provider) == "an@hal2.be"


def test_what_the_provider_publishes_is_kept_for_an_hour_and_new_keys_are_found_at_once(provider: Provider) -> None:
    documents = KeptDocuments()
    assert [asked(provider, documents) for _ in range(3)] == ["an@hal2.be"] * 3
    assert provider.read == ["configuration", "keys"]
    provider.key = RSAKey.generate_key(2048, parameters={"kid": "two"}, auto_kid=False)
    provider.shown = KeySet([provider.key]).as_dict(private=False)
    assert asked(provider, documents) == "an@hal2.be"
    assert provider.read[2:] == ["keys"]
    other_key(provider)
    assert asked(provider, documents) == "wrong", "with keys that it does not publish"
    signed_later = asked(provider, documents, lambda: NOON + timedelta(minutes=61))
    assert (signed_later, provider.read[-2:]) == ("wrong", ["configuration", "keys"])


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["header", "body"])
def test_nobody_waits_for_an_answer_that_never_ends(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, and the last one never."""
    monkeypatch.setattr(openid, "_WHOLE_S", 0.3)
    listening = socket.create_server(("127.0.0.1", 0))

    def dribble() -> None:
        taken, _ = listening.accept()
        with taken, suppress(OSError):
            taken.sendall(head)
            while True:
                taken.sendall(b"x")
                time.sleep(0.01)

    threading.Thread(target=dribble, daemon=True).start()
    issuer, began = f"http://127.0.0.1:{listening.getsockname()[1]}", time.monotonic()
    settings = ProviderSettings(label="Hal 2", issuer=issuer, client_id=CLIENT, client_secret_file=Path("x"))
    with listening, OpenIdClient("hal-2", settings, SECRET, BACK, lambda: NOON) as client:
        with pytest.raises(ProviderAwayError):
            client.look()
        assert time.monotonic() - began < 3
