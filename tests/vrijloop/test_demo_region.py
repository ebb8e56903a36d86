"""The demo's region comes in through the platform's API, and shows each kind of thing that is shared."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from analytics.policy.policy import Policy
from sharing_platform.geography import place_named
from simulators.limburg import GENK, PLANTS, SimulatedPlant
from tests.sharing_platform.conftest import NOON, Platform
from tests.vrijloop.demo_platform import TOLD, demo_platform
from vrijloop.demo import region
from vrijloop.demo.policies import demo_policy
from vrijloop.demo.sign_in_page import add_demo
from vrijloop.demo.workplace import Workplace


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[Platform, Workplace]]:
    with demo_platform(tmp_path) as made:
        yield made


def test_a_region_shares_looks_and_asks(demo: tuple[Platform, Workplace]) -> None:
    platform, place = demo
    assert all(
        place_named(one["place"]) is not None for one in (*TOLD["organisation"], *TOLD["applicant"], *TOLD["factory"])
    )
    region.fill_region(place, NOON)
    listings = platform.anyone.get("/api/v1/listings").json()["listings"]
    assert {one["kind"] for one in listings} == {"operator", "equipment", "know_how", "training"}
    shared = sum(len(one.get("listings", ())) for one in (*TOLD["organisation"], *TOLD["factory"]))
    assert len(listings) == shared
    notices = platform.anyone.get("/api/v1/wanted").json()["searches"]
    assert len(notices) == sum(len(one.get("wanted", ())) for one in TOLD["organisation"]), "not those of applicants"
    assert 'aria-label="10 machines in' in platform.anyone.get("/?lang=en").text, "the map knows where the factory is"
    trainings = [one for one in listings if one["kind"] == "training"]
    assert sorted(one["places"] - one["places_left"] for one in trainings) == [0, 2, 2], "requests have been accepted"
    full = next(one for one in trainings if one["places_left"] == 0)
    assert (
        "1 organisatie staat op de wachtlijst"
        in platform.somebody("els@demo.example").get(f"/listings/{full['id']}?lang=nl").text
    )
    assert all(one["details"]["sessions"] for one in trainings)
    notice = next(one for one in notices if one["part_count"])
    parts = platform.anyone.get(f"/api/v1/wanted/{notice['id']}").json()["parts"]
    assert [one["answers"] for one in parts] == [1, 0, 0, 0, 1]
    region.fill_region(place, NOON)
    assert len(platform.anyone.get("/api/v1/listings").json()["listings"]) == len(listings), "once is enough"


def test_one_signs_in_with_a_click_as_the_demos_people_and_nobody_else(
    demo: tuple[Platform, Workplace], tmp_path: Path
) -> None:
    platform, place = demo
    assert platform.app is not None
    add_demo(platform.app, tmp_path)
    with httpx2.Client(base_url=platform.url, headers={"Origin": platform.url}, follow_redirects=True) as browser:
        assert "Reload this page" in browser.get("/demo?lang=en").text, "nobody is there yet"
        assert browser.post("/demo/sign-in", data={"person": "An Claes"}).status_code == 404
        region.fill_region(place, NOON)
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


@pytest.mark.parametrize("plant", PLANTS, ids=lambda one: one.factory)
def test_the_demo_says_what_its_hours_cost(plant: SimulatedPlant) -> None:
    policy = Policy.model_validate(tomllib.loads(demo_policy(plant)))
    prices = {machine.machine: policy.for_machine(machine.machine).price for machine in plant.machines}
    free = ["oude-kotterbank"] if plant is GENK else []
    assert [name for name, price in prices.items() if price is None] == free
    told = next(one for one in TOLD["factory"] if one["id"] == plant.factory)
    assert set(told["machines"]) <= set(prices)
