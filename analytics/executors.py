"""Where heavy work runs: in this process, in processes beside it, or on a Dask cluster. The same functions, the same results."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar, cast

import pandas as pd

from telemetry import UnavailableError

T = TypeVar("T")

_TASKS_PER_WORKER = 2
"""So many pieces of work are handed out for each worker: enough that none waits, and memory stays bounded."""
_CONNECT_TIMEOUT_S = 10.0


class Done(Protocol):
    """A result to come."""

    def result(self) -> Any: ...


class Workers(Protocol):
    """Takes a function of a module and its arguments, which must be picklable."""

    @property
    def count(self) -> int: ...

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Done: ...


class InlineExecutor:
    """In this process, one after the other."""

    count = 1

    def submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        done: Future[T] = Future()
        done.set_result(function(*arguments))
        return done


class ProcessExecutor:
    """Processes of this machine. Started fresh, not forked: the server has threads and open stores."""

    def __init__(self, count: int | None = None) -> None:
        self.count = count or os.cpu_count() or 1
        self._pool = ProcessPoolExecutor(self.count, mp_context=multiprocessing.get_context("spawn"))

    def submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        return self._pool.submit(function, *arguments)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


class DaskExecutor:
    """The workers of a Dask scheduler, `tcp://host:port`. Raises UnavailableError where it does not answer."""

    def __init__(self, address: str) -> None:
        import distributed  # the extra `cluster`

        try:
            self._client: Any = cast("Any", distributed).Client(
                address, timeout=_CONNECT_TIMEOUT_S, set_as_default=False
            )
        except (OSError, TimeoutError, ValueError) as error:
            raise UnavailableError(f"Dask scheduler {address}: no connection ({error}). Is it running?") from error

    @property
    def count(self) -> int:
        return max(1, self.alive())

    def alive(self) -> int:
        """Threads of all workers that have joined."""
        return sum(self._client.ncores().values())

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Done:
        # What is large goes to a worker by itself, not through the scheduler as a part of the order.
        sent = [
            self._client.scatter([one], hash=False)[0] if isinstance(one, (pd.DataFrame, Mapping, list)) else one
            for one in arguments
        ]
        done: Done = self._client.submit(function, *sent, pure=False)
        return done

    def close(self) -> None:
        self._client.close()


@contextmanager
def open_executor(scheduler: str | None, count: int = 1) -> Iterator[Workers]:
    """The cluster that is named, else `count` processes, else this one."""
    if scheduler is None and count < 2:
        yield InlineExecutor()
        return
    opened = DaskExecutor(scheduler) if scheduler is not None else ProcessExecutor(count)
    try:
        yield opened
    finally:
        opened.close()


def map_in_order(workers: Workers, function: Callable[..., T], pieces: Iterable[tuple[Any, ...]]) -> Iterator[T]:
    """`function(*piece)` of each piece, in their order. Pieces are taken as they are needed."""
    under_way: deque[Done] = deque()
    for piece in pieces:
        under_way.append(workers.submit(function, *piece))
        if len(under_way) >= _TASKS_PER_WORKER * workers.count:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()
