"""Small models are trained and asked on one thread: threads that wait for each other on a busy machine cost far more than they gain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it, scikit-learn and NumPy use one thread."""
    with _controller().limit(limits=1):
        yield


@cache
def _controller() -> ThreadpoolController:
    """Created once, because it inspects all libraries of the process."""
    return ThreadpoolController()
