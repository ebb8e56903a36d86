"""What somebody looks for. The same for a search, a saved search and a wanted notice."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from sharing_platform.messages import Day, Euros, Latitude, Longitude, LongText, Message, Name, OneLine, Term

ListingKind = Literal["operator", "equipment", "know_how", "training"]
Subject = Literal["machine", "operator", "equipment", "know_how", "training"]
Millimetres = Annotated[float, Field(gt=0, le=100_000)]


class MachineDetails(Message):
    """What a machine is and can do, as its factory describes it. `din_8580`: the class of its process, where it is another than the
    one its process has. `place` without degrees is looked up; `address` is told after acceptance alone."""

    make: Annotated[OneLine, StringConstraints(max_length=60)] = ""
    model: Annotated[OneLine, StringConstraints(max_length=60)] = ""
    description: Annotated[LongText, StringConstraints(max_length=2000)] = ""
    din_8580: Annotated[str, StringConstraints(pattern=r"^([1-6](\.\d{1,2}){0,3})?$")] = ""
    processes: Annotated[list[Term], Field(max_length=10)] = Field(default_factory=list)
    envelope_mm: Annotated[
        tuple[Millimetres, Millimetres, Millimetres] | None, Field(description="Largest workpiece: x, y, z.")
    ] = None
    axes: Annotated[int | None, Field(ge=1, le=12)] = None
    materials: Annotated[list[Term], Field(max_length=30)] = Field(default_factory=list)
    tolerance_mm: Annotated[float | None, Field(gt=0, le=10)] = None
    table_load_kg: Annotated[float | None, Field(gt=0, le=1_000_000)] = None
    certificates: Annotated[list[Term], Field(max_length=30)] = Field(default_factory=list)
    place: Annotated[OneLine, StringConstraints(max_length=100)] = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    address: Annotated[LongText, StringConstraints(max_length=300)] = ""


class Wish(Message):
    """Each field narrows what fits; what is left out does not matter. `workpiece_mm` may be turned to fit. `within_km` needs `near` or
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
