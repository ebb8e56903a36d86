"""The clock that is passed to all code that needs the time; tests and replays pass a simulated one. Nothing else reads the wall clock.

Schedules (polling, heartbeats, hourly runs) and time stamps use the `Clock`. Network time-outs use the event loop's time, because devices
are real even when time is simulated.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Time as seen by a part of the program: real, shifted or simulated."""

    @property
    def resolution(self) -> timedelta:
        """The shortest possible sleep; zero for real time. Limits such as "silent for three polls" take it into account."""
        ...

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Sleep for at least `seconds` of this clock's time."""
        ...

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Stop simulated time inside the block; has no effect on real time. Used around every exchange with a device."""
        ...


class SystemClock:
    """Real time."""

    resolution = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    @contextmanager
    def hold(self) -> Iterator[None]:
        yield


class ShiftedClock(SystemClock):
    """Runs at real speed from `start`, for replaying a recording."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._began = time.monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=time.monotonic() - self._began)


class SteppedClock:
    """Simulated time that advances in steps, as fast as the work allows, until it reaches the time of `follow`, or `end`.

    Time advances only when no block holds it and all waiting tasks sleep on this clock. A poll over a real socket takes no simulated time, so
    weeks pass in seconds and no reading is missed on a slow computer. Sleeps are rounded up to whole steps since `start`. After catching up with
    `follow` it behaves as that clock. Time does not advance until `run()` is started.

    Not thread-safe: to be used in one event loop.
    """

    def __init__(
        self, start: datetime, step: timedelta, *, follow: Clock | None = None, end: datetime | None = None
    ) -> None:
        if follow is None and end is None:
            raise ValueError("a stepped clock needs either a clock to follow or an end")
        self._start = self._now = start
        self._step = step
        self._follow = follow
        self._limit: Callable[[], datetime] = follow.now if follow is not None else lambda: end or start
        self._live = False
        self._holds = 0
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._changed = asyncio.Event()

    @property
    def resolution(self) -> timedelta:
        return timedelta(0) if self._live else self._step

    @property
    def caught_up(self) -> bool:
        return self._live

    def now(self) -> datetime:
        if self._live and self._follow is not None:
            return self._follow.now()
        return self._now

    async def sleep(self, seconds: float) -> None:
        deadline = self.now() + timedelta(seconds=seconds)
        if not self._live:
            woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heapq.heappush(self._sleepers, (self._on_step(deadline), next(self._order), woken))
            self._changed.set()
            await woken
        if self._live and self._follow is None:
            await asyncio.Event().wait()  # after the end of the recording this time is never reached
        elif self._live and self._follow is not None:
            await self._follow.sleep(max(0.0, (deadline - self._follow.now()).total_seconds()))

    @contextmanager
    def hold(self) -> Iterator[None]:
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
            self._changed.set()

    async def run(self) -> None:
        """Advance time until it has caught up with `follow` or has reached `end`."""
        while not self._live:
            # Two iterations of the event loop: tasks that were woken can take their hold, and sockets are served.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            self._changed.clear()
            if self._holds or not self._sleepers:
                await self._changed.wait()
                continue
            target = self._sleepers[0][0]
            limit = self._limit()
            if target > limit:
                self._now = max(self._now, limit)
                self._live = True
                self._wake(datetime.max.replace(tzinfo=UTC))
                return
            self._now = target
            self._wake(target)

    def _on_step(self, deadline: datetime) -> datetime:
        steps = math.ceil((deadline - self._start) / self._step - 1e-9)
        rounded = self._start + steps * self._step
        return rounded if rounded > self._now else rounded + self._step

    def _wake(self, until: datetime) -> None:
        while self._sleepers and self._sleepers[0][0] <= until:
            _, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
