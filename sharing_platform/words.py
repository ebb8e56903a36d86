"""Texts of the pages: one TOML file per language, the same keys in each."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

LANGUAGES = {"nl": "Nederlands", "fr": "Français", "en": "English"}
"""Each under its own name."""
DEFAULT_LANGUAGE = "nl"


@cache
def texts(language: str) -> Mapping[str, str]:
    """All texts of a language."""
    source = resources.files("sharing_platform.translations").joinpath(f"{language}.toml")
    return tomllib.loads(source.read_text(encoding="utf-8"))


class Words:
    """What a template needs to speak one language: texts, dates and numbers as Belgium writes them."""

    def __init__(self, language: str, zone: str) -> None:
        self.language = language
        self._texts = texts(language)
        self._zone = ZoneInfo(zone)

    def __call__(self, key: str, **values: object) -> str:
        text = self._texts[key]
        return text.format(**values) if values else text

    def day(self, moment: datetime) -> str:
        """`za 21/11/2026`."""
        local = moment.astimezone(self._zone)
        return f"{self._texts['weekdays'].split()[local.weekday()]} {local:%d/%m/%Y}"

    def hour(self, moment: datetime) -> str:
        """`08:00`."""
        return f"{moment.astimezone(self._zone):%H:%M}"

    def end_hour(self, start: datetime, end: datetime) -> str:
        """`22:00`, or `06:00 (zo 22/11/2026)` where it ends on another day."""
        same_day = start.astimezone(self._zone).date() == (end - timedelta(seconds=1)).astimezone(self._zone).date()
        return self.hour(end) if same_day else f"{self.hour(end)} ({self.day(end)})"

    def number(self, value: float) -> str:
        """`7,5` in Dutch and French, `7.5` in English."""
        return self._comma(f"{value:.1f}".removesuffix(".0"))

    def euros(self, amount: Decimal) -> str:
        """`€ 45,50`."""
        return f"€ {self._comma(f'{amount:.2f}')}"

    def _comma(self, number: str) -> str:
        return number if self.language == "en" else number.replace(".", ",")

    def percent(self, share: float) -> str:
        """Rounded down: a promise is never made to look better than it is."""
        return f"{self.number(int(share * 1000) / 10)} %"
