"""What each kind of listing asks, says and is filtered by; what was said before there were kinds stays readable."""

from __future__ import annotations

import importlib
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sharing_platform.listings import records, service
from sharing_platform.listings.details import DETAILS
from sharing_platform.listings.form import form_of_listing, listing_of_form
from sharing_platform.listings.records import shown_listing
from sharing_platform.organisations.permissions import Role
from tests.sharing_platform.conftest import NOON, Platform

BRUSSELS = ZoneInfo("Europe/Brussels")
PERIOD = {"start": "2026-03-01T00:00:00Z", "end": "2026-06-30T00:00:00Z"}
LISTINGS: dict[str, dict[str, Any]] = {
    "millers": {
        "kind": "operator", "title": "Twee frezers", "details": {
            "processes": ["milling"], "controls": ["Heidenhain TNC 640", "Siemens"], "certificates": ["VCA"], "people": 2, "place": "Genk", "reach_km": 20,
            "conditions": "Met akkoord van de werknemer.",
        },
    },
    "drill": {
        "kind": "equipment", "title": "Kolomboor", "price_unit": "free",
        "details": {"use": "gift", "condition": "for_parts", "make": "Alzmetall", "year": 1998, "pick_up_by": "2026-05-01"},
    },
    "forklift": {"kind": "equipment", "title": "Heftruck", "details": {"use": "loan", "condition": "works"}},
    "castings": {"kind": "know_how", "title": "Gieten", "details": {"forms": ["prototype"], "fields": ["zandgieten"], "languages": ["nl"]}},
    "course": {
        "kind": "training", "title": "Draaien", "places": 1,
        "details": {"languages": ["nl", "fr"], "sessions": [{"start": "2026-03-07T08:00:00Z", "end": "2026-03-07T11:30:00Z"}]},
    },
}  # fmt: skip


def share(platform: Platform) -> dict[str, str]:
    """Ids by name."""
    made = {}
    for name, body in LISTINGS.items():
        answer = platform.hal_2.post("/api/v1/listings", json=PERIOD | body)
        assert answer.status_code == 201, answer.text
        made[name] = answer.json()["id"]
    return made


def test_each_kind_says_what_it_needs_and_is_filtered_by_it(platform: Platform) -> None:
    names = {one: name for name, one in share(platform).items()}
    for query, found in {
        "kind=operator&control=heidenhain": {"millers"}, "control=Fanuc": set(), "use=gift": {"drill"}, "condition=works": {"forklift"},
        "form=prototype": {"castings"}, "language=fr": {"course"}, "q=Siemens": {"millers"}, "q=Alzmetall": {"drill"}, "q=frezen": {"millers"},
        "kind=operator&near=Hasselt": {"millers"}, "kind=operator&near=Antwerpen": set(),
    }.items():  # fmt: skip
        assert {
            names[one["id"]] for one in platform.anyone.get(f"/api/v1/listings?{query}").json()["listings"]
        } == found, query
        if "kind" in query:
            page = platform.anyone.get(f"/listings?{query}").text
            assert {name for one, name in names.items() if f'data-listing="{one}"' in page} == found, query
    page = platform.anyone.get("/listings?kind=equipment&use=gift&lang=nl").text
    for said in ("gratis op te halen", "voor onderdelen", "bouwjaar 1998", "vóór vr 01/05/2026"):
        assert said in page, said
    course = next(one for one, name in names.items() if name == "course")
    assert platform.startup.post(f"/api/v1/listings/{course}/booking", json={}).status_code == 201
    left = platform.anyone.get("/api/v1/listings?kind=training&has_places=true").json()["listings"]
    assert left == [], "it is full"
    said = platform.anyone.get(f"/listings/{course}?lang=nl").text
    assert "za 07/03/2026, 09:00 – 12:30" in said


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("operator", {"use": "loan"}), ("operator", {"people": 0}), ("equipment", {"use": "steal"}), ("equipment", {}),
        ("equipment", {"use": "loan", "pick_up_by": "2026-04-01"}), ("equipment", {"use": "gift"}), ("know_how", {"forms": ["magic"]}),
        ("training", {"sessions": ["za 07/03"]}), ("training", {"sessions": [{"start": "2026-09-07T08:00:00Z", "end": "2026-09-07T09:00:00Z"}]}),
        ("training", {"sessions": [{"start": "2026-03-07T09:00:00Z", "end": "2026-03-07T08:00:00Z"}]}),
    ],
)  # fmt: skip
def test_what_belongs_to_another_kind_is_refused(platform: Platform, kind: str, wrong: dict[str, Any]) -> None:
    body = {"kind": kind, "title": "Iets", **PERIOD, "details": wrong} | ({"places": 3} if kind == "training" else {})
    assert platform.hal_2.post("/api/v1/listings", json=body).status_code == 422


