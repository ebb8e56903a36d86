"""The chain through brokers of other makers, each killed with its disk, stopped and started: nothing missing, nothing twice, nothing stuck.

Run by `make campaign-brokers`, which prints a line for each broker.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from telemetry.ranges import difference
from tests.brokers import broker_of
from tests.end_to_end.chain import Load, nothing_missing_nothing_twice, running, until

BACKLOG = 20_000
STUCK_S = 30.0
"""Longest time between a report's commit and the outbox knowing that it is stored, while all are up and there is traffic."""
LIVE_S = 5.0

pytestmark = [
    pytest.mark.long,
    pytest.mark.servers,
    pytest.mark.skipif(not os.environ.get("VRIJLOOP_OTHER_BROKERS"), reason="`make campaign-brokers` runs this."),
]


class Watch:
    """The age of the oldest report that is not known to be stored, counted from when all parts were up."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._commits: list[tuple[float, int]] = []
        self._up_since: float | None = time.monotonic()
        self.longest = 0.0
        self._running = asyncio.create_task(self._run())

    def all_up(self) -> None:
        self._up_since = time.monotonic()

    def something_down(self) -> None:
        self._up_since = None

    async def _run(self) -> None:
        while True:
            now, last = time.monotonic(), self._load.outbox.last_seq()
            self._commits.append((now, last))
            missing = difference([(1, last)], self._load.outbox.stored)
            if missing:
                oldest = missing[0][0]
                while self._commits[0][1] < oldest:
                    del self._commits[0]
                if self._up_since is not None:
                    self.longest = max(self.longest, now - max(self._commits[0][0], self._up_since))
            await asyncio.sleep(0.2)

    def end(self) -> float:
        self._running.cancel()
        return self.longest


@pytest.mark.parametrize(
    ("name", "protocol", "workers"),
    [
        pytest.param(name, protocol, workers, id=f"{name}-{protocol}-{workers}")
        for name in ("mosquitto", "mochi", "aedes", "rumqttd", "moquette", "hivemq")
        for protocol, workers in (("3.1.1", 1), ("5", 4))
    ],
)
async def test_nothing_is_lost_in_a_broker(tmp_path: Path, name: str, protocol: str, workers: int) -> None:
    if name in ("aedes", "moquette") and protocol == "5":
        pytest.skip(f"{name} does not speak MQTT 5.")
    broker = broker_of(name, tmp_path, protocol)
    kind = "duckdb" if workers == 1 else "influxdb"
    async with running(tmp_path, kind, workers, broker, protocol, BACKLOG) as (chain, load):
        watch = Watch(load)
        stuck: dict[str, float] = {}

        async def all_stored(after: str) -> None:
            """With live reports in between, which show the agent what was lost."""
            watch.all_up()
            await chain.ready()
            before = load.outbox.last_seq()
            await until(lambda: load.stored_up_to(before), f"all to be stored {after}", 120)
            stuck[after], watch.longest = watch.longest, 0.0

        await all_stored("with a backlog")
        await asyncio.sleep(LIVE_S)
        watch.something_down()
        await asyncio.to_thread(broker.kill)
        broker.wipe()
        await asyncio.to_thread(broker.start)
        await all_stored("after the broker was killed and its disk lost")
        await asyncio.sleep(LIVE_S)
        watch.something_down()
        await asyncio.to_thread(broker.stop)
        await asyncio.to_thread(broker.start)
        await all_stored("after the broker was stopped")
        await asyncio.sleep(LIVE_S)
        watch.something_down()
        await asyncio.to_thread(chain.workers[-1].end, signal.SIGKILL)
        chain.workers[-1].start()
        await all_stored("after a worker was killed")
        watch.end()
        print(f"\n{name}, MQTT {protocol}, {workers} workers: " + "; ".join(f"{s:.1f} s {a}" for a, s in stuck.items()))
        await nothing_missing_nothing_twice(chain, load)
        assert max(stuck.values()) <= STUCK_S, stuck
