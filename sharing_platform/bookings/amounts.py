"""Amounts of money, in euros and cents. Pure; never a float."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

VAT = Decimal("21.00")
"""Per cent, where nothing else is said (Belgium)."""
CENT = Decimal("0.01")


def to_cents(amount: Decimal) -> Decimal:
    """Half cents are rounded away from zero, as on an invoice."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def vat_of(amount: Decimal, percent: Decimal) -> Decimal:
    return to_cents(amount * percent / 100)


def shares_of(total: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """A total in parts as large as their weights, which add up to it to the cent: the last has what rounding leaves."""
    whole = sum(weights)
    shares = [to_cents(total * weight / whole) for weight in weights[:-1]]
    return [*shares, total - sum(shares, Decimal(0))]
