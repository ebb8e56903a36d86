"""What the feed says, how much of it is read again, and that one thing which cannot be said keeps nothing else away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, update

from sharing_platform.bookings.models import Booking
from sharing_platform.federation.answering import requests_of
from sharing_platform.federation.feed import unshared
from sharing_platform.federation.feed_items import Written
from sharing_platform.federation.merging import Key
from sharing_platform.federation.sharing import Sharer
from sharing_platform.machines.models import Machine, Offer
from sharing_platform.organisations.models import Organisation
from sharing_platform.organisations.permissions import Kind
from sharing_platform.search.index import mark_index_changed
from tests.sharing_platform.conftest import NOON, Platform
from tests.sharing_platform.federation.regions import Region, Regions


@contextmanager
def statements(platform: Platform) -> Iterator[list[str]]:
    """What is asked of the database."""
    engine: Any = platform.context.sessions.kw["bind"]
    seen: list[str] = []

    def note(*arguments: Any) -> None:
        seen.append(arguments[2])

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def set_minimum(region: Region, hours: float) -> None:
    """Of the first offer: as an earlier version may have left it."""
    with region.platform.context.sessions.begin() as session:
        changed = region.platform.present[0] + timedelta(seconds=hours)
        session.execute(update(Offer).where(Offer.own_id == "o1").values(minimum_hours=hours, changed=changed))


def test_what_neighbours_do_not_take_is_left_out_alone_and_said(friends: Regions) -> None:
    limburg, luik = friends.all
    region = limburg.platform.somebody("r@limburg.be", "limburg", kind=Kind.REGION)
    assert "Niet gedeeld" not in region.get("/region/neighbours").text
    limburg.platform.offer("o2", start_h=48)
    set_minimum(limburg, 800)
    friends.talk()
    assert [one.content["start"] for one in luik.items()] == ["2026-03-04T11:00:00Z"]
    page = region.get("/region/neighbours").text
    assert "Niet gedeeld" in page
    assert "Freesbank DMU 50 (<code>minimum_hours</code>)" in page
    set_minimum(limburg, 2)
    friends.talk()
    assert len(luik.items()) == 2
    assert "Niet gedeeld" not in region.get("/region/neighbours").text
    set_minimum(limburg, 800)
    friends.talk()
    limburg.end(luik)
    assert "Niet gedeeld" not in region.get("/region/neighbours").text, "nothing is shared with anybody"


def test_what_is_left_out_is_kept_once_however_long_its_title_is(friends: Regions) -> None:
    limburg, _ = friends.all
    with limburg.platform.context.sessions.begin() as session:
        session.execute(update(Machine).values(title="x" * 250))
        mark_index_changed(session)
    friends.talk()
    with limburg.platform.context.sessions() as session:
        ((key, one),) = unshared(session).items()
    assert (key[0], one.field, len(one.title)) == ("offer", "title", 200)
    with statements(limburg.platform) as seen:
        limburg.exchange.run()
    assert not [one for one in seen if "unshared_item" in one and not one.startswith("SELECT")]


def booked(regions: Regions, numbers: range) -> None:
    """Requests of Luik for two hours each, accepted by a person of the factory."""
    limburg, luik = regions.all
    planner = limburg.platform.somebody("eva@hal.be", "hal-2", kind=Kind.FACTORY)
    seeker = luik.platform.somebody("bo@startup.be", "startup")
    for number in numbers:
        start, end = (NOON + timedelta(hours=24 + 2 * number + more) for more in (0, 2))
        item = next(
            one for one in luik.items() if one.content["start"] <= f"{start:%Y-%m-%dT%H:%M:%SZ}" < one.content["end"]
        )
        local = [(moment + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M") for moment in (start, end)]
        luik.ask(seeker, f"/neighbours/{item.neighbour_id}/offer/{item.id}", *local)
    regions.talk()
    for one in limburg.bookings():
        if one.state == "held":
            answer = planner.post(f"/api/v1/bookings/{one.id}/state", json={"state": "accepted", "message": "Welkom"})
            assert answer.status_code == 200, answer.text
    regions.talk()


def test_requests_are_read_together(friends: Regions) -> None:
    limburg, luik = friends.all
    neighbour = limburg.neighbour(luik).id
    asked: list[int] = []
    for numbers in (range(1), range(1, 4)):
        booked(friends, numbers)
        with limburg.platform.context.sessions() as session, statements(limburg.platform) as seen:
            found = requests_of(session, [neighbour], limburg.platform.present[0])
        asked.append(len(seen))
    accepted = [one.content for one in found.values() if one.content and one.content["state"] == "accepted"]
    assert len(accepted) == 4
    assert {one["contact_email"] for one in accepted} == {"eva@hal.be"}
    assert {one["said"] for one in accepted} == {"Welkom"}
    assert asked[0] == asked[1], "however many there are"


def test_how_a_request_stands_is_told_whatever_else_cannot_be(friends: Regions) -> None:
    limburg, luik = friends.all
    booked(friends, range(1))
    with limburg.platform.context.sessions.begin() as session:
        session.execute(update(Booking).values(price="12345678901.00"))
    friends.talk()
    (one,) = luik.forwarded()
    assert (one.state, one.at_home["organisation_name"], "price" in one.at_home) == ("accepted", "hal-2", False)


def test_what_has_not_changed_is_neither_read_nor_written_again(friends: Regions) -> None:
    platform = friends.all[0].platform
    platform.offer("o2", start_h=48)
    assert platform.app is not None
    sharer = Sharer(platform.app.state.machine_index, platform.context.occupancy)

    def shared(before: dict[Key, Written]) -> tuple[dict[Key, Written], int]:
        with platform.context.sessions() as session, statements(platform) as seen:
            return sharer.shared(session, platform.present[0], before), sum("offer.windows" in one for one in seen)

    first, whole = shared({})
    again, unchanged = shared(first)
    assert (whole, unchanged) == (1, 0)
    assert len(first) == 2
    assert all(again[key] is one for key, one in first.items())
    platform.present[0] += timedelta(seconds=1)
    platform.offer("o2", start_h=48, hours=5)
    third, _ = shared(again)
    assert sum(third[key] is one for key, one in again.items()) == 1
    platform.machine("mill-1", "Freesbank DMU 60")
    assert all("DMU 60" in str(one.content) for one in shared(third)[0].values())


@pytest.mark.parametrize("anonymous", [False, True])
def test_places_are_told_to_a_kilometre(strangers: Regions, anonymous: bool) -> None:
    limburg, luik = strangers.all
    strangers.befriend()
    limburg.platform.machine("mill-1", "Freesbank DMU 50", process="milling")
    details = {"place": "Genk", "latitude": 50.966173, "longitude": 5.502148, "address": "Dijk 4"}
    answer = limburg.platform.hal_2.put("/api/v1/machines/hal-2/mill-1/details", json=details)
    assert answer.status_code == 200, answer.text
    with limburg.platform.context.sessions.begin() as session:
        session.execute(update(Organisation).values(latitude=50.931259, longitude=5.338481))
    limburg.platform.offer("o1", start_h=24, anonymous=anonymous)
    listing = {"kind": "know_how", "title": "Raad", "price_unit": "hour", "details": {}, "start": NOON.isoformat(), "end": (NOON + timedelta(days=9)).isoformat()}  # fmt: skip
    assert limburg.platform.hal_2.post("/api/v1/listings", json=listing).status_code == 201
    assert limburg.platform.hal_2.post("/api/v1/wanted", json={"title": "Draaiwerk", "wish": {}}).status_code == 201
    strangers.talk()
    contents = {one.kind: one.content for one in luik.items()}
    assert contents.keys() == {"offer", "listing", "notice"}
    for kind in ("listing", "notice"):
        assert (contents[kind]["latitude"], contents[kind]["longitude"]) == (50.93, 5.34)
    offer = contents["offer"]
    if not anonymous:
        assert (offer["latitude"], offer["longitude"]) == (50.97, 5.5)
        assert offer["details"] == {"place": "Genk"}
    said = str(list(contents.values()))
    assert [one for one in ("50.966", "5.502", "50.931", "5.338", "Dijk") if one in said] == []
