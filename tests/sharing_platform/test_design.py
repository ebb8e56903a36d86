"""The design system: what the first page weighs, no script needed, icons and colours from one place. Its parts: test_styleguide.py."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from sharing_platform.search.vocabulary import PROCESSES, picture_of
from tests.sharing_platform.conftest import Platform

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Response

STATIC = Path(__file__).resolve().parents[2] / "sharing_platform" / "static"
FIRST_PAGE_BYTES = 150_000


def open_page(browser: Browser, platform: Platform, width: int = 1280, **more: Any) -> Page:
    context = browser.new_context(
        base_url=platform.url, locale="nl-BE", viewport={"width": width, "height": 900}, **more
    )
    return context.new_page()


def test_the_first_page_is_light_and_whole_without_a_script(browser: Browser, platform: Platform) -> None:
    platform.machine()
    platform.offer("o1", 3, 4)
    page = open_page(browser, platform)
    received: list[Response] = []
    page.on("response", lambda answer: received.append(answer))  # noqa: PLW0108 - Playwright marks the handler, and a built-in method takes no marks
    page.goto("/", wait_until="load")
    weights = {
        answer.url: answer.request.sizes()["responseBodySize"] for answer in received if "/live" not in answer.url
    }
    page.context.close()
    assert {url.split("/")[2] for url in weights} == {platform.url.split("/")[2]}, "nothing is asked for elsewhere"
    assert sum(weights.values()) < FIRST_PAGE_BYTES, weights


def test_hours_are_found_and_asked_for_without_a_script(browser: Browser, platform: Platform) -> None:
    """From the search by way of the machine's page to the request, with another begin than the one that is proposed."""
    platform.machine()
    platform.offer("o1", 3, 8, minimum_hours=2, price_per_hour="60")
    plain = open_page(browser, platform, 390, java_script_enabled=False)
    plain.goto("/")
    plain.get_by_label("Zoekwoorden").fill("freesbank")
    plain.get_by_role("button", name="Zoeken").click()
    plain.get_by_role("link", name="Freesbank DMU 50", exact=True).click()
    expect(plain.locator(".calendar")).to_be_hidden()
    plain.get_by_role("link", name="Aanvragen").first.click()
    plain.get_by_label("Begin").select_option("ma 02/03/2026 16:00")
    plain.get_by_role("button", name="Toon").click()
    expect(plain.locator("#choice .said")).to_contain_text("ma 02/03/2026, 16:00 – 23:00")
    plain.get_by_label("Organisatie").fill("Startup BV")
    plain.get_by_label("Uw naam").fill("An Peeters")
    plain.get_by_label("E-mail").fill("an@startup.be")
    plain.get_by_role("button", name="Vraag deze uren aan").click()
    expect(plain.get_by_text("an@startup.be")).to_be_visible()
    assert "16:00" in platform.mail("an@startup.be", "/confirm/").get_content()
    plain.context.close()


def test_every_process_has_its_picture_and_every_icon_is_there() -> None:
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "processes.svg").read_text()))
    assert drawn == {process.code for process in PROCESSES} | {"other"}
    assert [picture_of(name) for name in ("milling", "Frezen", "iets anders", "")] == [
        "milling",
        "milling",
        "other",
        "other",
    ]
    icons = set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "icons.svg").read_text()))
    used = set()
    for template in STATIC.parent.rglob("templates/*.html"):
        used |= set(re.findall(r'icon\("([^"]+)"\)|icons\.svg#([a-z0-9-]+)', template.read_text()))
    assert {name for pair in used for name in pair if name} <= icons


def test_colours_stand_in_one_file() -> None:
    elsewhere = [
        path.name
        for path in (STATIC / "css").glob("*.css")
        if path.name != "tokens.css" and re.search(r"#[0-9a-f]{3,8}\b", path.read_text().replace("#fff", ""))
    ]
    assert elsewhere == []
