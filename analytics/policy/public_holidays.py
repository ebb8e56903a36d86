"""Public holidays of a country, and the country of a time zone."""

from __future__ import annotations

from datetime import date
from functools import cache
from importlib.resources import files

import holidays as public_holidays


def is_supported(country: str) -> bool:
    """Whether the public holidays of the country are known. `country`: ISO 3166 code."""
    return country in public_holidays.list_supported_countries()


def country_of_zone(zone: str) -> str:
    """The country whose clocks a time zone shows, by tz's own table; an empty string where it is none (`UTC`) or its holidays are not
    known."""
    country = _countries().get(zone, "")
    return country if country and is_supported(country) else ""


def holidays_between(country: str, first: date, last: date) -> set[date]:
    """Public holidays of a country from `first` to `last`, both included. `country`: ISO 3166 code, or an empty
    string for none."""
    if not country:
        return set()
    calendar = public_holidays.country_holidays(country, years=range(first.year, last.year + 1))
    return {day for day in calendar if first <= day <= last}


@cache
def _countries() -> dict[str, str]:
    table = (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    return {zone: country for country, _, zone, *_ in rows}
