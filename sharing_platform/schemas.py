"""Field types that requests and answers of all domains share, and the base of their models."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
OfferId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
_Time = TypeVar("_Time", date, datetime)


def printable(text: str) -> str:
    """Texts go into pages, mails and calendars, which must not contain control characters."""
    if any(ord(character) < 32 and character not in "\n\r\t" for character in text) or "\x7f" in text:
        raise ValueError("control characters are not allowed")
    return text


def _one_line(text: str) -> str:
    if "\n" in text or "\r" in text or "\t" in text:
        raise ValueError("one line only")
    return printable(text)


OneLine = Annotated[str, AfterValidator(_one_line)]
OrganisationName = Annotated[OneLine, StringConstraints(strip_whitespace=True, min_length=2, max_length=200)]
Title = Annotated[OneLine, StringConstraints(strip_whitespace=True, min_length=2, max_length=200)]
Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000), AfterValidator(printable)
]
LongText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000), AfterValidator(printable)]
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
Quantity = Annotated[int, Field(ge=1, le=1_000_000)]
Euros = Annotated[Decimal, Field(ge=0, le=100_000, decimal_places=2)]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]
Millimetres = Annotated[float, Field(gt=0, le=100_000)]


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
    """Outside these years, time zones and databases disagree."""
    if not 2000 <= value.year <= 2200:
        raise ValueError("between the years 2000 and 2200")
    return value


Day = Annotated[date, BeforeValidator(_iso_day), AfterValidator(_of_our_time)]
Moment = Annotated[AwareDatetime, BeforeValidator(_iso_moment), AfterValidator(_of_our_time)]


class ApiModel(BaseModel):
    """Base of requests and answers: an unknown field is refused, not ignored."""

    model_config = ConfigDict(extra="forbid")
