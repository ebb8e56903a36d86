"""The factory's policy: which hours may be offered, and how. A TOML file with defaults at the top and exceptions per
machine."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from analytics.policy.public_holidays import country_of_zone, is_supported
from analytics.policy.shifts import PATTERNS, Shifts
from telemetry import Duration, Name

QUARTER = timedelta(minutes=15)
"""Unit of history grids, prices and slots."""

EARLIEST_PLAN, LATEST_PLAN = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""What lies between them can be reckoned with in any time zone."""
NOT_NAMED = "planned"
"""What planned hours are called where the policy names nothing."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"^\s*([a-z]{3})(?:\s*-\s*([a-z]{3}))?\s+(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)\s*$")


class OfferedHours(BaseModel):
    """Hours on some weekdays (Monday is 0), local time. An end of 24:00 is minute 1440 of the day."""

    model_config = ConfigDict(frozen=True)

    weekdays: tuple[int, ...]
    start_minute: int
    end_minute: int

    def contains(self, local: datetime, length: timedelta) -> bool:
        """Whether [local, local + length), in local wall-clock time, is inside these hours."""
        minute = local.hour * 60 + local.minute
        return (
            local.weekday() in self.weekdays
            and self.start_minute <= minute
            and minute + length.total_seconds() / 60 <= self.end_minute
        )


def parse_offered_hours(text: Any) -> Any:
    """Parse `"mon-fri 06:00-22:00"` or `"sat 08:00-24:00"`. Raises ValueError."""
    if not isinstance(text, str):
        return text
    match = _HOURS.match(text.lower())
    first, last = (match.group(1), match.group(2) or match.group(1)) if match else ("", "")
    if match is None or first not in DAYS or last not in DAYS:
        said = '{text} is not valid; write "mon-fri 06:00-22:00" or "sat 08:00-24:00"'
        raise PydanticCustomError("not_offered_hours", said, {"text": repr(text)})
    from_minute, to_minute = (int(match.group(h)) * 60 + int(match.group(h + 1)) for h in (3, 5))
    if not 0 <= from_minute < to_minute <= 1440:
        said = "{text}: hours must be between 00:00 and 24:00, with the start before the end"
        raise PydanticCustomError("hours_not_in_order", said, {"text": repr(text)})
    count = (DAYS.index(last) - DAYS.index(first)) % 7 + 1
    weekdays = tuple(sorted((DAYS.index(first) + offset) % 7 for offset in range(count)))
    return OfferedHours(weekdays=weekdays, start_minute=from_minute, end_minute=to_minute)


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: a folder of the database, as "Europe"
        raise PydanticCustomError(
            "unknown_zone", 'not a known time zone; write for instance "Europe/Brussels"'
        ) from error
    return name


def _known_country(code: str) -> str:
    if code and not is_supported(code):
        raise PydanticCustomError(
            "unknown_country",
            'not a country whose public holidays are known; write a country code such as "BE", or "" for none',
        )
    return code


OfferedHoursText = Annotated[OfferedHours, BeforeValidator(parse_offered_hours)]
ColumnName = Annotated[str, Field(min_length=1, max_length=100)]
Probability = Annotated[float, Field(gt=0, lt=1)]


class Blackout(BaseModel):
    """Local days on which nothing is offered, both included."""

    model_config = ConfigDict(frozen=True)

    first: date
    last: date


def parse_blackout(text: Any) -> Any:
    """Parse `"2026-12-24"` or `"2026-12-24/2027-01-02"`, both days included. Raises ValueError."""
    if isinstance(text, date) and not isinstance(text, datetime):
        return Blackout(first=text, last=text)
    if not isinstance(text, str):
        return text
    first, _, last = text.partition("/")
    try:
        found = Blackout(first=date.fromisoformat(first.strip()), last=date.fromisoformat((last or first).strip()))
    except ValueError:
        said = '{text} is not a day; write "2026-12-24" or "2026-12-24/2027-01-02"'
        raise PydanticCustomError("not_a_day", said, {"text": repr(text)}) from None
    if found.last < found.first:
        raise PydanticCustomError("ends_before_it_begins", "{text} ends before it begins", {"text": repr(text)})
    return found


BlackoutText = Annotated[Blackout, BeforeValidator(parse_blackout)]
Euros = Annotated[Decimal, Field(ge=0, le=100_000, decimal_places=2)]


class DayPartPrice(BaseModel):
    """A different price per hour at certain times."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hours: OfferedHoursText
    per_hour: Euros


