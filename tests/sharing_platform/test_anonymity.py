"""Until a factory accepts, nothing that leads to it leaves the platform; afterwards both sides know each other."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar
from sqlalchemy import select

from sharing_platform.geography import distance_km
from sharing_platform.machines.anonymity import cell_of
from sharing_platform.notifications.models import Delivery, Webhook
from sharing_platform.organisations.permissions import Role
from tests.sharing_platform.conftest import NOON, Platform
from tests.sharing_platform.crawl import crawl

NAME, PLACE, TITLE = "Smederij Anstrom", "Munsterbilzen", "Zware frees zaal 3"
SECRETS = ("hal-2", NAME, PLACE, "zware-frees", TITLE, "Huron", "KX 50", "Dijk 4", "own-", "anstrom", "50.87")
GUEST = {"organisation": "Start-up BV", "name": "An Peeters", "email": "guest@startup.be"}


@pytest.fixture
def owner(platform: Platform) -> httpx2.Client:
    """Of the factory, which has described itself."""
    owner = platform.somebody("eva@x.be", "hal-2", Role.OWNER)
    place = {"name": NAME, "place": PLACE, "latitude": 50.8717, "longitude": 5.5183, "address": "Dijk 4"}
    assert owner.put("/api/v1/organisation", json=place).status_code == 200
    return owner


def put_machine(platform: Platform, anonymous: bool = True) -> None:
    card = {"title": TITLE, "process": "milling", "now": "in_use", "since": NOON.isoformat(), "anonymous": anonymous}
    assert platform.hal_2.put("/api/v1/machines/hal-2/zware-frees", json=card).status_code == 204
    details = {
        "make": "Huron", "model": "KX 50", "description": f"De grootste frees van {NAME}", "axes": 5, "place": PLACE,
        "materials": ["aluminium", f"staal van {NAME}"], "certificates": ["ISO 9001"], "address": "Dijk 4",
        "envelope_mm": [900, 500, 400], "included": ["koelmiddel", f"opspannen door {NAME}"],
    }  # fmt: skip
    assert platform.hal_2.put("/api/v1/machines/hal-2/zware-frees/details", json=details).status_code == 200


def offer(platform: Platform, number: int, start_h: float, **more: Any) -> str:
    """Put by the factory; the id by which others know it."""
    put = platform.offer(f"own-{number}", start_h, machine="zware-frees", booking="on_request", minimum_hours=1, **more)
    start = put["start"]
    found = platform.startup.get("/api/v1/offers", params={"limit": 1000}).json()["offers"]
    return str(next(one["id"] for one in found if one["start"] == start))


def leaks(answers: dict[str, str]) -> list[str]:
    texts = {path: text.lower() for path, text in answers.items()}
    return [f"{secret!r} at {path}" for path, text in texts.items() for secret in SECRETS if secret.lower() in text]


def fill(platform: Platform, anonymous: bool = True) -> dict[str, str]:
    """Everything that can happen before an answer; the ids of three offers."""
    put_machine(platform, anonymous)
    ids = {"asked": offer(platform, 1, 3), "open": offer(platform, 2, 30), "later": offer(platform, 3, 60)}
    part = {"start": (NOON + timedelta(hours=4)).isoformat(), "end": (NOON + timedelta(hours=5)).isoformat()}
    wish = {"title": "Freeswerk", "wish": {"process": "milling", "near": "Hasselt"}, "notify": "both"}
    asked = platform.startup.post(f"/api/v1/offers/{ids['asked']}/booking", json=part | {"message": "40 stuks"})
    assert asked.json()["state"] == "held"
    platform.hal_2.post(f"/api/v1/bookings/{asked.json()['id']}/messages", json={"text": "We kijken ernaar"})
    platform.startup.post("/api/v1/webhooks", json={"url": "http://127.0.0.1:9/x"})
    platform.startup.post("/api/v1/wanted", json=wish)
    platform.startup.post("/api/v1/searches", json=wish)
    platform.startup.post(f"/api/v1/offers/{ids['later']}/booking", json={"more": [part | {"offer_id": ids["open"]}]})
    platform.tick()
    return ids | {"booking": asked.json()["id"]}


def test_nothing_that_others_can_reach_leads_to_the_factory(platform: Platform, owner: httpx2.Client) -> None:
    fill(platform)
    seeker = platform.somebody("an@startup.be", "start-up")
    newcomer = platform.somebody("nik@new.be", "newcomer", approved=False)
    clients = {"anybody": platform.anyone, "the seeker": seeker, "newcomer": newcomer, "a neighbour": platform.hal_3}
    for who, client in clients.items():
        answers = crawl(client)
        assert len(answers) > 50, who
        assert any(path.startswith("/api/v1/machines/machine-") for path in answers), "its machine's page is found"
        assert not leaks(answers), who
        if client is seeker:
            assert {"/api/v1/account/data", "/desk"} <= answers.keys()
    assert not leaks({str(mail["Subject"]): mail.get_content() for mail in platform.mails_to("an@startup.be")})


def test_no_mail_and_no_webhook_leads_to_the_factory(platform: Platform, owner: httpx2.Client) -> None:
    """Also those about what a search or a wanted notice has found."""
    seeker = platform.somebody("an@startup.be", "start-up")
    assert seeker.post("/api/v1/webhooks", json={"url": "http://127.0.0.1:9/x"}).status_code == 201
    for kind in ("wanted", "searches"):
        wish = {"title": "Freeswerk", "wish": {"process": "milling", "near": "Hasselt"}, "notify": "both"}
        assert seeker.post(f"/api/v1/{kind}", json=wish).status_code == 201
    fill(platform)
    platform.mail("an@startup.be", "Freeswerk")
    mails = platform.mails_to("an@startup.be")
    with platform.context.sessions() as session:
        told = session.scalars(select(Delivery).join(Webhook, Webhook.id == Delivery.webhook_id)).all()
    assert {"search.matched", "booking.held"} <= {one.kind for one in told}
    assert not leaks({str(mail["Subject"]): mail.get_content() for mail in mails})
    assert not leaks(
        {f"{one.kind} {one.id}": json.dumps(one.data) for one in told if "hal-2" not in str(one.webhook_id)}
    )


def test_a_machine_that_is_not_anonymous_is_found_by_the_same_crawl(platform: Platform, owner: httpx2.Client) -> None:
    fill(platform, anonymous=False)
    found = " ".join(leaks(crawl(platform.anyone)))
    assert all(f"{secret!r}" in found for secret in ("hal-2", NAME, PLACE, "zware-frees", TITLE, "Huron", "own-"))


@pytest.mark.parametrize(
    "query",
    [
        {"factory": "hal-2"}, {"machine": "zware-frees"}, {"factory": "hal-2", "machine": "zware-frees"}, {"q": "Anstrom"},
        {"q": "Huron"}, {"q": "zware"}, {"material": "Smederij"},
    ],
)  # fmt: skip
def test_no_question_is_answered_by_what_is_hidden(
    platform: Platform, owner: httpx2.Client, query: dict[str, str]
) -> None:
    put_machine(platform)
    offer(platform, 1, 3)
    for client in (platform.anyone, platform.startup, platform.hal_3):
        assert client.get("/api/v1/offers", params=query).json()["offers"] == []
    assert len(platform.hal_2.get("/api/v1/offers", params=query).json()["offers"]) == 1, "its own people find it"


def test_what_is_refused_says_nothing_either(platform: Platform, owner: httpx2.Client) -> None:
    ids = fill(platform)
    taken = {"start": (NOON + timedelta(hours=4)).isoformat(), "end": (NOON + timedelta(hours=5)).isoformat()}
    for client, body in ((platform.hal_3, taken), (platform.anyone, taken | {"guest": GUEST}), (platform.hal_3, {"more": [taken | {"offer_id": "own-2"}]})):  # fmt: skip
        for offer_id in (ids["asked"], ids["later"], "own-1"):
            answer = client.post(f"/api/v1/offers/{offer_id}/booking", json=body)
            page = client.post(f"/offers/{offer_id}", data=GUEST | {"start": taken["start"], "hours": "1"})
            assert not leaks({offer_id: answer.text, f"page of {offer_id}": page.text})
    for path in (
        "/api/v1/offers/own-1",
        "/offers/own-1",
        "/api/v1/machines/hal-2/zware-frees",
        "/machines/hal-2/zware-frees",
    ):
        for client in (platform.anyone, platform.hal_3):
            assert client.get(path).status_code == 404, path


def test_suggestions_and_matches_have_a_title_that_says_nothing(platform: Platform, owner: httpx2.Client) -> None:
    """Nor do they say whose the machine is to whom another request of theirs was refused."""
    ids = fill(platform)
    assert (
        platform.hal_2.post(f"/api/v1/bookings/{ids['booking']}/state", json={"state": "declined"}).status_code == 200
    )
    answer = platform.startup.get(f"/api/v1/bookings/{ids['booking']}/alternatives")
    offered = platform.startup.get("/api/v1/offers").json()["offers"]
    title, alias = offered[0]["title"], offered[0]["machine"]
    found = answer.json()["alternatives"]
    assert found
    assert {(one["title"], one["machine"], one["factory"], one["factory_name"], one["place"]) for one in found} == {
        (title, alias, None, None, "")
    }
    notice = platform.startup.get("/api/v1/searches").json()["searches"][0]["id"]
    matches = platform.startup.get(f"/api/v1/searches/{notice}/matches")
    whats = [one["what"] for one in matches.json()["matches"]]
    assert {(one["title"], one["machine"], one["organisation"], one["place"]) for one in whats} == {
        (title, alias, None, "")
    }
    assert not leaks({"alternatives": answer.text, "matches": matches.text})


def test_another_factory_learns_nothing_from_ids(platform: Platform, owner: httpx2.Client) -> None:
    """Ids of factories' servers can be computed by whoever guesses factory and machine: they neither clash nor open anything."""
    put_machine(platform)
    offer(platform, 1, 3)
    body = {
        "factory": "hal-3", "machine": "mill-1", "start": (NOON + timedelta(hours=9)).isoformat(), "probability": 0.9,
        "end": (NOON + timedelta(hours=12)).isoformat(), "checked": 4, "broken": 0,
    }  # fmt: skip
    assert platform.hal_3.put("/api/v1/offers/own-1", json=body).status_code == 201
    assert platform.hal_3.delete("/api/v1/offers/own-1").status_code == 204
    assert platform.hal_2.get("/api/v1/offers/own-1").json()["status"] == "open"


