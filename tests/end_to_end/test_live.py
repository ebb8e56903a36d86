"""A machine that starts or stops shows on an open page of its factory, without a reload."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests import forked
from tests.end_to_end.live_house import IDLE_W, MACHINE, WORKING_W, live_house

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.mark.long
@pytest.mark.servers
@forked.ONE_PROCESS
def test_a_machine_that_starts_or_stops_shows_on_an_open_page(tmp_path: Path, browser: Browser) -> None:
    with live_house(tmp_path) as house:
        page = browser.new_page(base_url=house.url)
        page.context.add_cookies([{"name": "session", "value": house.session, "url": house.url}])
        page.goto("/")
        machine = page.locator(f"li.machine[data-machine={MACHINE}]")
        # The page was opened before the machine was known: it comes by itself.
        expect(machine).to_have_attribute("data-now", "standing_still")
        page.evaluate("window.sameDocument = true")
        for power_w, word in ((WORKING_W, "in_use"), (IDLE_W, "standing_still"), (WORKING_W, "in_use")):
            house.power_w[0] = power_w
            expect(machine).to_have_attribute("data-now", word)
        assert page.evaluate("window.sameDocument") is True
