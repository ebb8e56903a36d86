"""Finding: words in three languages, what fits and why, distances, listings, wanted notices, saved searches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharing_platform.geography import distance_km, place_named
from sharing_platform.i18n import LANGUAGES
from sharing_platform.machines.models import Offer
from sharing_platform.machines.week import offers_by_day
from sharing_platform.organisations.permissions import Kind, Role
from sharing_platform.search.criteria import Wish
from sharing_platform.search.machine_details import MachineDetails
from sharing_platform.search.ranking import document_of, prepare, rank
from sharing_platform.search.text import query_stems, text_stems
from sharing_platform.search.vocabulary import PROCESSES, process_name
from tests.sharing_platform.conftest import NOON, Platform

MILL = MachineDetails(
    make="DMG MORI", model="DMU 50", envelope_mm=(500, 450, 400), axes=5, materials=["aluminium", "inox"], tolerance_mm=0.01,
    table_load_kg=300, certificates=["ISO 9001", "EN 9100"],
)  # fmt: skip
FACTS = document_of("Freesbank 1", "milling", MILL, at=(50.8168, 5.1865), place="Sint-Truiden")


@pytest.mark.parametrize(
    ("query", "text", "found"),
    [
        ("frezen", "Freesbank DMU 50", True), ("milling", "Freesbank DMU 50", True), ("fraisage", "Freesbank", True),
        ("freesbanken", "Freesbank", True), ("draaien", "Lathe CTX", True), ("turning", "Draaibank", True),
        ("tour", "Draaibank", True), ("draaibank", "Freesbank", False), ("lasersnijden", "Laser cutting TruLaser", True),
        ("laser", "Lasersnijder", True), ("lassen", "Lasrobot", True), ("lasser", "soudeur TIG", True), ("lassen", "Lasersnijder", False),
        ("5-axis", "vijfassig", True), ("fraisage 5 axes", "Mill, 5-axis", True), ("5 assen", "vijfassig", True), ("5 axes", "3-assig", False), ("chariot élévateur", "heftruck 2,5 ton", True), ("roestvast stalen", "inox", True), ("5-assig", "Mill, 5-axis", True), ("inox", "roestvast staal", True), ("alu", "aluminium", True),
        ("kantbank", "press brake", True), ("plooien", "Kantbank Amada", True), ("DMU", "dmu 50", True), ("électroérosion", "draadvonken", True),
        ("electroerosion", "électroérosion", True), ("een frezen voor mij", "Freesbank", False), ("de freesbank van het", "Freesbank", True),
        ("centre d'usinage", "centre d'usinage Mazak", True), ("3d", "3D-printer", True), ("4063", "DIN-4063", True),
    ],
)  # fmt: skip
def test_words_are_found_in_any_language(query: str, text: str, found: bool) -> None:
    stems = text_stems(text)
    assert all(word & stems for word in query_stems(query)) == found


@pytest.mark.parametrize(
    ("written", "language", "shown"),
    [
        ("milling", "nl", "frezen"), ("Frezen", "fr", "fraisage"), ("knippen", "en", "punching and shearing"), ("vonkeroderen", "en", "electrical discharge machining"), ("knippen", "nl", "knippen"),
        ("spuitgieten", "en", "injection moulding"), ("Kiezelzagen", "en", "Kiezelzagen"),
    ],
)  # fmt: skip
def test_a_process_is_shown_in_the_readers_language_however_the_factory_wrote_it(
    written: str, language: str, shown: str
) -> None:
    assert process_name(written, language) == shown


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        ({"process": "milling"}, "process"), ({"process": "Frezen"}, "process"), ({"process": "turning"}, None),
        ({"words": "5-assig aluminium"}, "words"), ({"words": "titanium"}, None),
        ({"materials": ["alu"]}, "material"), ({"materials": ["roestvast staal"]}, "material"), ({"materials": ["titaan"]}, None),
        ({"workpiece_mm": (400, 300, 200)}, "envelope"), ({"workpiece_mm": (400, 450, 500)}, "envelope"),
        ({"workpiece_mm": (501, 10, 10)}, None), ({"axes": 5}, "axes"), ({"axes": 6}, None), ({"tolerance_mm": 0.02}, "tolerance"),
        ({"tolerance_mm": 0.005}, None), ({"load_kg": 300}, "load"), ({"load_kg": 301}, None),
        ({"certificates": ["iso 9001"]}, "certificate"), ({"certificates": ["ISO 13485"]}, None),
        ({"near": "Hasselt", "within_km": 20}, "distance"), ({"near": "Hasselt", "within_km": 10}, None), ({"near": "Hasselt"}, "distance"),
    ],
)  # fmt: skip
def test_what_fits_and_why(wish: dict[str, Any], reason: str | None) -> None:
    origin = (50.9307, 5.3325) if "near" in wish else None
    found = rank(prepare(Wish.model_validate(wish), origin), FACTS)
    assert (found is not None) == (reason is not None)
    if found is not None:
        assert reason in [one.code for one in found.reasons]
        assert 0 < found.score <= 1


def test_what_a_factory_did_not_say_makes_it_fit_less_not_vanish() -> None:
    silent = document_of("Freesbank", "milling", MachineDetails())
    wanted = prepare(Wish(process="milling", axes=5, workpiece_mm=(100, 100, 100)), None)
    said, unsaid = rank(wanted, FACTS), rank(wanted, silent)
    assert said is not None
    assert unsaid is not None
    assert said.score > unsaid.score > 0


@given(a=st.floats(-89, 89), b=st.floats(-179, 179), c=st.floats(-89, 89), d=st.floats(-179, 179))
def test_distances_are_distances(a: float, b: float, c: float, d: float) -> None:
    there, back = distance_km((a, b), (c, d)), distance_km((c, d), (a, b))
    assert there == pytest.approx(back, abs=1e-6)
    assert 0 <= there <= 20_016
    assert distance_km((a, b), (a, b)) == pytest.approx(0, abs=1e-4)


def test_places_by_their_name_in_any_language() -> None:
    here, there = place_named("Sint-Truiden"), place_named("SAINT TROND")
    assert here is not None
    assert here == there
    genk = place_named("Genk")
    assert genk is not None
    assert 25 < distance_km((here.latitude, here.longitude), (genk.latitude, genk.longitude)) < 32
    near = place_named("Nieuwerkerken")
    assert near is not None
    assert near.longitude > 5, "of two places with a name, the one in the region"
    mechelen = place_named("Mechelen")
    assert mechelen is not None
    assert mechelen.latitude > 51, "the town, not the village with this name, which is nearer"
    assert place_named("Nergenshuizen") is None
    for town in ("Wellen", "Riemst", "Luik", "Aken", "Lille", "Luxembourg", "Eindhoven"):
        assert place_named(town) is not None, town


def test_every_process_has_a_class_and_a_name_in_every_language() -> None:
    for process in PROCESSES:
        assert process.names.keys() == LANGUAGES.keys()
        assert process.code == "measuring" or process.din[0] in "123456"
    assert len({one.code for one in PROCESSES}) == len(PROCESSES)


def described(platform: Platform) -> None:
    """Two mills and a lathe, of two factories."""
    platform.machine("mill-1", "Freesbank DMU 50", process="milling")
    platform.machine("lathe-1", "Draaibank CTX", process="turning")
    details = MILL.model_dump(mode="json") | {"place": "Sint-Truiden", "address": "Dijk 4"}
    assert platform.hal_2.put("/api/v1/machines/hal-2/mill-1/details", json=details).status_code == 200
    body = {"title": "Mill", "process": "milling"}
    assert platform.hal_3.put("/api/v1/machines/hal-3/mill-9", json=body).status_code == 204
    small = {"envelope_mm": [200, 200, 200], "axes": 3, "place": "Genk"}
    assert platform.hal_3.put("/api/v1/machines/hal-3/mill-9/details", json=small).status_code == 200
    platform.offer("big", 3, 4, price_per_hour="60")
    platform.offer("lathe", 4, 4, machine="lathe-1", price_per_hour="30", operator="own_allowed")
    start = NOON + timedelta(hours=2)
    offer = {
        "factory": "hal-3", "machine": "mill-9", "start": start.isoformat(), "end": (start + timedelta(hours=12)).isoformat(),
        "probability": 0.99, "checked": 10, "broken": 0,
    }  # fmt: skip
    assert platform.hal_3.put("/api/v1/offers/small", json=offer).status_code == 201


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=frezen", ["small", "big"]), ("q=fraiseuse", ["small", "big"]), ("q=5-axis+alu", ["big"]), ("q=CTX", ["lathe"]),
        ("process=milling", ["small", "big"]), ("process=draaien", ["lathe"]), ("process=milling&axes=5", ["big"]),
        ("workpiece=400x300x200", ["big", "lathe"]), ("axes=5", ["big", "lathe"]), ("material=inox&axes=5&process=milling", ["big"]),
        ("certificate=ISO+13485&process=milling", ["small"]), ("near=Hasselt&within_km=15", ["small"]),
        ("near=Hasselt&within_km=25", ["small", "big"]), ("max_price=40", ["lathe", "small"]), ("operator=own_allowed", ["lathe"]),
        ("first_day=2026-03-03", ["small"]), ("last_day=2026-03-01", []), ("day=2026-03-02&hours=10", ["small"]),
        ("near=Sint-Truiden&sort=fit&process=milling", ["big", "small"]), ("near=Genk&sort=fit&process=milling", ["small", "big"]),
    ],
)  # fmt: skip
def test_searches(platform: Platform, query: str, expected: list[str]) -> None:
    """What a factory did not say of a machine does not leave it out; what it said does."""
    described(platform)
    found = platform.anyone.get(f"/api/v1/offers?{query}").json()["offers"]
    assert [one["id"] for one in found] == expected
    assert all(0 <= one["score"] <= 1 for one in found)
    assert "Dijk" not in str(found)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("near=Nergenshuizen", "no_such_place"),
        ("within_km=5", "near_what"),
        ("cursor=x", "cursor"),
        ("hours=0", "request"),
    ],
)
def test_a_search_that_makes_no_sense(platform: Platform, query: str, code: str) -> None:
    answer = platform.anyone.get(f"/api/v1/offers?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_sorted_by_fit_in_pages(platform: Platform) -> None:
    for number in range(7):
        platform.offer(f"o{number}", 3 + number, 1 + number % 3, machine=f"mill-{number}")
    whole = platform.anyone.get("/api/v1/offers?sort=fit&hours=1").json()["offers"]
    found: list[str] = []
    cursor = None
    while True:
        query: dict[str, Any] = {"sort": "fit", "hours": 1, "limit": 3, **({"cursor": cursor} if cursor else {})}
        page = platform.anyone.get("/api/v1/offers", params=query).json()
        found += [one["id"] for one in page["offers"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == [one["id"] for one in whole]
    scores = [one["score"] for one in whole]
    assert scores == sorted(scores, reverse=True)


def test_a_week_on_the_day_the_clocks_change() -> None:
    start = datetime(2026, 3, 28, 23, 0, tzinfo=UTC)  # midnight in Brussels; the day has 23 hours
    offer = Offer(id="o", start=start, end=start + timedelta(hours=23))
    days = offers_by_day([offer], datetime(2026, 3, 23, tzinfo=UTC).date(), "Europe/Brussels")
    assert [(day.isoformat(), [(first, last) for _, first, last in spans]) for day, spans in days][-1] == (
        "2026-03-29",
        [(0.0, 1.0)],
    )
    assert all(not spans for _, spans in days[:-1])


def listing(kind: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": kind, "title": f"Een {kind}", "start": "2026-03-01T00:00:00Z", "end": "2026-06-30T00:00:00Z", **more,
        "details": {"use": "loan"} | more.get("details", {}) if kind == "equipment" else more.get("details", {}),
    }  # fmt: skip


def test_listings_of_all_kinds(platform: Platform) -> None:
    for body in (
        listing("operator", details={"skills": ["TIG lassen"], "hours_per_week": 20, "place": "Bree"}),
        listing("equipment", details={"use": "sale"}, price="900", price_unit="piece"),
        listing("know_how", details={"fields": ["meetkamer"]}),
        listing("training", places=8, details={"languages": ["nl", "fr"], "schedule": "za 07/03 09:00"}),
    ):
        assert platform.hal_2.post("/api/v1/listings", json=body).status_code == 201, body
    by_words = platform.anyone.get("/api/v1/listings?q=lasser").json()["listings"]
    assert [one["kind"] for one in by_words] == ["operator"]
    assert len(platform.anyone.get("/api/v1/listings").json()["listings"]) == 4
    near = platform.anyone.get("/api/v1/listings?near=Bree&within_km=5").json()["listings"]
    assert [one["kind"] for one in near] == ["operator"]
    for wrong in (
        listing("training"),
        listing("operator", places=3),
        {**listing("equipment"), "details": {}},
        listing("cafe"),
    ):
        assert platform.hal_2.post("/api/v1/listings", json=wrong).status_code == 422


def test_seats_of_a_training_are_given_once(platform: Platform) -> None:
    made = platform.hal_2.post("/api/v1/listings", json=listing("training", places=3)).json()
    path = f"/api/v1/listings/{made['id']}"
    first = platform.startup.post(f"{path}/booking", json={"places": 2}).json()
    assert first["state"] == "held"
    assert platform.anyone.get(path).json()["places_left"] == 1
    assert platform.hal_3.post(f"{path}/booking", json={"places": 2}).json()["code"] == "no_places"
    less = listing("training", places=1)
    assert platform.hal_2.put(path, json=less).json()["code"] == "places_taken"
    declined = platform.hal_2.post(f"/api/v1/bookings/{first['id']}/state", json={"state": "declined"})
    assert declined.status_code == 200
    assert platform.hal_3.post(f"{path}/booking", json={"places": 3}).status_code == 201


def test_a_repeated_request_for_places_is_harmless_and_its_rules_are_shown_before(platform: Platform) -> None:
    made = platform.hal_2.post("/api/v1/listings", json=listing("training", places=3)).json()
    path, key = f"/api/v1/listings/{made['id']}", {"Idempotency-Key": "order-4711"}
    assert "24 uur vóór het begin" in platform.anyone.get(f"/listings/{made['id']}?lang=nl").text
    asked = [platform.startup.post(f"{path}/booking", json={"places": 2}, headers=key).json()["id"] for _ in range(2)]
    assert len(set(asked)) == 1
    assert platform.anyone.get(path).json()["places_left"] == 1
    assert platform.hal_3.post(f"{path}/booking", json={"places": 2}, headers=key).json()["code"] == "no_places"


def test_an_operator_is_lent_to_one_at_a_time(platform: Platform) -> None:
    made = platform.hal_2.post("/api/v1/listings", json=listing("operator")).json()
    path = f"/api/v1/listings/{made['id']}/booking"
    week = {"start": "2026-03-09T07:00:00Z", "end": "2026-03-13T15:00:00Z"}
    assert platform.startup.post(path, json=week).status_code == 201
    assert platform.hal_3.post(path, json=week).json()["code"] == "taken"
    assert (
        platform.hal_3.post(path, json={"start": "2026-03-16T07:00:00Z", "end": "2026-03-20T15:00:00Z"}).status_code
        == 201
    )
    assert (
        platform.hal_3.post(path, json={"start": "2026-07-16T07:00:00Z", "end": "2026-07-20T15:00:00Z"}).json()["code"]
        == "part_outside"
    )


def test_several_give_a_training_together_once_they_agree(platform: Platform) -> None:
    made = platform.hal_2.post("/api/v1/listings", json=listing("training", places=3, given_with=["hal-3"])).json()
    path = f"/api/v1/listings/{made['id']}"
    assert platform.anyone.get(path).json()["given_with"] == []
    assert platform.hal_3.put(f"{path}/giving?agreed=true").status_code == 204
    assert [one["organisation"] for one in platform.anyone.get(path).json()["given_with"]] == ["hal-3"]
    unknown = platform.hal_2.post("/api/v1/listings", json=listing("training", places=3, given_with=["nobody"]))
    assert unknown.json()["code"] == "no_such_organisation"


def test_who_is_not_approved_shares_nothing(platform: Platform) -> None:
    new = platform.somebody("n@n.be", "newcomer", kind=Kind.FACTORY, approved=False)
    assert new.post("/api/v1/listings", json=listing("know_how")).json()["code"] == "not_approved"
    mine = new.post("/api/v1/wanted", json={"title": "Draaiwerk", "wish": {"process": "turning"}})
    assert mine.status_code == 201
    assert platform.anyone.get("/api/v1/wanted").json()["searches"] == []
    assert platform.anyone.get(f"/api/v1/wanted/{mine.json()['id']}").status_code == 404


WANTED = {
    "title": "40 u 5-assig frezen",
    "wish": {
        "process": "milling",
        "axes": 5,
        "materials": ["aluminium"],
        "workpiece_mm": [400, 300, 200],
        "hours": 4,
        "last_day": "2026-03-15",
    },
}


def test_a_wanted_notice_is_matched_now_and_later(platform: Platform) -> None:
    described(platform)
    seeker = platform.somebody("an@startup.be", "startup")
    notice = seeker.post("/api/v1/wanted", json=WANTED).json()
    path = f"/api/v1/wanted/{notice['id']}/matches"
    (match,) = seeker.get(path).json()["matches"]
    assert match["subject"] == "offer:big"
    big = platform.anyone.get("/api/v1/offers/big").json()
    told = {"kind": "machine", "organisation": "hal-2", "price_unit": "hour", "price": big["price_per_hour"]}
    assert (told | {"start": big["start"], "end": big["end"]}).items() <= match["what"].items()
    assert match["what"]["title"]
    assert {"process", "axes", "material", "envelope", "hours"} <= {one["code"] for one in match["reasons"]}
    assert platform.mails_to("an@startup.be") == [], "what is there already is seen on the page"
    platform.offer("next", 30, 6)
    platform.tick()
    assert "/offers/next" in platform.mail("an@startup.be", "40 u").get_content()
    sent = len(platform.mails_to("an@startup.be"))
    platform.tick()
    platform.tick()
    assert len(platform.mails_to("an@startup.be")) == sent, "told once"
    platform.hal_2.delete("/api/v1/offers/next")
    platform.tick()
    assert [one["subject"] for one in seeker.get(path).json()["matches"]] == ["offer:big"], "what is gone fits no more"
    assert platform.hal_3.get(path).status_code == 404, "what fits is the seeker's own affair"
    listed = platform.anyone.get("/api/v1/wanted").json()["searches"]
    assert [one["title"] for one in listed] == ["40 u 5-assig frezen"]
    seeker.delete(f"/api/v1/wanted/{notice['id']}")
    assert platform.anyone.get("/api/v1/wanted").json()["searches"] == []


def test_a_wanted_operator_is_matched_with_listings(platform: Platform) -> None:
    seeker = platform.somebody("an@startup.be", "startup")
    body = {"title": "Lasser gezocht", "wish": {"subject": "operator", "words": "lasser"}}
    notice = seeker.post("/api/v1/wanted", json=body).json()
    platform.hal_2.post("/api/v1/listings", json=listing("operator", details={"skills": ["soudeur TIG"]}))
    platform.hal_2.post("/api/v1/listings", json=listing("know_how", details={"fields": ["lassen"]}))
    platform.tick()
    matches = seeker.get(f"/api/v1/wanted/{notice['id']}/matches").json()["matches"]
    assert [one["subject"][:8] for one in matches] == ["listing:"]
    what = matches[0]["what"]
    assert (what["kind"], what["machine"], what["organisation"]) == ("operator", None, "hal-2")
    shown = platform.anyone.get(f"/api/v1/listings/{matches[0]['subject'][8:]}").json()
    assert [what[name] for name in ("title", "start", "end", "price", "price_unit")] == [
        shown[name] for name in ("title", "start", "end", "price", "price_unit")
    ]
    platform.mail("an@startup.be", "Lasser")


def test_an_offer_for_partners_is_matched_for_partners_alone(platform: Platform) -> None:
    platform.machine("mill-1", process="milling")
    searches = {}
    for name in ("start-up", "hal-3"):
        client = platform.somebody(f"{name}@x.be", name, Role.OWNER)
        searches[name] = (
            client,
            client.post("/api/v1/searches", json={"title": "Frezen", "wish": {"process": "milling"}}).json()["id"],
        )
    platform.offer("secret", visibility="partners", partners=["hal-3"])
    platform.tick()
    found = {
        name: len(client.get(f"/api/v1/searches/{one}/matches").json()["matches"])
        for name, (client, one) in searches.items()
    }
    assert found == {"start-up": 0, "hal-3": 1}


def test_a_change_of_a_machine_is_found_at_once_by_every_process(platform: Platform) -> None:
    """The catalogue is kept in memory: its version in the database says when to read it again."""
    described(platform)
    assert len(platform.anyone.get("/api/v1/offers?q=titanium").json()["offers"]) == 0
    details = {"materials": ["titanium"]}
    platform.hal_3.put("/api/v1/machines/hal-3/mill-9/details", json=details)
    assert len(platform.anyone.get("/api/v1/offers?q=titaan").json()["offers"]) == 1


def test_who_else_may_see_an_offer_is_told_to_its_factory_alone(platform: Platform) -> None:
    platform.offer("secret", visibility="partners", partners=["hal-3", "start-up"])
    assert platform.anyone.get("/api/v1/offers/secret").status_code == 404
    assert platform.hal_3.get("/api/v1/offers/secret").json()["partners"] == []
    assert platform.hal_2.get("/api/v1/offers/secret").json()["partners"] == ["hal-3", "start-up"]


def test_a_factory_is_found_by_its_new_name_and_place_at_once(platform: Platform) -> None:
    platform.machine("mill-1", "Freesbank")
    platform.offer()
    assert platform.anyone.get("/api/v1/offers", params={"q": "staalbouw"}).json()["offers"] == []
    owner = platform.somebody("o@hal.be", "hal-2", Role.OWNER)
    owner.put("/api/v1/organisation", json={"name": "Staalbouw Peeters", "place": "Genk"})
    (found,) = platform.anyone.get("/api/v1/offers", params={"q": "staalbouw", "near": "Genk"}).json()["offers"]
    assert (found["place"], found["distance_km"]) == ("Genk", 0.0)
