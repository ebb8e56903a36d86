"""Every target with its corpus and with some hundreds of fresh inputs, other ones each day. `make fuzz` tries for hours."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from tests.fuzz.mutation import mutated
from tests.fuzz.target import CORPUS, Limits, Target
from tests.fuzz.targets import TARGETS

FRESH, FRESH_OF_SLOW = 200, 10
SLOW = {"page_query", "picture", "attachment", "search_words", "calendar", "platform_answers", "device_template", "exported_records"}  # fmt: skip
"""An input of them takes milliseconds."""
PATIENCE = 3.0
"""Other tests run beside this one."""
MOST_CORPUS_BYTES = 40_000


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_no_input_is_more_than_a_program_can_take(name: str) -> None:
    target = TARGETS[name]
    limits, chance = Limits(target, PATIENCE), random.Random(datetime.now(UTC).toordinal())
    corpus = target.corpus
    fresh = FRESH_OF_SLOW if name in SLOW else FRESH
    for data in (*corpus, *(mutated(chance, corpus) for _ in range(fresh))):
        finding = limits.attempt(data)
        assert finding is None, f"{name}, {data!r}: {finding.said}\n{finding.trace}"


def test_each_target_has_a_small_corpus_and_says_what_it_raises() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == TARGETS.keys()
    for target in TARGETS.values():
        assert 0 < sum(map(len, target.corpus)) <= MOST_CORPUS_BYTES, target.name
        for error in target.refuses:
            assert error.__name__ in (target.run.__doc__ or ""), target.name


def test_what_is_wrong_is_found() -> None:
    """Another error, a hang, and too much memory."""

    def wrong(data: bytes) -> None:
        if data == b"error":
            raise KeyError(data)
        while data == b"hang":
            pass
        assert len(bytes(1_000_000_000 if data == b"memory" else 1)) > 0
        raise ValueError

    limits = Limits(Target("wrong", wrong, (ValueError,), 0.2, 30))
    said = {data: limits.attempt(data) for data in (b"fine", b"error", b"hang", b"memory")}
    assert {data: finding.said for data, finding in said.items() if finding is not None} == {
        b"error": "KeyError: b'error'", b"hang": "more than 0.2 s", b"memory": "more than 30 MB"
    }  # fmt: skip
