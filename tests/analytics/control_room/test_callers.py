"""Every page of the control room with every kind of caller."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import httpx2
import pytest
from fastapi.routing import APIRoute

from analytics.app import _ROUTES
from tests.analytics.api.test_api import OTHER
from tests.analytics.control_room.signing_in import NOON, PASSKEYS, SERVER_TOKEN, SIGN_IN, Door, open_door
from tests.analytics.control_room.test_provider import configure, go
from tests.sign_in.openid_provider import served_provider

CALLERS = ("nobody", "server", "person", "vouched", "other_site")
LEADS = f"303 {PASSKEYS}"
ROUTES: dict[tuple[str, str], tuple[str, ...]] = {
    ("GET", "/"): ("303 /control",) * 5,
    ("GET", "/control"): ("sign in", "room", "room", "room", "room"),
    ("GET", PASSKEYS): ("sign in", "passkeys", "own passkeys", "passkeys", "own passkeys"),
    ("POST", f"{PASSKEYS}/options"): ("403", "403", "200", "403", "403"),
    ("POST", PASSKEYS): (LEADS, LEADS, "422", LEADS, LEADS),
    ("POST", f"{PASSKEYS}/{{passkey_id}}"): (LEADS, LEADS, "422", LEADS, LEADS),
    ("POST", f"{PASSKEYS}/{{passkey_id}}/remove"): (LEADS,) * 5,
    ("POST", SIGN_IN): ("401", "401", "401", "401", "403"),
    ("POST", f"{SIGN_IN}/passkey/options"): ("200", "200", "200", "200", "403"),
    ("POST", f"{SIGN_IN}/passkey"): ("401", "401", "401", "401", "403"),
    ("GET", f"{SIGN_IN}/provider"): ("303 provider",) * 5,
    ("GET", f"{SIGN_IN}/provider/back"): ("303 /control?problem=provider_wrong",) * 5,
    ("POST", "/control/sign-out"): ("303 /control",) * 5,
}
"""What each caller gets, in the order of `CALLERS`. The last is a person whose browser another site has sent."""


@pytest.fixture(scope="module")
def callers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Door, dict[str, httpx2.Client]]]:
    with served_provider(lambda: NOON) as provider, open_door(tmp_path_factory.mktemp("door")) as door:
        configure(door, provider.issuer, emails=["an@hal2.be"])
        token = door.people.add("Eva", NOON)
        vouched = door.browser()
        assert go(vouched) is None
        found = {"nobody": door.browser(), "server": door.signed_in(SERVER_TOKEN), "person": door.signed_in(token), "vouched": vouched, "other_site": door.signed_in(token)}  # fmt: skip
        found["other_site"].headers |= {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        yield door, found


def test_the_table_names_every_route() -> None:
    pages = [route for route in _ROUTES if isinstance(route, APIRoute) and not route.include_in_schema]
    assert {(method, route.path) for route in pages for method in route.methods or ()} == set(ROUTES)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_what_each_caller_gets(
    callers: tuple[Door, dict[str, httpx2.Client]], method: str, path: str, caller: str
) -> None:
    door, browsers = callers
    browser, session = door.browser(), another_session(door, browsers[caller])
    browser.headers = browsers[caller].headers
    browser.cookies.set("vrijloop_control", session)
    answer = browser.request(method, path.format(passkey_id="none"))
    assert told(answer) == ROUTES[method, path][CALLERS.index(caller)]
    if path == "/control/sign-out" and session:
        ended = door.api.context.sessions.find(session, NOON) is None
        assert ended == (caller != "other_site"), "another site signs nobody out"
        assert ("vrijloop_control" in answer.headers.get("set-cookie", "")) == ended


def another_session(door: Door, browser: httpx2.Client) -> str:
    """Of the same caller, which may end; empty for nobody."""
    sessions = door.api.context.sessions
    own = sessions.find(browser.cookies.get("vrijloop_control") or "", NOON)
    if own is None:
        return ""
    return sessions.start(own.factory, own.person, NOON, timedelta(hours=1) if own.vouched_for else None)


def told(answer: httpx2.Response) -> str:
    if answer.status_code == 303:
        leads = answer.headers["location"]
        return "303 provider" if "/authorize?" in leads else f"303 {leads}"
    if answer.status_code != 200 or "html" not in answer.headers["content-type"]:
        return str(answer.status_code)
    page = answer.text
    if 'name="token"' in page:
        return "sign in"
    if "control.js" in page:
        return "room"
    return "own passkeys" if "Uw passkeys" in page else "passkeys"


def test_another_factory_has_no_control_room_here(callers: tuple[Door, dict[str, httpx2.Client]]) -> None:
    assert callers[0].browser().post(SIGN_IN, data={"token": OTHER}).status_code == 401


def test_what_is_said_before_somebody_signs_in(callers: tuple[Door, dict[str, httpx2.Client]]) -> None:
    """As the factory has written it, and as text."""
    door, browsers = callers
    context = door.api.context
    assert 'class="notice"' not in browsers["nobody"].get("/control").text
    context.notice = "For people of Hal 2 alone. <b>What you do</b> is logged."
    try:
        said = '<p class="notice">For people of Hal 2 alone. &lt;b&gt;What you do&lt;/b&gt; is logged.</p>'
        assert said in browsers["nobody"].get("/control").text
        assert said not in browsers["server"].get("/control").text, "who has signed in has read it"
    finally:
        context.notice = ""
