"""Search criteria, the same for a search, a saved search and a wanted notice."""

from __future__ import annotations

from typing import Annotated, Literal

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
