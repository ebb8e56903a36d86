"""The shapes of the HTTP API's answers."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from analytics.kpis.utilisation import PeriodUtilisation
from telemetry import MachineState, OperationMode

Time = Annotated[str, Field(description="RFC 3339, UTC, milliseconds.", examples=["2026-11-20T08:14:03.120Z"])]
Following = Annotated[str | None, Field(description="Give it as `cursor` for what follows; null at the end.")]


class MachineNow(BaseModel):
    """A machine's newest interval."""

    machine: str
    state: MachineState
    mode: OperationMode | None
    since: Time
    until: Annotated[Time, Field(description="Confirmed until then.")]
    reason: str | None


class MachinePage(BaseModel):
    """Machines, ordered by name."""

    machines: list[MachineNow]
    next: Following


class Spell(BaseModel):
    """A stretch of one state."""

    start: Time
    end: Time
    state: MachineState
    mode: OperationMode | None


class SpellPage(BaseModel):
    """A machine's timeline, without holes: what nobody confirmed is unknown."""

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
    """One machine's local day: times in hours, ratios null where their denominator is zero."""

    machine: str
    day: date

    @classmethod
    def of_period(cls, period: PeriodUtilisation) -> Day:
        hours = {name: getattr(period, name) for name in _Hours.model_fields}
        return cls(machine=period.of, day=date.fromisoformat(period.period), **hours)


class Kpis(_Hours):
    """What a machine, a group or the factory did in a period."""

    of: str
    period: Annotated[str, Field(examples=["2026-11-20", "2026-W47", "2026-11-20 late"])]
    start: datetime
    end: datetime
    losses_h: Annotated[dict[str, float], Field(description="Calendar hours that were no production, by reason.")]
    last_used: Annotated[datetime | None, Field(description="End of the last production in the range that was asked.")]
    reliable: Annotated[bool, Field(description="Whether `coverage` reaches `coverage_bound`.")] = True

    @classmethod
    def of_period(cls, one: PeriodUtilisation, coverage_bound: float) -> Kpis:
        return cls.model_validate(one).model_copy(update={"reliable": one.reaches(coverage_bound)})


class KpiPage(BaseModel):
    """With the denominator of every ratio; a row below `coverage_bound` is not reliable."""

    denominators: dict[str, str]
    coverage_bound: float
    rows: list[Kpis]


class Utilisation(BaseModel):
    """ISO 22400-2, with the denominator of every ratio."""

    denominators: dict[str, str]
    days: list[Day]


class Hours(BaseModel):
    """Hours per state."""

    hours: dict[MachineState, float]


class Forecast(BaseModel):
    """`free[i]`: how likely the hour that begins at `hours[i]` is free, null where nothing can be said."""

    at: Time | None
    hours: list[Time]
    free: list[float | None]


class Timelines(BaseModel):
    """Per machine its spells as (start, end, state), times in milliseconds since 1970, neighbours of one state joined."""

    machines: dict[str, list[tuple[int, int, MachineState]]]


class GatewayGaps(BaseModel):
    """What arrived of one gateway."""

    gateway: str
    stored: int
    missing: int
    repeated: int
    gaps: Annotated[list[tuple[int, int]], Field(description="First and last of each run of missing numbers.")]
    given_up: Annotated[int, Field(description="Missing numbers whose gaps were too many to keep.")]


class Gaps(BaseModel):
    """Whether anything is missing."""

    missing: int
    gateways: list[GatewayGaps]
