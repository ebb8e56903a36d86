"""Translations: one TOML file per language with the same keys."""

from __future__ import annotations

import re
import string
import tomllib
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

LANGUAGES = {"nl": "Nederlands", "fr": "Français", "en": "English"}
"""Each under its own name."""
DEFAULT_LANGUAGE = "nl"

_SEPARATORS = {"nl": (".", ","), "fr": ("\N{NARROW NO-BREAK SPACE}", ","), "en": (",", ".")}
"""Between thousands, and before decimals (Unicode CLDR)."""


@cache
def texts(language: str) -> Mapping[str, str]:
    """All texts of a language."""
    source = resources.files("sharing_platform.translations").joinpath(f"{language}.toml")
    found: dict[str, str] = tomllib.loads(source.read_text(encoding="utf-8"))
    if language == "fr":
        return {key: typeset(text) for key, text in found.items()}
    return {key: text.replace(" %", "\N{NO-BREAK SPACE}%") for key, text in found.items()}


def typeset(text: str) -> str:
    """As French is set: punctuation stands apart from its word and must not begin a line of its own; nor does a unit. Apostrophes are those of print."""
    text = re.sub(r" (?=[;?!])", "\N{NARROW NO-BREAK SPACE}", text.replace("'", "’"))
    return re.sub(r"(?<=«) | (?=[:»%])|(?<=[\d}]) (?=(?:km|mm|kg|Mo)\b)", "\N{NO-BREAK SPACE}", text)


class _Sentences(string.Formatter):
    """Fills in values, and what goes by them: `{count:place|places}` is the word for one or for several; in French, `{name:de}`, `{name:que}` and `{name:à}` are
    that word with the name (`de Genk`, `d’Alken`, `du Roeulx`)."""

    def __init__(self, language: str) -> None:
        self._language = language

    def format_field(self, value: Any, format_spec: str) -> str:
        if "|" in format_spec:
            one, several = format_spec.split("|")
            return one if is_one(self._language, float(value)) else several
        if format_spec in _CONTRACTED or format_spec in _ELIDED:
            return before_name(format_spec, str(value))
        return str(super().format_field(value, format_spec))


def is_one(language: str, count: float) -> bool:
    """Whether so many are said in the singular: in French nothing is, too (Unicode CLDR)."""
    return abs(count) < 2 if language == "fr" else count == 1


_ELIDED = {"de": "d’", "que": "qu’"}
_CONTRACTED = {"de": {"le": "du", "les": "des"}, "à": {"le": "au", "les": "aux"}}


def before_name(word: str, name: str) -> str:
    """`de`, `que` or `à` before a name, as French elides and contracts them. The h of names keeps them whole: that of Hasselt and Herstal is aspirate."""
    article, _, rest = name.partition(" ")
    contracted = _CONTRACTED.get(word, {}).get(article.casefold())
    if contracted is not None and rest:
        return f"{contracted} {rest}"
    plain = unicodedata.normalize("NFD", name.casefold())
    return f"{_ELIDED[word]}{name}" if word in _ELIDED and re.match(r"[aeiouœæ]|y[^aeiou]", plain) else f"{word} {name}"


@dataclass(frozen=True)
class Span:
    """When something is, as part of a sentence. `in_days`: as trainings and people are had, whole days being said as days."""

    start: datetime
    end: datetime
    in_days: bool


