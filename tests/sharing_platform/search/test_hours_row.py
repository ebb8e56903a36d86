"""What a row of free hours says, and what is left of a search when something changes while it is read."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from sharing_platform.database import read_session
from sharing_platform.i18n import Translator
from sharing_platform.machines.hours_row import price_said
from sharing_platform.machines.models import Offer
from sharing_platform.machines.offer_search import find_places, offers_at, offers_of_machines
from sharing_platform.search.criteria import Wish
from sharing_platform.search.ranking import prepare_criteria
from tests.sharing_platform.conftest import NOON, Platform

NIGHT = {"start": "2026-03-02T20:00:00+00:00", "end": "2026-03-02T22:00:00+00:00", "price_per_hour": "0.00"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"price_per_hour": None, "lowest_per_hour": None, "prices": []}, "prijs in overleg"),
        ({"price_per_hour": Decimal(60), "lowest_per_hour": Decimal(60), "prices": []}, "€\N{NO-BREAK SPACE}60,00 per uur excl. btw"),
        ({"price_per_hour": Decimal(60), "lowest_per_hour": Decimal(0), "prices": [NIGHT]}, "vanaf €\N{NO-BREAK SPACE}0,00 per uur excl. btw"),
    ],
    ids=["to be agreed", "one price", "nothing at night"],
)  # fmt: skip
def test_the_price_of_hours_is_the_lowest_of_any_of_them(fields: dict[str, Any], said: str) -> None:
    start, end = NOON.replace(hour=12, day=2), NOON.replace(hour=23, day=2)
    offer = Offer(start=start, end=end, **fields)
    assert said == price_said(Translator("nl", "Europe/Brussels"), offer)


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