def test_what_starts_together_is_not_in_the_order_of_the_factorys_ids(platform: Platform) -> None:
    for number in range(20):
        platform.offer(f"own-{number:02}", 3, 4, machine=f"frees-{number:02}", anonymous=True)
    found = platform.anyone.get("/api/v1/offers").json()["offers"]
    ids = [one["id"] for one in found]
    assert len(found) == 20
    assert ids == sorted(ids)
    aliases = [one["machine"] for one in found]
    mine = {one["id"]: one["machine"] for one in platform.hal_2.get("/api/v1/offers?factory=hal-2").json()["offers"]}
    assert sorted(mine) == [f"own-{number:02}" for number in range(20)]
    assert list(mine) != sorted(mine), "one in 20! that chance would order them"
    shown = platform.anyone.get("/parts/machines").text
    assert [shown.index(alias) for alias in sorted(aliases)] == sorted(shown.index(alias) for alias in aliases)


@pytest.mark.parametrize("query", ["near=Hasselt", "near=Tongeren&sort=fit", "near=Genk&within_km=15", "latitude=50.87&longitude=5.51"])  # fmt: skip
def test_a_distance_does_not_tell_where_in_its_surroundings_a_factory_is(
    platform: Platform, owner: httpx2.Client, query: str
) -> None:
    put_machine(platform)
    offer(platform, 1, 3)
    answers = []
    for latitude, longitude in ((50.81, 5.41), (50.99, 5.69)):
        place = {"name": NAME, "latitude": latitude, "longitude": longitude}
        assert owner.put("/api/v1/organisation", json=place).status_code == 200
        assert platform.hal_2.put("/api/v1/machines/hal-2/zware-frees/details", json={"axes": 5}).status_code == 200
        answers.append(platform.anyone.get(f"/api/v1/offers?{query}").json())
    assert answers[0] == answers[1]
    if answers[0]["offers"]:
        assert answers[0]["offers"][0]["distance_km"] % 10 == 0