class Translator:
    """Texts, dates and numbers in one language, as they are written in Belgium."""

    def __init__(self, language: str, zone: str) -> None:
        self.language = language
        self._texts = texts(language)
        self._sentences = _Sentences(language)
        self._weekdays = self._texts["weekdays"].split()
        self._zone = ZoneInfo(zone)
        self._said: dict[object, str] = {}
        """What was said already: a page says the same many times, and a translator lives as long as a page."""

    def __call__(self, key: str, **values: object) -> str:
        text = self._texts[key]
        if not values:
            return text
        # 1, 1.0 and True are equal, and not written alike.
        known = (key, *((name, type(value), value) for name, value in values.items()))
        try:
            said = self._said.get(known)
        except TypeError:  # a value that may change
            return self._sentences.format(text, **values)
        if said is None:
            said = self._said[known] = self._sentences.format(text, **values)
        return said

    @property
    def colon(self) -> str:
        """What stands between a word and what it announces."""
        return "\N{NO-BREAK SPACE}: " if self.language == "fr" else ": "

    def day(self, moment: datetime) -> str:
        """`za 21/11/2026`."""
        return self.date(moment.astimezone(self._zone).date())

    def hour(self, moment: datetime) -> str:
        """`08:00`."""
        said = self._said.get(moment)
        if said is None:
            local = moment.astimezone(self._zone)
            said = self._said[moment] = f"{local.hour:02}:{local.minute:02}"
        return said

    def end_hour(self, start: datetime, end: datetime) -> str:
        """`22:00`, or `06:00 (zo 22/11/2026)` where it ends on another day."""
        same_day = start.astimezone(self._zone).date() == (end - timedelta(seconds=1)).astimezone(self._zone).date()
        return self.hour(end) if same_day else f"{self.hour(end)} ({self.day(end)})"

    def between(self, start: datetime, end: datetime) -> str:
        """`14:00 – 22:00`."""
        said = self._said.get((start, end))
        if said is None:
            said = self._said[start, end] = self("from_to", start=self.hour(start), end=self.end_hour(start, end))
        return said

    def period(self, start: datetime, end: datetime) -> str:
        """`za 21/11/2026, 14:00 – 22:00`."""
        return f"{self.day(start)}, {self.between(start, end)}"

    def days(self, start: datetime, end: datetime) -> str:
        """Whole days as days: `ma 02/03/2026`, or `ma 02/03/2026 – wo 04/03/2026`; other spans with their hours: `ma 02/03/2026, 09:00 – 12:00`."""
        whole = self.whole_days(start, end)
        if whole is None:
            same_day = self.day(start) == self.day(end)
            return self.period(start, end) if same_day else f"{self.moment(start)} – {self.moment(end)}"
        first, last = whole
        return self.date(first) if first == last else f"{self.date(first)} – {self.date(last)}"

    def whole_days(self, start: datetime, end: datetime) -> tuple[date, date] | None:
        """The first and the last day of a span that begins and ends at midnight; None of others."""
        first, last = start.astimezone(self._zone), end.astimezone(self._zone)
        if first.time() != time(0) or last.time() not in (time(0), time(23, 59)):
            return None
        return first.date(), (last - timedelta(minutes=1)).date()

    def span(self, span: Span) -> str:
        """As part of a sentence: `op ma 02/03/2026, 08:00 – 12:00`, `van ma 02/03/2026 08:00 tot di 03/03/2026 06:00`, `van ma 02/03/2026 tot en met wo 04/03/2026`, `op ma 02/03/2026`."""
        whole = self.whole_days(span.start, span.end) if span.in_days else None
        if whole is None and self.day(span.start) == self.day(span.end):
            hours = self("from_to", start=self.hour(span.start), end=self.hour(span.end))
            return f"{self('span_day', day=self.day(span.start))}, {hours}"
        if whole is None:
            return self("span_hours", start=self.moment(span.start), end=self.moment(span.end))
        first, last = (self.date(day) for day in whole)
        return self("span_day", day=first) if first == last else self("span_days", first=first, last=last)

    def duration(self, length: timedelta) -> str:
        """`8 uur`, `7 u 15` in Dutch; `8 h`, `7 h 15` in French; `8 h`, `7 h 15 min` in English; `45 min` in each."""
        hours, minutes = divmod(round(length / timedelta(minutes=1)), 60)
        if not minutes:
            return self("hours", hours=hours)
        return self("hours_and_minutes", hours=hours, minutes=minutes) if hours else self("minutes", minutes=minutes)

    def hours(self, hours: float) -> str:
        """`duration` of a number of hours."""
        return self.duration(timedelta(hours=hours))

    def number(self, value: float) -> str:
        """`7,5` in Dutch and French, `7.5` in English."""
        return self._comma(f"{value:.1f}".removesuffix(".0"))

    def tenths(self, value: float) -> str:
        """`2,0`: as `number`, for columns in which points stand beneath each other."""
        return self._comma(f"{value:.1f}")

    def euros(self, amount: Decimal) -> str:
        """`€ 1.152,00` in Dutch, `1 152,00 €` in French, `€1,152.00` in English; parts of one amount stay on one line."""
        thousands, point = _SEPARATORS[self.language]
        written = f"{amount:,.2f}".translate({ord(","): thousands, ord("."): point})
        if self.language == "en":
            return f"€{written}"
        return f"{written}\N{NO-BREAK SPACE}€" if self.language == "fr" else f"€\N{NO-BREAK SPACE}{written}"

    def whole(self, number: int) -> str:
        """`12.340` in Dutch, `12 340` in French, `12,340` in English."""
        return f"{number:,}".replace(",", _SEPARATORS[self.language][0])

    def month(self, month: date) -> str:
        """`november 2026`."""
        return f"{self._texts['months'].split()[month.month - 1]} {month.year}"

    def short_month(self, day: date) -> str:
        """`nov`, for an axis."""
        return self._texts["months_short"].split()[day.month - 1]

    def column(self, day: date) -> str:
        """`za 21`, for a column of a week."""
        return f"{self._weekdays[day.weekday()]} {day.day}"

    def plain_date(self, day: date) -> str:
        """`21/11/2026`, where the day of the week does not matter."""
        return f"{day.day:02}/{day.month:02}/{day.year}"

    def date(self, day: date) -> str:
        """`za 21/11/2026`, of a day that has no zone."""
        return f"{self._weekdays[day.weekday()]} {day.day:02}/{day.month:02}/{day.year}"

    def written_day(self, moment: datetime) -> str:
        """`zaterdag 21 november 2026`: as people read a date in a text."""
        day = moment.astimezone(self._zone).date()
        number = "1er" if self.language == "fr" and day.day == 1 else str(day.day)
        weekday = self._texts["weekdays_written"].split()[day.weekday()]
        return f"{weekday} {number} {self._texts['months'].split()[day.month - 1]} {day.year}"

    def moment(self, moment: datetime) -> str:
        """`za 21/11/2026 08:00`."""
        return f"{self.day(moment)} {self.hour(moment)}"

    def local(self, moment: datetime) -> str:
        """As a form's field for moments takes it."""
        return f"{moment.astimezone(self._zone):%Y-%m-%dT%H:%M}"

    def plain(self, value: float) -> str:
        """`0,02`: no more digits than were given."""
        return self._comma(f"{value:g}")

    def amount(self, value: float) -> str:
        """`1.234,5` in Dutch, `1 234,5` in French, `1,234.5` in English: with two decimals at most."""
        thousands, point = _SEPARATORS[self.language]
        written = f"{value:,.2f}".rstrip("0").rstrip(".").replace("-", "\N{MINUS SIGN}")
        return written.translate({ord(","): thousands, ord("."): point})

    def change(self, share: float) -> str:
        """`−60 %`, `+5 %`: by how much something has changed."""
        percent = round(share * 100)
        sign = "\N{MINUS SIGN}" if percent < 0 else "+" if percent > 0 else ""
        return self._percent(f"{sign}{self.whole(abs(percent))}")

    def price(self, amount: Decimal | None, unit: str) -> str:
        """Of a listing: an amount for each unit, free of charge, or to be agreed."""
        if unit == "free":
            return self("unit_free")
        return (
            self("price_agree")
            if amount is None
            else self("price_per", price=self.euros(amount), unit=self(f"unit_{unit}"))
        )

    def reason(self, code: str, values: Mapping[str, Any], process_name: Callable[[str, str], str]) -> str:
        """A reason for a match."""
        shown: dict[str, object] = dict(values)
        if "process" in shown:
            shown["process"] = process_name(str(shown["process"]), self.language)
        if "hours" in shown:
            shown["hours"] = self.hours(float(str(shown["hours"])))
        if "criterion" in shown:
            shown["criterion"] = self(f"criterion_{shown['criterion']}")
        if "price" in shown:
            shown["price"] = self.euros(Decimal(str(shown["price"])))
        return self(f"reason_{code}", **{name: self.format_value(value) for name, value in shown.items()})

    def format_value(self, value: object) -> str:
        """A value as part of a sentence."""
        if isinstance(value, datetime):
            return self.moment(value)
        if isinstance(value, Decimal):
            return self.euros(value)
        if isinstance(value, Span):
            return self.span(value)
        return self.plain(value) if isinstance(value, float) else str(value)

    @property
    def decimals(self) -> str:
        """What stands before decimals."""
        return _SEPARATORS[self.language][1]

    def _comma(self, number: str) -> str:
        return number.replace(".", self.decimals)

    def size(self, size: int) -> str:
        """`1,2 MB`, `340 kB`; in French `1,2 Mo`, `340 ko`."""
        byte = "o" if self.language == "fr" else "B"
        return (
            f"{self.number(size / 1_000_000)} M{byte}" if size >= 1_000_000 else f"{max(1, round(size / 1000))} k{byte}"
        )

    def percent(self, share: float) -> str:
        """`95,5 %` in Dutch and French, `95.5%` in English. Rounded down, so that a promise never looks better than it is."""
        return self._percent(self.number(int(share * 1000) / 10))

    def percents(self, lowest: float, highest: float) -> str:
        """`93,7 – 95,5 %`, or one figure where both are the same once written; rounded as `percent`."""
        least, most = (self.number(int(share * 1000) / 10) for share in (lowest, highest))
        return self._percent(most if least == most else f"{least} – {most}")

    def _percent(self, number: str) -> str:
        return f"{number}%" if self.language == "en" else f"{number}\N{NO-BREAK SPACE}%"
