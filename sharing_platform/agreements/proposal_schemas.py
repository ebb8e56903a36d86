"""Requests and answers of the HTTP API about quotes, and other hours or prices."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from sharing_platform.bookings.amounts import to_cents
from sharing_platform.bookings.lifecycle import Party, ProposalState
from sharing_platform.schemas import ApiModel, Euros, LongText, Moment, OneLine

MOST_TOTAL = 1_000_000
Answer = Literal["accepted", "declined", "withdrawn"]
VatPercent = Literal["0", "6", "12", "21"]
"""The rates that Belgium has."""


class Unit(StrEnum):
    """What the quantity of a line of a quote counts."""

    HOUR = "hour"
    PIECE = "piece"
    DAY = "day"
    KILOGRAM = "kg"
    METRE = "metre"
    FLAT = "flat"


class QuoteLine(ApiModel):
    """A line of a quote. `unit_price`: without VAT; less than nothing for a discount."""

    text: Annotated[OneLine, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    quantity: Annotated[Decimal, Field(gt=0, le=1_000_000, decimal_places=2)] = Decimal(1)
    unit: Unit = Unit.FLAT
    unit_price: Annotated[Decimal, Field(ge=-100_000, le=100_000, decimal_places=2)]

    @property
    def total(self) -> Decimal:
        return to_cents(self.quantity * self.unit_price)


class QuoteIn(ApiModel):
    """What the factory asks for the requested hours. Accepted by the seeker, it makes the booking firm. `valid_until`: within 30 days, and not after the hours begin; without it, 48 hours."""

    lines: Annotated[list[QuoteLine], Field(min_length=1, max_length=20)]
    vat_percent: VatPercent = "21"
    valid_until: Moment | None = None
    message: LongText = ""

    @property
    def total(self) -> Decimal:
        return sum((line.total for line in self.lines), Decimal(0))

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if not 0 <= self.total <= MOST_TOTAL:
            raise ValueError(f"the lines must add up to between 0 and {MOST_TOTAL}")
        return self


class ProposalIn(ApiModel):
    """Other hours, another price, or both. Without `price`, other hours cost what the offer says. Of a request with several parts that waits, `start` and `end` are those of the part
    that is named, and `price` is that of all parts together."""

    start: Moment | None = None
    end: Moment | None = None
    price: Euros | None = None
    message: LongText = ""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.start is None) != (self.end is None):
            raise ValueError("`start` and `end` go together")
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError("`end` must lie after `start`")
        return self


class ProposalAnswerIn(ApiModel):
    """Accept or decline the other side's proposal, or withdraw one's own."""

    state: Answer


class ProposalOut(ApiModel):
    """A proposal about a request or an accepted booking. `party`: who made it; `person`: who of their people, for those of the same organisation alone. `lines`: of a quote. `price` (null: to be agreed) is
    without VAT, `total` with it. `valid_until`: when the request expires if it is not answered."""

    id: str
    party: Party
    person: str | None
    at: datetime
    start: datetime
    end: datetime
    price: Decimal | None
    vat_percent: Decimal
    vat: Decimal | None
    total: Decimal | None
    lines: list[QuoteLine]
    taken_down: bool = Field(
        description="The region has hidden the texts of its lines, and the other party sees the amounts alone."
    )
    valid_until: datetime | None
    state: ProposalState
    answered: datetime | None
    of_agreed: bool = Field(description="Proposed once the booking was accepted: not answered, the booking stands.")
    answers: list[Answer] = Field(description="What the caller may answer now, given the right to.")


class ProposalsOut(ApiModel):
    """The oldest first."""

    proposals: list[ProposalOut]
