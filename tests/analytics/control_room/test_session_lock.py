"""A control room that nobody uses is locked, whatever its open pages ask for by themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from analytics.api.sessions import Sessions
from tests.analytics.control_room.signing_in import NOON, PASSKEYS, SERVER_TOKEN, SIGN_IN, Door, who
from vrijloop.server_settings import ServerSettings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Response

pytestmark = pytest.mark.servers
BY_ITSELF = {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "same-origin"}
SAID = "Deze pagina is een tijd niet gebruikt."
MINUTES = timedelta(minutes=1)


@pytest.fixture
def door(opened: Door) -> Door:
    opened.anew()
    opened.api.context.sessions = Sessions(60 * MINUTES)
    return opened


@pytest.mark.parametrize(
    ("method", "path", "headers", "counts"),
    [
        ("GET", "/control", {"Sec-Fetch-Dest": "document"}, True),
        ("GET", "/control", {}, True),
        ("GET", PASSKEYS, {"Sec-Fetch-Dest": "document"}, True),
        ("GET", "/api/v1/kill-switch", BY_ITSELF, False),
        ("GET", "/api/v1/kill-switch", BY_ITSELF | {"X-Vrijloop-In-Use": "1"}, True),
        ("GET", "/api/v1/kill-switch", BY_ITSELF | {"X-Vrijloop-In-Use": "0"}, False),
        ("PUT", "/api/v1/kill-switch", BY_ITSELF, True),
    ],
)
def test_what_keeps_it_open(door: Door, method: str, path: str, headers: dict[str, str], counts: bool) -> None:
    browser = door.signed_in(SERVER_TOKEN)
    for _ in range(3):
        door.later(40 * MINUTES)
        answer = browser.request(method, path, headers=headers, json={"on": False} if method == "PUT" else None)
        locked = answer.status_code == 401 or 'name="token"' in answer.text
        if not counts:
            break
        assert not locked
    if not counts:
        assert not locked
        door.later(20 * MINUTES)
        assert browser.request(method, path, headers=headers).status_code == 401


def test_who_comes_back_reads_why_and_signs_in_again(door: Door) -> None:
    browser = door.signed_in(door.people.add("Eva", NOON))
    door.later(60 * MINUTES)
    page = browser.get("/control").text
    assert SAID in page
    assert browser.get("/control").text == page, "looking at it opens nothing"
    assert SAID not in door.browser().get("/control").text
    assert browser.get("/api/v1/machines").status_code == 401
    token = door.people.add("Jan", NOON)
    assert browser.post(SIGN_IN, data={"token": token}).status_code == 303
    assert who(browser) == "Jan"


def test_a_locked_session_still_ends_after_twelve_hours(door: Door) -> None:
    browser = door.signed_in(SERVER_TOKEN)
    door.later(12 * 60 * MINUTES)
    assert SAID not in browser.get("/control").text


def test_the_factory_says_how_long() -> None:
    given = {"token_file": "x", "policy": "y"}
    assert ServerSettings.model_validate(given).lock_after == 60 * MINUTES
    assert ServerSettings.model_validate(given | {"lock_after": "15min"}).lock_after == 15 * MINUTES
    for wrong in ("10s", "13h"):
        with pytest.raises(ValueError, match="lock_after"):
            ServerSettings.model_validate(given | {"lock_after": wrong})


def _says_in_use(answer: Response) -> bool:
    return answer.request.headers.get("x-vrijloop-in-use") == "1"


def test_an_open_page_shows_nothing_any_more_once_nobody_is_there(door: Door, browser: Browser) -> None:
    context = browser.new_context(base_url=door.url, locale="nl-BE")
    page = context.new_page()
    page.goto("/control")
    page.get_by_label("Token", exact=True).fill(SERVER_TOKEN)
    with page.expect_response(_says_in_use):
        page.get_by_role("button", name="Aanmelden", exact=True).click()
    expect(page.locator("#pause")).to_be_visible()
    door.later(40 * MINUTES)
    with page.expect_response(_says_in_use):
        page.keyboard.press("Shift")
    door.later(40 * MINUTES)
    with page.expect_response(lambda one: one.url.endswith("/kill-switch")) as asked:
        pass
    assert asked.value.status == 200
    door.later(40 * MINUTES)
    expect(page.get_by_text(SAID)).to_be_visible()
    expect(page.locator("#pause")).to_have_count(0)
    context.close()


def test_a_page_whose_updates_are_paused_is_locked_too(door: Door, browser: Browser) -> None:
    context = browser.new_context(base_url=door.url, locale="nl-BE")
    page = context.new_page()
    page.clock.install()
    page.goto("/control")
    page.get_by_label("Token", exact=True).fill(SERVER_TOKEN)
    page.get_by_role("button", name="Aanmelden", exact=True).click()
    page.locator("#pause").click()
    expect(page.locator("#paused")).to_be_visible()
    page.wait_for_load_state("networkidle")  # what a page that opens paused asks for once
    door.later(60 * MINUTES)
    page.clock.run_for(61_000)
    expect(page.get_by_text(SAID)).to_be_visible()
    context.close()
