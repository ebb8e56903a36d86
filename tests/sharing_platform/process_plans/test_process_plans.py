"""I want to make this: from words to steps, from steps to what the region has, and to one notice with parts."""

from __future__ import annotations

from typing import Any

import pytest

from sharing_platform.process_plans.product import parts_of, understood, wish_of_step
from sharing_platform.process_plans.schemas import ProductIn
from tests.sharing_platform.conftest import Platform
from tests.sharing_platform.search.test_search import described, listing

WORDS = "Behuizing in aluminium, 120 x 80 x 40 mm, frezen en poederlakken, 200 stuks"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"words": WORDS}, {"processes": ["milling", "coating"], "materials": ["aluminium"], "size_mm": (120, 80, 40), "number": 200}),
        ({"words": WORDS, "materials": ["titaan"], "number": 5}, {"materials": ["titaan"], "number": 5}),
        ({"words": "iets", "processes": ["turning", "magic", "turning"]}, {"processes": ["turning"]}),
        ({"words": "frezen", "processes": ["turning"]}, {"processes": ["milling", "turning"]}),
    ],
)  # fmt: skip
def test_what_words_say_counts_where_no_field_does(given: dict[str, Any], expected: dict[str, Any]) -> None:
    known = understood(ProductIn.model_validate(given)).model_dump()
    assert {name: known[name] for name in expected} == expected


def test_a_workpiece_has_to_fit_where_it_is_shaped_not_where_it_is_coated() -> None:
    known = understood(ProductIn(words=WORDS))
    assert wish_of_step(known, "milling", "machine").workpiece_mm == (120, 80, 40)
    assert wish_of_step(known, "coating", "machine").workpiece_mm is None
    assert wish_of_step(known, "milling", "operator").materials == []
    chosen = parts_of(known, ["milling:machine", "coating:training", "turning:machine", "coating:nonsense"])
    assert [(part.wish.process, part.wish.subject) for part in chosen] == [
        ("milling", "machine"),
        ("coating", "training"),
    ]


def test_each_step_says_what_there_is_and_what_is_missing(platform: Platform) -> None:
    described(platform)
    for body in (
        listing("operator", details={"processes": ["milling"]}),
        listing("training", places=8, details={"process": "milling"}),
        listing("know_how", title="Maakbaarheid", details={"forms": ["advice"]}),
    ):
        assert platform.hal_2.post("/api/v1/listings", json=body).status_code == 201
    plan = platform.anyone.post("/api/v1/process-plans", json={"words": WORDS, "last_day": "2026-03-31"}).json()
    milling, coating = plan["steps"]
    assert [one["title"] for one in milling["machines"]] == ["Freesbank DMU 50", "Mill"]
    assert milling["machines"][0]["price_per_hour"] == "60.00"
    assert (len(milling["operators"]), len(milling["trainings"]), milling["missing"]) == (1, 1, ["know_how"])
    assert coating["missing"] == ["machine", "operator", "training", "know_how"]
    assert [one["title"] for one in plan["makers"]] == ["Maakbaarheid"]
    assert platform.anyone.post("/api/v1/process-plans", json={"near": "Nergens"}).json()["code"] == "no_such_place"
    page = platform.anyone.get("/make", params={"q": f"{WORDS} bij Genk", "lang": "nl"}).text
    assert page.index('data-step="milling"') < page.index('data-step="coating"')
    assert 'name="near" type="text" value="Genk"' in page
    assert "Nu niet gevonden:" in page
    assert 'name="parts"' not in page, "who posts it, signs in first"
    nothing = platform.anyone.get("/make", params={"q": "iets moois", "lang": "nl"}).text
    assert "Wij herkennen in uw beschrijving geen bewerking" in nothing
    assert "Maakbaarheid" in nothing


def test_the_way_becomes_one_notice_with_parts(platform: Platform) -> None:
    described(platform)
    seeker = platform.somebody("an@startup.be", "startup")
    shown = seeker.get("/make", params={"q": WORDS}).text
    assert 'value="milling:machine" checked' in shown
    form = {"q": WORDS, "processes": "milling,coating", "title": "Behuizing", "number": "200"}
    again = seeker.post("/make", data=form)
    assert (again.status_code, "Duid minstens één deel aan." in again.text) == (422, True)
    made = seeker.post("/make", data=form | {"parts": ["milling:machine", "coating:machine", "coating:know_how"]})
    assert made.status_code == 303, made.text
    notice = seeker.get(f"/api/v1{made.headers['location'].partition('?')[0]}").json()
    assert [one["title"] for one in notice["parts"]] == [
        "frezen: een machine",
        "lakken en coaten: een machine",
        "lakken en coaten: raad of een maker",
    ]
    assert notice["part_count"] == 3
    assert "200 stuks" in notice["text"]
    matches = seeker.get(f"/api/v1/wanted/{notice['parts'][0]['id']}/matches").json()["matches"]
    assert {one["subject"] for one in matches} == {"offer:big", "offer:small"}
    assert "Iets maken, in 3 delen" in platform.anyone.get("/wanted").text
    assert 'href="/make"' in platform.anyone.get("/").text