class PriceRule(BaseModel):
    """Euros without VAT: per hour, with exceptions by time of day, and a minimum per booking."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    per_hour: Euros
    minimum: Euros = Decimal(0)
    parts: tuple[DayPartPrice, ...] = ()


_ROUNDING = {"15min": QUARTER, "30min": 2 * QUARTER, "1h": 4 * QUARTER, "2h": 8 * QUARTER}


class MachinePolicy(BaseModel):
    """Rules for one machine or group. Without `offered` all hours may be offered."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    offer: bool = True
    title: str | None = None
    process: str | None = None
    offered: tuple[OfferedHoursText, ...] | None = None
    blackout: tuple[BlackoutText, ...] = ()
    minimum_slot: Annotated[Duration, Field(ge=QUARTER)] = timedelta(hours=2)
    maximum_slot: Duration = timedelta(hours=12)
    notice: Duration = timedelta(hours=2)
    buffer_before: Duration = timedelta(0)
    buffer_after: Duration = timedelta(0)
    changeover_gap: Duration = timedelta(minutes=30)
    required_probability: Probability = 0.75
    largest_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    operator: Literal["included", "own_allowed", "own_required"] = "included"
    price: PriceRule | None = None
    visibility: Literal["public", "members"] | tuple[Name, ...] = "public"
    anonymous: bool = False
    round_to: Literal["15min", "30min", "1h", "2h"] = "15min"
    approval: Literal["auto", "ask", "never"] = "auto"
    booking: Literal["instant", "on_request"] | None = None
    parts: bool = True
    answer_within: Duration = timedelta(hours=24)
    share_live_state: bool = False

    @property
    def booking_mode(self) -> str:
        """By default, hours that need no approval can be booked instantly; others are booked on request."""
        return self.booking or ("instant" if self.approval == "auto" else "on_request")

    @property
    def step(self) -> timedelta:
        """Slots begin and end at multiples of this in local time."""
        return _ROUNDING[self.round_to]

    @property
    def is_offered(self) -> bool:
        """Whether the machine may be offered at all."""
        return self.offer and self.approval != "never"


class PlannedPeriod(BaseModel):
    """Hours in which a machine is known to be busy, such as maintenance or an order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    machine: Name
    start: AwareDatetime
    end: AwareDatetime
    what: str = NOT_NAMED

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end <= self.start:
            raise PydanticCustomError("end_before_start", "`end` must lie after `start`")
        if self.start < EARLIEST_PLAN or self.end > LATEST_PLAN:
            raise PydanticCustomError("not_of_our_time", "it must lie between the years 2000 and 2200")
        return self


class OrderColumns(BaseModel):
    """What the columns of a table of orders are called. Other columns are not read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    machine: ColumnName = "machine"
    start: ColumnName = "start"
    end: ColumnName = "end"


