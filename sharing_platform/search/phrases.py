"""Hours, days, places and prices in the words of a search, as people write them in Dutch, French and English. Pure.

5-assig frezen volgende week bij Genk 10 uur  ─▶  5-assig frezen; next Monday to Sunday; within 25 km of Genk; 10 hours
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

NEARBY_KM = 25
"""What "near" means where nobody says how far."""
_LONGEST_PLACE = 4
_MOST_HOURS = 744
_SHORT = 3

_NUMBER = r"(\d{1,3}(?:[.,]\d{1,2})?)"
# "om 14 uur" is a time of day and no length.
_HOURS = re.compile(
    r"(?<!\bom )(?<!\bvanaf )(?<!\btot )(?<!\bà )(?<!\bdès )(?<!\bat )(?<!\bfrom )(?<!\buntil )"
    rf"\b{_NUMBER}\s*(?:uren|uur|u|heures?|h|hours?|hrs?)\b",
    re.IGNORECASE,
)
_WITHIN = re.compile(
    r"\b(?:binnen(?: de)?|dans un rayon de|à moins de|within)\s+(\d{1,4})\s*(?:km|kilometers?|kilomètres?)(?:\s+(?:van|de|of)(?=\s))?",
    re.IGNORECASE,
)
_PRICE = re.compile(
    r"\b(?:maximum|max\.?|hoogstens|onder(?: de)?|tot|moins de|au plus|jusqu'à|under|below|up to)\s+"
    rf"(?:€\s*{_NUMBER}|{_NUMBER}\s*(?:euros?\b|eur\b|€))(?:\s*(?:per uur|par heure|an hour|per hour|/\s*uur|/\s*[uh]\b))?",
    re.IGNORECASE,
)
_NEAR = re.compile(
    r"\b(?:in de buurt van|in de omgeving van|nabij|bij|rondom|rond|in|te|près de|près d'|autour de|dans les environs de|à|near|around|close to)\s+",
    re.IGNORECASE,
)
_ISO = re.compile(r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b")
_DAY_MONTH = re.compile(r"\b(?:(?:op|le|on)\s+)?(\d{1,2})/(\d{1,2})(?:/(\d{4}))?\b", re.IGNORECASE)

_WEEKDAYS: tuple[tuple[str, ...], ...] = (
    ("maandag", "lundi", "monday"), ("dinsdag", "mardi", "tuesday"), ("woensdag", "mercredi", "wednesday"), ("donderdag", "jeudi", "thursday"),
    ("vrijdag", "vendredi", "friday"), ("zaterdag", "samedi", "saturday"), ("zondag", "dimanche", "sunday"),
)  # fmt: skip
_MONTHS: tuple[tuple[str, ...], ...] = (
    ("januari", "janvier", "january"), ("februari", "février", "february"), ("maart", "mars", "march"), ("april", "avril"), ("mei", "mai", "may"),
    ("juni", "juin", "june"), ("juli", "juillet", "july"), ("augustus", "août", "august"), ("september", "septembre"), ("oktober", "octobre", "october"),
    ("november", "novembre"), ("december", "décembre"),
)  # fmt: skip


@dataclass(frozen=True)
class Understood:
    """`words`: what is left to search for; `fields`: of the search form, by name."""

    words: str
    fields: dict[str, str]


Days = tuple[date, date]
"""The first and the last."""


def understand(words: str, today: date, is_place: Callable[[str], bool]) -> Understood:
    """What is not understood stays a word. `is_place`: whether a name is that of a town."""
    fields: dict[str, str] = {}

    def take(pattern: re.Pattern[str], name: str, left: str = " ") -> None:
        nonlocal words
        match = pattern.search(words)
        if match is not None:
            value = next(group for group in match.groups() if group is not None)
            if name != "hours" or 0 < float(value.replace(",", ".")) <= _MOST_HOURS:
                fields[name] = value
                words = _without(words, *match.span(), left)

    take(_PRICE, "max_price")
    days, words = _days(words, today)
    if days is not None:
        fields |= {"day": days[0].isoformat(), "last_day": days[1].isoformat()}
    take(_HOURS, "hours")
    take(_WITHIN, "within_km", " bij ")  # "binnen 10 km van Genk": of what follows
    place, words = _place(words, is_place)
    if place is not None:
        fields["near"] = place
        fields.setdefault("within_km", str(NEARBY_KM))
    elif fields.pop("within_km", None) is not None:  # of nothing
        words = words.replace(" bij ", " ", 1)
    return Understood(" ".join(words.split()), fields)


def _place(words: str, is_place: Callable[[str], bool]) -> tuple[str | None, str]:
    for match in _NEAR.finditer(words):
        following = words[match.end() :].split()
        for count in range(min(_LONGEST_PLACE, len(following)), 0, -1):
            name = " ".join(following[:count]).strip(".,;")
            # A shaft, a ham: "gat in as boren" names no town, "in As" does.
            if is_place(name) and (len(name) > _SHORT or name[0].isupper()):
                end = match.end() + words[match.end() :].find(following[count - 1]) + len(following[count - 1])
                return name, _without(words, match.start(), end)
    return None, words


def _days(words: str, today: date) -> tuple[Days | None, str]:
    for pattern, days in _SPOKEN:
        match = pattern.search(words)
        if match is not None:
            return days(today), _without(words, *match.span())
    for pattern in (_ISO, _DAY_MONTH):
        match = pattern.search(words)
        day = _date_of(match, pattern is _ISO, today) if match is not None else None
        if match is not None and day is not None:
            return (day, day), _without(words, *match.span())
    return None, words


def _week(today: date, number: int) -> Days:
    """Of this week (0) what is left, or a week to come."""
    monday = today + timedelta(days=7 * number - today.weekday())
    return max(today, monday), monday + timedelta(days=6)


def _weekend(today: date) -> Days:
    sunday = _week(today, 0)[1]
    return max(today, sunday - timedelta(days=1)), sunday


def _in_days(count: int) -> Callable[[date], Days]:
    return lambda today: (today + timedelta(days=count),) * 2


def _next_weekday(number: int) -> Callable[[date], Days]:
    """Today is called today."""
    return lambda today: _in_days((number - today.weekday() - 1) % 7 + 1)(today)


def _month(number: int) -> Callable[[date], Days]:
    """What is left of this one, or the next of that name."""

    def days(today: date) -> Days:
        year = today.year + (number < today.month)
        last = calendar.monthrange(year, number)[1]
        return max(today, date(year, number, 1)), date(year, number, last)

    return days


_SPOKEN: tuple[tuple[re.Pattern[str], Callable[[date], Days]], ...] = tuple(
    (re.compile(rf"(?<![\w-])(?:{phrase})(?![\w-])", re.IGNORECASE), days)
    for phrase, days in (
        (r"overmorgen|après-demain|(?:the )?day after tomorrow", _in_days(2)),
        (r"(?:in )?(?:volgende|komende) week|(?:la )?semaine prochaine|next week", lambda today: _week(today, 1)),
        (r"deze week|cette semaine|this week", lambda today: _week(today, 0)),
        (r"(?:dit|het|in het) weekend|(?:ce|le) week-end|(?:this|the|at the) weekend", _weekend),
        (r"vandaag|aujourd'hui|today", _in_days(0)),
        (r"morgen|demain|tomorrow", _in_days(1)),
        *(
            (
                rf"(?:(?:op|volgende|komende|le|on|next|this) )*(?:{'|'.join(names)})(?: prochain)?",
                _next_weekday(number),
            )
            for number, names in enumerate(_WEEKDAYS)
        ),
        *((rf"(?:in|en) (?:{'|'.join(names)})", _month(number)) for number, names in enumerate(_MONTHS, start=1)),
    )
)
"""Longer phrases before those that they contain."""


def _date_of(match: re.Match[str], iso: bool, today: date) -> date | None:
    """A day that is written without a year is the next one of that name."""
    first, second, third = match.groups()
    try:
        if iso:
            return date(int(first), int(second), int(third))
        if third is not None:
            return date(int(third), int(second), int(first))
        day = date(today.year, int(second), int(first))
        return day if day >= today else day.replace(year=today.year + 1)
    except ValueError:
        return None


def _without(words: str, start: int, end: int, left: str = " ") -> str:
    return f"{words[:start]}{left}{words[end:]}"
