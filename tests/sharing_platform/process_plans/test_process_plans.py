"""I want to make this: from words to steps, from steps to what the region has, and to one notice with parts."""

from __future__ import annotations

from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest

from sharing_platform.process_plans.product import parts_of, understood, wish_of_step
from sharing_platform.process_plans.schemas import ProductIn
from tests.sharing_platform.conftest import NOON, Platform
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
        "lakken en coaten: raad, of iemand die het maakt",
    ]
    assert notice["part_count"] == 3
    assert "200 stuks" in notice["text"]
    matches = seeker.get(f"/api/v1/wanted/{notice['parts'][0]['id']}/matches").json()["matches"]
    assert {one["subject"] for one in matches} == {"offer:big", "offer:small"}
    assert "Iets maken, in 3 delen" in platform.anyone.get("/wanted").text
    assert 'href="/make"' in platform.anyone.get("/").text


PLANS: list[tuple[dict[str, Any], list[tuple[float, float] | None], float | None]] = [
    ({}, [None, None], None),
    ({"turning": 2, "milling": 3}, [(4, 6), (6, 9)], 9),
    ({"turning": 2.2, "milling": 3}, [(4, 6.5), (6.5, 9.5)], 9.5),
    ({"milling": 3}, [None, (2, 5)], None),
    ({"turning": 2, "milling": 9}, [(4, 6), None], None),
    ({"turning": 9, "milling": 1}, [None, None], None),
    ({"turning": 4, "milling": 8.5}, [(4, 8), (24, 34)], 34),
]
"""Estimates; the hours of each step, from noon on; when all is done. There are mills from 3 to 7, from 2 to 14 (parts of two hours or more) and as a whole from 24 to 34, a lathe from 4 to 8."""


@pytest.mark.parametrize(("hours", "planned", "ready"), PLANS)
def test_steps_are_planned_one_after_the_other(
    platform: Platform, hours: dict[str, float], planned: list[tuple[float, float] | None], ready: float | None
) -> None:
    platform.machine("mill-1", "Freesbank", process="milling")
    platform.machine("mill-2", "Grote freesbank", process="milling")
    platform.machine("lathe-1", "Draaibank", process="turning")
    platform.offer("early", 3, 4, minimum_hours=1)
    platform.offer("long", 2, 12, machine="mill-2", minimum_hours=2, maximum_hours=6)
    platform.offer("lathe", 4, 4, machine="lathe-1", minimum_hours=1)
    if hours.get("milling") != 9:
        platform.offer("whole", 24, 10, machine="mill-2")
    body = {"words": "eerst draaien, dan frezen", "hours": hours}
    plan = platform.anyone.post("/api/v1/process-plans", json=body).json()
    assert [one["process"] for one in plan["steps"]] == ["turning", "milling"]

    def from_noon(moment: str) -> float:
        return (datetime.fromisoformat(moment) - NOON) / timedelta(hours=1)

    found = [
        (from_noon(one["planned"]["start"]), from_noon(one["planned"]["end"])) if one["planned"] else None
        for one in plan["steps"]
    ]
    assert found == planned
    assert (from_noon(plan["ready"]) if plan["ready"] else None) == ready
    for one in plan["steps"]:
        if one["planned"]:
            ask = {name: one["planned"][name] for name in ("start", "end")}
            booked = platform.startup.post(f"/api/v1/offers/{one['planned']['offer_id']}/booking", json=ask)
            assert booked.status_code == 201, "what is planned can be booked"


def test_the_timeline_of_a_product(platform: Platform) -> None:
    described(platform)
    platform.offer("later", 10, 4, minimum_hours=1)
    page = platform.anyone.get("/make", params={"q": "draaien en frezen"}).text
    assert 'name="hours-milling"' in page
    assert 'class="timeline"' not in page
    asked = {"q": "draaien en frezen", "hours-turning": "4", "hours-milling": "1,5", "lang": "nl"}
    page = unescape(platform.anyone.get("/make", params=asked).text)
    timeline = page.partition('class="timeline"')[2].partition("</ol>")[0]
    assert timeline.index("draaien") < timeline.index("frezen")
    assert "Draaibank CTX" in timeline
    assert "Klaar op" in page
    assert 'name="hours-milling" inputmode="decimal" maxlength="5" value="1,5"' in page
    late = unescape(platform.anyone.get("/make", params=asked | {"hours-turning": "40"}).text)
    assert "geen vrije uren gevonden" in late
    assert "wacht op de vorige bewerking" in late
    wrong = platform.anyone.get("/make", params=asked | {"hours-turning": "veel"})
    assert wrong.status_code == 200
    assert 'id="hours-problem"' in wrong.text
    seeker = platform.somebody("an@startup.be", "startup")
    form = {
        "q": "draaien en frezen",
        "processes": "turning,milling",
        "title": "Assen",
        "hours-milling": "1.5",
        "parts": ["milling:machine"],
    }
    made = seeker.post("/make", data=form)
    notice = seeker.get(f"/api/v1{made.headers['location'].partition('?')[0]}").json()
    assert notice["parts"][0]["wish"]["hours"] == 1.5
