"""Texts of the control room and of alerts: the same in every language, and written as the language does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analytics.i18n import LANGUAGES, Translator, choose_language, texts
from tests.analytics.tables import utc

ROOM = Path(__file__).parents[2] / "analytics" / "control_room"
PLACEHOLDER = re.compile(r"\{(\w+)\}")


def test_every_language_has_the_same_texts_with_the_same_values() -> None:
    dutch = texts("nl")
    for language in LANGUAGES:
        assert list(texts(language)) == list(dutch)
        for key, text in texts(language).items():
            assert text.strip()
            assert sorted(PLACEHOLDER.findall(text)) == sorted(PLACEHOLDER.findall(dutch[key])), (language, key)


@pytest.mark.parametrize("language", LANGUAGES)
def test_signs_stand_as_the_language_writes_them(language: str) -> None:
    """With a space that does not break: before a percent sign in Dutch and French, before `: ; ? !` in French."""
    wrong = {
        "nl": r"(?<!\N{NO-BREAK SPACE})%",
        "fr": r"(?<!\N{NO-BREAK SPACE})[%;?!]|(?<!\N{NO-BREAK SPACE}):(?!\d)",
        "en": r"\s%",
    }
    for key, text in texts(language).items():
        assert not re.search(wrong[language], text), (key, text)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (r"\b(?:de|à|depuis|avant|jusqu’à) \{(?:start|end|since|moment|at|from|until|planned)\}", "a moment begins with its day: `du lun 2 mars`"),
        (r"\b(?:de|que) \{(?:machine|person|name|label)\}", "`de` and `que` elide before a name"),
        (r"\(s\)", "said so that it is right for one and for several"),
        (r"'", "the apostrophe of print"),
    ],
)  # fmt: skip
def test_no_french_text_has_what_is_wrong(wrong: str, why: str) -> None:
    assert {key: text for key, text in texts("fr").items() if re.search(wrong, text)} == {}, why


def test_every_text_is_used() -> None:
    """Names of states and losses, reasons, alerts, errors of policies and who answered are put together from a code."""
    sources = [*ROOM.rglob("*.html"), *ROOM.rglob("*.js"), *ROOM.parent.rglob("*.py")]
    used = "\n".join(path.read_text(encoding="utf-8") for path in sources if "chart-" not in path.name)
    put_together = (
        "calendar_problem_",
        "calendar_skipped_",
        "state_",
        "loss_",
        "why_",
        "alert_",
        "policy_",
        "approved_",
        "refused_",
        "din_",
        "figure_",
    )
    for key in texts("nl"):
        assert key.startswith(put_together) or re.search(rf"\b{key}\b", used), key


@pytest.mark.parametrize(
    ("asked", "remembered", "accepted", "language"),
    [
        ("fr", "en", "nl", "fr"),
        (None, "en", "fr-BE", "en"),
        (None, None, "fr-BE,fr;q=0.9,en;q=0.8", "fr"),
        (None, None, "de, EN-gb;q=0.5", "en"),
        (None, None, "de", "nl"),
        (None, None, "", "nl"),
        ("de", None, "fr", "fr"),
        (None, "../x", "", "nl"),
    ],
)
def test_the_language_is_that_of_the_address_then_the_choice_before_then_the_browser(
    asked: str | None, remembered: str | None, accepted: str, language: str
) -> None:
    assert choose_language(asked, remembered, accepted) == language


@pytest.mark.parametrize(
    ("language", "zone", "written"),
    [
        ("nl", "Europe/Brussels", "za 21 nov, 08:00"),
        ("fr", "Europe/Brussels", "sam 21 nov., 08:00"),
        ("en", "UTC", "Sat 21 Nov, 07:00"),
    ],
)
def test_moments_are_written_in_the_language_and_the_zone(language: str, zone: str, written: str) -> None:
    assert Translator(language, zone).moment(utc(21, 7, month=11)) == written
