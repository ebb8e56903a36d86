"""Requests and answers of the HTTP API."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, Strict

from sharing_platform.schemas import ApiModel

Points = Annotated[int, Strict(), Field(ge=-1000, le=1100)]
"""Percentage points with noise: they may lie below 0 and above 100."""
Month = Annotated[str, Field(pattern=r"^20\d\d-(0[1-9]|1[0-2])$", examples=["2026-08"])]
ProcessClass = Annotated[int, Strict(), Field(ge=1, le=6, description="The main group of DIN 8580.")]


class ComparisonFigures(ApiModel):
    """Figures of a month by ISO 22400-2, in percentage points, with the noise that the factory's server has added. PBT, the planned busy time: the hours of its shifts."""

    availability: Annotated[Points, Field(description="APT in planned busy time / PBT")]
    utilization_efficiency: Annotated[Points, Field(description="APT / AUBT")]
    setup_ratio: Annotated[Points, Field(description="AUST / (APT + AUST)")]
    energy_while_idle: Annotated[
        Points | None,
        Field(description="Energy drawn outside occupied time / all energy; null where nothing is measured."),
    ]
    idle: Annotated[Points, Field(description="Idle hours of planned busy time / PBT")]
    off: Annotated[Points, Field(description="Hours switched off / PBT")]
    down: Annotated[Points, Field(description="Hours out of service / PBT")]
    delay: Annotated[Points, Field(description="Hours of short stops within a job / PBT")]
    maintenance: Annotated[Points, Field(description="Hours of maintenance / PBT")]


class ContributionIn(ApiModel):
    """What a factory's server sends: once for a month, which then stays as it is."""

    month: Month
    process_class: ProcessClass
    figures: ComparisonFigures


class ContributionOut(ContributionIn):
    """As it was sent."""


class ParticipationIn(ApiModel):
    """Whether the organisation takes part. Who leaves is forgotten at once, with all that was contributed."""

    takes_part: Annotated[bool, Strict()]


class QuartilesOut(ApiModel):
    """Of all factories of the class, in steps of five percentage points. `within`: so far they lie from the true ones at most, nine times in ten."""

    lower: int
    median: int
    upper: int
    within: int


class ComparedFigure(ApiModel):
    """`own`: the mean of what was sent, with its noise, cut to 0 to 100. `strays`: so far it lies from the true one at most, nine times in ten. `quartiles`: null while fewer than five factories are compared."""

    name: str
    own: int | None
    strays: int | None
    quartiles: QuartilesOut | None


class ComparedClass(ApiModel):
    """A process class in which the organisation is compared, over the last twelve months."""

    process_class: int
    months: list[str]
    figures: list[ComparedFigure]


class SpentMonthOut(ApiModel):
    """A month of which figures of a process class have come."""

    month: Month
    process_class: ProcessClass


class ComparisonOut(ApiModel):
    """`left`: the organisation took part and has left. `contributions`: all figures that the platform has of it. `spent`: the months of which figures have come in the last twelve, also
    those whose figures were deleted as the organisation left: they count towards the four of a year, and a factory's server draws no noise for them anew."""

    takes_part: bool
    left: bool
    contributions: list[ContributionOut]
    spent: list[SpentMonthOut]
    classes: list[ComparedClass]
