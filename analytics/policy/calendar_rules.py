"""Judges the rules by which events of a calendar repeat, before they are expanded: a library looks at every period from the beginning of a series, and where a
rule names no day that there is, until the year 9999. Pure."""

from __future__ import annotations

import calendar
from datetime import date, datetime, timedelta
from typing import Any

import icalendar

_OFTEN = 24
"""A rule that repeats an event more often than so many times a day is taken for a mistake."""
_MOST = {"INTERVAL": 1000, "BYMONTH": 12, "BYMONTHDAY": 31, "BYYEARDAY": 366, "BYWEEKNO": 53, "BYSETPOS": 366}
_PERIODS_A_YEAR = {"YEARLY": 1, "MONTHLY": 12, "WEEKLY": 53, "DAILY": 366, "HOURLY": 8784}
_YEARLY_COST = 20
"""Periods that cost as much as the preparation of a year."""
_IN_SIGHT_COST = 50
"""Periods that cost as much as an event that is made."""
MOST_OF_SERIES, MOST_OF_FEED = 300_000, 3_000_000
"""Periods that are looked at: a second, and some. Ten years of hours are 90,000."""
_LONGEST = timedelta(days=3660)
"""Longer events cost more than any feed may."""
_LONGEST_MONTHS = [0, *(max(calendar.monthrange(year, month)[1] for year in (2023, 2024)) for month in range(1, 13))]


def listed(value: Any) -> list[Any]:
    """The values of a property, or of a part of a rule, which are a list where there are several."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def is_possible(rule: icalendar.vRecur) -> bool:
    """Whether a rule says how often, and only what there is."""
    return (
        "FREQ" in rule
        and all(1 <= abs(int(value)) <= most for part, most in _MOST.items() for value in listed(rule.get(part)))
        and _weekdays_exist(rule)
    )


def _weekdays_exist(rule: icalendar.vRecur) -> bool:
    """No month has a sixth Monday, and no year a 54th."""
    most = 5 if _frequency(rule) == "MONTHLY" or "BYMONTH" in rule else 53
    return all(abs(getattr(day, "relative", None) or 0) <= most for day in listed(rule.get("BYDAY")))


def is_frequent(rule: icalendar.vRecur) -> bool:
    return _times(rule) > _OFTEN or _frequency(rule) not in _PERIODS_A_YEAR


def expansion_cost(rule: icalendar.vRecur, begin: datetime, length: timedelta, start: datetime, end: datetime) -> int:
    """How many periods are looked at to expand a series that begins at `begin` between two moments; `length`: of its events. An upper bound. `rule`: possible
    and not frequent."""
    interval = int(listed(rule.get("INTERVAL", 1))[0])
    last = date.max.year if _may_never_come(rule, interval) else max(begin.year, end.year)
    years = last - begin.year + 1
    periods = years * _PERIODS_A_YEAR[_frequency(rule)] * _times(rule) // interval
    days = (end - max(start - min(length, _LONGEST), begin)).days + 1
    a_day = _times(rule) * (24 if _frequency(rule) == "HOURLY" else 1)
    return periods + years * _YEARLY_COST + max(0, days) * a_day * _IN_SIGHT_COST // interval


def _may_never_come(rule: icalendar.vRecur, interval: int) -> bool:
    """Whether a rule may name nothing that there is, so that it is looked for in vain until the last year."""
    places = [abs(int(place)) for place in listed(rule.get("BYSETPOS"))]
    if (places and min(places) > 1) or any(part in rule for part in ("BYYEARDAY", "BYWEEKNO", "BYEASTER")):
        return True
    months = [int(month) for month in listed(rule.get("BYMONTH"))] or range(1, 13)
    days = [abs(int(day)) for day in listed(rule.get("BYMONTHDAY"))]
    if days and min(days) > max(_LONGEST_MONTHS[month] for month in months):
        return True
    if interval == 1 or _frequency(rule) == "WEEKLY":
        return bool(days) and "BYDAY" in rule and _frequency(rule) == "WEEKLY"
    by_weekday_alone = _frequency(rule) == "DAILY" and interval % 7 != 0 and not days and "BYMONTH" not in rule
    return not by_weekday_alone and any(part in rule for part in ("BYMONTH", "BYMONTHDAY", "BYDAY", "BYHOUR"))


def _times(rule: icalendar.vRecur) -> int:
    times = 1
    for part in ("BYHOUR", "BYMINUTE", "BYSECOND"):
        times *= max(1, len(listed(rule.get(part))))
    return times


def _frequency(rule: icalendar.vRecur) -> str:
    return str(listed(rule["FREQ"])[0]).upper()
