"""Which parts of the days of a week are free. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo


class TimeSpan(Protocol):
    """An offer, or a row of one."""

    @property
    def start(self) -> datetime: ...

    @property
    def end(self) -> datetime: ...


_S = TypeVar("_S", bound=TimeSpan)


def offers_by_day(found: Iterable[_S], first_day: date, zone: str) -> list[tuple[date, list[tuple[_S, float, float]]]]:
    """Seven days, each with the offers that overlap it and the part of the day they cover (start and end, 0 to 1)."""
    days = _seven_days(first_day, zone)
    midnights = [begin for _, begin, _ in days]
    touching: list[tuple[date, list[tuple[_S, float, float]]]] = [(day, []) for day, _, _ in days]
    for one in found:
        start, end = one.start.timestamp(), one.end.timestamp()
        for place in range(max(0, bisect_right(midnights, start) - 1), bisect_left(midnights, end)):
            _, begin, length = days[place]
            first = max(0.0, (start - begin) / length)
            last = min(1.0, (end - begin) / length)
            if first < last:
                touching[place][1].append((one, first, last))
    return touching


@lru_cache(maxsize=32)
def _seven_days(first_day: date, zone: str) -> list[tuple[date, float, float]]:
    """Each with its beginning and its length in seconds. A page asks for the same seven for every machine."""
    local = ZoneInfo(zone)
    days = [first_day + timedelta(days=number) for number in range(8)]
    midnights = [datetime.combine(day, time(0), local).timestamp() for day in days]
    return [(day, begin, end - begin) for day, (begin, end) in zip(days, pairwise(midnights), strict=False)]
