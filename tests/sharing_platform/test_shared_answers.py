"""Answers that are made once: by one of those who ask at the same time, of one state of the world, and within bounds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharing_platform.shared_answers import SharedAnswers


def answers(most: int = 100) -> SharedAnswers[str]:
    return SharedAnswers(most, len)


def test_many_who_ask_at_once_are_given_what_one_of_them_makes() -> None:
    shared, made, asked, go_on = answers(), list[int](), threading.Semaphore(0), threading.Event()

    def ask(number: int) -> str:
        def make() -> str:
            made.append(number)
            go_on.wait(30)
            return "made"

        asked.release()
        return shared.get("state", "question", make)

    with ThreadPoolExecutor(8) as crowd:
        given_to = [crowd.submit(ask, number) for number in range(8)]
        for _ in range(8):
            assert asked.acquire(timeout=30)
        go_on.set()
        assert [one.result(30) for one in given_to] == ["made"] * 8
    assert len(made) == 1


def test_who_asks_of_a_newer_state_does_not_wait_for_what_is_made_of_an_older_one() -> None:
    shared, begun, go_on = answers(), threading.Event(), threading.Event()

    def make_slowly() -> str:
        begun.set()
        assert go_on.wait(30)
        return "old"

    with ThreadPoolExecutor(1) as other:
        old = other.submit(shared.get, 1, "question", make_slowly)
        assert begun.wait(30)
        assert shared.get(2, "question", lambda: "new") == "new"
        go_on.set()
        assert old.result(30) == "old"
    assert shared.get(2, "question", _not_again) == "new", "what came late has replaced nothing"


def test_what_fails_is_tried_again_by_who_asks_next() -> None:
    shared = answers()

    def fail() -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        shared.get(1, "question", fail)
    assert shared.get(1, "question", lambda: "made") == "made"


def test_who_waits_for_what_fails_is_told() -> None:
    shared, begun, go_on = answers(), threading.Event(), threading.Event()

    def fail() -> str:
        begun.set()
        assert go_on.wait(30)
        raise ZeroDivisionError

    with ThreadPoolExecutor(2) as others:
        first = others.submit(shared.get, 1, "question", fail)
        assert begun.wait(30)
        second = others.submit(shared.get, 1, "question", fail)
        go_on.set()
        for one in (first, second):
            with pytest.raises(ZeroDivisionError):
                one.result(30)


def _not_again() -> str:
    raise AssertionError("it is made again")


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5), st.integers(0, 40)), max_size=60))
def test_answers_are_of_the_state_asked_for_and_together_no_larger_than_the_bound(
    asked: list[tuple[int, int, int]],
) -> None:
    shared, kept = answers(60), dict[tuple[int, int], str]()
    state = None
    for number, (new_state, question, size) in enumerate(asked):
        if state != new_state:
            state, kept = new_state, {}
        text = f"{number:03}" + "x" * size
        made: list[str] = []

        def make(text: str = text, made: list[str] = made) -> str:
            made.append(text)
            return text

        answer = shared.get(state, question, make)
        if made:
            kept[state, question] = answer
        else:
            assert answer == kept[state, question]
        assert shared.size <= 60


def test_what_is_asked_often_stays_when_others_go() -> None:
    shared = answers(30)
    make: Callable[[], str] = lambda: "x" * 10  # noqa: E731
    for question in ("often", "a", "b"):
        shared.get(1, question, make)
    shared.get(1, "often", _not_again)
    shared.get(1, "c", make)
    shared.get(1, "often", _not_again)
    with pytest.raises(AssertionError, match="made again"):
        shared.get(1, "a", _not_again)
