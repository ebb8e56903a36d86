"""Signing in to the control room in a browser, with its own virtual authenticator and a real identity provider."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests import axe
from tests.analytics.control_room.signing_in import NOON, PASSKEYS, Door, open_door
from tests.analytics.control_room.test_provider import EVA, configure
from tests.sign_in.authenticator import add_virtual_authenticator
from tests.sign_in.openid_provider import served_provider

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.servers

WIDTHS = (360, 768, 1280)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with served_provider(lambda: NOON) as provider, open_door(tmp_path) as door:
        configure(door, provider.issuer, emails=["an@hal2.be"])
        yield door


def check(page: Page) -> None:
    assert axe.violations(page) == []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_in_a_browser(door: Door, browser: Browser) -> None:
    """Through the strict content security policy: a passkey is added, used, named and removed, then somebody signs in at their organisation."""
    context = browser.new_context(base_url=door.url, locale="nl-BE")
    page = context.new_page()
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
    page.add_init_script("PublicKeyCredential.isConditionalMediationAvailable = async () => false")
    add_virtual_authenticator(page)

    page.goto(PASSKEYS)
    check(page)
    page.get_by_label("Token", exact=True).fill(door.people.add("Eva", NOON))
    page.get_by_role("button", name="Aanmelden", exact=True).click()
    expect(page.get_by_text("Een passkey toevoegen kan hier niet")).to_be_hidden()
    page.get_by_label("Naam van de passkey").fill("Laptop")
    page.get_by_role("button", name="Passkey toevoegen").click()
    expect(page.get_by_text("Toegevoegd op ma 2 mrt, 12:00.")).to_be_visible()
    check(page)
    page.locator("#new-name").fill("Nog eens")
    page.get_by_role("button", name="Passkey toevoegen").click()
    expect(page.get_by_text("Op dit toestel staat al een passkey")).to_be_visible()

    page.get_by_role("button", name="Afmelden").click()
    page.get_by_role("button", name="Aanmelden met een passkey").click()
    expect(page.locator("header nav span")).to_have_text("Eva")
    page.get_by_role("link", name="Passkeys").click()
    expect(page.get_by_text("Laatst gebruikt op ma 2 mrt, 12:00.")).to_be_visible()
    page.locator(".passkeys input[name=name]").fill("Telefoon")
    page.get_by_role("button", name="Naam wijzigen").click()
    page.get_by_role("button", name="Verwijderen: Telefoon").click()
    expect(page.get_by_text("U hebt nog geen passkey.")).to_be_visible()
    page.get_by_role("button", name="Afmelden").click()
    page.get_by_role("button", name="Aanmelden met een passkey").click()
    expect(page.get_by_text("Aanmelden met een passkey is niet gelukt.")).to_be_visible()

    page.get_by_role("link", name="Aanmelden met Hal 2").click()
    expect(page.locator("header nav span")).to_have_text(EVA)
    expect(page).to_have_url(f"{door.url}/control")
    assert refused == []
    context.close()
