"""Models of the answers of the HTTP API."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from analytics.kpis.utilisation import PeriodUtilisation
from telemetry import MachineState, OperationMode

Time = Annotated[str, Field(description="RFC 3339, UTC, milliseconds.", examples=["2026-11-20T08:14:03.120Z"])]
Following = Annotated[str | None, Field(description="Pass it as `cursor` to get the next page; null on the last page.")]


class MachineNow(BaseModel):
    """The newest interval of a machine."""

    machine: str
    state: MachineState
    mode: OperationMode | None
    since: Time
    until: Annotated[Time, Field(description="The state is confirmed until this time.")]
    reason: str | None


class MachinePage(BaseModel):
    """Machines, ordered by name."""

    machines: list[MachineNow]
    next: Following


class Spell(BaseModel):
    """A period in one state."""

    start: Time
    end: Time
    state: MachineState
    mode: OperationMode | None


class SpellPage(BaseModel):
    """The timeline of a machine, without gaps: time that no report covers is unknown."""

    machine: str
    intervals: list[Spell]
    next: Following


class _Hours(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    calendar_h: float
    known_h: float
    apt_h: float
    aust_h: float
    adot_h: float
    adet_h: float
    aubt_h: float
    coverage: float
    utilization_efficiency: float | None
    setup_ratio: float | None
    utilization_of_calendar_time: float


class Day(_Hours):
    """One local day of a machine. Times in hours; ratios are null where their denominator is zero."""

    machine: str
    day: date

    @classmethod
    def of_period(cls, period: PeriodUtilisation) -> Day:
        hours = {name: getattr(period, name) for name in _Hours.model_fields}
        return cls(machine=period.of, day=date.fromisoformat(period.period), **hours)


class Kpis(_Hours):
    """Utilisation of a machine, a group or the factory in one period."""

    of: str
    period: Annotated[str, Field(examples=["2026-11-20", "2026-W47", "2026-11-20 late"])]
    start: datetime
    end: datetime
    losses_h: Annotated[dict[str, float], Field(description="Calendar hours that were not production, by reason.")]
    last_used: Annotated[datetime | None, Field(description="End of the last production in the requested range.")]
    reliable: Annotated[bool, Field(description="Whether `coverage` reaches `coverage_bound`.")] = True

    @classmethod
    def of_period(cls, period: PeriodUtilisation, coverage_bound: float) -> Kpis:
        return cls.model_validate(period).model_copy(update={"reliable": period.reaches(coverage_bound)})


class KpiPage(BaseModel):
    """Utilisation per period, with the denominator of every ratio. A row whose coverage is below `coverage_bound` is
    not reliable."""

    denominators: dict[str, str]
    coverage_bound: float
    rows: list[Kpis]


class Utilisation(BaseModel):
    """Utilisation by ISO 22400-2, with the denominator of every ratio."""

    denominators: dict[str, str]
    days: list[Day]


class Hours(BaseModel):
    """Hours per state."""

    hours: dict[MachineState, float]


class Forecast(BaseModel):
    """`free[i]`: probability that the hour beginning at `hours[i]` is free, null where it is not known."""

    at: Time | None
    hours: list[Time]
    free: list[float | None]


class Timelines(BaseModel):
    """Spells per machine as (start, end, state), times in milliseconds since 1970, adjacent spells of one state
    joined."""

    machines: dict[str, list[tuple[int, int, MachineState]]]


class GatewayGaps(BaseModel):
    """Reports received from one gateway."""

    gateway: str
    stored: int
    missing: int
    repeated: int
    gaps: Annotated[list[tuple[int, int]], Field(description="First and last number of each gap.")]
    given_up: Annotated[
        int, Field(description="Missing numbers whose gaps are no longer stored because there were too many.")
    ]


class Gaps(BaseModel):
    """Missing reports, in total and per gateway."""

    missing: int
    gateways: list[GatewayGaps]
