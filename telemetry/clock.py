"""The one clock. Nothing else reads the wall clock; tests and replays pass another clock in.

Schedules (polling, heartbeats, hourly runs) and time stamps follow the `Clock`. Network time-outs do not: a device
that does not answer for three seconds is silent, however fast simulated time runs, so they follow the event loop.
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
    """What a room may know of time."""

    @property
    def resolution(self) -> timedelta:
        """The shortest sleep this clock can make; zero for real time. Limits such as "silent for three polls" use it."""
        ...

    def now(self) -> datetime:
        """The present, aware, UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Sleep by this clock; returns at the earliest when `seconds` have passed."""
        ...

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Simulated time stands still inside; real time cannot, and passes. Taken around every exchange with a device."""
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
    """Runs at real speed but began at `start`: the present of a recording."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._began = time.monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=time.monotonic() - self._began)


class SteppedClock:
    """Simulated time that runs as fast as the work allows, in steps, until it reaches the present (or `end`).

    Time moves only when nobody holds it and everybody who waits is asleep on this clock: a poll over a real socket
    takes no simulated time, so weeks pass in seconds and no reading is missed on a slow machine. Sleeps are rounded up
    to whole steps since `start`. Once it has caught up with `follow`, it is that clock. Nothing moves before `run()` is started.

    Not thread-safe: one event loop.
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
        self._stir = asyncio.Event()

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
            self._stir.set()
            await woken
        if self._live and self._follow is None:
            await asyncio.Event().wait()  # the recording is over: its time never comes
        elif self._live and self._follow is not None:
            await self._follow.sleep(max(0.0, (deadline - self._follow.now()).total_seconds()))

    @contextmanager
    def hold(self) -> Iterator[None]:
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
            self._stir.set()

    async def run(self) -> None:
        """Move time until it has caught up with the followed clock, or has reached the end."""
        while not self._live:
            # Two turns of the loop: those just woken take their hold, and sockets get their turn.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            self._stir.clear()
            if self._holds or not self._sleepers:
                await self._stir.wait()
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
