"""The demo's region comes in through the platform's API over a fortnight, and shows each kind of thing that is shared and each way in which a request can go."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from analytics.policy.policy import Policy
from sharing_platform.geography import place_named
from simulators.limburg import GENK, PLANTS, SimulatedPlant
from tests.sharing_platform.conftest import NOON, Platform, client
from tests.vrijloop.demo_platform import TOKENS, demo_platform, empty_platform
from vrijloop.demo.policies import demo_policy
from vrijloop.demo.verbs import told

pytestmark = pytest.mark.xdist_group("demo_region")
TOLD = told("region.toml")
ALL_STATES = "&".join(
    f"state={one}"
    for one in ("requested", "held", "accepted", "in_use", "completed", "declined", "cancelled", "expired", "withdrawn")
)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with demo_platform(tmp_path_factory.mktemp("region")) as played:
        yield played


def test_a_region_shares_and_looks(platform: Platform) -> None:
    assert all(place_named(one["place"]) is not None for one in (*TOLD["organisation"], *TOLD["factory"]))
    listings = platform.anyone.get("/api/v1/listings").json()["listings"]
    assert {one["kind"] for one in listings} == {"operator", "equipment", "know_how", "training"}
    over = {"rolbrug"}
    assert len(listings) == len(TOLD["listing"].keys() - over)
    notices = platform.anyone.get("/api/v1/wanted").json()["searches"]
    assert len(notices) == len(TOLD["notice"].keys() - {"frezer"}), "not those of who is not approved yet"
    on_map = re.findall(r'aria-label="(\d+) machines? in ([^":]+)', platform.anyone.get("/?lang=en").text)
    assert {(plant_of, count) for count, plant_of in on_map} == {("Genk", "8"), ("Sint-Truiden", "3"), ("Lommel", "2")}
    trainings = {one["title"]: one for one in listings if one["kind"] == "training"}
    assert all(one["details"]["sessions"] for one in trainings.values())
    full = next(one for one in trainings.values() if one["places_left"] == 0)
    course = platform.somebody("els@demo.example").get(f"/listings/{full['id']}?lang=nl").text
    assert "1 organisatie staat op de wachtlijst" in course
    parts = platform.anyone.get(f"/api/v1/wanted/{next(one['id'] for one in notices if one['part_count'])}").json()
    assert [(one["answers"], one["filled"]) for one in parts["parts"]] == [
        (1, True),
        *[(0, False)] * 3,
        (1, False),
    ]


def test_every_machine_and_all_equipment_have_a_drawing(platform: Platform) -> None:
    for plant in PLANTS:
        for machine in plant.machines:
            (picture,) = platform.anyone.get(f"/api/v1/machines/{plant.factory}/{machine.machine}").json()["pictures"]
            assert picture["alt"] == f"Tekening: {machine.title}", "it does not pass for a photograph"
            assert platform.anyone.get(f"{picture['path']}/small").headers["content-type"] == "image/webp"
    equipment = platform.anyone.get("/api/v1/listings", params={"kind": "equipment"}).json()["listings"]
    assert [len(one["pictures"]) for one in equipment] == [1] * 3


def test_requests_have_gone_every_way_and_at_hours_that_make_sense(platform: Platform) -> None:
    states, waited = Counter[str](), list[timedelta]()
    for plant in PLANTS:
        with client(platform.url, headers={"Authorization": f"Bearer {TOKENS[plant.factory]}"}) as factory:
            for booking in factory.get(f"/api/v1/bookings?side=provider&{ALL_STATES}").json()["bookings"]:
                states[booking["state"]] += 1
                events = factory.get(f"/api/v1/bookings/{booking['id']}/history").json()["events"]
                at = [datetime.fromisoformat(one["at"]) for one in events]
                assert at == sorted(at)
                assert NOON - timedelta(days=15) < at[0] <= at[-1] <= NOON
                waited += [
                    when - at[0]
                    for when, one in zip(at, events, strict=True)
                    if one["state"] in ("accepted", "declined") and when > at[0]
                ]
                if booking["state"] == "completed":
                    assert events[-1]["at"] == booking["end"], "the platform's clock went through it"
    assert states.keys() >= {"held", "accepted", "completed", "declined", "cancelled", "expired", "withdrawn"}, states
    assert states["completed"] >= 4
    assert len([one for one in waited if timedelta(minutes=30) < one < timedelta(hours=3)]) >= 5
    record = platform.anyone.get("/api/v1/machines/haspengouw-metaal/plaatschaar-1").json()
    assert (record["kept"], record["not_free"]) == (2, 1), "of the factory, whose broken promise is said"


def test_both_sides_have_something_to_look_back_on(platform: Platform) -> None:
    an, els, lies = (platform.somebody(f"{one}@demo.example") for one in ("an", "els", "lies"))
    booked = an.get(f"/api/v1/bookings?side=seeker&{ALL_STATES}").json()["bookings"]
    assert {"completed", "cancelled", "accepted", "held"} <= {one["state"] for one in booked}
    done = next(one for one in booked if one["title"].startswith("5-assige") and one["state"] == "completed")
    kinds = [one["kind"] for one in an.get(f"/api/v1/bookings/{done['id']}/thread").json()["entries"]]
    assert {"step", "proposal", "message"} <= set(kinds)
    assert an.get(f"/api/v1/bookings/{done['id']}/review").json()["other"]["verdict"] == "as_agreed"
    statement = an.get("/api/v1/organisation/statements/2026-02.csv").text
    assert "5-assige freesmachine" in statement
    assert "CNC-draaibank met stangaanvoer" in statement
    asked = lies.get("/api/v1/region/organisations", params={"status": "asked"}).json()["organisations"]
    assert {one["name"] for one in asked} == {"Frezerij Bex", "Bio Spoel"}
    page = els.get("/desk?lang=nl").text
    states = re.findall(r"<a [^>]*>([^<]+)</a></div><div class=\"soft\">Opleiding</div><div>(\w+)</div>", page)
    titles = {name: TOLD["listing"][name]["title"] for name in ("rolbrug", "beginners", "lasrobots", "draaien")}
    assert dict(states) == {title: "afgelopen" if name == "rolbrug" else "open" for name, title in titles.items()}, (
        "the course that was given is over"
    )


def test_people_tell_show_and_ask_each_other(platform: Platform) -> None:
    kinds = ("story", "meeting", "interest", "question")
    posts = [one for kind in kinds for one in platform.anyone.get(f"/api/v1/learning?kind={kind}").json()["posts"]]
    assert {one["title"] for one in posts} == {one["title"] for one in told("learning.toml")["post"].values()}
    meetings = [one for one in posts if one["kind"] == "meeting"]
    (visit,) = (one for one in meetings if one["waiting"])
    assert sorted(one["seats_left"] for one in meetings) == [0, 8, 10]
    eva, els = (platform.somebody(f"{one}@demo.example") for one in ("eva", "els"))
    attendees = eva.get(f"/api/v1/learning/{visit['id']}/seats").json()["attendees"]
    assert [one["state"] for one in attendees] == ["seated"] * 5 + ["waiting"]
    wanted = [one for one in posts if one["kind"] == "interest"]
    assert sorted((one["organisations"], one["trainers_told"]) for one in wanted) == [(3, False), (4, True)]
    assert sorted((one["answers"], one["solved"]) for one in posts if one["kind"] == "question") == [
        (0, False), (1, False), (2, True),
    ]  # fmt: skip
    assert "Hier een opleiding van maken" in els.get(f"/learning/{wanted[0]['id']}?lang=nl").text


def test_two_factories_have_said_how_far_they_are_for_a_year(platform: Platform) -> None:
    for name, moments, shown in (("eva", 4, 1), ("griet", 3, 2)):
        member = platform.somebody(f"{name}@demo.example")
        found = member.get("/api/v1/self-assessment").json()
        assert len({one["day"] for one in found["answers"]}) == moments
        assert min(one["day"] for one in found["answers"]) <= (NOON - timedelta(weeks=52)).date().isoformat()
        assert all(one["level"] is not None for one in found["standings"]), "each question has an answer"
        assert len(found["goals"]) >= 1
        assert all(one["shown"] for one in found["strengths"])
        assert len(found["strengths"]) == shown
    assert len(platform.somebody("an@demo.example").get("/api/v1/self-assessment/network").json()["strengths"]) == 3


def test_six_factories_are_compared(platform: Platform) -> None:
    """One of them may leave, as somebody who tries the button does."""
    eva, dirk = (platform.somebody(f"{one}@demo.example") for one in ("eva", "dirk"))
    for _ in range(2):
        (found,) = eva.get("/api/v1/comparison").json()["classes"]
        assert len(found["months"]) >= 3
        assert all(one["quartiles"] and one["own"] is not None for one in found["figures"])
        dirk.put("/api/v1/comparison/participation", json={"takes_part": False})


def test_one_signs_in_with_a_click_as_the_demos_people_and_nobody_else(platform: Platform) -> None:
    with httpx2.Client(base_url=platform.url, headers={"Origin": platform.url}, follow_redirects=True) as browser:
        page = browser.get("/demo?lang=en").text
        assert "Reload this page" not in page
        people = re.findall(r'name="person" value="([^"]+)"', page)
        assert len(people) == 6
        for name in people:
            assert name in browser.post("/demo/sign-in", data={"person": name}).text, (
                "who is signed in stands above the page"
            )
        assert 'href="/demo">change roles' in browser.get("/?lang=en").text
        for other in ("Rik Thijs", "Tom Peeters", "eva@hal-2.example", ""):
            assert browser.post("/demo/sign-in", data={"person": other}).status_code == 404, "is no role"
        assert browser.get("/demo/control-room", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 404


def test_before_the_script_is_played_nobody_is_there(tmp_path: Path) -> None:
    with empty_platform(tmp_path) as platform:
        assert "Reload this page" in platform.anyone.get("/demo?lang=en").text
        with httpx2.Client(base_url=platform.url, headers={"Origin": platform.url}) as browser:
            assert browser.post("/demo/sign-in", data={"person": "An Claes"}).status_code == 404


@pytest.mark.parametrize("plant", PLANTS, ids=lambda one: one.factory)
def test_the_demo_says_what_its_hours_cost(plant: SimulatedPlant) -> None:
    policy = Policy.model_validate(tomllib.loads(demo_policy(plant)))
    prices = {machine.machine: policy.for_machine(machine.machine).price for machine in plant.machines}
    free = ["oude-kotterbank"] if plant is GENK else []
    assert [name for name, price in prices.items() if price is None] == free
    described = next(one for one in TOLD["factory"] if one["id"] == plant.factory)
    assert set(described["machines"]) <= set(prices)
