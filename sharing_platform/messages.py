"""What goes over the HTTP API: requests and answers, validated."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
OfferId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
LiveState = Literal["in_use", "standing_still", "out_of_service", "unknown", "not_shown"]

Euros = Annotated[Decimal, Field(ge=0, le=100_000, decimal_places=2)]

MAX_SLOT = timedelta(days=31)


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OfferIn(_Message):
    """Hours of a machine, how sure they are, and the record behind that: of `checked` such slots `broken` were not free."""

    factory: Name
    machine: Name
    start: AwareDatetime
    end: AwareDatetime
    probability: Annotated[float, Field(ge=0, le=1)]
    checked: Annotated[int, Field(ge=0)]
    broken: Annotated[int, Field(ge=0)]
    operator: Literal["included", "own_allowed", "own_required"] = "included"
    price_per_hour: Annotated[Euros | None, Field(description="Without VAT; null: to be agreed.")] = None
    price_minimum: Euros | None = None
    visibility: Literal["public", "members", "partners"] = "public"
    partners: Annotated[list[Name], Field(max_length=200, description="Who may see it, where only they may.")] = []

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not timedelta(0) < self.end - self.start <= MAX_SLOT:
            raise ValueError(f"`end` must lie after `start`, by at most {MAX_SLOT.days} days")
        if self.broken > self.checked:
            raise ValueError("`broken` cannot be more than `checked`")
        return self


class OfferOut(OfferIn):
    """An offer as it stands."""

    id: str
    status: Literal["open", "booked", "withdrawn"]
    changed: datetime


class OfferPage(_Message):
    """Offers in order of their start. `next`, given as `cursor`, leads to what follows; null at the end."""

    offers: list[OfferOut]
    next: str | None


class BookingIn(_Message):
    """Who books."""

    organisation: Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=200)]
    email: Annotated[str, StringConstraints(pattern=r"^[^@\s]{1,64}@[^@\s]+\.[^@\s]{2,}$", max_length=254)]


class BookingOut(_Message):
    """Hours that are booked. Who booked them is for the factory alone, which is the only one that may list them."""

    id: str
    offer_id: str
    factory: str
    machine: str
    start: datetime
    end: datetime
    organisation: str
    email: str
    booked: datetime


class BookingPage(_Message):
    """Bookings in order of their start."""

    bookings: list[BookingOut]


class MachineIn(_Message):
    """What a machine is, and how it is now where its factory lets that be shown."""

    title: Annotated[str, Field(max_length=200)]
    process: Annotated[str, Field(max_length=100)] = ""
    now: LiveState = "not_shown"
    since: AwareDatetime | None = None
