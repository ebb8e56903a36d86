"""Answers that are the same for everybody who asks the same: made once, by who asks first, while the others wait for it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

_A = TypeVar("_A")


@dataclass(eq=False)
class _Generation(Generic[_A]):
    """What was made of one state of the world."""

    state: Hashable
    answers: OrderedDict[Hashable, Future[_A]] = field(default_factory=OrderedDict)
    sizes: dict[Hashable, int] = field(default_factory=dict)
    """Of those that are made."""


class SharedAnswers(Generic[_A]):
    """One per process; calls come from several threads. Answers to what is asked seldom go when all together are larger than `most_bytes`, as `size_of` counts them; all
    go when the state of the world is another."""

    def __init__(self, most_bytes: int, size_of: Callable[[_A], int]) -> None:
        self._most_bytes = most_bytes
        self._size_of = size_of
        self._lock = threading.Lock()
        self._generation = _Generation[_A](None)

    @property
    def size(self) -> int:
        """Of all answers that are kept, in bytes."""
        with self._lock:
            return sum(self._generation.sizes.values())

    def get(self, state: Hashable, question: Hashable, make: Callable[[], _A]) -> _A:
        """What was made or is being made for the same question in the same state of the world, or else what `make` makes. Whatever `make` raises, all who wait for it
        are told; who asks after that begins anew."""
        with self._lock:
            if self._generation.state != state:
                self._generation = _Generation(state)
            generation = self._generation
            known = generation.answers.get(question)
            if known is None:
                own = generation.answers[question] = Future()
            else:
                generation.answers.move_to_end(question)
        if known is not None:
            return known.result()
        try:
            answer = make()
        except BaseException as error:
            with self._lock:
                del generation.answers[question]
            own.set_exception(error)
            raise
        own.set_result(answer)
        with self._lock:
            self._keep(generation, question, self._size_of(answer))
        return answer

    def _keep(self, generation: _Generation[_A], question: Hashable, size: int) -> None:
        generation.sizes[question] = size
        together = sum(generation.sizes.values())
        for oldest in [one for one in generation.answers if one in generation.sizes]:
            if together <= self._most_bytes:
                return
            together -= generation.sizes.pop(oldest)
            del generation.answers[oldest]
