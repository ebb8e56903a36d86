"""The questions as data: whole in three languages, and of one meaning for good."""

from __future__ import annotations

import hashlib
import json

import pytest

from sharing_platform.i18n import LANGUAGES
from sharing_platform.self_assessment.questionnaire import (
    LEVELS,
    editions,
    newest,
    question_texts,
    texts_of,
    transformation_of,
    transformations,
)

MEANINGS = {
    1: "2eb022320eb2e657",
}
"""Of each edition, its questions with their texts. Old answers are read with them: what is to mean something else is another question in another edition. Who only mends the
spelling writes the new value here."""


def test_an_edition_asks_some_five_questions_of_each_of_seven_transformations() -> None:
    assert len(transformations()) == 7
    for edition in editions():
        assert edition.questions.keys() == set(transformations())
        for name, questions in edition.questions.items():
            assert 4 <= len(questions) <= 6, name
            assert {transformation_of(one) for one in questions} == {name}
    everything = [one for questions in newest().questions.values() for one in questions]
    assert len(set(everything)) == len(everything)
    assert max(map(len, [*everything, *transformations()])) <= 40, "so long are the columns"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_everything(language: str) -> None:
    dutch, other = texts_of("nl"), texts_of(language)
    assert list(other) == list(dutch) == list(transformations())
    for name, transformation in other.items():
        assert list(transformation.questions) == list(dutch[name].questions)
        assert max(map(len, transformation.short)) <= 16, "the picture has no room for more"
        for question, told in transformation.questions.items():
            texts = [told.title, told.question, *told.levels]
            assert len(told.levels) == len(LEVELS), question
            assert all(text and text == text.strip() for text in texts), question
            assert told.question.endswith("?"), question
            assert [text for text in told.levels if not text.endswith(".")] == [], question
            assert len(set(told.levels)) == len(LEVELS), question
            same = [text for text in texts if text in (dutch[name].questions[question].title, *dutch[name].questions[question].levels)]  # fmt: skip
            assert language == "nl" or same == [], question


def test_texts_of_an_edition_keep_their_meaning() -> None:
    found = {}
    for edition in editions():
        said = {
            language: {
                one: [question_texts(language)[one].question, *question_texts(language)[one].levels]
                for questions in edition.questions.values()
                for one in questions
            }
            for language in LANGUAGES
        }
        found[edition.number] = hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()[:16]
    assert found == MEANINGS
