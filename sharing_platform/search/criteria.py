"""Search criteria, the same for a search, a saved search and a wanted notice."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints

from sharing_platform.schemas import ApiModel, Day, Euros, Latitude, Longitude, Millimetres, Name, OneLine, Term

ListingKind = Literal["operator", "equipment", "know_how", "training"]
Subject = Literal["machine", "operator", "equipment", "know_how", "training"]


class Wish(ApiModel):
    """Each field narrows the search; fields that are left out do not matter. `workpiece_mm` matches in any orientation. `within_km` needs `near` or
    degrees. `first_day` and `last_day` are local days."""

    subject: Subject = "machine"
    words: Annotated[OneLine, StringConstraints(strip_whitespace=True, max_length=200)] = ""
    process: Annotated[OneLine, StringConstraints(strip_whitespace=True, max_length=100)] = ""
    materials: Annotated[list[Term], Field(max_length=10)] = Field(default_factory=list)
    workpiece_mm: tuple[Millimetres, Millimetres, Millimetres] | None = None
    axes: Annotated[int | None, Field(ge=1, le=12)] = None
    tolerance_mm: Annotated[float | None, Field(gt=0, le=10)] = None
    load_kg: Annotated[float | None, Field(gt=0, le=1_000_000)] = None
    certificates: Annotated[list[Term], Field(max_length=10)] = Field(default_factory=list)
    operator: Literal["included", "own_allowed", "own_required"] | None = None
    first_day: Day | None = None
    last_day: Day | None = None
    hours: Annotated[float | None, Field(gt=0, le=744)] = None
    near: Annotated[OneLine, StringConstraints(strip_whitespace=True, max_length=100)] = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    within_km: Annotated[float | None, Field(gt=0, le=2000)] = None
    max_price_per_hour: Euros | None = None
    factory: Name | None = None
    machine: Name | None = None


def days_of(wish: Wish, zone: str) -> tuple[datetime, datetime] | None:
    """From the first midnight of the days asked for to the last; None where any day will do."""
    if wish.first_day is None and wish.last_day is None:
        return None
    local = ZoneInfo(zone)
    first, last = wish.first_day or date.min + timedelta(days=1), wish.last_day or date.max - timedelta(days=2)
    midnights = (datetime.combine(day, time(0), local) for day in (first, last + timedelta(days=1)))
    begin, end = (midnight.astimezone(UTC) for midnight in midnights)
    return begin, end


def is_on_days(start: datetime, end: datetime, wish: Wish, zone: str) -> bool:
    """Whether something reaches into the days asked for."""
    days = days_of(wish, zone)
    return days is None or (start < days[1] and end > days[0])
