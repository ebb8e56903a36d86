"""Requests and answers of the HTTP API about how a product can be made."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from sharing_platform.listings.schemas import ListingOut
from sharing_platform.schemas import ApiModel, Day, LongText, Millimetres, OneLine, Term
from sharing_platform.unified_search.schemas import MachineHit

Need = Literal["machine", "operator", "training", "know_how"]
NEEDS: tuple[Need, ...] = ("machine", "operator", "training", "know_how")


class ProductIn(ApiModel):
    """A product that somebody wants to make. What `words` say of processes, materials, size and number counts beside the fields; where a field says it, the
    field."""

    words: Annotated[LongText, StringConstraints(max_length=2000)] = ""
    processes: Annotated[list[Term], Field(max_length=8, description="Codes, such as `milling`.")] = Field(
        default_factory=list
    )
    materials: Annotated[list[Term], Field(max_length=5)] = Field(default_factory=list)
    size_mm: tuple[Millimetres, Millimetres, Millimetres] | None = None
    number: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    first_day: Day | None = None
    last_day: Day | None = None
    hours: Annotated[
        dict[Term, Annotated[float, Field(gt=0, le=200)]],
        Field(max_length=8, description="Estimates: how many hours a step takes, by the code of its process."),
    ] = Field(default_factory=dict)
    near: Annotated[OneLine, StringConstraints(strip_whitespace=True, max_length=100)] = ""
    within_km: Annotated[float | None, Field(gt=0, le=2000)] = None


class StepOut(ApiModel):
    """One process, and what the region has for it: the best of each. `missing`: of which there is nothing. `hours`: the estimate. `planned`: with `start` and `end`, the earliest hours for it
    after the step before; null without an estimate, and where there are none."""

    process: str
    hours: float | None
    planned: MachineHit | None
    machines: list[MachineHit]
    operators: list[ListingOut]
    trainings: list[ListingOut]
    know_how: list[ListingOut]
    missing: list[Need]


class ProcessPlanOut(ApiModel):
    """`product`: as it was understood. `steps` in the order in which the processes were named; `ready`: when the last of them can be done, where all are planned. `makers`: who makes prototypes or series, or advises, whatever the
    process."""

    product: ProductIn
    steps: list[StepOut]
    ready: datetime | None
    makers: list[ListingOut]
