"""Ctrl-C and SIGTERM end the demo in order."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class InterruptedDemoError(Exception):
    """Ctrl-C or SIGTERM, which are not errors."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Make SIGTERM stop the demo as Ctrl-C does."""

    def on_signal(_number: int, _frame: object) -> None:
        raise InterruptedDemoError

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
