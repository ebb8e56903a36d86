"""What a phone's screen and a thumb ask for: the filters as a sheet, the menu and the button that asks within reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests import axe
from tests.sharing_platform.conftest import Platform

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WIDTH, HEIGHT = 390, 844


@pytest.mark.parametrize("scripts", [True, False])
def test_the_filters_are_a_sheet_and_asking_is_in_reach_of_the_thumb(
    browser: Browser, platform: Platform, scripts: bool
) -> None:
    platform.machine("mill-1", "Freesbank", process="milling")
    platform.machine("lathe-2", "Draaibank", process="turning")
    platform.offer("o1", 3, 4, minimum_hours=2, price_per_hour="60")
    platform.offer("o2", 20, 9, machine="lathe-2", price_per_hour="40")
    context = browser.new_context(
        base_url=platform.url,
        locale="nl-BE",
        viewport={"width": WIDTH, "height": HEIGHT},
        java_script_enabled=scripts,
        has_touch=True,
    )
    page = context.new_page()
    page.goto("/")
    process, sheet = page.get_by_label("Bewerking"), page.locator("#filter summary")
    expect(process).to_be_hidden()
    expect(sheet).to_have_text("Filters", use_inner_text=True)
    sheet.tap()
    process.select_option("turning")
    page.get_by_label("Minstens (uren)").fill("5")
    page.get_by_label("Minstens (uren)").press("Tab")
    show = page.get_by_role("button", name="Toon 1 machine" if scripts else "Zoeken")
    expect(show).to_be_in_viewport()
    if scripts:
        expect(page.locator("#filter .on-narrow .tally")).to_contain_text("2")
        assert page.evaluate("document.querySelector('body > header').inert"), "the focus stays in the sheet"
        assert axe.violations(page, "#filter") == []
    show.tap()
    expect(process).to_be_hidden()
    expect(page.locator("li.result")).to_have_count(1)
    expect(sheet).to_contain_text("2", use_inner_text=True)
    page.locator("[data-offer=o2] a.button").tap()
    expect(page.get_by_role("button", name="Vraag deze uren aan")).to_be_in_viewport(ratio=1)
    expect(page.locator(".ask-bar .costs")).to_contain_text("€\N{NO-BREAK SPACE}360,00")
    page.locator("summary").filter(has_text="Menu").tap()
    for link in page.locator("header nav a").filter(visible=True).all():
        bounds = link.bounding_box()
        assert bounds is not None
        assert bounds["y"] > HEIGHT / 2
        assert bounds["height"] >= 44
    context.close()
