"""Calendars on pages: what is free and how surely, one's own bookings, and nothing more; chosen by dragging or with the keyboard."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import expect

from sharing_platform.machines.free_spans import free_spans
from sharing_platform.machines.windows import Window
from tests import axe
from tests.sharing_platform.conftest import NOON, Platform

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route


def shown(client: httpx2.Client, machine: str = "hal-2/mill-1", **more: str) -> list[tuple[str, str, str]]:
    """Of each item: its kind, when it begins, and what it says."""
    answer = client.get("/parts/calendar", params={"machine": machine, "lang": "en", **more})
    assert answer.status_code == 200, answer.text
    return [(one["kind"], one["start"], one["title"]) for one in answer.json()["items"]]


def window(start_h: float, end_h: float, sure: float) -> dict[str, Any]:
    start, end = (NOON + timedelta(hours=hours) for hours in (start_h, end_h))
    return {"start": start.isoformat(), "end": end.isoformat(), "probability": sure}


def test_everybody_sees_what_they_may_know(platform: Platform) -> None:
    platform.machine()
    platform.offer("o1", 3, 8, minimum_hours=2, booking="on_request")
    platform.offer("o2", 27, 8, windows=[window(27, 31, 0.96), window(30, 35, 0.955)], minimum_hours=2)
    platform.offer("o3", 51, 4, visibility="members")
    seeker, other = platform.somebody("s@seeker.be", "seeker"), platform.somebody("x@other.be", "other")
    planner = platform.somebody("p@hal.be", "hal-2")
    part = {"start": (NOON + timedelta(hours=3)).isoformat(), "end": (NOON + timedelta(hours=5)).isoformat()}
    booking = seeker.post("/api/v1/offers/o1/booking", json=part).json()["id"]
    rest, second = ("free", "2026-03-02T17:00", "Free, 93.7% sure"), ("free", "2026-03-03T15:00", "Free, 95.5 – 96% sure")  # fmt: skip
    members = ("free", "2026-03-04T15:00", "Free, 93.7% sure")
    assert shown(platform.anyone) == [rest, second]
    assert shown(other) == [rest, second, members]
    assert shown(seeker) == [rest, second, members, ("held", "2026-03-02T15:00", "waiting for an answer: yours")]
    assert shown(planner) == [rest, second, members, ("held", "2026-03-02T15:00", "waiting for an answer: seeker")]
    planner.post(f"/api/v1/bookings/{booking}/state", json={"state": "declined"})
    assert ("kept", "2026-03-02T15:00", "Kept for own use") in shown(planner)
    assert shown(seeker) == [rest, second, members]
    own = planner.get("/parts/calendar/own", params={"lang": "en"}).json()["items"]
    assert {(one["kind"], one["machine"]) for one in own} == {("free", "mill-1"), ("kept", "mill-1")}
    assert shown(platform.anyone, start="2026-03-03", end="2026-03-04") == [second]


def test_an_anonymous_machine_has_a_calendar_by_its_alias_alone(platform: Platform) -> None:
    platform.machine("mill-1", "Freesbank", anonymous=True)
    platform.offer("o1", 3, 4, anonymous=True)
    alias = platform.anyone.get("/api/v1/offers").json()["offers"][0]["machine"]
    answer = platform.anyone.get("/parts/calendar", params={"machine": alias})
    assert len(answer.json()["items"]) == 1
    assert "mill-1" not in answer.text
    assert "hal-2" not in answer.text
    for name in ("hal-2/mill-1", "machine-00000000", "hal-2/none", "", "/", "\N{SNOWMAN}"):
        assert platform.anyone.get("/parts/calendar", params={"machine": name}).status_code == 404, name
    assert len(shown(platform.somebody("p@hal.be", "hal-2"), "hal-2/mill-1")) == 1


@pytest.mark.parametrize("start", ["", "x", "9999-12-31", "0001-01-01", "2026-03-09"])
def test_days_that_make_no_sense_are_the_next_two_weeks(platform: Platform, start: str) -> None:
    platform.machine()
    platform.offer()
    assert len(shown(platform.anyone, start=start, end="2026-03-02")) == 1


def test_a_choice_is_dragged_or_moved_with_the_arrows(browser: Browser, platform: Platform) -> None:
    """In a browser of another time zone, with the platform's content security policy."""
    platform.machine()
    platform.offer("o1", 27, 8, windows=[window(27, 31, 0.96), window(30, 35, 0.955)], minimum_hours=2, price_per_hour="60")  # fmt: skip
    context = browser.new_context(
        base_url=platform.url, locale="nl-BE", timezone_id="America/New_York", viewport={"width": 1280, "height": 900}
    )
    page, said, asked = context.new_page(), list[str](), list[str]()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/")
    assert not any("event-calendar" in url for url in asked), "only pages with a calendar load it"
    page.goto("/machines/hal-2/mill-1")
    free = page.locator(".ec-bg-event.free")
    expect(free).to_contain_text("Vrij, 95,5 – 96 % zeker")
    page.locator("#calendar").scroll_into_view_if_needed()
    page.locator(".calendar").evaluate("one => one.scrollIntoView()")
    box = free.bounding_box()
    assert box is not None
    hour = box["height"] / 8
    page.mouse.move(box["x"] + 20, box["y"] + 1.2 * hour)
    page.mouse.down()
    page.mouse.move(box["x"] + 20, box["y"] + 2.2 * hour)
    page.mouse.move(box["x"] + 20, box["y"] + 3.9 * hour)
    page.mouse.up()
    choice = page.locator("#choice .said")
    expect(choice).to_contain_text("di 03/03/2026, 16:00 – 19:00")
    expect(choice).to_contain_text("96 %")
    expect(choice).to_contain_text("€\N{NO-BREAK SPACE}180,00")
    page.locator(".calendar").focus()
    held: list[Route] = []
    page.route("**/choice?*", lambda route: held.append(route), times=1)  # noqa: PLW0108 - Playwright looks at the function
    with page.expect_request("**/choice?*"):  # else it may be the second key's that is held
        page.keyboard.press("Shift+ArrowDown")
    expect(choice).to_contain_text("16:00 – 19:00")
    page.keyboard.press("ArrowDown")
    expect(choice).to_contain_text("16:30 – 19:00")
    with page.expect_response("**/choice?*"):
        held[0].continue_()
    page.evaluate("() => new Promise(requestAnimationFrame)")
    expect(choice).to_contain_text("16:30 – 19:00")  # the answer to the first key came last
    page.keyboard.press("Enter")
    expect(page.get_by_label("Begin")).to_be_focused()
    page.get_by_label("Begin").select_option("di 03/03/2026 20:00")
    expect(choice).to_contain_text("20:00 – 22:30")
    expect(page.locator(".ec-event.chosen")).to_contain_text("20:00")
    assert axe.violations(page, "#calendar") == []
    page.get_by_role("button", name="Verder met deze uren").click()
    expect(page.locator("#choice .said")).to_contain_text("20:00 – 22:30")
    assert {url.split("/")[2] for url in asked} == {platform.url.split("/")[2]}
    assert said == []
    context.close()


