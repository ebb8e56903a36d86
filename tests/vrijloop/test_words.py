"""The words that people read, in each language: terms and forbidden words are those of `docs/words.md`; French ones have tests of their own."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from dashboards.texts import _TEXTS as DASHBOARDS
from dashboards.texts import LANGUAGES as DASHBOARD_LANGUAGES
from telemetry.appearance import LOSS_TEXTS, STATE_TEXTS
from tests.vrijloop.command_line import invoke

ROOT = Path(__file__).resolve().parents[2]
WORDS = (ROOT / "docs" / "words.md").read_text(encoding="utf-8")
LANGUAGES = {"en": "English", "nl": "Nederlands", "fr": "Français"}
PAGES = {
    "en": ("README.md", *(f"docs/{name}.md" for name in ("manager", "planner", "technician", "administrator", "debian", "compose", "gallery"))),
    "nl": ("docs/manager.nl.md", "docs/planner.nl.md", "docs/technician.nl.md"),
    "fr": (),
}  # fmt: skip
OF_PROGRAMS = re.compile(r"^```.*?^```|`[^`\n]*`|\]\([^)]*\)", re.MULTILINE | re.DOTALL)
"""What is no prose on a page: commands, names, addresses."""


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)


def toml(path: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / path).read_text(encoding="utf-8"))


@cache
def sentences(language: str) -> dict[str, str]:
    """All that people read in a language, by where it stands."""
    found: dict[str, str] = {}
    for room in ("sharing_platform", "analytics"):
        found |= {f"{room}: {key}": text for key, text in toml(f"{room}/translations/{language}.toml").items()}
    questions = toml(f"sharing_platform/self_assessment/questions/{language}.toml")
    found |= {f"questions: {number}": text for number, text in enumerate(strings(questions))}
    for texts in (STATE_TEXTS, LOSS_TEXTS):
        found |= {f"state: {key}": texts[language] for key, texts in texts.items()}
    if language in DASHBOARD_LANGUAGES:
        place = DASHBOARD_LANGUAGES.index(language)
        found |= {f"dashboards: {key}": texts[place] for key, texts in DASHBOARDS.items()}
    personas = toml("vrijloop/demo/personas.toml")
    of_personas = [personas["words"][language], *(one[language] for one in personas["persona"])]
    found |= {f"personas: {number}": text for number, text in enumerate(strings(of_personas))}
    if language == "nl":
        for name in ("region", "fortnight"):
            demo = strings(toml(f"vrijloop/demo/{name}.toml"))
            found |= {f"{name}: {number}": text for number, text in enumerate(demo)}
    shipped = sorted((ROOT / "sharing_platform/site_pages/shipped").glob(f"*.{language}.md"))
    for path in (*shipped, *(ROOT / page for page in PAGES[language])):
        for number, line in enumerate(OF_PROGRAMS.sub("…", path.read_text(encoding="utf-8")).splitlines(), 1):
            found[f"{path.name}, line {number}"] = line
    return found


def rows(heading: str) -> list[list[str]]:
    """The table below a heading of the page of words."""
    part = WORDS.partition(f" {heading}\n")[2].partition("\n#")[0]
    lines = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines[2:]]


def pattern(word: str) -> re.Pattern[str]:
    """As a word of its own, and neither the name of a value nor the end of a compound."""
    return re.compile(
        rf"(?<![\w{{-]){re.escape(word.removesuffix('…'))}" + ("" if word.endswith("…") else r"\b"), re.IGNORECASE
    )


@pytest.mark.parametrize("language", ["nl", "en"])
def test_a_thing_has_one_name(language: str) -> None:
    table = rows(LANGUAGES[language])
    assert len(table) > 8
    wrong = {
        (word, where, text)
        for words, _ in table
        for word in words.split(", ")
        for where, text in sentences(language).items()
        if pattern(word).search(text.replace("training centre", ""))
    }
    assert wrong == set()


@pytest.mark.parametrize("language", ["en", "nl"])
def test_the_page_of_words_names_what_is_used(language: str) -> None:
    place = list(LANGUAGES).index(language)
    written = "\n".join(sentences(language).values()).casefold()
    terms = [term for row in rows("Terms") for term in row[place].split(", ") if term]
    assert len(terms) > 20
    assert [term for term in terms if term.casefold() not in written] == []


SIGNS = {
    "two spaces": r"\S  \S",
    "a word twice": r"\b(?!u\b|nous\b|vous\b)([^\W\d_]+) \1\b",
    "three dots": r"\.\.\.",
    "straight quotation marks": r'(?<![=\w])"(?!\w+":)',
    "a curved apostrophe": "’",
    "a hyphen for a dash": r"\w - \w",
    "a space before a full stop or comma": r"\w [.,](?!\w)",
    "an exclamation": r"\w!",
    "an ending in brackets": r"[a-z]\([a-z]{1,2}\)",
}


@pytest.mark.parametrize(
    ("language", "sign"), [one for one in product(LANGUAGES, SIGNS) if one != ("fr", "a curved apostrophe")]
)
def test_signs_are_written_one_way(language: str, sign: str) -> None:
    """But what is wrong in a policy is said as TOML is written. The apostrophe of print is what French has."""
    found = {
        where: text
        for where, text in sentences(language).items()
        if re.search(SIGNS[sign], text) and not where.startswith("analytics: policy_")
    }
    assert found == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sentence_ends(language: str) -> None:
    found = {
        where: text
        for where, text in sentences(language).items()
        if where.startswith(("sharing_platform: error_", "analytics: alert_")) and not text.endswith(".")
    }
    assert found == {}


def test_help_is_shown_as_it_is_written() -> None:
    """Square brackets and line ends of a docstring are no mark-up to whoever asks for help."""
    shown = re.sub(r"[│\s]+", " ", invoke("--help"))
    assert "the [[feed]] tables of the policy." in shown
    whole = next(line for line in invoke("spare", "--help").splitlines() if "List what could" in line)
    assert len(whole.strip()) > 65, "lines are filled"
