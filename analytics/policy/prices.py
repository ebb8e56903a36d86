"""Prices of slots by the factory's price rule. Pure."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from analytics.policy.policy import QUARTER, PriceRule

_CENT = Decimal("0.01")


def price_per_hour(rule: PriceRule, start: datetime, end: datetime, zone: str) -> Decimal:
    """Euros per hour without VAT, averaged over the slot: each quarter costs the price of the first matching part of
    the day."""
    local = ZoneInfo(zone)
    total, quarters, moment = Decimal(0), 0, start
    while moment < end:
        clock = moment.astimezone(local).replace(tzinfo=None)
        price = next((part.per_hour for part in rule.parts if part.hours.contains(clock, QUARTER)), rule.per_hour)
        total, quarters, moment = total + price, quarters + 1, moment + QUARTER
    return (total / quarters).quantize(_CENT) if quarters else rule.per_hour
