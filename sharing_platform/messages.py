"""What goes over the HTTP API: requests and answers, validated. This module: types that all subjects share, offers and machines."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
OfferId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
_Time = TypeVar("_Time", date, datetime)
LiveState = Literal["in_use", "standing_still", "out_of_service", "unknown", "not_shown"]


def _printable(text: str) -> str:
    """Texts come from people, and go into pages, mails and calendars: control characters do not belong there."""
    if any(ord(one) < 32 and one not in "\n\r\t" for one in text) or "\x7f" in text:
        raise ValueError("control characters are not allowed")
    return text


def _one_line(text: str) -> str:
    if "\n" in text or "\r" in text or "\t" in text:
        raise ValueError("one line only")
    return _printable(text)


OneLine = Annotated[str, AfterValidator(_one_line)]
OrganisationName = Annotated[OneLine, StringConstraints(strip_whitespace=True, min_length=2, max_length=200)]
Title = Annotated[OneLine, StringConstraints(strip_whitespace=True, min_length=2, max_length=200)]
Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000), AfterValidator(_printable)
]
LongText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000), AfterValidator(_printable)]
Term = Annotated[OneLine, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        to_lower=True,
        max_length=254,
        pattern=r"^[^@\s<>,;:\"()\[\]\\]{1,64}@[^@\s<>,;:\"()\[\]\\]+\.[^@\s<>,;:\"()\[\]\\.]{2,}$",
    ),
    AfterValidator(_one_line),
]
Euros = Annotated[Decimal, Field(ge=0, le=100_000, decimal_places=2)]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]


def _iso_day(value: object) -> object:
    """A day as people write it; not a number of seconds, which pydantic would take too."""
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        raise ValueError("write it as 2026-01-31")
    return value


def _iso_moment(value: object) -> object:
    if isinstance(value, datetime) or (isinstance(value, str) and re.match(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:", value)):
        return value
    raise ValueError("write it as 2026-01-31T08:00:00+01:00")


def _of_our_time(value: _Time) -> _Time:
    """Beyond it, zones and databases have no common notion of time."""
    if not 2000 <= value.year <= 2200:
        raise ValueError("between the years 2000 and 2200")
    return value


Day = Annotated[date, BeforeValidator(_iso_day), AfterValidator(_of_our_time)]
Moment = Annotated[AwareDatetime, BeforeValidator(_iso_moment), AfterValidator(_of_our_time)]
MAX_SLOT = timedelta(days=31)


class Message(BaseModel):
    """Of the API: a field that is not known is refused, not ignored."""

    model_config = ConfigDict(extra="forbid")


class OfferIn(Message):
    """Hours of a machine, how sure they are, and the record behind that: of `checked` such slots `broken` were not free."""

    factory: Name
    machine: Name
    start: Moment
    end: Moment
    probability: Annotated[float, Field(ge=0, le=1)]
    checked: Annotated[int, Field(ge=0, le=2**31 - 1)]
    broken: Annotated[int, Field(ge=0, le=2**31 - 1)]
    operator: Literal["included", "own_allowed", "own_required"] = "included"
    price_per_hour: Annotated[Euros | None, Field(description="Without VAT; null: to be agreed.")] = None
    price_minimum: Euros | None = None
    visibility: Literal["public", "members", "partners"] = "public"
    partners: Annotated[list[Name], Field(max_length=200, description="Who may see it, where only they may.")] = []
    booking: Annotated[
        Literal["instant", "on_request"],
        Field(description="Whether an approved organisation has the hours at once, or the factory answers."),
    ] = "instant"
    minimum_hours: Annotated[
        float | None, Field(gt=0, le=744, description="The shortest part that can be had; null: only the whole.")
    ] = None
    buffer_minutes: Annotated[int, Field(ge=0, le=1440, description="Between two bookings.")] = 0
    cancellation_hours: Annotated[
        int, Field(ge=0, le=744, description="Until so long before its start may a seeker cancel.")
    ] = 24

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not timedelta(0) < self.end - self.start <= MAX_SLOT:
            raise ValueError(f"`end` must lie after `start`, by at most {MAX_SLOT.days} days")
        if self.broken > self.checked:
            raise ValueError("`broken` cannot be more than `checked`")
        return self


class OfferOut(OfferIn):
    """An offer as it stands; `start` and `end` are what of it is free."""

    id: str
    status: Literal["open", "held", "booked", "withdrawn"]
    changed: datetime


class Reason(Message):
    """Why something fits: `code` names it, `values` are what it is about."""

    code: str
    values: dict[str, Any] = {}


class FoundOffer(OfferOut):
    """An offer that was searched for. `score`: how well it fits, 0 to 1, and why."""

    title: str
    process: str
    place: str
    distance_km: float | None
    score: float
    reasons: list[Reason]


class OfferPage(Message):
    """Offers in order of their start, or of their fit. `next`, given as `cursor`, leads to what follows; null at the end."""

    offers: list[FoundOffer]
    next: str | None


class MachineIn(Message):
    """What a machine is, and how it is now where its factory lets that be shown."""

    title: Annotated[OneLine, Field(max_length=200)]
    process: Annotated[OneLine, Field(max_length=100)] = ""
    now: LiveState = "not_shown"
    since: Moment | None = None
