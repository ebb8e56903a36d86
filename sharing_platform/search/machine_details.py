"""The properties of a machine, which its factory describes and a search compares with its criteria."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from sharing_platform.schemas import ApiModel, Latitude, Longitude, LongText, Millimetres, OneLine, Term


class MachineDetails(ApiModel):
    """What a machine is and can do, as its factory describes it. `din_8580`: the class of its process, if it differs from the usual
    one. `place` without coordinates is looked up; `address` is disclosed only after a booking is accepted."""

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
    included: Annotated[
        list[Term],
        Field(max_length=30, description="What comes with the hours: tools, fixtures, setting up, measuring."),
    ] = Field(default_factory=list)
    place: Annotated[OneLine, StringConstraints(max_length=100)] = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    address: Annotated[LongText, StringConstraints(max_length=300)] = ""
