"""Answers of the HTTP API about the region's figures."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from sharing_platform.regional_statistics.summary import Measure, Subject
from sharing_platform.schemas import ApiModel


class FigureOut(ApiModel):
    """A figure of a week, of which others can be sums and none is a part. Empty names stand for the rest: of the area, of the process, of the region."""

    week: Annotated[date, Field(description="Its Monday.")]
    subject: Subject
    measure: Measure
    kind: Annotated[str, Field(description="A process, or the kind of a listing.")]
    area: str
    municipality: str
    size: Annotated[int, Field(description="Hours in multiples of ten, numbers in multiples of five.")]
    unit: Literal["hours", "number"]


class FlowOut(ApiModel):
    """Hours of a quarter that were had in one area from another one."""

    quarter: Annotated[date, Field(description="The Monday of its first week.")]
    kind: str
    area: Annotated[str, Field(description="Where the machines stand.")]
    towards: Annotated[str, Field(description="Where those come from who had the hours; empty: anywhere else.")]
    hours: int


class FiguresOut(ApiModel):
    """`weeks`: all that are published, the oldest first; `next`: the cursor of the next figures."""

    weeks: list[date]
    figures: list[FigureOut]
    flows: list[FlowOut]
    next: str | None
