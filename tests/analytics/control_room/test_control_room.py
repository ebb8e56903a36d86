"""The control room in Chromium, with a real server and a real platform."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.sync_api import expect

from tests import axe
from tests.analytics.control_room.conftest import NOW, TOKEN, Room, sign_in
from tests.journeys import WIDTHS, operations_manager, wait_for_charts
from tests.servers import wait_for
from tests.vrijloop.command_line import invoke
from tests.vrijloop.demo_platform import empty_platform

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route, ViewportSize

pytestmark = pytest.mark.servers

PICTURES = os.environ.get("VRIJLOOP_PICTURES")
NARROW: ViewportSize = {"width": 360, "height": 900}
EVERY_WIDTH = bool(os.environ.get("VRIJLOOP_EVERY_WIDTH"))
"""Whether axe looks at each page in both widths."""


def test_an_approved_slot_is_offered_on_the_platform(room: Room, page: Page) -> None:
    sign_in(page)
    waiting = page.locator("#approvals li").filter(has_text="mill-1")
    expect(waiting.first).to_be_visible()
    assert room.offers("mill-1") == []
    waiting.first.get_by_role("button", name="Aanbieden", exact=True).click()
    wait_for(lambda: len(room.offers("mill-1")) == 1, "the offer to appear on the platform")
    expect(page.locator("#slots li").filter(has_text="mill-1")).to_have_count(1)
    before = waiting.count()
    waiting.first.get_by_role("button", name="Niet aanbieden").click()
    expect(waiting).to_have_count(before - 1)
    expect(page.locator("#answered li")).to_contain_text(
        ["Aangeboden met het token van de server", "Niet aangeboden met het token"]
    )
    assert len(room.offers("mill-1")) == 1


def test_a_policy_that_cannot_be_used_is_explained_in_the_readers_language(room: Room, page: Page) -> None:
    policy = room.config.parent / "policy.toml"
    good = policy.read_text()
    policy.write_text(good.replace("required_probability = 0.5", "required_probability = 1.5"))
    sign_in(page)
    said = "`required_probability` = 1.5 wordt niet aanvaard: moet minder zijn dan 1.0."
    expect(page.locator("#policy-problem")).to_contain_text(said, timeout=30_000)
    found = room.ask("GET", "/api/v1/status?lang=fr").json()["policy"]
    assert "doit être inférieur à 1.0" in found["problem_text"]
    assert "should be less than 1" in found["problem"], "for scripts, as before"
    policy.write_text(good)
    expect(page.locator("#policy")).to_be_hidden(timeout=30_000)
    hours = {"machine": "lathe-2", "start": "2026-03-04T00:00:00Z", "end": "2026-03-04T04:00:00Z"}
    wait_for(lambda: room.ask("GET", "/api/v1/explanation", params=hours).status_code == 200, "the next round")


def test_a_veto_withdraws_one_slot_and_nothing_else(room: Room, page: Page) -> None:
    sign_in(page)
    chosen = page.locator("#slots li").filter(has_text="lathe-2").first
    expect(chosen).to_be_visible()
    before = {one["id"] for one in room.offers("lathe-2")}
    chosen.get_by_role("button", name="Intrekken").click()
    wait_for(lambda: len({one["id"] for one in room.offers("lathe-2")} & before) == len(before) - 1, "the slot to go")
    held = page.locator("#vetoes li")
    expect(held).to_have_count(1)
    room.ask("POST", "/api/v1/cycle").raise_for_status()
    start, end = (room.ask("GET", "/api/v1/vetoes").json()["vetoes"][0][name] for name in ("start", "end"))
    assert not any(one["start"] < end and start < one["end"] for one in room.offers("lathe-2")), (
        "a round brings it not back"
    )
    held.get_by_role("button", name="Weer vrijgeven").click()
    expect(held).to_have_count(0)
    wait_for(
        lambda: any(one["start"] < end and start < one["end"] for one in room.offers("lathe-2")),
        "the hours to be free again",
    )


def test_the_kill_switch_empties_the_platform_within_five_seconds(room: Room, page: Page) -> None:
    sign_in(page)
    wait_for(lambda: bool(room.offers()), "something on offer")
    page.get_by_role("button", name="Alles intrekken").click()
    wait_for(lambda: room.offers() == [], "the platform to be empty", seconds=5)
    expect(page.locator("#kill")).to_have_class("card switch on")
    expect(page.locator("#slots li")).to_have_text(["Er wordt niets aangeboden."])
    page.get_by_role("button", name="Weer aanbieden").click()
    wait_for(lambda: bool(room.offers()), "the offers to come back")
    expect(page.get_by_role("button", name="Alles intrekken")).to_be_visible()


def test_states_are_live_and_charts_are_drawn(room: Room, page: Page) -> None:
    sign_in(page)
    machine = page.locator('#machines li[data-machine="lathe-2"]')
    expect(machine).to_have_attribute("data-state", "executing")
    expect(machine).to_contain_text("Draait")
    wait_for_charts(page, "today", "forecast", "used")
    shown = page.evaluate("Chart.getChart('today').data.datasets.map(one => [one.backgroundColor, one.data.length])")
    assert dict(map(tuple, shown))["#009E73"] >= 2
    free = page.evaluate("Chart.getChart('forecast').data.datasets[0].data.slice(0, 30)")
    assert min(free) < 0.2 < 0.8 < max(free)
    used = page.evaluate("Chart.getChart('used').data.datasets.map(one => one.data.reduce((a, b) => a + b, 0))")
    assert sum(used) == pytest.approx((13 * 24 + 13) * 2, abs=0.5), "until now: 13 o'clock in Brussels"


@pytest.mark.long
@pytest.mark.parametrize(("language", "looked_at"), [("nl", 360), ("fr", 1280), ("en", 360)])
def test_the_page_is_accessible(room: Room, page: Page, language: str, looked_at: int) -> None:
    """Each page fits in either width; axe looks at it in one of them, in turn."""
    page.set_viewport_size(NARROW)
    page.goto(f"/control?lang={language}")
    _check(page, looked_at, f"sign-in-{language}")
    page.set_viewport_size(NARROW)
    page.request.post("/control/sign-in", form={"token": TOKEN}, headers={"Origin": room.url})
    page.goto(f"/control?lang={language}")
    wait_for_charts(page, "today", "forecast", "used")
    for table in page.locator("details.beside summary").all():
        table.click()
    _check(page, looked_at, f"room-{language}")


def _check(page: Page, looked_at: int, name: str) -> None:
    for width in (360, 1280):  # charts that have been drawn wide take a moment to become narrow
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if EVERY_WIDTH or width == looked_at:
            assert axe.violations(page) == []
        if PICTURES:
            page.screenshot(path=f"{PICTURES}/control-{width}-{name}.png", full_page=True)


def _why(page: Page, machine: str, start: str, hours: str) -> list[str]:
    """What the page says is not met."""
    page.locator("#why-machine").select_option(machine)
    page.locator("#why input[name=start]").fill(start)
    page.locator("#why input[name=hours]").fill(hours)
    page.get_by_role("button", name="Toon waarom").click()
    expect(page.locator("#why-conditions li").first).to_be_visible()
    return [one.inner_text() for one in page.locator("#why-conditions .unmet").all()]


def test_people_see_why_hours_are_on_offer_or_not(room: Room, page: Page) -> None:
    """The lathe works from seven in the morning to eleven at night in Brussels, and is free at night."""
    sign_in(page)
    expect(page.locator("#why-machine option")).to_have_count(2)
    assert _why(page, "lathe-2", "2026-03-04T00:00", "4") == []
    expect(page.locator("#why-said")).to_have_text("Deze uren worden aangeboden.")
    expect(page.locator("#why-conditions")).to_contain_text("Getoetst: 1 van de")
    unmet = _why(page, "lathe-2", "2026-03-04T21:00", "4")
    expect(page.locator("#why-said")).to_have_text("Deze uren worden niet aangeboden, en wel hierom:")
    assert len(unmet) == 1
    assert "waarschijnlijk genoeg" in unmet[0]
    veto = room.ask(
        "POST",
        "/api/v1/vetoes",
        json={"machine": "lathe-2", "start": "2026-03-04T01:00:00Z", "end": "2026-03-04T02:00:00Z"},
    )
    assert veto.status_code in (200, 201), veto.text
    unmet = _why(page, "lathe-2", "2026-03-04T00:00", "4")
    assert any("Voor eigen gebruik gehouden van wo 4 mrt" in said for said in unmet)
    room.ask("DELETE", f"/api/v1/vetoes/{veto.json()['id']}").raise_for_status()
    room.ask("POST", "/api/v1/cycle").raise_for_status()
    costs = page.locator("#costs tr")
    expect(costs).to_have_count(4)
    expect(page.locator("#costs tr[aria-current]")).to_contain_text("5")
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/why.png", full_page=True)


FORECASTS = {
    one: {"hours": ["2026-03-04T00:00:00Z"], "free": [share]} for one, share in (("lathe-2", 0.75), ("mill-1", 0.25))
}
EXPLANATIONS = {one: {"offered": one == "mill-1", "conditions": []} for one in ("lathe-2", "mill-1")}


@pytest.mark.parametrize(
    ("answers", "asked", "shown", "said"),
    [
        (FORECASTS, "/api/v1/forecast?*", "#forecast-rows", "25"),
        (EXPLANATIONS, "/api/v1/explanation?*", "#why-said", "Deze uren worden aangeboden."),
    ],
    ids=["forecast", "explanation"],
)
def test_a_late_answer_is_not_shown_for_another_question(
    room: Room, page: Page, answers: dict[str, Any], asked: str, shown: str, said: str
) -> None:
    sign_in(page)
    wait_for_charts(page, "forecast")
    page.locator("#forecast-table summary").click()
    expect(page.locator("#why-machine option")).to_have_count(2)
    late: list[Route] = []

    def answer(route: Route) -> None:
        if "lathe-2" in route.request.url:
            late.append(route)
        elif "mill-1" in route.request.url:
            route.fulfill(json=answers["mill-1"])
        else:
            route.continue_()

    page.route(f"**{asked}", answer)
    for machine in ("lathe-2", "mill-1"):
        with page.expect_request(lambda request: machine in request.url):
            if answers is FORECASTS:
                page.locator("#machine").select_option(machine)
            else:
                page.locator("#why-machine").select_option(machine)
                page.get_by_role("button", name="Toon waarom").click()
    expect(page.locator(shown)).to_contain_text(said)
    with page.expect_response(lambda response: "lathe-2" in response.url):
        late[0].fulfill(json=answers["lathe-2"])
    page.evaluate("async () => { await (await fetch('/api/v1/kill-switch')).json(); }")
    expect(page.locator(shown)).to_contain_text(said)


def test_what_somebody_has_typed_before_the_page_is_drawn_stays(room: Room, page: Page) -> None:
    page.add_init_script(
        "window.slow = fetch; window.held = []; window.fetch = (...a) => new Promise(r => held.push(r)).then(() => slow(...a))"
    )
    page.goto("/")
    page.get_by_label("Token", exact=True).fill(TOKEN)
    page.get_by_role("button", name="Aanmelden", exact=True).click()
    start = page.locator("#why input[name=start]")
    start.fill("2026-03-04T00:00")
    wait_for(lambda: page.evaluate("held.length") > 0, "the page to ask for its figures")
    page.evaluate("window.fetch = slow; held.forEach(go => go())")
    expect(page.locator("#why-machine option")).to_have_count(2)
    expect(page.locator("#costs tr")).to_have_count(4)
    expect(start).to_have_value("2026-03-04T00:00")


@pytest.mark.parametrize("width", WIDTHS)
def test_the_operations_managers_journey(room: Room, browser: Browser, tmp_path: Path, width: int) -> None:
    """From the demo's page, which signs in here with the token of the factory's server."""
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "server.toml").write_text(f'port = {urlsplit(room.url).port}\ntoken_file = "{tmp_path / "token"}"\n')

    def look(page: Page, name: str) -> None:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name

    with empty_platform(tmp_path) as platform:
        context = browser.new_context(base_url=platform.url, viewport={"width": width, "height": 900}, locale="nl-BE")
        page, heard = context.new_page(), list[str]()
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("console", lambda one: heard.append(one.text) if one.type == "error" else None)
        operations_manager(page, look)
        assert page.url.startswith(f"{room.url}/control")
        context.close()
    assert heard == []


def test_only_coming_hours_of_a_machine_are_explained(room: Room) -> None:
    def asked(**query: str) -> int:
        return room.ask("GET", "/api/v1/explanation", params=query).status_code

    start, end = "2026-03-04T00:00:00Z", "2026-03-04T04:00:00Z"
    assert asked(machine="lathe-2", start=start, end=end) == 200
    assert asked(machine="lathe-9", start=start, end=end) == 404
    assert asked(machine="lathe-2", start=end, end=start) == 422
    assert asked(machine="lathe-2", start=start, end="2026-03-14T00:00:00Z") == 422
    assert asked(machine="lathe-2", start="2036-03-04T00:00:00Z", end="2036-03-04T04:00:00Z") == 422
    assert asked(machine="lathe-2", start="0001-01-01T00:00:00+14:00", end=end) == 422
    assert httpx2.get(f"{room.url}/api/v1/explanation", params={"machine": "lathe-2"}, timeout=20).status_code == 401


def test_signing_in_requires_the_token(room: Room) -> None:
    with httpx2.Client(base_url=room.url, timeout=20) as http:
        own = {"Sec-Fetch-Site": "same-origin"}
        assert "Token" in http.get("/control").text
        assert "control.js" not in http.get("/control").text
        assert http.post("/control/sign-in", data={"token": "wrong"}, headers=own).status_code == 401
        assert (
            http.post("/control/sign-in", data={"token": TOKEN}, headers={"Sec-Fetch-Site": "cross-site"}).status_code
            == 403
        )
        done = http.post("/control/sign-in", data={"token": TOKEN}, headers=own)
        assert done.status_code == 303
        cookie = done.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert TOKEN not in cookie
        assert http.get("/api/v1/slots").status_code == 200
        # A form on another site can at most send the cookie; the request is refused.
        for headers in (
            {},
            {"Origin": "https://evil.example"},
            {"Origin": "http://["},
            {"Sec-Fetch-Site": "same-site"},
        ):
            assert http.put("/api/v1/kill-switch", json={"on": True}, headers=headers).status_code == 401
        assert http.get("/api/v1/kill-switch").json()["on"] is False
        http.post("/control/sign-out", headers=own)
        assert http.get("/api/v1/slots").status_code == 401
        assert "frame-ancestors 'none'" in http.get("/control").headers["content-security-policy"]


def test_one_report_is_traced_to_the_offers(room: Room, tmp_path: Path) -> None:
    stored = room.ask("GET", "/api/v1/status").json()["stored"]
    found = room.ask("GET", f"/api/v1/reports/gw-1/{stored // 2}").json()
    assert found["machine"] == "lathe-2"
    assert (found["report"]["state"], found["timeline"][0]["state"]) == ("executing", "executing")
    assert found["report"]["until"] == "2026-03-02T12:00:00.000Z"
    assert {one["id"] for one in found["offers"] if one["outcome"] is None} >= {
        one["id"] for one in room.offers("lathe-2")
    }
    assert room.ask("GET", "/api/v1/reports/gw-1/999999").status_code == 404
    output = invoke("follow", "gw-1", str(stored // 2), "-c", room.config)
    assert "lathe-2 was executing" in output
    assert output.count("Offer ") == len(found["offers"])


def test_a_veto_must_be_in_the_future(room: Room) -> None:
    def post(start: timedelta, end: timedelta) -> int:
        body = {"machine": "lathe-2", "start": (NOW + start).isoformat(), "end": (NOW + end).isoformat()}
        return room.ask("POST", "/api/v1/vetoes", json=body).status_code

    hour = timedelta(hours=1)
    assert post(2 * hour, hour) == 422
    assert post(-3 * hour, -2 * hour) == 422
    assert post(hour, timedelta(days=90)) == 422
    assert room.ask("DELETE", "/api/v1/vetoes/none").status_code == 404


def test_a_changed_policy_is_taken_over_and_a_wrong_one_is_said(room: Room, page: Page) -> None:
    path = room.config.with_name("policy.toml")
    policy = path.read_text()
    sign_in(page)
    wait_for(lambda: bool(room.offers("lathe-2")), "something on offer")
    path.write_text(policy + "[machine.lathe-2]\noffers = false\n")
    problem = page.locator("#policy")
    expect(problem).to_contain_text("Het vorige beleid blijft gelden")
    expect(problem).to_contain_text("`machine.lathe-2.offers` is geen bekende sleutel. Bedoelt u `offer`?")
    assert "The changed policy cannot be used, and the former one goes on" in room.config.with_name("log").read_text()
    assert room.offers("lathe-2")
    path.write_text(policy + "[machine.lathe-2]\noffer = false\n")
    wait_for(lambda: not room.offers("lathe-2"), "the machine to be offered no longer")
    expect(problem).to_be_hidden()
    path.write_text(policy)
    wait_for(lambda: bool(room.offers("lathe-2")), "the machine to be offered again")


def test_the_page_says_who_pulled_the_kill_switch(room: Room, page: Page) -> None:
    token = invoke("control-room", "add", "Eva", "-c", room.config).strip()
    sign_in(page, token)
    expect(page.locator("header")).to_contain_text("Eva")
    page.get_by_role("button", name="Alles intrekken").click()
    expect(page.locator("#kill-state")).to_have_text(
        re.compile(r"De noodschakelaar staat aan: er wordt niets aangeboden\. Ingetrokken door Eva om \d\d:\d\d\.")
    )
    assert "The kill switch was turned on by Eva." in room.config.with_name("log").read_text()
    room.ask("PUT", "/api/v1/kill-switch", json={"on": False}).raise_for_status()
    expect(page.locator("#kill-state")).to_contain_text("Weer aangeboden met het token van de server om ")
    assert "Set by the server's token" in invoke("kill-switch", "show", "-c", room.config)
    invoke("control-room", "remove", "Eva", "-c", room.config)
    expect(page.get_by_label("Token", exact=True)).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert all("401" in said for said in room.heard)
    room.heard.clear()
    wait_for(lambda: bool(room.offers()), "the offers to come back")
