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
    plain = open_page(browser, platform, 390, java_script_enabled=False)
    plain.goto("/")
    plain.get_by_label("Zoekwoorden").fill("freesbank")
    plain.get_by_role("button", name="Zoeken").click()
    plain.locator("[data-offer=o1] a").first.click()
    expect(plain.get_by_role("button", name="Vraag deze uren aan")).to_be_visible()
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
