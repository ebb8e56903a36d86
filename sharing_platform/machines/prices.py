"""What hours of an offer cost, where they cost more or less at some times. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

_CENT = Decimal("0.01")
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class TimedPrice:
    """Hours that cost another price than the rest of the offer, in euros per hour without VAT."""

    start: datetime
    end: datetime
    per_hour: Decimal

    def as_row(self) -> dict[str, str]:
        """As the table of offers keeps it."""
        return {"start": self.start.isoformat(), "end": self.end.isoformat(), "price_per_hour": str(self.per_hour)}


def prices_from(rows: Sequence[Mapping[str, Any]]) -> list[TimedPrice]:
    """As the table of offers keeps them."""
    times = datetime.fromisoformat
    return [TimedPrice(times(row["start"]), times(row["end"]), Decimal(row["price_per_hour"])) for row in rows]


def price_of_hours(per_hour: Decimal, others: Sequence[TimedPrice], start: datetime, end: datetime) -> Decimal:
    """In euros, to the cent. `others`: do not overlap."""
    total = per_hour * _hours(end - start)
    for other in others:
        inside = min(end, other.end) - max(start, other.start)
        if inside > timedelta(0):
            total += (other.per_hour - per_hour) * _hours(inside)
    return total.quantize(_CENT, ROUND_HALF_UP)


def average_per_hour(per_hour: Decimal, others: Sequence[TimedPrice], start: datetime, end: datetime) -> Decimal:
    """Of these hours, which are not none, to the cent."""
    if not others:
        return per_hour
    return (price_of_hours(per_hour, others, start, end) / _hours(end - start)).quantize(_CENT, ROUND_HALF_UP)


def average_price(
    per_hour: Decimal | None, rows: Sequence[Mapping[str, Any]], start: datetime, end: datetime
) -> Decimal | None:
    """The same of hours whose other prices are as the table of offers keeps them; None where the price is to be agreed."""
    return None if per_hour is None else average_per_hour(per_hour, prices_from(rows), start, end)


def _hours(length: timedelta) -> Decimal:
    return Decimal(int(length.total_seconds())) / Decimal(int(_HOUR.total_seconds()))
