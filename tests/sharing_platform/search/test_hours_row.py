"""What a row of free hours says."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from sharing_platform.i18n import Translator
from sharing_platform.machines.hours_row import price_said
from sharing_platform.machines.models import Offer
from tests.sharing_platform.conftest import NOON

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
