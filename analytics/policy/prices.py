"""What a slot costs by the factory's price rule. Pure."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from analytics.policy.policy import QUARTER, PriceRule

_CENT = Decimal("0.01")


def price_per_hour(rule: PriceRule, start: datetime, end: datetime, zone: str) -> Decimal:
    """Euros per hour without VAT, over the whole slot: each quarter at the price of its part of the day, the first that holds."""
    local = ZoneInfo(zone)
    total, quarters, moment = Decimal(0), 0, start
    while moment < end:
        clock = moment.astimezone(local).replace(tzinfo=None)
        part = next((one.per_hour for one in rule.parts if one.hours.contains(clock, QUARTER)), rule.per_hour)
        total, quarters, moment = total + part, quarters + 1, moment + QUARTER
    return (total / quarters).quantize(_CENT) if quarters else rule.per_hour
