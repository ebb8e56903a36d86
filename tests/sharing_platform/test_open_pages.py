"""Pages that are open while things change: they are brought up to date, and nothing that somebody reads, types or has the focus on moves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from sharing_platform.machines import search_pages
from tests.sharing_platform.conftest import NOON, Platform

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Response, Route


NEWS = "#news"


@pytest.fixture
def opened(browser: Browser, platform: Platform) -> Callable[[str], Page]:
    """Opens a page as one of the factory's people, who are told at once, and waits until it has been brought up to date on connecting."""
    platform.machine()
    platform.offer("o1", 3, 4)
    platform.offer("o2", 27, 4)
    secret = platform.somebody("eva@hal.be", "hal-2").cookies["session"]

    def open_page(path: str) -> Page:
        context = browser.new_context(base_url=platform.url, viewport={"width": 1100, "height": 700}, locale="nl-BE")
        context.add_cookies([{"name": "session", "value": secret, "url": platform.url}])
        page = context.new_page()
        with page.expect_response(_is_refresh):
            page.goto(path)
        return page

    return open_page


def _is_refresh(response: Response) -> bool:
    return "/parts/offers" in response.url


def ids(page: Page) -> list[str]:
    shown: list[str] = page.locator("li.offer").evaluate_all("offers => offers.map(one => one.dataset.offer)")
    return shown


def test_what_is_new_waits_for_a_click_and_nothing_moves(opened: Callable[[str], Page], platform: Platform) -> None:
    page = opened("/")
    words = page.locator("#filter input[name=q]")
    words.fill("nog niet gezocht")
    page.evaluate("scrollTo(0, 200)")
    before = page.evaluate("scrollY")
    platform.offer("o3", 51, 4)
    platform.offer("o4", 75, 4)
    news = page.locator(NEWS)
    expect(news).to_have_text("Toon 2 nieuwe tijdsloten")
    expect(page.locator("#news-said")).to_have_text("Toon 2 nieuwe tijdsloten")
    assert ids(page) == ["o1", "o2"]
    expect(words).to_be_focused()
    assert page.evaluate("scrollY") == before
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    news.click()
    assert ids(page) == ["o1", "o2", "o3", "o4"]
    expect(news).to_be_hidden()
    expect(words).to_have_value("nog niet gezocht")
    expect(page.locator("#free-hours")).to_be_focused()
    assert asked == [], "what is typed is not searched for before it is submitted"


def test_a_choice_is_searched_for_at_once_and_words_when_submitted(
    opened: Callable[[str], Page], platform: Platform
) -> None:
    page = opened("/")
    words = page.locator("#filter input[name=q]")
    words.fill("draaibank")
    words.press("Tab")
    assert ids(page) == ["o1", "o2"]
    assert "q=" not in page.url
    words.press("Enter")
    expect(page.locator("li.offer")).to_have_count(0)
    assert "q=draaibank" in page.url
    words.fill("")
    page.locator("select[name=process]").select_option("milling")
    expect(page.locator("li.offer")).to_have_count(2)


def test_what_is_found_is_not_replaced_by_what_was_found_before(
    opened: Callable[[str], Page], platform: Platform
) -> None:
    """The page was just being brought up to date when somebody searched for three hours: those are what the link leads to."""
    page = opened("/")
    late: list[Route] = []

    def hold(route: Route) -> None:
        late.append(route)

    page.route("**/parts/offers", hold)  # of the page as it is; the search has a query
    with page.expect_request("**/parts/offers"):
        platform.offer("o1", 3, 4, probability=0.88)
    page.get_by_label("Minstens (uren)").fill("3")
    page.get_by_role("button", name="Zoeken").click()
    link = page.locator("li.offer[data-offer=o1] a.button")
    expect(link).to_have_attribute("href", "/offers/o1?hours=3")
    with page.expect_response(lambda response: _is_refresh(response) and "hours=3" in response.url):
        late[0].continue_()
    expect(page.locator("li.offer[data-offer=o1]")).to_contain_text("88 %")
    expect(link).to_have_attribute("href", "/offers/o1?hours=3")
    page.context.close()


def test_what_changes_or_goes_does_so_in_its_place(opened: Callable[[str], Page], platform: Platform) -> None:
    page = opened("/")
    page.locator("li.offer[data-offer=o2] a.button").focus()
    platform.offer("o1", 3, 4, probability=0.88)
    expect(page.locator("li.offer[data-offer=o1]")).to_contain_text("88 %")
    platform.hal_2.delete("/api/v1/offers/o1")
    expect(page.locator("li.offer[data-offer=o1].gone")).to_contain_text("Niet meer vrij")
    assert ids(page) == ["o1", "o2"]
    expect(page.locator("li.offer[data-offer=o2] a.button")).to_be_focused()
    expect(page.locator(NEWS)).to_be_hidden()


def test_what_others_push_out_of_the_list_is_still_free(opened: Callable[[str], Page], platform: Platform) -> None:
    for number in range(5):
        platform.offer(f"later{number}", 51 + 24 * number, 4)
    page = opened("/")
    assert ids(page)[-1] == "later3"
    platform.offer("sooner", 9, 4)
    expect(page.locator(NEWS)).to_have_text("Toon 1 nieuw tijdslot")
    expect(page.locator(".gone")).to_have_count(0)
    platform.hal_2.delete("/api/v1/offers/later1").raise_for_status()
    expect(page.locator('.gone[data-offer="later1"]')).to_have_count(1)


def test_the_week_stays(opened: Callable[[str], Page], platform: Platform) -> None:
    later = (NOON + timedelta(days=7)).date()
    platform.machine()
    platform.offer("o3", 24 * 7, 4)
    page = opened(f"/?view=week&week={later}")
    shown = page.locator(".weeks strong").inner_text()
    platform.offer("o4", 24 * 8, 4)
    expect(page.locator(NEWS)).to_have_text("Toon 1 nieuw tijdslot")
    page.locator(NEWS).click()
    expect(page.locator("ol.week [data-offer=o4]")).to_have_count(1)
    assert page.locator(".weeks strong").inner_text() == shown


def test_the_second_page_stays(
    opened: Callable[[str], Page], platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_pages, "MAX_SHOWN", 1)
    platform.offer("o2", 27, 4, machine="lathe-2")
    page = opened("/")
    with page.expect_response(_is_refresh):
        page.locator("a.further").click()
    assert ids(page) == ["o2"]
    platform.offer("o2", 27, 4, machine="lathe-2", probability=0.88)
    expect(page.locator("li.offer")).to_contain_text("88 %")
    assert ids(page) == ["o2"]


def test_an_empty_page_fills_by_itself(opened: Callable[[str], Page], platform: Platform) -> None:
    page = opened("/?q=draaibank")
    assert ids(page) == []
    platform.machine("lathe-2", "Draaibank")
    platform.offer("o3", 51, 4, machine="lathe-2")
    expect(page.locator("li.offer[data-offer=o3]")).to_be_visible()


def test_updates_can_be_paused(opened: Callable[[str], Page], platform: Platform) -> None:
    page = opened("/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("button", name="Updates pauzeren").click()
    platform.offer("o3", 51, 4)
    page.reload()
    assert ids(page) == ["o1", "o2", "o3"]
    platform.offer("o4", 75, 4)
    assert not any(url.partition("?")[0].endswith("/live") for url in asked), "the choice holds for the next page"
    with page.expect_response(_is_refresh):
        page.get_by_role("button", name="Updates hervatten").click()
    expect(page.locator(NEWS)).to_have_text("Toon 1 nieuw tijdslot")
