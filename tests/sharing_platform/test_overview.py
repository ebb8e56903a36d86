"""What the overview and the settings of an organisation tell its people."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import httpx2
import pytest

from sharing_platform.organisations.permissions import Kind, Role
from tests.sharing_platform.conftest import NOON, Platform

HIDDEN = "Niet zichtbaar voor anderen tot de regio uw organisatie heeft goedgekeurd."
ANSWER = "Hier beantwoordt u aanvragen zodra de regio"
OFFER = "Machines en hun vrije uren kunt u aanbieden zodra de regio"
LIST = "Operatoren, materieel, kennis en opleiding kunt u aanbieden zodra de regio"
INTEGRATE = "Agenda's en webhooks kunt u instellen zodra de regio"


@pytest.mark.parametrize(
    ("kind", "role", "expected"),
    [
        (Kind.FACTORY, Role.OWNER, {ANSWER, OFFER, LIST, INTEGRATE, HIDDEN}),
        (Kind.SEEKER, Role.PLANNER, {LIST, INTEGRATE, HIDDEN}),
        (Kind.FACTORY, Role.MEMBER, {HIDDEN}),
    ],
)
def test_until_the_region_has_decided_what_is_missing_says_so(
    platform: Platform, kind: Kind, role: Role, expected: set[str]
) -> None:
    owner = platform.somebody("o@new.be", "new", Role.OWNER, kind, approved=False)
    visitor = owner if role is Role.OWNER else platform.somebody("p@new.be", "new", role, approved=False)
    posted = owner.post("/api/v1/wanted", json={"title": "Draaiwerk", "wish": {"process": "turning"}})
    notice = f"/wanted/{posted.json()['id']}"
    shown = unescape(visitor.get("/desk").text + visitor.get("/organisation").text)
    said = {ANSWER, OFFER, LIST, INTEGRATE, HIDDEN}
    assert {one for one in said if one in shown} == expected
    assert HIDDEN in visitor.get(notice).text
    assert HIDDEN in visitor.get("/wanted/new").text, "before it is posted, too"
    assert platform.anyone.get(notice).status_code == 404, "which is true"
    region = platform.somebody("r@limburg.be", "limburg", kind=Kind.REGION)
    region.put("/api/v1/region/organisations/new/approval", json={"approved": True})
    shown = unescape(visitor.get("/desk").text + visitor.get("/organisation").text + visitor.get(notice).text)
    assert {one for one in said if one in shown} == set()
    assert platform.anyone.get(notice).status_code == 200


def test_a_request_with_parts_is_one_row_and_feeds_have_names(platform: Platform) -> None:
    platform.machine("mill-1", "Freesbank DMU 50")
    for name, start in (("o1", 6), ("o2", 30), ("o3", 54)):
        platform.offer(name, start, 6, booking="on_request", minimum_hours=2)
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    seeker = platform.somebody("s@seeker.be", "seeker", Role.OWNER)

    def part(name: str, start: float) -> dict[str, str]:
        times = (NOON + timedelta(hours=start), NOON + timedelta(hours=start + 6))
        return {"offer_id": name, "start": times[0].isoformat(), "end": times[1].isoformat()}

    first, *more = part("o1", 6), part("o2", 30), part("o3", 54)
    del first["offer_id"]
    made = seeker.post("/api/v1/offers/o1/booking", json={**first, "more": more}).json()
    assert len(made["parts"]) == 3
    days = ("ma 02/03/2026, 18:00", "di 03/03/2026, 18:00", "wo 04/03/2026, 18:00")

    def rows(person: httpx2.Client) -> list[str]:
        return re.findall(r'<li class="row" data-booking.*?</li>', person.get("/desk").text, re.DOTALL)

    for person in (planner, seeker):
        (row,) = rows(person)
        assert all(day in row for day in days), "all its times"
    planner.post(f"/api/v1/bookings/{made['id']}/state", json={"state": "accepted"})
    platform.later(7)
    begun, to_come = sorted(rows(planner), key=lambda row: days[0] not in row)
    assert [day in begun for day in days] == [True, False, False], "and each as it stands"
    assert [day in to_come for day in days] == [False, True, True]
    planner.post("/organisation/feeds", data={"subject": "machine:mill-1"})
    planner.post("/organisation/feeds", data={"subject": "provider"})
    shown = planner.get("/organisation").text
    assert '<option value="machine:mill-1">Freesbank DMU 50</option>' in shown
    assert {"<div>Freesbank DMU 50</div>", "<div>Bij ons geboekt</div>"} <= set(re.findall(r"<div>[^<]*</div>", shown))


def test_requests_are_answered_without_opening_each(platform: Platform) -> None:
    """Accepted with a click, declined with a reason, as on the page of the request; whoever may not answer is offered neither."""
    platform.machine("mill-1", "Freesbank DMU 50")
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    member = platform.somebody("m@hal.be", "hal-2", Role.MEMBER)
    seeker = platform.somebody("s@seeker.be", "seeker", Role.OWNER)
    made = []
    for name, start in (("o1", 6), ("o2", 30)):
        platform.offer(name, start, 6, booking="on_request")
        made.append(seeker.post(f"/api/v1/offers/{name}/booking", json={}).json()["id"])
    desk = planner.get("/desk").text
    assert [desk.count(f'action="/bookings/{one}/state"') for one in made] == [2, 2]
    assert "/state" not in member.get("/desk").text
    accepted = planner.post(f"/bookings/{made[0]}/state", data={"state": "accepted", "back": "desk"})
    assert (accepted.status_code, accepted.headers["location"]) == (303, "/desk?done=saved")
    answer = {"state": "declined", "message": "Die dag is er onderhoud.", "hours": "release", "back": "desk"}
    planner.post(f"/bookings/{made[1]}/state", data=answer)
    assert "Die dag is er onderhoud." in seeker.get(f"/bookings/{made[1]}").text
    assert "Er zijn geen aanvragen te beantwoorden." in planner.get("/desk").text
    assert [one["id"] for one in platform.anyone.get("/api/v1/offers").json()["offers"]] == ["o2"], (
        "its hours are free again"
    )
    elsewhere = planner.post(f"/bookings/{made[0]}/state", data={"state": "accepted", "back": "//evil.example"})
    assert elsewhere.headers["location"].startswith("/bookings/")
