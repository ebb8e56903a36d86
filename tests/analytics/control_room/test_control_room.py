"""The control room in Chromium, with a real server and a real platform."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from playwright.sync_api import expect

from sharing_platform.app import PlatformSettings, create_app
from telemetry import ShiftedClock
from tests.analytics.rig import Rig, SetClock
from tests.analytics.tables import utc
from tests.servers import answers, free_port, serving, wait_for
from tests.vrijloop.command_line import invoke

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.servers

NOW = utc(2, 12, month=3)
"""A Monday at noon."""
TOKEN = "token-of-the-control-room"
PLATFORM_TOKENS = {"hal-2": "secret-of-hal-2-itself", "start-up": "secret-of-start-up"}
AXE = Path(__file__).parents[2] / "peers" / "node_modules" / "axe-core" / "axe.min.js"
PICTURES = os.environ.get("VRIJLOOP_PICTURES")


@dataclass
class Room:
    url: str
    platform: str
    process: subprocess.Popen[bytes]
    config: Path
    heard: list[str] = field(default_factory=list)

    def offers(self, machine: str | None = None) -> list[dict[str, Any]]:
        found = httpx2.get(f"{self.platform}/api/v1/offers", params={"limit": 1000}, timeout=20).json()["offers"]
        return [one for one in found if machine in (None, one["machine"])]

    def ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        return httpx2.request(method, self.url + path, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30, **more)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    folder = tmp_path_factory.mktemp("room")
    app = create_app(
        PlatformSettings(f"sqlite:///{folder}/platform.sqlite", PLATFORM_TOKENS, "UTC"), ShiftedClock(NOW).now
    )
    with serving(app) as platform:
        data = folder / "server"
        data.mkdir()
        seeded = Rig(data, platform, SetClock(NOW))
        for machine in ("lathe-2", "mill-1"):
            seeded.two_shifts(machine)
        seeded.close()
        (data / "store.duckdb").rename(data / "states.duckdb")
        for name, secret in (("token", TOKEN), ("platform-token", PLATFORM_TOKENS["hal-2"])):
            (folder / name).write_text(secret)
        (folder / "policy.toml").write_text(
            'factory = "hal-2"\nzone = "Europe/Brussels"\nholidays = ""\nnotice = "0s"\nrequired_probability = 0.5\n'
            'max_silence = "2h"\n[machine.mill-1]\napproval = "ask"\nanswer_within = "48h"\n'
        )
        port = free_port()
        (folder / "server.toml").write_text(
            f'data_dir = "{data}"\nport = {port}\ntoken_file = "{folder}/token"\npolicy = "{folder}/policy.toml"\ningest = false\n'
            f'[platform]\nurl = "{platform}"\ntoken_file = "{folder}/platform-token"\n'
        )
        command = [
            sys.executable,
            "-m",
            "vrijloop",
            "server",
            "-c",
            str(folder / "server.toml"),
            "--as-of",
            NOW.isoformat(),
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=(folder / "log").open("wb"))
        try:
            room = Room(f"http://127.0.0.1:{port}", platform, process, folder / "server.toml")
            wait_for(lambda: answers(room.url) or process.poll() is not None, "the server to answer")
            wait_for(lambda: bool(room.offers("lathe-2")), "the first round")
            yield room
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture
def page(room: Room, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(base_url=room.url, locale="nl-BE")
    page = context.new_page()
    room.heard.clear()
    page.on("console", lambda one: room.heard.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: room.heard.append(str(error)))
    page.on("dialog", lambda dialog: dialog.accept())
    page.on(
        "request", lambda one: None if one.url.startswith((room.url, "data:")) else room.heard.append(f"asks {one.url}")
    )
    yield page
    context.close()
    assert room.heard == []


def sign_in(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Token van de server").fill(TOKEN)
    page.get_by_role("button", name="Aanmelden").click()
    expect(page.locator("#kill-state")).not_to_be_empty()


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
    assert len(room.offers("mill-1")) == 1


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
    for picture in ("today", "forecast", "used"):
        page.wait_for_function("id => Chart.getChart(id)?.data.datasets.some(one => one.data.length)", arg=picture)
    shown = page.evaluate("Chart.getChart('today').data.datasets.map(one => [one.backgroundColor, one.data.length])")
    assert dict(map(tuple, shown))["#009E73"] >= 2
    free = page.evaluate("Chart.getChart('forecast').data.datasets[0].data.slice(0, 30)")
    assert min(free) < 0.2 < 0.8 < max(free)
    used = page.evaluate("Chart.getChart('used').data.datasets.map(one => one.data.reduce((a, b) => a + b, 0))")
    assert sum(used) == pytest.approx((13 * 24 + 13) * 2, abs=0.5), "until now: 13 o'clock in Brussels"


@pytest.mark.long
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("language", ["nl", "en"])
def test_the_page_is_accessible(room: Room, page: Page, width: int, language: str) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"/control?lang={language}")
    _check(page, width, f"sign-in-{language}")
    sign_in(page)
    page.goto(f"/control?lang={language}")
    for picture in ("today", "forecast", "used"):
        page.wait_for_function(
            "id => window.Chart && Chart.getChart(id)?.data.datasets.some(one => one.data.length)", arg=picture
        )
    _check(page, width, f"room-{language}")


def _check(page: Page, width: int, name: str) -> None:
    if not AXE.exists():
        message = "axe-core is not installed: scripts/peers installs it."
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.evaluate("tags => axe.run({runOnly: tags})", tags)
    assert [f"{one['id']}: {one['nodes'][0]['html'][:150]}" for one in found["violations"]] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
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
    expect(page.locator("#why-conditions")).to_contain_text("Nagerekend: 0 van de")
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
        assert http.get("/api/v1/kill-switch").json() == {"on": False}
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
