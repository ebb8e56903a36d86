"""Small models are trained and asked on one thread: threads that wait for each other on a busy machine cost far more than they gain."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from threadpoolctl import ThreadpoolController


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it, scikit-learn and NumPy use one thread."""
    with _controller(len(sys.modules)).limit(limits=1):
        yield


@lru_cache(maxsize=1)
def _controller(modules: int) -> ThreadpoolController:  # noqa: ARG001 - another number, another controller
    """It knows the libraries that were loaded when it was made, and takes long to look for them. `modules`: how many Python has loaded; with the next ones other libraries may have come."""
    return ThreadpoolController()
