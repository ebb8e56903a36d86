"""Signing in to the control room at the factory's identity provider, against a real one on 127.0.0.1."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from analytics.api.identity_provider import MAX_AT_ONCE, FactoryProvider
from analytics.api.provider_settings import Allowed, IdentityProviderTable
from analytics.api.sessions import MAX_FAILURES_PER_MINUTE
from tests.analytics.control_room.signing_in import NOON, PASSKEYS, SERVER_TOKEN, SIGN_IN, Door, who
from tests.servers import free_port, wait_for
from tests.sign_in.openid_faults import (
    another_issuer,
    gone,
    nonsense,
    not_signed,
    other_key,
    pages_elsewhere,
    signed_by_the_client_secret,
    tokens_elsewhere,
)
from tests.sign_in.openid_provider import CLIENT, SECRET, Provider

NOON_S = int(NOON.timestamp())
EVA = "An Peeters (an@hal2.be)"


@pytest.fixture
def door(opened: Door, provider: Provider) -> Door:
    opened.anew()
    provider.now = opened.clock.now
    configure(opened, provider.issuer, emails=["an@hal2.be"], groups=["control-room"])
    return opened


def configure(door: Door, issuer: str, **allow: Any) -> None:
    table = IdentityProviderTable(
        label="Hal 2", issuer=issuer, client_id=CLIENT, client_secret_file=Path("x"), allow=Allowed(**allow)
    )  # fmt: skip
    door.api.context.provider = FactoryProvider(table, SECRET, door.url, door.clock.now)


def back_from(browser: httpx2.Client) -> str:
    """The address to which the provider sends this browser back."""
    there = browser.get(f"{SIGN_IN}/provider").headers["location"]
    return str(httpx2.get(there, verify=False).headers["location"])


def problem_of(answer: httpx2.Response) -> str | None:
    _, _, code = answer.headers.get("location", "").partition("problem=")
    return code or None


def go(browser: httpx2.Client) -> str | None:
    """There and back; what is wrong."""
    there = browser.get(f"{SIGN_IN}/provider")
    if "/authorize?" not in there.headers["location"]:
        return problem_of(there)
    return problem_of(browser.get(httpx2.get(there.headers["location"], verify=False).headers["location"]))


def test_the_log_says_who_threw_the_switch(door: Door, provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    browser = door.browser()
    assert f'href="{door.url}{SIGN_IN}/provider"' in browser.get("/control").text
    answer = browser.get(back_from(browser))
    assert answer.status_code == 200, "a redirect would come without the strict cookie"
    assert '<meta http-equiv="refresh" content="0; url=/control">' in answer.text
    assert answer.headers["referrer-policy"] == "no-referrer"
    cookies = [one.lower() for one in answer.headers.get_list("set-cookie")]
    (session,) = [one for one in cookies if one.startswith("vrijloop_control=") and "max-age=3600" in one]
    assert "httponly" in session
    assert "samesite=strict" in session
    asked = provider.asked[0]
    assert asked["redirect_uri"] == f"{door.url}{SIGN_IN}/provider/back"
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert who(browser) == EVA
    assert browser.put("/api/v1/kill-switch", json={"on": True}).json()["person"] == EVA
    assert f"The kill switch was turned on by {EVA}." in caplog.text
    assert f"{EVA} (Hal 2)" in caplog.text
    assert SECRET not in caplog.text
    assert "het account van uw organisatie" in browser.get(PASSKEYS).text
    assert browser.post(f"{PASSKEYS}/options").status_code == 403
    assert browser.post("/api/v1/backup").status_code == 403, "no more than any person"


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"iss": "https://evil.example"}, "provider_wrong"), ({"aud": "another"}, "provider_wrong"), ({"nonce": "of another attempt"}, "provider_wrong"),
        ({"exp": NOON_S - 120}, "provider_wrong"), ({"iat": NOON_S + 3600}, "provider_wrong"), (not_signed, "provider_wrong"), (other_key, "provider_wrong"),
        (signed_by_the_client_secret, "provider_wrong"), (nonsense, "provider_wrong"), (another_issuer, "provider_wrong"), (gone, "provider_away"),
        (tokens_elsewhere, "provider_away"), (pages_elsewhere, "provider_away"),
        ({"email": "piet@hal2.be"}, "provider_not_admitted"), ({"email_verified": False}, "provider_not_admitted"), ({"email": None}, "provider_not_admitted"),
        ({"email": "piet@hal2.be", "groups": ["staff"]}, "provider_not_admitted"), ({"email": "piet@hal2.be", "groups": ["staff", "control-room"]}, None), ({}, None),
    ],
    ids=lambda one: one.__name__ if callable(one) else str(one)[:50],
)  # fmt: skip
def test_what_a_provider_answers(door: Door, provider: Provider, wrong: Any, problem: str | None) -> None:
    if callable(wrong):
        wrong(provider)
    else:
        provider.claims = wrong
    browser = door.browser()
    assert go(browser) == problem
    assert (who(browser) is None) == (problem is not None)
    if problem is not None:
        assert 'class="problem" role="alert"' in browser.get(f"/control?problem={problem}").text


def test_an_answer_is_good_once_soon_and_in_the_browser_that_asked(door: Door, provider: Provider) -> None:
    own, other = door.browser(), door.browser()
    back = back_from(own)
    back_from(other)
    assert problem_of(other.get(back)) == "provider_wrong", "the state of another browser"
    assert problem_of(door.browser().get(back)) == "provider_wrong"
    assert problem_of(own.get(back.replace("state=", "state=x"))) == "provider_wrong"
    cookies, codes = dict(own.cookies), dict(provider.codes)
    assert own.get(back).status_code == 200
    provider.codes.update(codes)
    assert problem_of(door.browser(**cookies).get(back)) == "provider_wrong", (
        "used, also where the provider takes a code again"
    )
    late = door.browser()
    back = back_from(late)
    door.later(timedelta(minutes=10))
    assert problem_of(late.get(back)) == "provider_wrong"
    assert problem_of(late.get(f"{SIGN_IN}/provider/back?error=access_denied&state=x")) == "provider_cancelled"


def test_who_is_let_in_no_longer_is_out_when_their_session_ends(door: Door, provider: Provider) -> None:
    browser = door.browser()
    assert go(browser) is None
    provider.claims = {"email": "piet@hal2.be"}
    door.later(timedelta(minutes=59))
    assert who(browser) == EVA
    door.later(timedelta(minutes=1))
    assert who(browser) is None
    assert browser.put("/api/v1/kill-switch", json={"on": True}).status_code == 401
    assert go(browser) == "provider_not_admitted"


def test_the_keys_are_read_once(door: Door, provider: Provider) -> None:
    assert [go(door.browser()) for _ in range(3)] == [None] * 3
    assert provider.read == ["configuration", "keys"]


def test_the_provider_is_asked_for_so_much_and_the_token_always_lets_in(door: Door, provider: Provider) -> None:
    """An answer that does not hold costs the provider a request; what no browser of ours has begun costs nothing, and counts for nothing."""
    stranger = door.browser()
    for _ in range(2 * MAX_FAILURES_PER_MINUTE):
        assert problem_of(stranger.get(f"{SIGN_IN}/provider/back?state=x&code=x")) == "provider_wrong"
    assert go(door.browser()) is None
    nonsense(provider)
    assert {go(stranger) for _ in range(MAX_FAILURES_PER_MINUTE)} == {"provider_wrong"}
    assert go(stranger) == "too_many"
    assert who(door.signed_in(SERVER_TOKEN)) == ""
    door.later(timedelta(minutes=1))
    assert go(stranger) == "provider_wrong"


@contextmanager
def hanging(door: Door, provider: Provider) -> Iterator[None]:
    """As many as may, wait for the provider, which does not answer."""
    provider.waits, browsers = threading.Event(), [door.browser() for _ in range(MAX_AT_ONCE)]
    backs = [back_from(browser) for browser in browsers]
    waiting = [
        threading.Thread(target=browser.get, args=(back,)) for browser, back in zip(browsers, backs, strict=True)
    ]
    for one in waiting:
        one.start()
    try:
        yield
    finally:
        provider.waits.set()
        for one in waiting:
            one.join(30)


def test_a_provider_that_hangs_leaves_the_kill_switch_alone(door: Door, provider: Provider) -> None:
    late = door.browser()
    back = back_from(late)
    with hanging(door, provider):
        places = door.api.context.provider._places  # type: ignore[union-attr]
        wait_for(lambda: places._value == 0, "all places to be taken")
        assert problem_of(late.get(back)) == "provider_away"
        pulled = door.signed_in(SERVER_TOKEN).put("/api/v1/kill-switch", json={"on": True})
        assert pulled.status_code == 200
    assert go(door.browser()) is None


def test_a_provider_that_is_away_is_a_sentence_and_without_one_nothing_is_there(door: Door) -> None:
    configure(door, f"http://127.0.0.1:{free_port()}", emails=["an@hal2.be"])
    assert go(door.browser()) == "provider_away"
    assert "antwoordt nu niet" in door.browser().get("/control?problem=provider_away").text
    door.api.context.provider = None
    assert "provider" not in door.browser().get("/control").text
    for path in ("provider", "provider/back?state=x&code=x"):
        assert door.browser().get(f"{SIGN_IN}/{path}").headers["location"] == "/control"
