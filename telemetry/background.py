"""Tasks that a process does in the background for as long as it runs: which of them fail at present, for its status, metrics and doctor.

A task that meets an error is tried again; whoever runs it says so here. Otherwise nobody would see that it has stopped doing its work.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

from telemetry.clock import Clock

_log = logging.getLogger(__name__)

_AGAIN_AFTER_S = 300.0
"""A task that is due more rarely than this is tried again after this time when it has failed."""


@dataclass(frozen=True, slots=True)
class FailingTask:
    """`why`: the latest error; `kind`: its class."""

    task: str
    why: str
    since: datetime
    kind: str


class BackgroundTasks:
    """Thread-safe. Also a collector for a Prometheus registry."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._failing: dict[str, FailingTask] = {}
        self._failures: Counter[str] = Counter()

    def failed(self, task: str, error: Exception) -> bool:
        """Note a failure; returns whether it is worth a line in the log: not where it failed before with an error of this kind."""
        kind = type(error).__name__
        with self._lock:
            known = self._failing.get(task)
            since = known.since if known is not None else self._clock.now()
            self._failing[task] = FailingTask(task, str(error) or kind, since, kind)
            self._failures[task] += 1
            return known is None or known.kind != kind

    def works(self, task: str) -> bool:
        """Note that a task has done its work; returns whether it had failed before."""
        with self._lock:
            return self._failing.pop(task, None) is not None

    def failing(self) -> list[FailingTask]:
        """Ordered by name."""
        with self._lock:
            return [self._failing[task] for task in sorted(self._failing)]

    def attempt(self, task: str, step: Callable[[], object], *expected: type[Exception]) -> bool:
        """Run a step of a thread, whatever it raises; returns whether it came through. `expected`: errors whose sentence says it all."""
        try:
            step()
        except Exception as error:  # noqa: BLE001 - otherwise the thread would end, and with it all that it does
            self._log_failure(task, error, expected)
            return False
        self._log_success(task)
        return True

    async def repeat(
        self, task: str, step: Callable[[], Awaitable[object]], seconds: float, *expected: type[Exception]
    ) -> None:
        """Run a step for ever, with a pause after each, whatever it raises. `expected`: as for `attempt`."""
        while True:
            pause = seconds
            try:
                await step()
            except Exception as error:  # noqa: BLE001 - otherwise the task would end without anybody noticing
                self._log_failure(task, error, expected)
                pause = min(seconds, _AGAIN_AFTER_S)
            else:
                self._log_success(task)
            await self._clock.sleep(pause)

    def _log_failure(self, task: str, error: Exception, expected: tuple[type[Exception], ...]) -> None:
        if self.failed(task, error):
            traceback = None if isinstance(error, expected) else error
            _log.warning("%s failed: %s. It is tried again.", task.capitalize(), error, exc_info=traceback)

    def _log_success(self, task: str) -> None:
        if self.works(task):
            _log.info("%s works again.", task.capitalize())

    def collect(self) -> Iterator[Any]:
        """For Prometheus, whose client is not installed with `telemetry` alone."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        with self._lock:
            failing, failures = set(self._failing), dict(self._failures)
        now = GaugeMetricFamily("vrijloop_background_failing", "1: this task fails at present.", labels=["task"])
        total = CounterMetricFamily("vrijloop_background_failures", "Failed attempts of a task.", labels=["task"])
        for task, count in sorted(failures.items()):
            now.add_metric([task], int(task in failing))
            total.add_metric([task], count)
        yield now
        yield total
