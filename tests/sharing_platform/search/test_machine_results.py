"""What is found is shown machine by machine: in the order asked for, each once, with its hours and its week."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharing_platform.database import read_session
from sharing_platform.machines.machine_results import machines_in_order
from sharing_platform.machines.models import Machine, Offer
from sharing_platform.machines.offer_order import FoundOffer, FoundOffers
from sharing_platform.machines.offer_search import find_places, offers_at, offers_of_machines
from sharing_platform.search.criteria import Wish
from sharing_platform.search.index import mark_index_changed
from sharing_platform.search.ranking import prepare_criteria
from tests.sharing_platform.conftest import NOON, Platform


@dataclass
class _Found:
    """Offers of machines, read in pages."""

    machines: list[int]
    size: int

    def __call__(self, cursor: str | None) -> FoundOffers:
        start = int(cursor or 0)
        end = start + self.size
        offers = [_offer(place, self.machines[place]) for place in range(start, min(end, len(self.machines)))]
        return FoundOffers(offers, str(end) if end < len(self.machines) else None)


def _offer(place: int, machine: int) -> FoundOffer:
    return FoundOffer((False, (), NOON, str(place)), str(place), ("hal-2", f"m{machine}"))


@given(st.lists(st.integers(0, 6), max_size=40), st.integers(1, 9), st.integers(1, 4))
def test_pages_of_machines_are_all_machines_once_in_the_order_of_their_best_offer(
    machines: list[int], size: int, limit: int
) -> None:
    read, found, skip, more = _Found(machines, size), list[Any](), 0, True
    while more:
        page, more = machines_in_order(read, skip, limit)
        assert len(page) <= limit
        assert not more or len(page) == limit or page == []
        found += page
        skip += limit
    best = {machine: place for place, machine in reversed(list(enumerate(machines)))}
    assert [int(one.id) for one in found] == sorted(best.values())


def test_nothing_is_read_once_all_machines_that_there_are_are_found() -> None:
    read: list[str | None] = []
    offers = _Found([0, 1] * 50, 10)

    def page(cursor: str | None) -> FoundOffers:
        read.append(cursor)
        return offers(cursor)

    found, more = machines_in_order(page, 0, 24, [("hal-2", "m0"), ("hal-2", "m1")])
    assert ([one.key[1] for one in found], more, read) == (["m0", "m1"], False, [None])


def shown(page: str) -> list[tuple[str, list[str]]]:
    """Titles of machines, with the offers listed beneath."""
    results = page.partition('<ul class="results">')[2].split('<li class="result"')[1:]
    return [(re.findall(r"<h3><a [^>]*>([^<]*)", one)[0], re.findall(r'data-offer="([^"]*)"', one)) for one in results]


def test_a_machine_stands_once_with_its_hours(platform: Platform) -> None:
    platform.machine("mill-1", "Freesbank", process="milling")
    platform.machine("lathe-2", "Draaibank", process="turning")
    for number in range(14):
        platform.offer(f"m{number:02}", 3 + 12 * number, 4, price_per_hour="60")
    platform.offer("l0", 20, 6, machine="lathe-2", price_per_hour="40")
    first = platform.anyone.get("/").text
    assert shown(first) == [("Freesbank", [f"m{number:02}" for number in range(6)]), ("Draaibank", ["l0"])]
    assert "2 machines met vrije uren" in first
    assert 'href="/machines/hal-2/mill-1">Alle vrije uren van deze machine' in first
    cheapest = platform.anyone.get("/", params={"sort": "price"}).text
    assert [title for title, _ in shown(cheapest)] == ["Draaibank", "Freesbank"]
    longer = platform.anyone.get("/", params={"hours": "5"}).text.replace("\N{NO-BREAK SPACE}", " ")
    assert shown(longer) == [("Draaibank", ["l0"])]
    assert "<strong>€ 200,00</strong>" in longer, "the price of the hours asked for"


def test_of_many_machines_the_first_are_listed_and_all_of_them_when_asked_for(platform: Platform) -> None:
    """A list of a thousand states, and a thousand machines to choose from, make a page of half a megabyte that nobody reads."""
    with platform.context.sessions.begin() as session:
        for number in range(160):
            offered = Machine(
                factory="hal-2", machine=f"m{number}", title=f"Machine {number:03}", process="", now="idle"
            )
            session.add_all([offered, an_offer(f"o{number}", f"m{number}")])
        mark_index_changed(session)
    states = re.compile(r'data-machine="m(\d+)"')
    page = platform.anyone.get("/").text
    assert states.findall(page) == [str(number) for number in range(48)]
    assert 'href="/?machines=all#machines-now">Toon alle 160 machines' in page
    for path in ("/", "/parts/machines"):
        assert len(states.findall(platform.anyone.get(path, params={"machines": "all"}).text)) == 160
    assert 'name="machine"' not in page, "nobody chooses from so many"
    chosen = platform.anyone.get("/", params={"machine": "hal-2/m77"}).text
    assert '<option value="hal-2/m77" selected>' in chosen
    assert [title for title, _ in shown(chosen)] == ["Machine 077"]


def an_offer(name: str, machine: str) -> Offer:
    start, end = NOON + timedelta(hours=3), NOON + timedelta(hours=7)
    return Offer(
        id=name, own_id=name, public_id=name, factory="hal-2", machine=machine, start=start, end=end, offered_start=start, offered_end=end,
        length_s=14_400, longest_s=14_400, probability=0.95, checked=40, broken=1, changed=NOON,
    )  # fmt: skip


def test_what_puts_a_machine_at_its_place_is_listed_first(platform: Platform) -> None:
    platform.machine("mill-1", "Freesbank")
    for number in range(14):
        platform.offer(f"m{number:02}", 3 + 12 * number, 4, probability=0.9 + 0.001 * number)
    page = platform.anyone.get("/", params={"sort": "certainty"}).text
    assert shown(page)[0][1][0] == "m13"


@pytest.mark.parametrize("skip", ["-1", "x", "99999999999999999999", "1e9", "²"])
def test_a_page_that_is_none_is_the_first_or_empty(platform: Platform, skip: str) -> None:
    platform.offer()
    assert platform.anyone.get("/", params={"skip": skip}).status_code == 200


def test_a_machine_of_another_factory_is_similar_though_it_has_the_same_id(platform: Platform) -> None:
    platform.machine("mill-1", "Freesbank", process="milling")
    platform.offer("o1")
    other = {"title": "Frees van de buren", "process": "milling"}
    assert platform.hal_3.put("/api/v1/machines/hal-3/mill-1", json=other).status_code == 204
    offer = {"factory": "hal-3", "machine": "mill-1", "start": "2026-03-03T08:00:00Z", "end": "2026-03-03T12:00:00Z", "probability": 0.95, "checked": 0, "broken": 0}  # fmt: skip
    assert platform.hal_3.put("/api/v1/offers/o2", json=offer).status_code == 201
    tiles = platform.anyone.get("/machines/hal-2/mill-1").text.partition('<ul class="tiles">')[2]
    assert re.findall(r'<a href="([^"]*)"', tiles.partition("</ul>")[0]) == ["/machines/hal-3/mill-1"]


def test_the_nearest_of_similar_machines_come_first(platform: Platform) -> None:
    """Also where another is free sooner; what stands nobody knows where comes last."""
    for number, (name, place) in enumerate(
        (("mill-1", "Sint-Truiden"), ("far", "Genk"), ("unknown", ""), ("near", "Borgloon"))
    ):
        platform.machine(name, name, process="milling")
        if place:
            details = {"place": place}
            assert platform.hal_2.put(f"/api/v1/machines/hal-2/{name}/details", json=details).status_code == 200
        platform.offer(f"o{number}", 3 + 24 * number, machine=name)
    tiles = platform.anyone.get("/machines/hal-2/mill-1").text.partition('<ul class="tiles">')[2]
    shown_there = re.findall(r'<a href="/machines/hal-2/([^"]*)"', tiles.partition("</ul>")[0])
    assert shown_there == ["near", "far", "unknown"]


def test_an_anonymous_machine_leads_to_its_alias_alone(platform: Platform) -> None:
    platform.machine("mill-1", "Freesbank DMU 50", anonymous=True, process="milling")
    platform.offer("o1", 3, 4, anonymous=True)
    page = platform.anyone.get("/").text
    assert shown(page)
    assert "/machines/hal-2" not in page
    assert "hal-2" not in page.partition('<ul class="results">')[2].partition("</section>")[0]


def test_a_machine_that_no_longer_fits_is_left_out_and_breaks_nothing(platform: Platform) -> None:
    """Somebody changes it between two statements of a search."""
    assert platform.app is not None
    platform.machine("mill-1", "Bank 1", process="milling")
    platform.machine("mill-2", "Bank 2", process="milling")
    platform.offer("o1", 3, 4)
    platform.offer("o2", 4, 4, machine="mill-2")
    context = platform.context
    wish = prepare_criteria(Wish(process="milling"))
    with read_session(context.sessions) as session:
        asks = (session, platform.app.state.machine_index, wish, context.now(), context.zone, None)
        places = find_places(*asks, 10).found
        assert [one.key[1] for one in places] == ["mill-1", "mill-2"]
        platform.machine("mill-1", "Bank 1", process="turning")
    with read_session(context.sessions) as session:
        asks = (session, *asks[1:])
        assert [one.offer.machine for one in offers_at(*asks, places)] == ["mill-2"]
        assert [key[1] for key in offers_of_machines(*asks, places, 10, 6).best] == ["mill-2"]
