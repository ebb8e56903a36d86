"""Plant visits and learning groups: seats, who waits for one, who is told, and who sees who comes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import httpx2
from icalendar import Calendar
from sqlalchemy import select

from sharing_platform.learning.models import Post
from sharing_platform.notifications.models import Mail
from sharing_platform.organisations.permissions import Kind, Role
from tests.servers import wait_for
from tests.sharing_platform.conftest import NOON, Platform
from tests.sharing_platform.learning.samples import API, code, meeting, page_of, post


def people(platform: Platform, *names: str) -> list[httpx2.Client]:
    """Each of an organisation of their own."""
    return [platform.somebody(f"{one}@{one}.be", one, Role.MEMBER) for one in names]


def test_seats_are_taken_waited_for_and_given_back(platform: Platform) -> None:
    organiser = platform.somebody("eva@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    path = post(organiser, meeting(seats=1))
    page = page_of(path)
    an, bo, cy = people(platform, "an", "bo", "cy")
    assert [one.put(f"{path}/seat").json()["state"] for one in (an, bo, cy, an)] == ["seated", "waiting", "waiting", "seated"]  # fmt: skip
    assert cy.put(f"{path}/seat").json()["number"] == 2
    shown = platform.anyone.get(path).json()
    assert (shown["seats_left"], shown["waiting"]) == (0, 2)
    assert "Nummer 2" in cy.get(page).text
    assert [one["name"] for one in organiser.get(f"{path}/seats").json()["attendees"]] == ["an", "bo", "cy"]
    assert "an@an.be" in organiser.get(page).text
    assert "U hebt een plaats" in an.get("/desk").text
    for stranger in (platform.anyone, an, platform.startup, platform.hal_3):
        text = stranger.get(page).text + stranger.get(path).text
        assert "Wie komt" not in text, "only the organiser sees who comes"
        assert not [one for one in ("bo@bo.be", "cy@cy.be") if one in text]
    assert [one.get(f"{path}/seats").status_code for one in (platform.anyone, an, platform.hal_3)] == [401, 403, 404]
    assert an.post(f"{page}/seat", data={"leave": "yes"}).headers["location"].endswith("done=seat_left")
    assert "Dijk 4, Genk" in platform.mail("bo@bo.be", "U hebt een plaats").get_content()
    assert an.delete(f"{path}/seat").status_code == 404, "once is enough"
    assert bo.put(f"{path}/seat").json()["state"] == "seated"
    assert an.post(f"{page}/seat", data={"x": "y"}).headers["location"].endswith("done=seat_waiting"), "at the end of the line"  # fmt: skip
    assert organiser.put(path, json=meeting(seats=3)).status_code == 200
    assert platform.mail("cy@cy.be", "U hebt een plaats")
    assert len(platform.mails_to("bo@bo.be")) == 1, "each is told once"
    assert code(organiser.put(path, json=meeting(seats=2))) == "seats_taken"


def test_who_cannot_sign_up(platform: Platform) -> None:
    path = post(platform.hal_2, meeting())
    own = platform.somebody("eva@hal.be", "hal-2", Role.MEMBER, Kind.FACTORY)
    new = platform.somebody("n@new.be", "newcomer", approved=False)
    (an,) = people(platform, "an")
    told = [code(one.put(f"{path}/seat")) for one in (platform.anyone, own, new, platform.startup)]
    assert told == ["sign_in", "own", "not_approved", "seat_is_for_people"]
    assert "/seat" not in new.get(page_of(path)).text
    assert an.put(f"{API}/{'0' * 8}-0000-4000-8000-{'0' * 12}/seat").status_code == 404
    platform.later(100)
    assert code(an.put(f"{path}/seat")) == "meeting_over"
    assert "lascel" not in platform.anyone.get("/learning").text, "what is over is listed no more"


def test_no_seat_is_given_twice_however_many_ask_at_once(platform: Platform) -> None:
    path = post(platform.hal_2, meeting(seats=2))
    everybody = people(platform, *"abcdef")
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda one: one.put(f"{path}/seat"), everybody * 2))
    assert {one.status_code for one in answers} == {200}
    organiser = platform.somebody("eva@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    states = [one["state"] for one in organiser.get(f"{path}/seats").json()["attendees"]]
    assert states == ["seated"] * 2 + ["waiting"] * 4


def test_who_comes_is_told_of_changes_and_reminded_once(platform: Platform) -> None:
    organiser = platform.somebody("eva@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    start = NOON + timedelta(hours=72)
    sessions = [
        {"start": (start + timedelta(days=days)).isoformat(), "end": (start + timedelta(days=days, hours=2)).isoformat()}
        for days in (0, 7)
    ]  # fmt: skip
    path = post(organiser, meeting(form="group", sessions=sessions))
    an, bo, cy = people(platform, "an", "bo", "cy")
    for one in (an, bo, cy):
        one.put(f"{path}/seat")
    organiser.put(path, json=meeting(form="group", sessions=sessions) | {"title": "Lassen met cobots"})
    assert platform.mails == [], "another title is nothing to be told of"
    organiser.put(path, json=meeting(form="group", sessions=sessions, address="Kaai 1"))
    assert "Kaai 1, Genk" in platform.mail("an@an.be", "Gewijzigd").get_content()
    assert platform.mail("cy@cy.be", "Gewijzigd"), "also who waits"
    platform.later(47)
    assert not [one for one in platform.mails if "Herinnering" in one["Subject"]]
    for hours in (1.5, 1, 20):
        platform.later(hours)

    def reminded() -> list[str]:
        return sorted(one["To"] for one in platform.mails if "Herinnering" in one["Subject"])

    wait_for(lambda: len(reminded()) >= 3, "reminders")
    assert reminded() == ["an@an.be", "bo@bo.be", "eva@hal.be"], "who has a seat, and the organiser, once"
    assert "Ingeschreven: 2" in platform.mail("eva@hal.be", "Herinnering").get_content()
    platform.later(24 * 7)
    wait_for(lambda: len(reminded()) >= 6, "reminders of the second session")
    assert reminded().count("an@an.be") == 2, "of each session"
    assert organiser.delete(path).status_code == 204
    assert platform.mail("bo@bo.be", "Afgelast")
    platform.later(24 * 80)
    organiser = platform.somebody("eva@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    assert len(organiser.get(f"{path}/seats").json()["attendees"]) == 3
    platform.later(24 * 11)
    assert organiser.get(f"{path}/seats").json()["attendees"] == [], "who came is forgotten"


def test_of_a_meeting_that_is_over_nobody_is_told_anything(platform: Platform) -> None:
    organiser = platform.somebody("eva@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    path = post(organiser, meeting(seats=1))
    for one in people(platform, "an", "bo"):
        one.put(f"{path}/seat")
    platform.later(100)
    organiser = platform.somebody("eva@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    assert organiser.put(path, json=meeting(seats=9, address="Kaai 1")).status_code == 200
    with platform.context.sessions() as session:
        assert not session.scalars(select(Mail.subject)).all(), "nor is anything waiting to be sent"
    assert [one["state"] for one in organiser.get(f"{path}/seats").json()["attendees"]] == ["seated", "waiting"]


def entries(client: httpx2.Client, subject: str) -> list[tuple[str, str, int]]:
    made = client.post("/api/v1/feeds", json={"subject": subject}).json()["url"]
    calendar: Any = Calendar.from_ical(client.get(made).text)
    return [(str(one["summary"]), str(one["status"]), int(one["sequence"])) for one in calendar.walk("VEVENT")]


def test_meetings_are_in_feeds_and_on_the_calendar(platform: Platform) -> None:
    organiser = platform.somebody("eva@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    guest = platform.somebody("an@an.be", "an", Role.PLANNER)
    path = post(organiser, meeting(seats=1))
    assert entries(guest, "seeker") == []
    guest.put(f"{path}/seat")
    waits = platform.somebody("bo@bo.be", "bo", Role.PLANNER)
    waits.put(f"{path}/seat")
    there = [("Bezoek aan onze lascel", "CONFIRMED", 0)]
    assert entries(guest, "seeker") == entries(organiser, "provider") == there
    assert entries(guest, "provider") == entries(waits, "seeker") == entries(organiser, "machine:mill-1") == []
    for client in (guest, organiser):
        (item,) = client.get("/parts/calendar/own").json()["items"]
        assert (item["title"], item["start"], item["url"]) == ("Bezoek aan onze lascel", "2026-03-05T12:00", page_of(path))  # fmt: skip
    organiser.put(path, json=meeting(seats=1, hours=75))
    assert entries(guest, "seeker") == [("Bezoek aan onze lascel", "CONFIRMED", 1)]
    organiser.delete(path)
    assert entries(guest, "seeker") == [("Bezoek aan onze lascel", "CANCELLED", 2)]
    assert code(organiser.put(path, json=meeting())) == "meeting_is_cancelled", "who had a seat was told so"
    assert guest.get("/parts/calendar/own").json()["items"] == []


def test_who_leaves_the_platform_gives_back_the_seat(platform: Platform) -> None:
    path = post(platform.hal_2, meeting(seats=1))
    an, bo, cy = people(platform, "an", "bo", "cy")
    for one in (an, bo, cy):
        one.put(f"{path}/seat")
    assert [one["state"] for one in an.get("/api/v1/account/data").json()["seats"]] == ["seated"]
    assert an.request("DELETE", "/api/v1/account").status_code == 204
    region = platform.somebody("r@limburg.be", "limburg", Role.OWNER, Kind.REGION)
    refusal = {"approved": False, "reason": "Onbekend."}
    region.put("/api/v1/region/organisations/bo/approval", json=refusal)
    assert platform.mail("bo@bo.be", "U hebt een plaats")
    assert platform.mail("cy@cy.be", "U hebt een plaats")
    region.put("/api/v1/region/organisations/hal-2/approval", json=refusal)
    assert platform.mail("cy@cy.be", "Afgelast")
    assert platform.anyone.get(path).status_code == 404


def test_whoever_is_removed_from_the_organisation_gives_back_the_seat(platform: Platform) -> None:
    path = post(platform.hal_2, meeting(seats=1))
    owner = platform.somebody("eva@an.be", "an")
    an, bo = people(platform, "an", "bo")
    for one in (an, bo):
        one.put(f"{path}/seat")
    gone = an.get("/api/v1/account").json()["id"]
    assert owner.delete(f"/api/v1/organisation/members/{gone}").status_code == 204
    assert platform.mail("bo@bo.be", "U hebt een plaats")
    organiser = platform.somebody("eva@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    assert [one["name"] for one in organiser.get(f"{path}/seats").json()["attendees"]] == ["bo"]
    assert organiser.delete(path).status_code == 204
    platform.mail("bo@bo.be", "Afgelast")
    assert not platform.mails_to("an@an.be")
    assert bo.delete(f"{path}/seat").status_code == 204, "what was withdrawn is left, too"


def test_of_a_meeting_that_is_hidden_seats_are_given_back_and_nobody_is_told(platform: Platform) -> None:
    path = post(platform.hal_2, meeting(seats=1))
    an, bo = people(platform, "an", "bo")
    for one in (an, bo):
        one.put(f"{path}/seat")
    _hide(platform, path, platform.present[0])
    done = an.post(f"{page_of(path)}/seat", data={"leave": "yes"}, follow_redirects=True)
    assert (done.status_code, "U bent uitgeschreven." in done.text) == (200, True)
    _hide(platform, path, None)
    assert bo.put(f"{path}/seat").json()["state"] == "seated"
    assert platform.hal_2.delete(path).status_code == 204
    platform.mail("bo@bo.be", "Afgelast")
    assert len(platform.mails_to("bo@bo.be")) == 1


def _hide(platform: Platform, path: str, moment: datetime | None) -> None:
    with platform.context.sessions.begin() as session:
        session.get_one(Post, path.rpartition("/")[2]).taken_down = moment


def test_a_meeting_is_made_and_changed_by_its_form(platform: Platform) -> None:
    organiser = platform.somebody("eva@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    form = {
        "kind": "meeting", "form": "group", "title": "Werkgroep energie", "text": "Wie meet, die weet.", "place": "Sint-Truiden", "seats": "12",
        "session_day": ["2026-03-10", "2026-03-17", ""], "session_from": ["09:00", "09:00", ""], "session_to": ["11:00", "11:30", ""], "languages": ["nl", "fr"],
    }  # fmt: skip
    wrong = organiser.post("/learning/new", data=form | {"session_to": ["08:00", "11:30", ""]})
    assert wrong.status_code == 422
    assert 'value="2026-03-17"' in wrong.text
    made = organiser.post("/learning/new", data=form).headers["location"].partition("?")[0]
    page = platform.anyone.get(made).text
    assert "di 10/03/2026, 09:00 – 11:00" in page
    assert "di 17/03/2026, 09:00 – 11:30" in page
    assert "12 van de 12 plaatsen vrij" in page
    assert 'value="2026-03-17"' in organiser.get(f"{made}/edit").text
    assert organiser.post(f"{made}/edit", data=form | {"seats": "14"}).status_code == 303
    assert platform.anyone.get(f"/api/v1{made}").json()["seats_left"] == 14
    found = platform.anyone.get(f"{API}?kind=meeting&near=Sint-Truiden&within_km=5").json()["posts"]
    assert [one["title"] for one in found] == ["Werkgroep energie"]
