"""Kinds of days, known from the calendar beforehand: a public holiday is not like other Thursdays. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from enum import IntEnum

import numpy as np

from analytics.policy.policy import Blackout
from analytics.policy.public_holidays import holidays_between

_SATURDAY = 5


class DayKind(IntEnum):
    """The first three are ordinary days. A bridge day is a workday between two days off; `BESIDE` is a workday next to a public holiday."""

    WORKDAY = 0
    SATURDAY = 1
    SUNDAY = 2
    HOLIDAY = 3
    LEAVE = 4
    BRIDGE = 5
    BESIDE = 6


KINDS = len(DayKind)
DAYS_OFF = (DayKind.HOLIDAY, DayKind.LEAVE)
"""On which shifts do not work, whatever weekday it is."""


def day_kinds(first_day: date, days: int, country: str, leave: Sequence[Blackout] = ()) -> np.ndarray:
    """The kind of each day from `first_day` on: shape (days,). `country`: as in the policy; `leave`: collective leave."""
    around = [first_day + timedelta(days=offset) for offset in range(-1, days + 1)]
    holidays = holidays_between(country, around[0], around[-1])
    off = [day in holidays or day.weekday() >= _SATURDAY or _on_leave(day, leave) for day in around]
    kinds = []
    for place, day in enumerate(around[1:-1], start=1):
        if _on_leave(day, leave):
            kinds.append(DayKind.LEAVE)
        elif day in holidays:
            kinds.append(DayKind.HOLIDAY)
        elif day.weekday() >= _SATURDAY:
            kinds.append(DayKind.SATURDAY if day.weekday() == _SATURDAY else DayKind.SUNDAY)
        elif off[place - 1] and off[place + 1]:
            kinds.append(DayKind.BRIDGE)
        elif around[place - 1] in holidays or around[place + 1] in holidays:
            kinds.append(DayKind.BESIDE)
        else:
            kinds.append(DayKind.WORKDAY)
    return np.array(kinds, dtype=np.int8)


def _on_leave(day: date, leave: Sequence[Blackout]) -> bool:
    return any(period.first <= day <= period.last for period in leave)
