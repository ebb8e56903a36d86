"""What the factory lets be offered: a TOML file, defaults at the top, exceptions per machine."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays as public_holidays
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from telemetry import Duration, Name

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"^\s*([a-z]{3})(?:\s*-\s*([a-z]{3}))?\s+(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)\s*$")


class OfferedHours(BaseModel):
    """Hours of some weekdays (Monday is 0), local time; `end` may be 24:00, held as minute 1440 of the day."""

    model_config = ConfigDict(frozen=True)

    weekdays: tuple[int, ...]
    start_minute: int
    end_minute: int

    def contains(self, local: datetime, length: timedelta) -> bool:
        """Whether [local, local + length) of local wall-clock time lies inside."""
        minute = local.hour * 60 + local.minute
        return (
            local.weekday() in self.weekdays
            and self.start_minute <= minute
            and minute + length.total_seconds() / 60 <= self.end_minute
        )


def parse_offered_hours(text: Any) -> Any:
    """`"mon-fri 06:00-22:00"` or `"sat 08:00-24:00"`. Raises ValueError with a sentence."""
    if not isinstance(text, str):
        return text
    match = _HOURS.match(text.lower())
    first, last = (match.group(1), match.group(2) or match.group(1)) if match else ("", "")
    if match is None or first not in DAYS or last not in DAYS:
        raise ValueError(f'{text!r} is not understood; write "mon-fri 06:00-22:00" or "sat 08:00-24:00"')
    from_minute, to_minute = (int(match.group(h)) * 60 + int(match.group(h + 1)) for h in (3, 5))
    if not 0 <= from_minute < to_minute <= 1440:
        raise ValueError(f"{text!r}: the hours must lie between 00:00 and 24:00, the start before the end")
    count = (DAYS.index(last) - DAYS.index(first)) % 7 + 1
    weekdays = tuple(sorted((DAYS.index(first) + offset) % 7 for offset in range(count)))
    return OfferedHours(weekdays=weekdays, start_minute=from_minute, end_minute=to_minute)


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError('no such time zone; write for instance "Europe/Brussels"') from error
    return name


def _known_country(code: str) -> str:
    if code and code not in public_holidays.list_supported_countries():
        raise ValueError('no public holidays are known for it; write a country code such as "BE", or "" for none')
    return code


OfferedHoursText = Annotated[OfferedHours, BeforeValidator(parse_offered_hours)]
Probability = Annotated[float, Field(gt=0, lt=1)]


class MachinePolicy(BaseModel):
    """What holds for one machine. Without `offered` all hours may be offered."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    offer: bool = True
    title: str | None = None
    process: str | None = None
    offered: tuple[OfferedHoursText, ...] | None = None
    minimum_slot: Annotated[Duration, Field(ge=timedelta(minutes=15))] = timedelta(hours=2)
    maximum_slot: Duration = timedelta(hours=12)
    notice: Duration = timedelta(hours=2)
    changeover_gap: Duration = timedelta(minutes=30)
    required_probability: Probability = 0.85
    share_live_state: bool = False


class Policy(MachinePolicy):
    """The whole file."""

    factory: Name = "factory"
    zone: Annotated[str, AfterValidator(_known_zone)] = "Europe/Brussels"
    holidays: Annotated[str, AfterValidator(_known_country)] = "BE"
    horizon: Annotated[Duration, Field(ge=timedelta(hours=1), le=timedelta(days=14))] = timedelta(days=7)
    max_broken_promises: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    max_silence: Duration = timedelta(minutes=15)
    machine: dict[Name, MachinePolicy] = Field(default_factory=dict)

    def for_machine(self, machine: str) -> MachinePolicy:
        """The machine's own table over the defaults."""
        defaults = MachinePolicy.model_construct(**{name: getattr(self, name) for name in MachinePolicy.model_fields})
        own = self.machine.get(machine)
        return (
            defaults if own is None else defaults.model_copy(update={k: getattr(own, k) for k in own.model_fields_set})
        )


def holidays_between(country: str, first: date, last: date) -> set[date]:
    """Public holidays of a country from `first` to `last`, both included; none where no country is named."""
    if not country:
        return set()
    calendar = public_holidays.country_holidays(country, years=range(first.year, last.year + 1))
    return {day for day in calendar if first <= day <= last}
