"""Runs heavy work in this process, in worker processes, or on a Dask cluster. The results are the same."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar, cast

import numpy as np
import pandas as pd

from telemetry import UnavailableError

T = TypeVar("T")

_TASKS_PER_WORKER = 2
"""Tasks queued per worker: enough to keep each busy, few enough to bound memory."""
_CONNECT_TIMEOUT_S = 10.0


class PendingResult(Protocol):
    """The result of a submitted task."""

    def result(self) -> Any: ...


class Executor(Protocol):
    """Runs module-level functions with picklable arguments."""

    @property
    def worker_count(self) -> int: ...

    def submit(self, function: Callable[..., Any], *arguments: Any) -> PendingResult: ...


class InlineExecutor:
    """Runs each task at once, in this process."""

    worker_count = 1

    def submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        done: Future[T] = Future()
        done.set_result(function(*arguments))
        return done


class ProcessExecutor:
    """Worker processes on this machine. They are spawned, not forked, because the server has threads and open
    stores."""

    def __init__(self, count: int | None = None) -> None:
        self.worker_count = count or os.cpu_count() or 1
        self._pool = ProcessPoolExecutor(self.worker_count, mp_context=multiprocessing.get_context("spawn"))

    def submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        return self._pool.submit(function, *arguments)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


class DaskExecutor:
    """The workers of a Dask scheduler at `tcp://host:port`. Raises UnavailableError if it does not answer."""

    def __init__(self, address: str) -> None:
        import distributed  # in the extra `cluster`

        try:
            self._client: Any = cast("Any", distributed).Client(
                address, timeout=_CONNECT_TIMEOUT_S, set_as_default=False
            )
        except (OSError, TimeoutError, ValueError) as error:
            raise UnavailableError(f"Dask scheduler {address}: no connection ({error}). Is it running?") from error

    @property
    def worker_count(self) -> int:
        return max(1, self.thread_count())

    def thread_count(self) -> int:
        """Threads of all workers that have joined the cluster."""
        return sum(self._client.ncores().values())

    def submit(self, function: Callable[..., Any], *arguments: Any) -> PendingResult:
        # Large arguments are sent to a worker directly, not through the scheduler as part of the task.
        sent = [
            self._client.scatter([argument], hash=False)[0]
            if isinstance(argument, (pd.DataFrame, np.ndarray, Mapping, list, tuple))
            else argument
            for argument in arguments
        ]
        done: PendingResult = self._client.submit(function, *sent, pure=False)
        return done

    def close(self) -> None:
        self._client.close()


@contextmanager
def open_executor(scheduler: str | None, count: int = 1) -> Iterator[Executor]:
    """Open the named Dask cluster, else `count` worker processes, else an executor in this process."""
    if scheduler is None and count < 2:
        yield InlineExecutor()
        return
    opened = DaskExecutor(scheduler) if scheduler is not None else ProcessExecutor(count)
    try:
        yield opened
    finally:
        opened.close()


def map_in_order(executor: Executor, function: Callable[..., T], tasks: Iterable[tuple[Any, ...]]) -> Iterator[T]:
    """Yield `function(*task)` for each task, in the order of the tasks, which are consumed as workers become free."""
    pending: deque[PendingResult] = deque()
    for task in tasks:
        pending.append(executor.submit(function, *task))
        if len(pending) >= _TASKS_PER_WORKER * executor.worker_count:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()
