"""One search over machines, people, equipment, know-how, training and wanted notices."""

from __future__ import annotations

from typing import Any

from tests.sharing_platform.conftest import Platform
from tests.sharing_platform.search.test_search import WANTED, described, listing


def region(platform: Platform) -> None:
    """Two mills and a lathe, and something of each kind."""
    described(platform)
    for body in (
        listing("operator", title="Frezer, 5-assig", details={"processes": ["milling"], "place": "Bree"}),
        listing("equipment", title="Machineklem"),
        listing("know_how", title="Ontwerp", details={"fields": ["5-assig frezen"]}),
        listing(
            "training", title="CNC-frezen voor beginners", places=8, details={"process": "milling", "place": "Genk"}
        ),
    ):
        assert platform.hal_2.post("/api/v1/listings", json=body).status_code == 201, body
    assert platform.somebody("an@startup.be", "startup").post("/api/v1/wanted", json=WANTED).status_code == 201


def counts(platform: Platform, query: str) -> dict[str, Any]:
    found = platform.anyone.get(f"/api/v1/search?{query}").json()
    return {name: section["count"] for name, section in found.items() if section["count"]}


def test_words_find_the_machine_the_person_and_the_course(platform: Platform) -> None:
    region(platform)
    assert counts(platform, "q=5-assig+frezen") == {
        "machines": 1,
        "operators": 1,
        "know_how": 1,
        "trainings": 1,
        "notices": 1,
    }
    found = platform.anyone.get("/api/v1/search?q=5-assig+frezen").json()
    assert found["machines"]["found"][0]["offer_id"] == "big"
    assert found["trainings"]["by_process"] == "milling", "nothing has both words, but it is a course in milling"
    assert found["operators"]["by_process"] is None
    assert counts(platform, "q=frezen&near=Genk&within_km=5") == {"machines": 1, "trainings": 1}
    assert counts(platform, "q=titaan") == {}
    assert counts(platform, "")["equipment"] == 1
    none = platform.anyone.get("/api/v1/search?q=frezen&limit=0").json()
    assert (none["machines"]["count"], none["machines"]["found"]) == (2, [])
    assert platform.anyone.get("/api/v1/search?near=Nergens").json()["code"] == "no_such_place"


def test_the_page_has_a_section_for_each_kind_and_leads_to_all_of_it(platform: Platform) -> None:
    region(platform)
    page = platform.anyone.get("/search?q=5-assig+frezen+bij+Genk&lang=nl").text
    for link in ("/?near=Genk", "/listings?kind=training&amp;near=Genk", "process=milling"):
        assert link in page, link
    assert "5-assig frezen" in page
    assert "binnen 25 km van Genk" in page, "what was understood"
    assert "Niets gevonden met al deze woorden, wel voor frezen." in page
    assert "/wanted?q=5-assig+frezen" in platform.anyone.get("/search?q=5-assig+frezen").text
    nothing = platform.anyone.get("/search?q=titaan&lang=nl").text
    assert "/wanted/new?q=titaan" in nothing
    assert 'action="/search"' in platform.anyone.get("/register").text, "from every page"


def test_notices_are_found_by_their_words(platform: Platform) -> None:
    region(platform)
    for query, there in (
        ("q=aluminium", True),
        ("q=titaan", False),
        ("process=milling", True),
        ("process=turning", False),
    ):
        assert ("40 u 5-assig frezen" in platform.anyone.get(f"/wanted?{query}").text) == there, query


def test_partners_hours_are_found_by_partners_alone(platform: Platform) -> None:
    platform.machine("mill-1", "Freesbank", process="milling")
    platform.offer("secret", visibility="partners", partners=["hal-3"])
    found = [
        client.get("/api/v1/search?q=frezen").json()["machines"]["count"]
        for client in (platform.anyone, platform.startup, platform.hal_3)
    ]
    assert found == [0, 0, 1]