@pytest.mark.parametrize("name", LISTINGS)
def test_the_form_of_a_listing_gives_it_back(platform: Platform, name: str) -> None:
    """Whoever opens the form and saves it changes nothing."""
    planner = platform.somebody("p@hal.be", "hal-2", Role.PLANNER)
    made = share(platform)[name]
    shown = platform.anyone.get(f"/api/v1/listings/{made}").json()
    assert planner.get(f"/listings/{made}/edit").status_code == 200
    with platform.context.sessions() as session:
        known = service.listing_out(session, platform.context.occupancy, shown_listing(session, made, "hal-2"))
    saved = planner.post(f"/listings/{made}/edit", data=form_of_listing(known, BRUSSELS))
    assert saved.status_code == 303, saved.text
    after = platform.anyone.get(f"/api/v1/listings/{made}").json()
    assert after["details"] == shown["details"]
    assert after["price_unit"] == shown["price_unit"]


def test_so_many_listings_also_where_one_is_opened_again(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_MAX_LISTINGS", 1)
    body = {"kind": "know_how", "title": "Raad", "price_unit": "hour", "details": {}, **PERIOD}
    closed = platform.hal_2.post("/api/v1/listings", json=body).json()["id"]
    assert platform.hal_2.delete(f"/api/v1/listings/{closed}").status_code == 204
    opened = platform.hal_2.post("/api/v1/listings", json=body).json()["id"]
    for answer in (
        platform.hal_2.post("/api/v1/listings", json=body),
        platform.hal_2.put(f"/api/v1/listings/{closed}", json=body),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "too_many_listings")
    assert platform.hal_2.put(f"/api/v1/listings/{opened}", json=body).status_code == 200


def test_a_training_takes_its_days_from_its_sessions() -> None:
    form = {
        "title": "Draaien", "places": "8", "price_unit": "place", "session_day": "2026-03-14\n2026-03-07\n", "session_from": "09:00\n18:00\n",
        "session_to": "12:00\n21:30\n", "waiting_list": "yes",
    }  # fmt: skip
    wanted, problems = listing_of_form("training", form, BRUSSELS)
    assert wanted is not None, problems
    days = [moment.astimezone(BRUSSELS).strftime("%d/%m %H:%M") for moment in (wanted.start, wanted.end)]
    assert days == ["07/03 00:00", "14/03 23:59"]
    _, problems = listing_of_form("training", form | {"session_to": "12:00\n\n"}, BRUSSELS)
    assert problems["sessions"] == "field", "half a row is wrong, not dropped"


def test_people_are_lent_until_none_is_left_and_know_how_to_all_who_ask(platform: Platform) -> None:
    made = share(platform)
    week = {"start": "2026-03-09T07:00:00Z", "end": "2026-03-13T15:00:00Z"}
    asked = [
        (platform.startup, "millers", week | {"places": 1}, 201), (platform.hal_3, "millers", week | {"places": 2}, 409),
        (platform.hal_3, "millers", week | {"places": 1}, 201), (platform.startup, "millers", week, 409),
        (platform.startup, "castings", week, 201), (platform.hal_3, "castings", week, 201),
    ]  # fmt: skip
    for client, name, body, expected in asked:
        answer = client.post(f"/api/v1/listings/{made[name]}/booking", json=body)
        assert answer.status_code == expected, (name, body, answer.text)
    later = {
        "start": (NOON + timedelta(days=30)).isoformat(),
        "end": (NOON + timedelta(days=31)).isoformat(),
        "places": 2,
    }
    assert platform.hal_3.post(f"/api/v1/listings/{made['millers']}/booking", json=later).status_code == 201


@pytest.mark.parametrize(
    ("kind", "unit", "old", "new"),
    [
        ("operator", "hour", {"process": "milling", "skills": ["TIG"], "hours_per_week": 20}, {"processes": ["milling"], "skills": ["TIG"], "people": 1}),
        ("equipment", "free", {"use": "take_over"}, {"use": "gift"}), ("equipment", "piece", {"use": "take_over"}, {"use": "sale"}),
        ("equipment", "day", {"use": "loan", "place": "Bree"}, {"use": "loan", "place": "Bree"}),
        ("know_how", "hour", {"skills": ["gieten"], "languages": ["nl"]}, {"fields": ["gieten"], "languages": ["nl"]}),
        ("training", "place", {"sessions": ["za 07/03 09:00", "zo 08/03"]}, {"schedule": "za 07/03 09:00\nzo 08/03", "sessions": []}),
    ],
)  # fmt: skip
def test_what_was_said_before_is_read_by_kind(kind: str, unit: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    migration = importlib.import_module("sharing_platform.migrations.versions.0017_listings_by_kind")
    moved = migration._by_kind(kind, unit, old)
    assert new.items() <= DETAILS[kind].model_validate(moved).model_dump(mode="json").items()
    back = migration._alike(moved)
    assert {key: back[key] for key in old} == old
