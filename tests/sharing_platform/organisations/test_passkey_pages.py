"""Passkeys in a browser, with the browser's own virtual authenticator."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import expect

from tests.sharing_platform.conftest import Platform
from tests.sharing_platform.organisations.test_passkeys import PASSWORD
from tests.sign_in.authenticator import add_virtual_authenticator

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture
def opened(browser: Browser, platform: Platform) -> Callable[[str], Page]:
    """A page at the name that passkeys are for, with an authenticator in the browser; as An, who has a password, or as nobody. `suggests`: whether the
    browser suggests passkeys; this authenticator then uses the first one at once."""

    def open_page(path: str, signed_in: bool = False, scripts: bool = True, suggests: bool = False) -> Page:
        address = f"http://localhost:{urlsplit(platform.url).port}"
        context = browser.new_context(base_url=address, locale="nl-BE", java_script_enabled=scripts)
        own = platform.somebody("an@startup.be", "startup", password=PASSWORD)
        if signed_in:
            context.add_cookies([{"name": "session", "value": own.cookies["session"], "url": address}])
        page = context.new_page()
        if not suggests:
            page.add_init_script("PublicKeyCredential.isConditionalMediationAvailable = async () => false")
        add_virtual_authenticator(page)
        page.goto(path)
        return page

    return open_page


def test_in_a_browser(opened: Callable[..., Page], platform: Platform) -> None:
    page = opened("/account", signed_in=True)
    errors: list[str] = []
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    expect(page.get_by_text("Een passkey toevoegen kan hier niet")).to_be_hidden()
    page.get_by_label("Naam van de passkey").fill("Laptop op kantoor")
    page.get_by_role("button", name="Passkey toevoegen").click()
    expect(page.get_by_text("De passkey is toegevoegd.")).to_be_visible()
    expect(page.get_by_label("Naam", exact=True)).to_have_value("Laptop op kantoor")
    page.get_by_label("Naam van de passkey").fill("Nog eens")
    page.get_by_role("button", name="Passkey toevoegen").click()
    expect(page.get_by_text("Op dit toestel staat al een passkey")).to_be_visible()
    page.get_by_role("button", name="Afmelden").click()
    page.goto("/sign-in?next=/wanted")
    page.get_by_role("button", name="Aanmelden met een passkey").click()
    expect(page.locator("header summary").first).to_have_text("an")
    assert page.url.endswith("/wanted")
    page.goto("/account")
    page.get_by_label("Naam", exact=True).fill("Telefoon")
    page.get_by_role("button", name="Naam wijzigen: Laptop op kantoor").click()
    expect(page.get_by_label("Naam", exact=True)).to_have_value("Telefoon")
    page.get_by_role("button", name="Verwijderen: Telefoon").click()
    expect(page.get_by_text("De passkey is verwijderd.")).to_be_visible()
    page.get_by_role("button", name="Afmelden").click()
    page.goto("/sign-in")
    page.get_by_role("button", name="Aanmelden met een passkey").click()
    expect(page.get_by_text("Aanmelden met een passkey is niet gelukt.")).to_be_visible()
    assert [one for one in errors if "422" not in one] == []


def test_a_passkey_that_the_browser_suggests_signs_in(opened: Callable[..., Page], platform: Platform) -> None:
    page = opened("/account", signed_in=True, suggests=True)
    errors: list[str] = []
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.get_by_label("Naam van de passkey").fill("Laptop")
    page.get_by_role("button", name="Passkey toevoegen").click()
    expect(page.get_by_text("De passkey is toegevoegd.")).to_be_visible()
    page.get_by_role("button", name="Afmelden").click()
    page.goto("/sign-in?next=/wanted", wait_until="commit")
    expect(page.locator("header summary").first).to_have_text("an")
    assert page.url.endswith("/wanted")
    assert errors == []


def test_suggestions_are_renewed_and_give_way_to_the_button(opened: Callable[..., Page], platform: Platform) -> None:
    """An authenticator that nobody touches: suggestions wait, and what is to be signed does not go stale."""
    page = opened("/account", signed_in=True, suggests=True)
    page.get_by_label("Naam van de passkey").fill("Laptop")
    page.get_by_role("button", name="Passkey toevoegen").click()
    expect(page.get_by_text("De passkey is toegevoegd.")).to_be_visible()
    page.get_by_role("button", name="Afmelden").click()
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if one.url.endswith("/passkey/options") else None)
    page.clock.install()
    page.add_init_script(
        "const get = navigator.credentials.get.bind(navigator.credentials);"
        "navigator.credentials.get = (asked) => asked.mediation !== 'conditional' ? get(asked) :"
        " new Promise((_, no) => asked.signal.addEventListener('abort', () => no(asked.signal.reason)))"
    )
    with page.expect_request("**/passkey/options"):
        page.goto("/sign-in")
    expect(page.get_by_label("E-mail")).to_have_attribute("autocomplete", "username webauthn")
    with page.expect_request("**/passkey/options"):  # before the first ones are stale
        page.clock.run_for(250_000)
    page.get_by_role("button", name="Aanmelden met een passkey").click()
    expect(page.locator("header summary").first).to_have_text("an")
    assert len(asked) == 3


def test_the_password_is_asked_for_when_it_is_needed(opened: Callable[..., Page], platform: Platform) -> None:
    page = opened("/account", signed_in=True)
    own = page.locator("#passkeys")
    expect(own.get_by_label("Huidig wachtwoord")).to_be_hidden()
    platform.present[0] += timedelta(minutes=11)
    own.get_by_label("Naam van de passkey").fill("Laptop")
    own.get_by_role("button", name="Passkey toevoegen").click()
    expect(own.get_by_text("Vul ook uw huidige wachtwoord in.")).to_be_visible()
    own.get_by_label("Huidig wachtwoord").fill("verkeerd")
    own.get_by_role("button", name="Passkey toevoegen").click()
    expect(own.get_by_text("Dit is niet uw huidige wachtwoord.")).to_be_visible()
    own.get_by_label("Huidig wachtwoord").fill(PASSWORD)
    own.get_by_role("button", name="Passkey toevoegen").click()
    expect(page.get_by_text("De passkey is toegevoegd.")).to_be_visible()


@pytest.mark.parametrize("how", ["without scripts", "at another address"])
def test_without_passkeys_there_is_the_password(opened: Callable[..., Page], platform: Platform, how: str) -> None:
    page = opened("/sign-in", scripts=how != "without scripts")
    if how == "at another address":
        page.goto(f"{platform.url}/sign-in")
    expect(page.get_by_role("button", name="Aanmelden", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Aanmelden met een passkey")).to_be_hidden()
    page.get_by_label("E-mail").fill("an@startup.be")
    page.get_by_label("Wachtwoord").fill(PASSWORD)
    page.get_by_role("button", name="Aanmelden", exact=True).click()
    expect(page.locator("header summary").first).to_have_text("an")
    page.goto(urljoin(page.url, "/account"))
    expect(page.get_by_text("Een passkey toevoegen kan hier niet")).to_be_visible()
    expect(page.get_by_role("button", name="Passkey toevoegen")).to_be_hidden()
