"""Reading the control room: languages, figures beside the charts, and updates that leave the reader alone."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.sync_api import expect

from tests.analytics.control_room.conftest import Room, sign_in
from tests.journeys import wait_for_charts
from tests.servers import wait_for
from tests.vrijloop.command_line import invoke

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

pytestmark = pytest.mark.servers

TITLES = {"nl": "Controlekamer", "fr": "Salle de contrôle", "en": "Control room"}


def test_the_chosen_language_is_remembered(room: Room) -> None:
    with httpx2.Client(base_url=room.url, timeout=20) as http:
        assert TITLES["nl"] in http.get("/control").text
        assert TITLES["en"] in http.get("/control", headers={"Accept-Language": "de,en;q=0.8"}).text
        assert TITLES["fr"] in http.get("/control?lang=fr").text
        assert TITLES["fr"] in http.get("/control", headers={"Accept-Language": "en"}).text
        wrong = http.post("/control/sign-in", data={"token": "x"}, headers={"Sec-Fetch-Site": "same-origin"})
        assert "Ce jeton n’est pas valable." in wrong.text
        assert 'lang="fr"' in http.get("/control?lang=xx").text


@pytest.mark.parametrize(
    ("language", "probability", "record", "answer", "day"),
    [
        ("nl", r"(Minstens )?\d+(,\d)?\u00a0% zeker", r"Niet nagekomen: \d+ van \d+", r"Antwoord vóór \w\w \d", r"(ma|di) \d+ mrt, \d\d:\d\d"),
        ("fr", r"Sûr à \d+(,\d)?\u00a0%( au moins)?", r"Promesses non tenues\u00a0: \d+ sur \d+", r"Réponse attendue avant le \w\w\w \d", r"(lun|mar) \d+ mars, \d\d:\d\d"),
        ("en", r"(At least )?\d+(\.\d)?% sure", r"Not kept: \d+ of \d+", r"Answer by \w\w\w \d", r"(Mon|Tue) \d+ Mar, \d\d:\d\d"),
    ],
)  # fmt: skip
def test_the_page_speaks_the_readers_language(
    room: Room, page: Page, language: str, probability: str, record: str, answer: str, day: str
) -> None:
    sign_in(page)
    page.goto(f"/control?lang={language}")
    slot = page.locator("#slots li").filter(has_text="lathe-2").first
    expect(slot).to_have_text(re.compile(f"{day}.*{probability} · {record}"))
    expect(page.locator("#approvals li").first).to_have_text(re.compile(answer))
    expect(page.locator("#costs tr").first).to_be_visible()
    shown = page.locator("main").inner_text()
    assert "undefined" not in shown
    assert not re.search(r"\{\w+\}", shown), "a value that was not filled in"
    wrong = r"\s%" if language == "en" else r"(?<!\u00a0)%"
    assert not re.search(wrong, shown), "percent signs"


def test_people_see_what_in_a_calendar_does_not_count(room: Room, page: Page) -> None:
    sign_in(page)
    feeds = page.locator("#calendars > li")
    expect(feeds).to_have_count(2)
    expect(feeds.first).to_contain_text("alle machines")
    expect(feeds.first).to_contain_text("Gepland in de komende dagen: 1")
    expect(feeds.first.locator("li")).to_have_text(
        [
            "1\u00a0× zonder leesbaar begin",
            "2\u00a0× noemt geen machine met id, titel of alias; de eerste: di 3 mrt, 20:00",
        ]
    )
    expect(feeds.last).to_contain_text("mill-1 http://127.0.0.1:1/…")
    expect(feeds.last.locator(".problem")).to_have_text(
        "De agenda kan niet gelezen worden (ConnectError). Er is geen eerdere kopie."
    )
    text = room.ask("GET", "/api/v1/calendars").text
    assert "customer" not in text, "titles may name customers"
    assert "secret-3141" not in text


@pytest.mark.long
def test_without_a_platform_nothing_is_offered_and_the_page_says_why(
    room_without_platform: Room, browser: Browser
) -> None:
    room = room_without_platform
    wait_for(lambda: room.ask("GET", "/api/v1/forecast").json()["at"] is not None, "the first round")
    assert room.ask("GET", "/api/v1/slots").json()["slots"] == []
    context = browser.new_context(base_url=room.url, locale="nl-BE")
    page = context.new_page()
    sign_in(page)
    expect(page.locator("#no-platform")).to_contain_text("niet met een deelplatform verbonden")
    wait_for_charts(page, "today", "forecast", "used")
    assert page.locator("h2:visible").all_inner_texts() == [
        "Machines nu", "Vandaag", "Voorspelling: kans dat de machine vrij is", "Gebruik in de laatste veertien dagen", "Gateways",
    ]  # fmt: skip
    assert page.locator("button:visible").all_inner_texts() == ["Updates pauzeren", "Afmelden"]
    assert page.evaluate("Chart.getChart('forecast').data.datasets.length") == 1
    context.close()
    doctor = json.loads(invoke("doctor", "--config", room.config, "--json", code=1))  # there is no broker
    found = {one["area"]: (one["level"], one["said"]) for one in doctor}
    assert found["platform"] == ("ok", "There is no [platform]: hours are seen, and none are offered.")
    assert "people" not in found


def test_every_chart_has_its_figures_in_a_table(room: Room, page: Page) -> None:
    sign_in(page)
    for name, per_point in (("today", False), ("forecast", True), ("used", True)):
        wait_for_charts(page, name)
        summary = page.locator(f"#{name}-table summary")
        summary.focus()
        page.keyboard.press("Enter")
        rows = page.locator(f"#{name}-rows tr")
        expect(rows.first).to_be_visible()
        data = page.evaluate("id => Chart.getChart(id).data.datasets.map(one => one.data)", name)
        assert rows.count() == (len(data[0]) if per_point else sum(map(len, data)))
        heads, cells = page.locator(f"#{name}-table thead th").count(), rows.first.locator("th, td").count()
        assert heads == cells
        assert page.get_by_role("table", name=page.locator(f"#{name}-title").inner_text()).is_visible()
    offered = page.locator("#forecast-rows tr td:last-child").all_inner_texts()
    assert "50\u00a0%" in offered, "what is on offer of one of two machines at night"
    free = page.evaluate("Chart.getChart('forecast').data.datasets[0].data[0]")
    shown = page.locator("#forecast-rows tr").first.locator("td").first.inner_text()
    assert shown == f"{free * 100:.1f}".removesuffix(".0").replace(".", ",") + "\u00a0%"


def test_updates_can_be_paused_and_resumed(room: Room, page: Page) -> None:
    page.clock.install()
    sign_in(page)
    page.get_by_role("button", name="Updates pauzeren").click()
    expect(page.locator("#paused")).to_contain_text("op pauze")
    page.reload()
    expect(page.get_by_role("button", name="Updates hervatten")).to_be_visible()
    expect(page.locator("#kill-state")).not_to_be_empty()
    expect(page.locator("#slots li").first).to_be_visible()
    page.wait_for_load_state("networkidle")  # a page that opens paused is drawn once
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    body = {"machine": "lathe-2", "start": "2026-03-06T01:00:00Z", "end": "2026-03-06T02:00:00Z"}
    veto = room.ask("POST", "/api/v1/vetoes", json=body).json()["id"]
    page.clock.run_for(10 * 60 * 1000)
    page.wait_for_load_state("networkidle")
    assert {urlsplit(one).path for one in asked} == {"/api/v1/kill-switch"}, "only whether it is locked by now"
    expect(page.locator("#vetoes li")).to_have_count(0)
    page.get_by_role("button", name="Updates hervatten").click()
    expect(page.locator("#vetoes li")).to_have_count(1)
    expect(page.locator("#paused")).to_be_hidden()
    room.ask("DELETE", f"/api/v1/vetoes/{veto}").raise_for_status()
    expect(page.locator("#vetoes li")).to_have_count(0)
    room.ask("POST", "/api/v1/cycle").raise_for_status()


def test_the_focus_stays_where_somebody_works(room: Room, page: Page) -> None:
    """An item that changes is drawn anew around the focus; one that goes leaves it to its neighbour, the last one to the heading."""
    sign_in(page)
    room_vetoes = [
        room.ask("POST", "/api/v1/vetoes", json={"machine": "lathe-2", "start": f"2026-03-0{day}T01:00:00Z", "end": f"2026-03-0{day}T02:00:00Z"})
        for day in (5, 6)
    ]  # fmt: skip
    held = page.locator("#vetoes li")
    expect(held).to_have_count(2)
    held.nth(0).get_by_role("button").focus()
    page.evaluate("document.querySelector('#vetoes li').look = 'of another moment'")
    wait_for(lambda: page.evaluate("document.querySelector('#vetoes li').look !== 'of another moment'"), "a redraw")
    expect(held.nth(0).get_by_role("button")).to_be_focused()
    page.keyboard.press("Enter")
    expect(held).to_have_count(1)
    expect(held.nth(0).get_by_role("button")).to_be_focused()
    page.keyboard.press("Enter")
    expect(held).to_have_count(0)
    expect(page.locator("#slots-title")).to_be_focused()
    assert len(room_vetoes) == 2
    room.ask("POST", "/api/v1/cycle").raise_for_status()


def test_a_form_does_not_leave_the_page_while_the_server_is_slow(room: Room, page: Page) -> None:
    sign_in(page)
    page.route("**/api/v1/kill-switch", lambda _: None)  # no answer comes
    page.goto("/control", wait_until="load")
    page.locator("#why input[name=start]").fill("2026-03-04T00:00")
    submitted = "document.getElementById('why').dispatchEvent(new Event('submit', {cancelable: true}))"
    assert page.evaluate(submitted) is False, "the script has taken it"
    expect(page.locator("#why-said")).not_to_be_empty()  # no machine was chosen
    room.heard.clear()


def test_certificates_that_expire_are_said(room: Room, page: Page) -> None:
    """Where whoever looks after the factory's machines sees it; one that is good for longer is not worth a word."""

    def answer(route: Route) -> None:
        status = route.fetch().json()
        gateway = {"factory": "hal-2", "online": True, "at": "2026-03-02T12:00:00Z", "outbox": 0, "version": "1"}
        status["gateways_now"] = [
            gateway | {"gateway": "gw-1", "certificate_days": 12}, gateway | {"gateway": "gw-2", "certificate_days": 90},
        ]  # fmt: skip
        status["certificates"] = [
            {
                "what": "The certificate of the platform",
                "expires": "2026-03-20T12:00:00Z",
                "days_left": 18,
                "problem": "It expires.",
            }
        ]
        route.fulfill(json=status)

    page.route("**/api/v1/status?*", answer)
    sign_in(page)
    page.goto("/control?lang=en")
    rows = page.locator("#gateways li")
    expect(rows.nth(0)).to_have_text("gw-1 online · reports queued: 0 · missing: 0 · certificate expires on Sat 14 Mar")
    expect(rows.nth(1)).to_have_text("gw-2 online · reports queued: 0 · missing: 0")
    said = page.locator("#certificate")
    expect(said).to_contain_text("A certificate that this server depends on expires on Fri 20 Mar.")
    page.unroute_all(behavior="ignoreErrors")
