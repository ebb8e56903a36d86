"""Prices of slots by the factory's price rule. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from analytics.policy.policy import QUARTER, PriceRule

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class TimedPrice:
    """Hours that cost another price than the rest, in euros per hour without VAT."""

    start: datetime
    end: datetime
    per_hour: Decimal


def timed_prices(rule: PriceRule, start: datetime, end: datetime, zone: str) -> tuple[TimedPrice, ...]:
    """Which hours of a slot cost another price than `rule.per_hour`, in order; neighbours of one price are put together."""
    found: list[TimedPrice] = []
    moment = start
    while moment < end and rule.parts:
        following = min(moment + QUARTER, end)
        price = _price_at(rule, moment, zone)
        if found and found[-1].end == moment and found[-1].per_hour == price:
            found[-1] = replace(found[-1], end=following)
        elif price != rule.per_hour:
            found.append(TimedPrice(moment, following, price))
        moment = following
    return tuple(found)


def price_per_hour(rule: PriceRule, start: datetime, end: datetime, zone: str) -> Decimal:
    """Euros per hour without VAT, averaged over the slot: each quarter costs the price of the first matching part of
    the day."""
    total, quarters, moment = Decimal(0), 0, start
    while moment < end:
        total, quarters, moment = total + _price_at(rule, moment, zone), quarters + 1, moment + QUARTER
    return (total / quarters).quantize(_CENT) if quarters else rule.per_hour


def _price_at(rule: PriceRule, moment: datetime, zone: str) -> Decimal:
    """Of the quarter of an hour that begins then: of the first part of the day that contains it."""
    clock = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    return next((part.per_hour for part in rule.parts if part.hours.contains(clock, QUARTER)), rule.per_hour)