@given(st.floats(49, 52), st.floats(2, 7))
def test_a_cell_is_near_its_places_and_the_same_for_all_of_them(latitude: float, longitude: float) -> None:
    cell = cell_of((latitude, longitude))
    assert distance_km(cell, (latitude, longitude)) < 17
    assert cell_of(cell) == cell


@pytest.mark.parametrize("instant", [True, False])
def test_after_acceptance_both_sides_know_each_other(platform: Platform, owner: httpx2.Client, instant: bool) -> None:
    put_machine(platform)
    seeker = platform.somebody("an@startup.be", "startup-bv")
    name = offer(platform, 1, 3)
    if instant:
        platform.offer("own-1", 3, machine="zware-frees", booking="instant")
    made = seeker.post(f"/api/v1/offers/{name}/booking", json={}).json()
    feed = seeker.post("/api/v1/feeds", json={"subject": "seeker"}).json()["url"]
    if not instant:
        assert (made["factory"], made["factory_name"], made["title"]) == (None, None, made["title"])
        assert made["machine"] in platform.anyone.get("/api/v1/offers/" + name).text
        assert not leaks({"calendar": httpx2.get(feed).text})
        assert (
            platform.hal_2.post(f"/api/v1/bookings/{made['id']}/state", json={"state": "accepted"}).status_code == 200
        )
    known = seeker.get(f"/api/v1/bookings/{made['id']}").json()
    assert (known["factory"], known["factory_name"], known["machine"], known["title"], known["address"]) == (
        "hal-2", NAME, "zware-frees", TITLE, "Dijk 4",
    )  # fmt: skip
    for page in ("/desk", f"/bookings/{made['id']}"):
        assert NAME in seeker.get(page).text
        assert TITLE in seeker.get(page).text
    (event,) = Calendar.from_ical(httpx2.get(feed).text).walk("VEVENT")
    assert str(event["SUMMARY"]) == f"{TITLE}: {NAME}"
    mail = platform.mail("an@startup.be", "is bevestigd")
    assert NAME in mail.get_content()
    assert TITLE in str(mail["Subject"])
    theirs = platform.hal_2.get(f"/api/v1/bookings/{made['id']}").json()
    assert (theirs["organisation"], theirs["offer_id"]) == ("startup-bv", "own-1")
    others = platform.hal_3.get("/api/v1/offers").text
    assert not leaks({"a neighbour": others})


