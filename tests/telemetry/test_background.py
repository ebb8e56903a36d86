"""A background task that fails is seen, and tried again."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from telemetry import SystemClock
from telemetry.background import BackgroundTasks

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Hurried(SystemClock):
    """Does not wait, and remembers for how long it should have."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def now(self) -> datetime:
        return NOW

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)


class ExpectedError(Exception):
    """One whose sentence says it all."""


async def test_a_task_that_raises_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = Hurried()
    tasks, turns = BackgroundTasks(clock), list[list[str]]()
    errors = [None, KeyError("results"), KeyError("results"), ExpectedError("the store is away"), None]
    done = asyncio.Event()

    async def step() -> None:
        if len(turns) == len(errors):
            done.set()
            return
        turns.append([one.why for one in tasks.failing()])
        if (error := errors[len(turns) - 1]) is not None:
            raise error

    running = asyncio.create_task(tasks.repeat("deleting old states", step, 86_400.0, ExpectedError))
    await done.wait()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert turns == [[], [], ["'results'"], ["'results'"], ["the store is away"]]
    assert clock.pauses[:5] == [86_400.0, 300.0, 300.0, 300.0, 86_400.0], "what failed is tried again the same day"
    assert tasks.failing() == []
    assert caplog.text.count("Deleting old states failed: 'results'. It is tried again.") == 1, "said once"
    assert caplog.text.count("Traceback") == 1, "and not for what is expected"
    assert "Deleting old states works again." in caplog.text
    metrics = CollectorRegistry()
    metrics.register(tasks)
    assert 'vrijloop_background_failing{task="deleting old states"} 0.0' in generate_latest(metrics).decode()
    assert 'vrijloop_background_failures_total{task="deleting old states"} 3.0' in generate_latest(metrics).decode()


def test_a_failing_step_of_a_thread_is_told_with_its_beginning() -> None:
    tasks = BackgroundTasks(Hurried())
    assert tasks.attempt("writing", lambda: None)
    assert not tasks.attempt("writing", lambda: 1 / 0)
    (one,) = tasks.failing()
    assert (one.task, one.why, one.since) == ("writing", "division by zero", NOW)
    assert tasks.attempt("writing", lambda: None)
    assert tasks.failing() == []
