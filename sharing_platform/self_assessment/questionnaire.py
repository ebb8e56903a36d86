"""What is asked: the questions of each transformation by edition (`questions/editions.toml`), and their texts by language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sharing_platform.i18n import typeset

LEVELS = range(5)
"""From nothing yet to an example for others."""
GOOD = 3
"""From this level on, others can learn from it."""
_FOLDER = Path(__file__).with_name("questions")


@dataclass(frozen=True)
class Edition:
    """The questions that are asked, by transformation."""

    number: int
    questions: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Question:
    """`levels`: what somebody would see who walks through the plant, one for each of LEVELS."""

    title: str
    question: str
    levels: tuple[str, ...]


@dataclass(frozen=True)
class Transformation:
    """`short`: its name in two lines, for the picture. `questions`: of all editions."""

    name: str
    short: tuple[str, str]
    about: str
    questions: Mapping[str, Question]


@cache
def editions() -> tuple[Edition, ...]:
    """The newest last."""
    return tuple(
        Edition(one.pop("number"), {name: tuple(questions) for name, questions in one.items()})
        for one in _read("editions")["edition"]
    )


def newest() -> Edition:
    return editions()[-1]


def transformations() -> tuple[str, ...]:
    """In the order in which they are shown."""
    return tuple(newest().questions)


@cache
def asked() -> frozenset[str]:
    """The questions that can be answered."""
    return frozenset(question for questions in newest().questions.values() for question in questions)


@cache
def texts_of(language: str) -> Mapping[str, Transformation]:
    """By transformation."""
    return {name: _transformation(told, language) for name, told in _read(language).items()}


@cache
def question_texts(language: str) -> Mapping[str, Question]:
    """By question, of all editions."""
    return {name: text for one in texts_of(language).values() for name, text in one.questions.items()}


@cache
def transformation_of(question: str) -> str:
    """To which it belongs. Raises KeyError for what never was a question."""
    for name, told in texts_of("en").items():
        if question in told.questions:
            return name
    raise KeyError(question)


def _transformation(told: dict[str, Any], language: str) -> Transformation:
    def written(text: str) -> str:
        return typeset(text) if language == "fr" else text

    first, second = told["short"]
    return Transformation(
        written(told["name"]),
        (written(first), written(second)),
        written(told["about"]),
        {
            name: Question(written(one["title"]), written(one["question"]), tuple(map(written, one["levels"])))
            for name, one in told.items()
            if isinstance(one, dict)
        },
    )


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