def test_what_is_declined_or_runs_out_stays_unknown(platform: Platform, owner: httpx2.Client) -> None:
    ids = fill(platform)
    assert (
        platform.hal_2.post(f"/api/v1/bookings/{ids['booking']}/state", json={"state": "declined"}).status_code == 200
    )
    platform.later(49)
    seeker = platform.somebody("an@startup.be", "start-up")
    assert not leaks(crawl(seeker))


def test_one_can_change_ones_mind(platform: Platform) -> None:
    """What was known under a name has another one afterwards, and nothing links the two."""
    platform.machine("mill-1", "Freesbank", anonymous=False)
    platform.offer("o1", 3)
    assert platform.anyone.get("/api/v1/offers/o1").json()["factory"] == "hal-2"
    platform.machine("mill-1", "Freesbank", anonymous=True)
    assert platform.anyone.get("/api/v1/offers/o1").status_code == 404
    (hidden,) = platform.anyone.get("/api/v1/offers").json()["offers"]
    assert (hidden["factory"], hidden["anonymous"]) == (None, True)
    platform.offer("o1", 3)
    (same,) = platform.anyone.get("/api/v1/offers").json()["offers"]
    assert same["id"] == hidden["id"], "an offer that says nothing of it leaves it as it is"
    platform.offer("o1", 3, anonymous=False)
    (named,) = platform.anyone.get("/api/v1/offers").json()["offers"]
    assert (named["id"], named["factory"], named["title"]) == ("o1", "hal-2", "Freesbank")
    assert platform.anyone.get(f"/api/v1/offers/{hidden['id']}").status_code == 404
