"""A guest who types the name of an organisation that is there: the factory is not deceived, and the guest learns nothing."""

from __future__ import annotations

import re
from typing import Any

import httpx2
import pytest

from sharing_platform.organisations.permissions import Kind, Role
from tests.sharing_platform.bookings.test_requests import step
from tests.sharing_platform.conftest import Platform

KNOWN, UNKNOWN = "Genk Toelevering NV", "Bakkerij Peeters"


@pytest.fixture
def world(platform: Platform) -> Platform:
    for name, start in (("o1", 54), ("o2", 78), ("o3", 102)):
        platform.offer(name, start, 4, booking="on_request")
    owner = platform.somebody("eva@genk.be", "genk")
    assert owner.put("/api/v1/organisation", json={"name": KNOWN}).status_code == 200
    return platform


def guest(organisation: str, email: str) -> dict[str, Any]:
    return {"guest": {"organisation": organisation, "name": "An", "email": email}}


def confirmed(platform: Platform, offer: str, organisation: str, email: str) -> tuple[httpx2.Client, str, list[str]]:
    """The guest's client, their booking, and all that they were answered."""
    asked = platform.elsewhere().post(f"/api/v1/offers/{offer}/booking", json=guest(organisation, email))
    client = platform.confirm_request(email)
    booking = asked.json()["id"]
    paths = (f"/api/v1/bookings/{booking}", f"/bookings/{booking}", f"/api/v1/bookings/{booking}/history", "/desk")
    answers = [
        asked.text,
        *(client.get(path).text for path in paths),
        platform.anyone.get(f"/api/v1/offers/{offer}").text,
    ]
    mails = [str(one["Subject"]) + one.get_content() for one in platform.mails_to(email)]
    return client, booking, [*answers, *mails]


@pytest.mark.parametrize(("typed", "unlike"), [(KNOWN, "Genk Bakkerijen NV"), ("genk toelevering", "genk bakkerijen")])
def test_a_known_name_is_answered_as_an_unknown_one(world: Platform, typed: str, unlike: str) -> None:
    _, _, known = confirmed(world, "o1", typed, "known@x.be")
    _, _, unknown = confirmed(world, "o2", unlike, "other@x.be")
    assert len(known) == len(unknown) > 7
    for one, other in zip(known, unknown, strict=True):
        told = r'"(?:code|state|status|awaits_region|steps)": ?[^,]+'
        assert re.findall(told, one) == re.findall(told, other)
        assert len(one.split()) == len(other.split()), "no word more"


def test_the_factory_can_decline_but_accepts_once_the_region_knows_who_it_is(world: Platform) -> None:
    region = world.somebody("r@limburg.be", "limburg", kind=Kind.REGION)
    client, booking, _ = confirmed(world, "o1", KNOWN, "known@x.be")
    called = world.mail("r@limburg.be", f"Wie is {KNOWN}?").get_content()
    assert client.get("/api/v1/organisation").json()["id"] in called
    other, fine, _ = confirmed(world, "o2", UNKNOWN, "other@x.be")
    planner = world.somebody("p@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    assert planner.get(f"/api/v1/bookings/{fine}").json()["awaits_region"] is False
    seen = planner.get(f"/api/v1/bookings/{booking}").json()
    assert (seen["awaits_region"], seen["steps"]) == (True, ["declined", "withdrawn"])
    page = planner.get(f"/bookings/{booking}").text
    assert "lijkt sterk op die van een organisatie" in page
    assert ('value="declined"' in page, 'value="accepted"' in page) == (True, False)
    refused = step(planner, booking, "accepted")
    assert (refused.status_code, refused.json()["code"]) == (409, "awaits_region")
    assert step(planner, fine, "accepted").status_code == 200
    assert [one["Subject"] for one in world.mails_to("r@limburg.be") if UNKNOWN in str(one["Subject"])] == []
    name = client.get("/api/v1/organisation").json()["id"]
    assert region.put(f"/api/v1/region/organisations/{name}/approval", json={"approved": True}).status_code == 200
    assert step(planner, booking, "accepted").status_code == 200
    assert other.get(f"/api/v1/bookings/{fine}").json()["state"] == "accepted"


def test_it_can_be_declined_at_once_and_ends_where_the_region_refuses(world: Platform) -> None:
    _, booking, _ = confirmed(world, "o1", KNOWN, "known@x.be")
    client, second, _ = confirmed(world, "o3", KNOWN, "second@x.be")
    assert step(world.hal_2, booking, "declined").status_code == 200
    region = world.somebody("r@limburg.be", "limburg", kind=Kind.REGION)
    name = client.get("/api/v1/organisation").json()["id"]
    assert (
        region.put(
            f"/api/v1/region/organisations/{name}/approval", json={"approved": False, "reason": "Onbekend."}
        ).status_code
        == 200
    )
    assert world.hal_2.get(f"/api/v1/bookings/{second}").json()["state"] == "expired"


def test_only_approved_organisations_keep_a_newcomer_waiting(platform: Platform) -> None:
    platform.offer("o1", 6, 4, booking="on_request")
    newcomer = platform.somebody("eva@genk.be", "genk-toelevering", approved=False)
    _, booking, _ = confirmed(platform, "o1", KNOWN, "known@x.be")
    assert newcomer.get("/api/v1/organisation").json()["status"] == "asked"
    assert step(platform.hal_2, booking, "accepted").status_code == 200


def test_who_answered_is_shown_to_their_own_people_alone(platform: Platform) -> None:
    platform.offer("o1", 6, 4, booking="on_request")
    planner = platform.somebody("piet.planner@hal.be", "hal-2", Role.PLANNER, Kind.FACTORY)
    colleague = platform.somebody("mia@hal.be", "hal-2", Role.MEMBER)
    seeker = platform.somebody("an.vraagt@startup.be", "startup")
    booking = seeker.post("/api/v1/offers/o1/booking", json={}).json()["id"]
    assert step(planner, booking, "declined").status_code == 200

    def people(client: httpx2.Client) -> list[str | None]:
        return [one["person"] for one in client.get(f"/api/v1/bookings/{booking}/history").json()["events"]]

    assert people(colleague)[-1] == people(platform.hal_2)[-1] == "piet.planner"
    assert "piet.planner" in colleague.get(f"/bookings/{booking}").text
    assert people(seeker)[-1] is None
    assert "piet.planner" not in seeker.get(f"/bookings/{booking}").text
    assert "an.vraagt" not in str(people(colleague))
    assert platform.hal_3.get(f"/api/v1/bookings/{booking}/history").status_code == 404
