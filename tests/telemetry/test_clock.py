"""Simulated time: runs weeks in moments, stops while held, and is real time after catching up."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from telemetry import ShiftedClock, SteppedClock, SystemClock

START = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=5)


async def test_sleepers_wake_in_order_on_whole_steps() -> None:
    clock = SteppedClock(START, STEP, end=START + timedelta(days=1))
    woken: list[tuple[str, datetime]] = []

    async def sleeper(name: str, seconds: float, times: int) -> None:
        for _ in range(times):
            await clock.sleep(seconds)
            woken.append((name, clock.now()))

    tasks = [asyncio.create_task(sleeper("poll", 1, 3)), asyncio.create_task(sleeper("hour", 3600, 1))]
    await asyncio.sleep(0)
    ticking = asyncio.create_task(clock.run())
    await asyncio.gather(*tasks)
    ticking.cancel()
    minutes = [(name, (at - START) / timedelta(minutes=1)) for name, at in woken]
    assert minutes == [("poll", 5), ("poll", 10), ("poll", 15), ("hour", 60)]


async def test_time_stands_still_while_it_is_held() -> None:
    clock = SteppedClock(START, STEP, end=START + timedelta(days=1))
    seen: list[datetime] = []
    answer = asyncio.Event()

    async def device_exchange() -> None:
        await clock.sleep(1)
        with clock.hold():
            before = clock.now()
            await answer.wait()  # a socket that takes its time
            seen.extend([before, clock.now()])
        await clock.sleep(1)

    async def other() -> None:
        while True:
            await clock.sleep(1)

    exchange, running = asyncio.create_task(device_exchange()), asyncio.create_task(other())
    ticking = asyncio.create_task(clock.run())
    for _ in range(200):
        await asyncio.sleep(0)
    assert clock.now() == START + STEP
    answer.set()
    await exchange
    assert seen == [START + STEP, START + STEP]
    for task in (running, ticking):
        task.cancel()


async def test_it_stops_at_the_end_and_wakes_no_later_sleeper() -> None:
    clock = SteppedClock(START, STEP, end=START + timedelta(minutes=12))
    beats = 0

    async def heart() -> None:
        nonlocal beats
        while True:
            await clock.sleep(1)
            beats += 1

    beating = asyncio.create_task(heart())
    await clock.run()
    for _ in range(50):
        await asyncio.sleep(0)
    assert (beats, clock.now(), clock.caught_up) == (2, START + timedelta(minutes=12), True)
    beating.cancel()


async def test_it_becomes_the_clock_that_it_follows() -> None:
    real = SystemClock()
    clock = SteppedClock(real.now() - timedelta(days=7), timedelta(hours=1), follow=real)
    assert clock.resolution == timedelta(hours=1)

    async def poll() -> None:
        while True:
            await clock.sleep(1)

    polling = asyncio.create_task(poll())
    await clock.run()
    assert clock.resolution == timedelta(0)
    assert abs(clock.now() - real.now()) < timedelta(seconds=5)
    await clock.sleep(0.01)
    polling.cancel()


def test_a_stepped_clock_needs_an_end_or_a_clock_to_follow() -> None:
    with pytest.raises(ValueError, match="follow or an end"):
        SteppedClock(START, STEP)


def test_a_shifted_clock_begins_at_its_start() -> None:
    assert ShiftedClock(START).now() - START < timedelta(seconds=5)


@pytest.mark.parametrize("zone", ["Europe/Brussels", "America/New_York", "UTC"])
def test_the_gateways_time_zone_and_its_dst_do_not_matter(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    now = SystemClock().now()
    monkeypatch.undo()
    time.tzset()
    assert now.utcoffset() == timedelta(0)
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)
