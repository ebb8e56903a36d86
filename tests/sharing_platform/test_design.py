"""The design system: every part as it was last approved, in light and dark, at three widths; what the first page weighs; and no script needed."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageChops
from playwright.sync_api import expect

from sharing_platform.search.vocabulary import PROCESSES, picture_of
from tests import axe
from tests.sharing_platform.conftest import Platform

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Response

STATIC = Path(__file__).resolve().parents[2] / "sharing_platform" / "static"
PICTURES = Path(__file__).parent / "pictures"
KEEP = os.environ.get("VRIJLOOP_KEEP_PICTURES")
"""Set to keep the pictures anew, after they were looked at."""
FIRST_PAGE_BYTES = 150_000
_BLOCK = 16
_DIFFERENT = 24
"""How far the mean colour of a block of the picture may be from that of the kept one (0 to 255): letters differ a little between browsers."""


def _page(browser: Browser, platform: Platform, width: int = 1280, **more: Any) -> Page:
    context = browser.new_context(
        base_url=platform.url, locale="nl-BE", viewport={"width": width, "height": 900}, **more
    )
    return context.new_page()


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_every_part_looks_as_it_was_approved(browser: Browser, platform: Platform, width: int) -> None:
    page = _page(browser, platform, width)
    page.goto("/styleguide")
    page.evaluate("document.fonts.ready")
    drawn = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    page.context.close()
    drawn = drawn.resize((drawn.width // 2, drawn.height // 2))
    kept = PICTURES / f"styleguide-{width}.jpg"
    if KEEP:
        drawn.save(kept, quality=85, subsampling=0, optimize=True)
    approved = Image.open(kept).convert("RGB")
    assert drawn.size == approved.size, "VRIJLOOP_KEEP_PICTURES=1 keeps the picture anew, once it has been looked at"
    blocks = (drawn.width // _BLOCK, drawn.height // _BLOCK)
    pair = (one.resize(blocks, Image.Resampling.BOX) for one in (drawn, approved))
    different = np.argwhere(np.asarray(ImageChops.difference(*pair)).max(axis=2) > _DIFFERENT)
    assert not len(different), f"{kept.name} differs, from block {different[0]} (row, column; {2 * _BLOCK} px each) on"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_part_can_be_read_in_light_and_dark(browser: Browser, platform: Platform, scheme: str) -> None:
    page = _page(browser, platform, color_scheme=scheme)
    page.goto("/styleguide")
    found = axe.violations(page)
    page.context.close()
    assert found == []


def test_the_first_page_is_light_and_whole_without_a_script(browser: Browser, platform: Platform) -> None:
    platform.machine()
    platform.offer("o1", 3, 4)
    page = _page(browser, platform)
    received: list[Response] = []
    page.on("response", lambda answer: received.append(answer))  # noqa: PLW0108 - Playwright marks the handler, and a built-in method takes no marks
    page.goto("/", wait_until="load")
    weights = {
        answer.url: answer.request.sizes()["responseBodySize"] for answer in received if "/live" not in answer.url
    }
    page.context.close()
    assert {url.split("/")[2] for url in weights} == {platform.url.split("/")[2]}, "nothing is asked for elsewhere"
    assert sum(weights.values()) < FIRST_PAGE_BYTES, weights
    plain = _page(browser, platform, 390, java_script_enabled=False)
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
