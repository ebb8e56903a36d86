"""Trainings and people are had by the day: pages, mails and calendars say days, not hours from midnight to midnight."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from sharing_platform.i18n import Span, Translator
from sharing_platform.organisations.permissions import Role
from tests.sharing_platform.bookings.test_requests import step
from tests.sharing_platform.conftest import Platform

BRUSSELS = "Europe/Brussels"
SAID = {
    "nl": "van di 01/12/2026 tot en met do 03/12/2026",
    "fr": "du mar 01/12/2026 au jeu 03/12/2026 inclus",
    "en": "from Tue 01/12/2026 up to and including Thu 03/12/2026",
}
ON_A_PAGE = "di 01/12/2026 – do 03/12/2026"
TRAINING = {"kind": "training", "title": "Draaien voor beginners", "places": 8, "price_unit": "place"}
OPERATOR = {"kind": "operator", "title": "Ervaren draaier"}


@pytest.mark.parametrize("listing", [TRAINING, OPERATOR], ids=["training", "operator"])
def test_days_are_said_as_days_everywhere(platform: Platform, listing: dict[str, object]) -> None:
    """1 to 3 December, Brussels."""
    times = {"start": "2026-12-01T00:00:00+01:00", "end": "2026-12-04T00:00:00+01:00"}
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER)
    seeker = platform.somebody("an@startup.be", "startup")
    found = planner.post("/api/v1/listings", json=listing | times).json()
    search = seeker.post(
        "/api/v1/searches", json={"title": "Leren draaien", "wish": {"subject": listing["kind"]}}
    ).json()
    assert ON_A_PAGE in seeker.get(f"/searches/{search['id']}").text
    asked = seeker.post(f"/api/v1/listings/{found['id']}/booking", json=times)
    assert asked.status_code == 201, asked.text
    made = asked.json()["id"]
    guest = {"organisation": "Gast BV", "name": "Gast", "email": "gast@x.be", "language": "fr"}
    if "places" in listing:
        assert (
            platform.anyone.post(f"/api/v1/listings/{found['id']}/booking", json=times | {"guest": guest}).status_code
            == 202
        )
        assert SAID["fr"] in platform.mail("gast@x.be", "Draaien").get_content()
    assert SAID["nl"] in platform.mail("p@hal.be", "vraagt").get_content()
    assert ON_A_PAGE in planner.get("/desk").text
    assert ON_A_PAGE in seeker.get("/desk").text
    assert step(planner, made, "accepted").status_code == 200
    assert SAID["nl"] in platform.mail("an@startup.be", "aanvaard").get_content()
    assert ON_A_PAGE in planner.get(f"/bookings/{made}").text
    assert ON_A_PAGE in seeker.post(f"/bookings/{made}/state", data={"state": "cancelled"}).text
    for client, subject in ((planner, "provider"), (platform.somebody("o@startup.be", "startup"), "seeker")):
        url = client.post("/api/v1/feeds", json={"subject": subject}).json()["url"]
        text = platform.anyone.get(url).text
        assert "DTSTART;VALUE=DATE:20261201" in text
        assert "DTEND;VALUE=DATE:20261204" in text, "the first day that is no longer meant"
        events: list[Any] = list(Calendar.from_ical(text).walk("VEVENT"))
        (event,) = (one for one in events if str(one["STATUS"]) == "CONFIRMED")
        assert event["DTSTART"].dt == date(2026, 12, 1)


def test_hours_of_a_machine_are_hours_though_they_begin_and_end_at_midnight(platform: Platform) -> None:
    platform.offer("o1", 11, 24, booking="on_request")
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER)
    platform.startup.post("/api/v1/offers/o1/booking", json={})
    assert "van ma 02/03/2026 23:00 tot di 03/03/2026 23:00" in platform.mail("p@hal.be", "vraagt").get_content()
    url = planner.post("/api/v1/feeds", json={"subject": "provider"}).json()["url"]
    assert "DTSTART:20260302T220000Z" in platform.anyone.get(url).text


@pytest.mark.parametrize("language", SAID)
@pytest.mark.parametrize("end", ["2026-12-04T00:00", "2026-12-03T23:59"])
def test_spans_in_sentences(language: str, end: str) -> None:
    local = ZoneInfo(BRUSSELS)
    start, last = (datetime.fromisoformat(one).replace(tzinfo=local) for one in ("2026-12-01T00:00", end))
    t = Translator(language, BRUSSELS)
    assert t.span(Span(start, last, True)) == SAID[language]
    assert "00:00" in t.span(Span(start, last, False))
    single = t.span(Span(start, start.replace(hour=23, minute=59), True))
    assert single.endswith("01/12/2026")
    assert ":" not in single


@pytest.mark.parametrize(
    ("language", "said"),
    [("nl", "op di 01/12/2026, 08:00 – 12:00"), ("fr", "le mar 01/12/2026, 08:00 – 12:00"), ("en", "on Tue 01/12/2026, 08:00 – 12:00")],
)  # fmt: skip
def test_hours_of_one_day_name_it_once(language: str, said: str) -> None:
    start = datetime(2026, 12, 1, 8, tzinfo=ZoneInfo(BRUSSELS))
    assert Translator(language, BRUSSELS).span(Span(start, start.replace(hour=12), False)) == said