class CalendarFeed(BaseModel):
    """A calendar or a table of orders whose entries are planned busy time: of `machine`, or of the machines that an entry names, of `machines` alone if
    there are any. `unclear`: whether entries that cannot be placed in time, or name no machine, are only shown or block what they may be about."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Annotated[str, Field(min_length=1, max_length=1000)]
    kind: Literal["ical", "caldav", "csv", "json"] = "ical"
    user: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    password_file: Path | None = None
    columns: OrderColumns = OrderColumns()
    machine: Name | None = None
    machines: Annotated[tuple[Name, ...], Field(max_length=1000)] = ()
    what: str = NOT_NAMED
    ignore_free: bool = False
    unclear: Literal["show", "block"] = "show"

    @property
    def is_url(self) -> bool:
        return self.source.startswith(("https://", "http://"))

    @property
    def own_machines(self) -> tuple[str, ...]:
        """Whose feed it is; empty where any machine can be named."""
        return (self.machine,) if self.machine is not None else self.machines

    @model_validator(mode="after")
    def _of_one_or_several(self) -> Self:
        if self.machine is not None and self.machines:
            raise PydanticCustomError("machine_and_machines", "write either `machine` or `machines`")
        return self

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if (self.user is None) != (self.password_file is None):
            raise PydanticCustomError("user_and_password", "`user` and `password_file` go together")
        if self.kind == "caldav" and not self.is_url:
            raise PydanticCustomError("caldav_at_url", 'the `source` of `kind = "caldav"` is the URL of a calendar')
        if self.user is not None and not (self.source.startswith("https://") or _is_here(self.source)):
            raise PydanticCustomError("password_in_clear", "a password is only sent over https")
        return self


def _is_here(source: str) -> bool:
    """Whether a URL leads to this machine, where nobody listens on the way."""
    return source.startswith("http://") and urlsplit(source).hostname in ("localhost", "127.0.0.1", "::1")


class ComparisonTable(BaseModel):
    """Whether the factory compares itself with others on the platform, and how long its people can look at what will be sent before it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    take_part: bool = False
    review: Annotated[Duration, Field(le=timedelta(days=31))] = timedelta(days=3)


class MachineTable(MachinePolicy):
    """The table of one machine: its exceptions, the group it belongs to, and what else calendars call it."""

    group: Name | None = None
    aliases: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=100)], ...], Field(max_length=20)] = ()


class Policy(MachinePolicy):
    """The whole policy file."""

    factory: Name = "factory"
    zone: Annotated[str, AfterValidator(_known_zone)] = "Europe/Brussels"
    holidays: Annotated[str, AfterValidator(_known_country)] | None = None
    horizon: Annotated[Duration, Field(ge=timedelta(hours=1), le=timedelta(days=14))] = timedelta(days=7)
    max_broken_promises: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    max_silence: Duration = timedelta(minutes=15)
    coverage_bound: Annotated[float, Field(ge=0, le=1)] = 0.8
    shifts: Shifts = PATTERNS["2x8"]
    leave: tuple[BlackoutText, ...] = ()
    planned: tuple[PlannedPeriod, ...] = ()
    feed: tuple[CalendarFeed, ...] = ()
    comparison: ComparisonTable = ComparisonTable()
    group: dict[Name, MachinePolicy] = Field(default_factory=dict)
    machine: dict[Name, MachineTable] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _groups_exist(self) -> Self:
        unknown = {table.group for table in self.machine.values() if table.group is not None} - set(self.group)
        if unknown:
            said = "machines name the group {group}, but there is no [group.{group}] table"
            raise PydanticCustomError("no_such_group", said, {"group": min(unknown)})
        return self

    @property
    def country(self) -> str:
        """Whose public holidays are kept: as `holidays` says, else of the time zone's country."""
        return country_of_zone(self.zone) if self.holidays is None else self.holidays

    def group_of(self, machine: str) -> str | None:
        table = self.machine.get(machine)
        return table.group if table is not None else None

    def for_machine(self, machine: str) -> MachinePolicy:
        """The rules for a machine: its own table overrides that of its group, which overrides the defaults."""
        own_table, group = self.machine.get(machine), self.group_of(machine)
        merged = {name: getattr(self, name) for name in MachinePolicy.model_fields}
        for table in (self.group[group] if group is not None else None, own_table):
            if table is not None:
                merged |= {name: getattr(table, name) for name in table.model_fields_set if name in merged}
        return MachinePolicy.model_construct(**merged)
