"""Seven of the eight people's ways through the demo's region, in Chromium, on a phone and on a wide screen; the operations manager's, which
needs a factory's server, is in the tests of the control room."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.journeys import JOURNEYS, WIDTHS
from tests.vrijloop.demo_platform import demo_platform

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("demo_region")]


@pytest.fixture(scope="module")
def demo_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with demo_platform(tmp_path_factory.mktemp("journeys")) as platform:
        yield platform.url


def look(page: Page, name: str) -> None:
    """Nothing is wider than the screen, and no text is missing."""
    said = page.evaluate("[document.documentElement.scrollWidth, innerWidth, document.title]")
    assert said[0] <= said[1], f"{name}: {said}"
    assert "Vrijloop" in said[2], f"{name}: a title"


@pytest.mark.long
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("who", [one for one in JOURNEYS if one != "operations-manager"])
def test_a_journey(demo_url: str, browser: Browser, who: str, width: int) -> None:
    context = browser.new_context(base_url=demo_url, viewport={"width": width, "height": 900}, locale="nl-BE")
    page, heard = context.new_page(), list[str]()
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("console", lambda one: heard.append(one.text) if one.type == "error" else None)
    page.on("request", lambda one: None if one.url.startswith((demo_url, "data:")) else heard.append(f"asks {one.url}"))
    JOURNEYS[who](page, look)
    context.close()
    assert heard == []
