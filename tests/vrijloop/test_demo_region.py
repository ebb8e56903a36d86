"""The demo's region comes in through the platform's API, and shows each kind of thing that is shared."""

from __future__ import annotations

import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from analytics.policy.policy import Policy
from sharing_platform.geography import place_named
from simulators.limburg import MACHINES
from tests.platform_databases import sqlite_copy
from tests.sharing_platform.conftest import NOON, platform_over
from vrijloop.demo import region
from vrijloop.demo.policies import limburg_policy
from vrijloop.demo.workplace import Workplace


def test_a_region_shares_looks_and_asks(tmp_path: Path) -> None:
    told = tomllib.loads(Path(region.__file__).with_name("region.toml").read_text())
    assert all(place_named(one["place"]) is not None for one in told["organisation"])
    url = sqlite_copy(tmp_path / "platform.sqlite")
    with platform_over(url) as platform:
        for machine in told["factory"]["machines"]:
            platform.machine(machine, machine, process="milling")
            platform.offer(f"o-{machine}", 30, 6, machine=machine)
        place = cast("Workplace", SimpleNamespace(factory="hal-2", database_url=url, platform_url=platform.url))
        region.fill_region(place, NOON)
        listings = platform.anyone.get("/api/v1/listings").json()["listings"]
        assert {one["kind"] for one in listings} == {"operator", "equipment", "know_how", "training"}
        assert len(listings) == sum(len(one.get("listings", ())) for one in told["organisation"])
        notices = platform.anyone.get("/api/v1/wanted").json()["searches"]
        assert len(notices) == 3
        page = platform.anyone.get("/").text
        assert "Genk Toelevering" in page
        assert 'aria-label="5 machines in Genk"' in page, "the map knows where the factory is"
        region_page = platform.anyone.get("/listings").text
        assert "Lasser TIG en MAG" in region_page
        trainings = [one for one in listings if one["kind"] == "training"]
        assert sorted(one["places"] - one["places_left"] for one in trainings) == [0, 2], "a request has been accepted"
        region.fill_region(place, NOON)
        assert len(platform.anyone.get("/api/v1/listings").json()["listings"]) == len(listings), "once is enough"
        link = region.administrator_link(place, NOON)
        secret = link.rpartition("/")[2]
        assert platform.anyone.post("/api/v1/accounts/link", json={"link": secret}).json()["purpose"] == "password"


def test_the_demo_says_what_its_hours_cost() -> None:
    policy = Policy.model_validate(tomllib.loads(limburg_policy()))
    prices = {machine.machine: policy.for_machine(machine.machine).price for machine in MACHINES}
    assert [name for name, price in prices.items() if price is None] == ["oude-kotterbank"]
