"""The demo's script: who does what on the platform, on which working day and at what hour. Pure: when its moments are, and what its texts stand for.

A day is counted in working days from the present one: -1 is the last before it, 1 the next after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from analytics.comparison.contribution import MONTHS

ZONE = ZoneInfo("Europe/Brussels")
_MOMENT = re.compile(r"([+-]?\d+) (\d\d:\d\d)")
_AGO = re.compile(r"(\d+)(h|min) ago")
_MONTH = re.compile(r"@month (\d+)")
_SATURDAY = 5
NOW = "now"
"""Once the factories' hours are on offer."""


@dataclass(frozen=True)
class Step:
    """`does`: a verb of `region.py`, or a method of HTTP, with `what` it is done to: a name of the script, or a path of the API. `name`: by which later steps know the answer."""

    at: str
    who: str
    does: str
    what: str = ""
    name: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_last(self) -> bool:
        """Whether it waits for the factories' hours."""
        return self.at == NOW


def steps_in_order(told: Sequence[Mapping[str, Any]], now: datetime) -> list[Step]:
    """In the order of their moments; those of one moment as they are told."""
    return sorted((Step(**one) for one in told), key=lambda step: moment(step.at, now))


def moment(said: str, now: datetime) -> datetime:
    """When `-3 14:20`, `2h ago`, `now` is. Raises ValueError."""
    if said == NOW:
        return now
    if (ago := _AGO.fullmatch(said)) is not None:
        hours = ago[2] == "h"
        return now - (timedelta(hours=int(ago[1])) if hours else timedelta(minutes=int(ago[1])))
    found = _MOMENT.fullmatch(said)
    if found is None:
        raise ValueError(f"{said!r} is no moment")
    day = working_day(now.astimezone(ZONE).date(), int(found[1]))
    return datetime.combine(day, time.fromisoformat(found[2]), ZONE)


def working_day(today: date, count: int) -> date:
    """The day so many working days after `today`, or before it. Holidays are not known."""
    day, step = today, timedelta(days=1 if count > 0 else -1)
    for _ in range(abs(count)):
        day += step
        while day.weekday() >= _SATURDAY:
            day += step
    return day


def months_contributed(today: date) -> list[str]:
    """The last year's months of which factories' servers contribute figures to the comparison, as far as they are over; the earliest first."""
    past = [_month_after(today, -count) for count in range(12, 0, -1)]
    return [month for month in past if int(month[-2:]) in MONTHS]


def filled_in(said: Any, known: Mapping[str, Any], now: datetime) -> Any:
    """With a moment for each `@-3 14:20`, the month after the next one for `@month 2`, and for each `{name.parts.0.id}` what the answer of that name has there. Raises ValueError for a name that is not known yet."""
    match said:
        case str() if (found := _MONTH.fullmatch(said)) is not None:
            return _month_after(now.astimezone(ZONE).date(), int(found[1]))
        case str() if said.startswith("@"):
            return moment(said[1:], now).isoformat()
        case str():
            return re.sub(r"\{([^{}]+)\}", lambda found: str(_looked_up(found[1], known)), said)
        case Mapping():
            return {name: filled_in(value, known, now) for name, value in said.items()}
        case list():
            return [filled_in(value, known, now) for value in said]
        case _:
            return said


def _month_after(today: date, count: int) -> str:
    years, month = divmod(today.month - 1 + count, 12)
    return f"{today.year + years}-{month + 1:02}"


def _looked_up(path: str, known: Mapping[str, Any]) -> Any:
    found: Any = known
    for name in path.split("."):
        try:
            found = found[int(name)] if isinstance(found, list) else found[name]
        except (KeyError, IndexError, TypeError):
            raise ValueError(f"the script knows no {path!r} yet") from None
    return found


def moments_in(said: Any, now: datetime) -> Iterator[datetime]:
    """All that `filled_in` would fill in."""
    match said:
        case str() if said.startswith("@") and _MONTH.fullmatch(said) is None:
            yield moment(said[1:], now)
        case Mapping():
            for value in said.values():
                yield from moments_in(value, now)
        case list():
            for value in said:
                yield from moments_in(value, now)