@pytest.mark.parametrize(("width", "days"), [(390, 3), (768, 3), (1280, 7)])
def test_the_first_free_hours_are_in_sight_and_a_month_is_chosen_from(
    browser: Browser, platform: Platform, width: int, days: int
) -> None:
    """Whatever a later offer's hours are: one from midnight on had the calendar begin with hours of which none are free."""
    platform.machine()
    windows = [window(27, 31, 0.97), window(75, 83, 0.96)]
    platform.offer("o1", 27, 56, windows=windows, minimum_hours=2, price_per_hour="60")
    platform.offer("o2", 300, 8, minimum_hours=2, price_per_hour="60")
    context = browser.new_context(
        base_url=platform.url, locale="nl-BE", timezone_id="Europe/Brussels", viewport={"width": width, "height": 900}
    )
    page = context.new_page()
    page.clock.set_fixed_time(NOON)
    page.goto("/machines/hal-2/mill-1")
    expect(page.locator(".ec-col-head")).to_have_count(days)
    assert page.locator("#calendar").get_attribute("data-first") == "2026-03-03", "not the day of the longest window"
    page.locator(".calendar").evaluate("one => one.scrollIntoView()")
    expect(page.locator(".ec-bg-event.free").first).to_be_in_viewport()
    page.get_by_role("button", name="Maand").click()
    expect(page.locator(".ec-title")).to_have_text("maart 2026")
    today = page.get_by_role("button", name="Vandaag")
    expect(today).to_be_disabled()
    expect(today).to_have_css("opacity", "1")
    colours = today.evaluate("one => [getComputedStyle(one).color, getComputedStyle(one).backgroundColor]")
    assert colours[0] != "rgb(255, 255, 255)", "white on white cannot be read"
    hours = page.locator(".ec-day-grid .free button")
    expect(hours).to_have_count(3)
    assert axe.violations(page, "#calendar") == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    hours.nth(1).press("Enter")
    choice = page.locator("#choice .said")
    expect(choice).to_contain_text("do 05/03/2026, 15:00 – 19:00")
    page.locator(".calendar").focus()
    page.keyboard.press("ArrowDown")
    expect(choice).to_contain_text("do 05/03/2026, 15:30 – 19:30")
    page.keyboard.press("PageDown")
    expect(page.locator(".ec-title")).to_have_text("april 2026")
    page.keyboard.press("PageUp")
    expect(page.locator(".ec-event.chosen")).to_contain_text("15:30")
    page.get_by_role("button", name="Week" if days == 7 else "3 dagen").click()
    expect(page.locator(".ec-col-head")).to_have_count(days)
    context.close()


HOURS = st.tuples(st.integers(0, 20), st.integers(1, 6), st.sampled_from([0.9, 0.95, 0.99]))


@given(st.lists(HOURS, max_size=8))
def test_spans_are_the_hours_of_the_windows_apart_from_each_other(hours: list[tuple[int, int, float]]) -> None:
    windows = [Window(NOON + timedelta(hours=a), NOON + timedelta(hours=a + n), sure) for a, n, sure in hours]
    spans = free_spans(windows)
    covered = {hour for a, n, _ in hours for hour in range(a, a + n)}
    assert {hour for hour in range(30) if any(one.start <= NOON + timedelta(hours=hour) < one.end for one in spans)} == covered  # fmt: skip
    assert all(before.end < after.start for before, after in pairwise(spans))
    for one in windows:
        (span,) = [span for span in spans if span.start <= one.start and one.end <= span.end]
        assert span.lowest <= one.probability <= span.highest
