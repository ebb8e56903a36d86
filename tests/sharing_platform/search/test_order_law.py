"""However many offers match: its pages, one after the other, are all of them in the order that was asked for."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.orm import Session

from sharing_platform.database import read_session
from sharing_platform.machines import offer_reading, offer_search
from sharing_platform.machines.availability import set_bounds
from sharing_platform.machines.models import OPEN, Offer
from sharing_platform.machines.offer_order import RankedOffer, Sort
from sharing_platform.machines.offer_search import find_offers
from sharing_platform.search.criteria import Wish
from sharing_platform.search.ranking import prepare_criteria
from tests.sharing_platform.conftest import NOON, Platform

COUNT = 700
"""More than any order once looked at."""
PLACES = ("Genk", "Hasselt", "Tongeren", "Sint-Truiden", "", "Leuven", "Bilzen", "Genk", "Genk", "Maaseik", "Aarschot")


def put_offers(platform: Platform) -> None:
    """The best in every way are among the last to begin."""
    chance = random.Random(34)
    for number, place in enumerate(PLACES):
        platform.machine(f"mill-{number}", f"Frees {number}", process="milling" if number % 4 else "turning")
        platform.hal_2.put(f"/api/v1/machines/hal-2/mill-{number}/details", json={"place": place})
    with platform.context.sessions.begin() as session:
        session.add_all(_offer(chance, number) for number in range(COUNT))


def _offer(chance: random.Random, number: int) -> Offer:
    start = NOON + timedelta(minutes=30 * chance.randrange(2, 2000) if number < COUNT - 20 else 70_000)
    hours = chance.randint(2, 40)
    best = number >= COUNT - 20
    cuts = sorted(chance.sample(range(hours + 1), 2))
    windows = [
        {
            "start": (start + timedelta(hours=begin)).isoformat(),
            "end": (start + timedelta(hours=end)).isoformat(),
            "probability": round(chance.uniform(0.85 if best else 0.6, 0.9), 2) + 0.09 * best,
        }
        for begin, end in ((0, cuts[1]), (cuts[0], hours))
        if begin < end
    ]
    price = None if number % 9 == 0 else Decimal(chance.randint(200, 900)) / 10 if not best else Decimal("12.30")
    offer = Offer(
        id=f"o{number:03}", own_id=f"o{number:03}", public_id=f"o{number:03}", factory="hal-2",
        machine=f"mill-{chance.randrange(len(PLACES)) if not best else 1}",
        offered_start=start, offered_end=start + timedelta(hours=hours), start=start, end=start + timedelta(hours=hours),
        probability=0.7, checked=10, broken=1, minimum_hours=2.0, price_per_hour=price, prices=[], status=OPEN, changed=NOON,
        windows=windows if number % 3 else [], visibility="public", partners=[], booking="instant",
    )  # fmt: skip
    set_bounds(offer)
    return offer


def _known_first(value: Any) -> tuple[bool, float]:
    return (value is None, float(value or 0))


KEYS: dict[Sort, Callable[[RankedOffer], Any]] = {
    "start": lambda _: 0,
    "price": lambda one: _known_first(one.offer.lowest_per_hour),
    "distance": lambda one: _known_first(one.ranking.distance),
    "certainty": lambda one: -one.window.probability,
    "fit": lambda one: -one.ranking.score,
}
WISHES: dict[str, dict[str, Any]] = {
    "all": {"near": "Hasselt"},
    "hours": {"near": "Hasselt", "hours": 8, "first_day": "2026-03-10", "last_day": "2026-04-20"},
    "priced": {"near": "Hasselt", "max_price_per_hour": "60", "process": "milling"},
}


def test_pages_in_every_order_are_all_that_match_sorted(platform: Platform) -> None:
    put_offers(platform)
    with read_session(platform.context.sessions) as session:
        for wanted in WISHES.values():
            wish = Wish.model_validate(wanted)
            everything = found(platform, session, wish, "start", COUNT + 1)[0]
            assert len(everything) == len({one.offer.id for one in everything}) > 250
            for sort, of in KEYS.items():

                def place(one: RankedOffer, of: Callable[[RankedOffer], Any] = of, wish: Wish = wish) -> Any:
                    unpriced = wish.max_price_per_hour is not None and one.offer.price_per_hour is None
                    return unpriced, of(one), one.offer.start, one.offer.public_id

                expected = [one.offer.id for one in sorted(everything, key=place)]
                # Many small pages take long: of one wish they are enough.
                for limit in (37, 251) if wanted is WISHES["priced"] else (251,):
                    assert pages(platform, session, wish, sort, limit) == expected, (wanted, sort, limit)


def found(
    platform: Platform, session: Session, wish: Wish, sort: Sort, limit: int, cursor: str | None = None
) -> tuple[list[RankedOffer], str | None]:
    assert platform.app is not None
    index, context = platform.app.state.machine_index, platform.context
    results = find_offers(
        session, index, prepare_criteria(wish), context.now(), context.zone, None, limit, sort, cursor
    )
    return results.found, results.next


def pages(platform: Platform, session: Session, wish: Wish, sort: Sort, limit: int) -> list[str]:
    ids, cursor = [], None
    while True:
        page, cursor = found(platform, session, wish, sort, limit, cursor)
        ids += [one.offer.id for one in page]
        if cursor is None:
            return ids
        assert len(page) == limit


@pytest.mark.parametrize("sort", ["price", "certainty"])
def test_the_best_comes_first_though_it_begins_last(platform: Platform, sort: Sort) -> None:
    put_offers(platform)
    query = {"sort": sort, "near": "Hasselt", "limit": 5}
    first = platform.anyone.get("/api/v1/offers", params=query).json()["offers"]
    assert all(one["start"] > "2026-04-15" for one in first)


@pytest.mark.parametrize(("few", "most"), [(3, 2000), (3, 3)], ids=["named to the database", "judged here"])
def test_however_many_machines_fit_a_search_finds_the_same(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, few: int, most: int
) -> None:
    """Of a few, the database looks into the index by machine; of many, it looks them up on its way through time; of more, they are looked up here."""
    put_offers(platform)
    wishes = [Wish.model_validate(wanted) for wanted in WISHES.values()]
    with read_session(platform.context.sessions) as session:
        expected = [pages(platform, session, wish, sort, 251) for wish in wishes for sort in KEYS]
        monkeypatch.setattr(offer_search, "_FEW_MACHINES", few)
        monkeypatch.setattr(offer_reading, "_MOST_MACHINES", most)
        assert [pages(platform, session, wish, sort, 251) for wish in wishes for sort in KEYS] == expected
