"""Shift patterns: which hours of which days belong to which shift. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from telemetry import Name

_DAY = timedelta(days=1)
_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Shift(BaseModel):
    """A shift that begins at `start` on `days` and ends at `end`, on the next day if `end` is not later than
    `start`. Local time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    start: time
    end: time
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = ("mon", "tue", "wed", "thu", "fri")

    @model_validator(mode="after")
    def _local(self) -> Self:
        if self.start.tzinfo is not None or self.end.tzinfo is not None:
            raise PydanticCustomError("shift_has_zone", "the times of a shift are local and must have no time zone")
        return self


@dataclass(frozen=True, slots=True)
class ShiftTime:
    """One shift on one day, with aware start and end."""

    name: str
    day: date
    start: datetime
    end: datetime


def _pattern(*rows: tuple[str, str, str]) -> tuple[Shift, ...]:
    return tuple(
        Shift(name=name, start=time.fromisoformat(start), end=time.fromisoformat(end)) for name, start, end in rows
    )


PATTERNS: dict[str, tuple[Shift, ...]] = {
    "day": _pattern(("day", "08:00", "16:30")),
    "2x8": _pattern(("early", "06:00", "14:00"), ("late", "14:00", "22:00")),
    "3x8": _pattern(("early", "06:00", "14:00"), ("late", "14:00", "22:00"), ("night", "22:00", "06:00")),
}
"""Common patterns, Monday to Friday."""


def parse_shifts(value: Any) -> Any:
    """Parse the name of a pattern, or tables of shifts. Raises ValueError."""
    if isinstance(value, str):
        if value not in PATTERNS:
            said = '{text} is not a shift pattern; write "day", "2x8" or "3x8", or [[shifts]] tables'
            raise PydanticCustomError("not_a_shift_pattern", said, {"text": repr(value)})
        return PATTERNS[value]
    return value


def shift_times(shifts: Sequence[Shift], zone: str, first: date, last: date) -> list[ShiftTime]:
    """Every shift that begins on a day from `first` to `last`, both included, ordered by start."""
    local = ZoneInfo(zone)
    found = []
    for offset in range((last - first).days + 1):
        day = first + offset * _DAY
        for shift in shifts:
            if _NAMES[day.weekday()] not in shift.days:
                continue
            ends_on = day if shift.end > shift.start else day + _DAY
            start, end = datetime.combine(day, shift.start, local), datetime.combine(ends_on, shift.end, local)
            found.append(ShiftTime(shift.name, day, start, end))
    return sorted(found, key=lambda shift: shift.start)


def check_disjoint(shifts: tuple[Shift, ...]) -> tuple[Shift, ...]:
    """Check that no two shifts overlap, since every hour must belong to one shift at most. Raises ValueError."""
    # Two weeks without a DST change contain every possible overlap.
    times = shift_times(shifts, "UTC", date(2024, 1, 1), date(2024, 1, 14))
    for earlier, later in pairwise(times):
        if later.start < earlier.end:
            values = {"earlier": repr(earlier.name), "later": repr(later.name)}
            raise PydanticCustomError("shifts_overlap", "the shifts {earlier} and {later} overlap", values)
    return shifts


Shifts = Annotated[tuple[Shift, ...], BeforeValidator(parse_shifts), AfterValidator(check_disjoint)]
