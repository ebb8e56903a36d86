"""What people are told of a booking before, at and after each step: on pages, in e-mails, in calendars."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx2
import pytest
from icalendar import Calendar

from sharing_platform.i18n import Translator
from sharing_platform.organisations.permissions import Role
from tests.sharing_platform.bookings.test_requests import ask, state, step
from tests.sharing_platform.conftest import NOON, Platform

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext


def plain_browser(browser: Browser, platform: Platform, who: httpx2.Client) -> BrowserContext:
    """Signed in, without scripts."""
    context = browser.new_context(java_script_enabled=False, base_url=platform.url, locale="nl-BE")
    context.add_cookies([{"name": "session", "value": who.cookies["session"], "url": platform.url}])
    return context


@pytest.mark.parametrize(
    ("booking", "approved", "said", "button"),
    [
        ("instant", True, "Dit wordt meteen geboekt", "Boek deze uren"),
        ("instant", False, "De aanbieder antwoordt op uw aanvraag", "Vraag deze uren aan"),
        ("on_request", True, "De aanbieder antwoordt op uw aanvraag", "Vraag deze uren aan"),
    ],
)
def test_the_page_says_before_whether_an_answer_follows(
    platform: Platform, booking: str, approved: bool, said: str, button: str
) -> None:
    platform.offer(booking=booking)
    page = platform.somebody("an@startup.be", "startup", approved=approved).get("/offers/o1").text
    assert said in page
    assert re.search(rf'<button type="submit"[^>]*>{button}<', page)


def test_the_mail_of_an_instant_booking_speaks_of_no_answer(platform: Platform) -> None:
    platform.offer("o1")
    platform.offer("o2", 10, booking="on_request")
    seeker = platform.somebody("an@startup.be", "startup")
    ask(seeker)
    assert "meteen voor u geboekt" in platform.mail("an@startup.be", "is bevestigd").get_content()
    made = ask(seeker, "o2")
    step(platform.hal_2, made["id"], "accepted")
    platform.mail("an@startup.be", "heeft uw aanvraag")


def test_cancelling_asks_once(platform: Platform, browser: Browser) -> None:
    platform.offer("o1", 50)
    seeker = platform.somebody("an@startup.be", "startup")
    made = ask(seeker)
    context = plain_browser(browser, platform, seeker)
    page = context.new_page()
    page.goto(f"/bookings/{made['id']}")
    page.get_by_label("Bericht (optioneel)").fill("Het spijt ons")
    page.get_by_role("button", name="Annuleren").click()
    assert state(seeker, made["id"]) == "accepted", "nothing has happened yet"
    assert "De uren komen weer vrij" in page.locator("main").inner_text()
    page.get_by_role("link", name="Nee, terug").click()
    page.get_by_label("Bericht (optioneel)").fill("Het spijt ons")
    page.get_by_role("button", name="Annuleren").click()
    page.get_by_role("button", name="Ja, annuleren").click()
    assert state(seeker, made["id"]) == "cancelled"
    assert "Het spijt ons" in page.locator("main").inner_text()
    context.close()


def test_a_match_leads_to_its_match(platform: Platform) -> None:
    platform.machine("mill-1", "Freesbank DMU 50", process="milling")
    seeker = platform.somebody("an@startup.be", "startup")
    kinds = {}
    for kind in ("wanted", "searches"):
        wanted = {"title": f"Freeswerk {kind}", "wish": {"process": "milling"}, "notify": "mail"}
        kinds[kind] = seeker.post(f"/api/v1/{kind}", json=wanted).json()["id"]
    platform.offer("o1", 30)
    platform.tick()
    platform.context.wake_workers()
    for kind, identifier in kinds.items():
        text = platform.mail("an@startup.be", f"Freeswerk {kind}").get_content()
        assert f"{platform.url}/{kind}/{identifier}" in text
        assert f"Freesbank DMU 50, di 03/03/2026, 18:00 – 22:00: {platform.url}/offers/o1" in text
        assert seeker.get(f"/{kind}/{identifier}").status_code == 200


@pytest.mark.parametrize(("language", "accepted"), [("nl", "aanvaard"), ("fr", "accepté"), ("en", "accepted")])
def test_calendars_speak_the_language_of_who_made_them_and_name_the_place(
    platform: Platform, language: str, accepted: str
) -> None:
    """The seeker learns the place when the request is accepted."""
    platform.machine("mill-1", "Freesbank DMU 50", process="milling")
    details = {"place": "Sint-Truiden", "address": "Dijk 4\n3800 Sint-Truiden"}
    assert platform.hal_2.put("/api/v1/machines/hal-2/mill-1/details", json=details).status_code == 200
    platform.offer("o1", 30, booking="on_request")
    platform.offer("o2", 54, booking="on_request")
    seeker, planner = platform.somebody("an@startup.be", "startup"), platform.somebody("p@hal.be", "hal-2", Role.OWNER)
    more = {"offer_id": "o2", "start": _at(54), "end": _at(58)}
    made = ask(seeker, start=_at(30), end=_at(34), more=[more])
    calls = {"seeker": seeker, "machine:mill-1": planner}
    feeds = {}
    for subject, who in calls.items():
        answer = who.post("/api/v1/feeds", json={"subject": subject}, headers={"Accept-Language": language})
        feeds[subject] = answer.json()["url"]
    machine = f"Freesbank DMU 50{Translator(language, 'Europe/Brussels').colon}"
    held = _events(platform, feeds["seeker"])
    assert [(one["SUMMARY"], "LOCATION" in one) for one in held] == [(f"{machine}hal-2", False)] * 2
    step(platform.hal_2, made["id"], "accepted")
    for subject, other in (("seeker", "hal-2"), ("machine:mill-1", "startup")):
        agreed = _events(platform, feeds[subject])
        assert [one["SUMMARY"] for one in agreed] == [f"{machine}{other}"] * 2
        assert [one["LOCATION"] for one in agreed] == ["Dijk 4 3800 Sint-Truiden"] * 2
        assert accepted in str(agreed[0]["DESCRIPTION"])
    listed = planner.get("/organisation").text
    assert '<option value="machine:mill-1">Freesbank DMU 50</option>' in listed
    assert "<div>Freesbank DMU 50</div>" in listed


def _events(platform: Platform, url: str) -> list[dict[str, object]]:
    answer = platform.anyone.get(url.removeprefix(platform.url))
    assert answer.status_code == 200
    return [dict(one) for one in Calendar.from_ical(answer.text).walk("VEVENT")]


def _at(hours: float) -> str:
    return (NOON + timedelta(hours=hours)).isoformat()
