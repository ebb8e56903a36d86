"""The rounds of the running service: when the next one is, also after one that failed."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, cast

import pytest

from analytics.policy.policy import Policy
from analytics.service import AnalyticsService
from stores import StoreUnavailableError
from telemetry import SystemClock

HOUR = timedelta(hours=1)


class Rounds:
    """Analytics whose first rounds fail."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.count = 0

    def run_cycle(self) -> Any:
        self.count += 1
        if self._errors:
            raise self._errors.pop(0)
        return cast("Any", type("Result", (), {"bookings": ()})())


class Sleeps(SystemClock):
    """Notes how long somebody wanted to sleep, and stands still after so many times."""

    def __init__(self, times: int) -> None:
        self.asked: list[float] = []
        self.stands_still = asyncio.Event()
        self._times = times

    async def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        if len(self.asked) == self._times:
            self.stands_still.set()
            await asyncio.Event().wait()


@pytest.mark.parametrize("error", [StoreUnavailableError("away"), ZeroDivisionError("a defect")])
@pytest.mark.parametrize(("interval", "again"), [(HOUR, 60.0), (HOUR / 120, 30.0)])
async def test_a_round_that_failed_is_tried_again_after_a_minute(
    error: Exception, interval: timedelta, again: float
) -> None:
    rounds, clock = Rounds(error, error), Sleeps(5)
    service = AnalyticsService(rounds, cast("Any", None), cast("Any", None), Policy(factory="genk"), clock, interval)  # type: ignore[arg-type]
    running = asyncio.create_task(service._rounds())
    await clock.stands_still.wait()
    running.cancel()
    assert clock.asked == [1.0, again, 1.0, again, interval.total_seconds()]
    assert rounds.count == 3
