"""Texts of the control room and of alerts in the reader's language: one TOML file per language with the same keys.

The sharing platform has its own (`sharing_platform/i18n.py`): it imports nothing of ours (decision 17)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

from telemetry.appearance import LOSS_TEXTS, STATE_TEXTS

LANGUAGES = {"nl": "Nederlands", "fr": "Français", "en": "English"}
"""Each under its own name."""
DEFAULT_LANGUAGE = "nl"
LANGUAGE_COOKIE = "lang"


@cache
def texts(language: str) -> Mapping[str, str]:
    """All texts of a language; names of states under `state_…`, of losses under `loss_…`."""
    source = resources.files("analytics.translations").joinpath(f"{language}.toml")
    found = tomllib.loads(source.read_text(encoding="utf-8"))
    if language == "fr":  # the apostrophe of print
        found = {key: text.replace("'", "’") for key, text in found.items()}
    found |= {f"state_{state.value}": names[language] for state, names in STATE_TEXTS.items()}
    return found | {f"loss_{loss}": names[language] for loss, names in LOSS_TEXTS.items()}


def choose_language(asked: str | None, remembered: str | None, accepted: str) -> str:
    """The language in the address, else the one chosen before, else the first one that the browser accepts
    (`Accept-Language`), else Dutch."""
    wanted = asked or remembered
    if wanted in LANGUAGES:
        return str(wanted)
    for preferred in accepted.split(","):
        code = preferred.split(";")[0].strip()[:2].lower()
        if code in LANGUAGES:
            return code
    return DEFAULT_LANGUAGE


class Translator:
    """Texts and times in one language and time zone."""

    def __init__(self, language: str, zone: str) -> None:
        self.language = language
        self._texts = texts(language)
        self._zone = ZoneInfo(zone)

    def __call__(self, key: str, **values: object) -> str:
        """A text; moments among the values are written as `moment` does."""
        return self._texts[key].format(
            **{name: self.moment(value) if isinstance(value, datetime) else value for name, value in values.items()}
        )

    def moment(self, moment: datetime) -> str:
        """`za 21 nov, 08:00`. The control room's script writes them the same way."""
        local = moment.astimezone(self._zone)
        weekday, month = (
            self._texts["weekdays"].split()[local.weekday()],
            self._texts["months"].split()[local.month - 1],
        )
        return f"{weekday} {local.day} {month}, {local:%H:%M}"
