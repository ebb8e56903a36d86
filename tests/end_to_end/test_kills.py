"""Agent's publisher, Mosquitto, ingest workers and a store under load, killed at random: nothing missing, nothing twice.

The short form is in the suite; `make campaign` runs 50 rounds.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from edge_agent.outbox import Outbox
from edge_agent.publisher import Publisher
from ingest.subscription import RECEIVE_MAXIMUM
from stores import StateStore
from stores.duckdb_store import DuckDBStateStore
from stores.influxdb_store import InfluxDBStateStore
from telemetry import MachineState, StateInterval
from telemetry.broker import BrokerSettings
from telemetry.ranges import difference
from tests.servers import NO_AUTHORITIES, InfluxServer, Mosquitto, create_influx_database, free_port

ROUNDS = int(os.environ.get("VRIJLOOP_KILL_ROUNDS", "5"))
WORKER_COUNTS = [int(count) for count in os.environ.get("VRIJLOOP_WORKER_COUNTS", "3").split()]
AWAY_S = float(os.environ.get("VRIJLOOP_STORE_AWAY_S", "6"))
T0 = datetime(2026, 1, 1, tzinfo=UTC)
MACHINES = 5


async def until(condition: Callable[[], bool], what: str, seconds: float = 400) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not await asyncio.to_thread(condition):
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"waited {seconds:g} s for {what}") from None


@dataclass
class Worker:
    """`vrijloop ingest run` as a process, with what its metrics say."""

    config: Path
    name: str
    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self, *more: str) -> None:
        command = [
            sys.executable,
            "-m",
            "vrijloop",
            "ingest",
            "run",
            "-c",
            str(self.config),
            "--name",
            self.name,
            *more,
        ]
        with self.config.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def end(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(60)
            self.process = None

    def metric(self, name: str) -> float:
        """Summed over its labels; 0 where it is not there."""
        try:
            text = httpx2.get(f"http://127.0.0.1:{self.port}/metrics", timeout=10, verify=NO_AUTHORITIES).text
        except httpx2.HTTPError:
            return 0.0
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE))

    @property
    def resident_mb(self) -> float:
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


@dataclass
class Chain:
    """Everything between an outbox and durable rows."""

    folder: Path
    kind: str
    broker: Mosquitto = field(init=False)
    influx: InfluxServer | None = None
    workers: list[Worker] = field(default_factory=list)

    def start(self, workers: int = 1) -> None:
        (self.folder / "broker").mkdir()
        self.broker = Mosquitto(self.folder / "broker", extra="autosave_interval 1\n")
        self.broker.start()
        store = 'kind = "duckdb"\nmemory = "256MB"\n'
        if self.kind == "influxdb":
            (self.folder / "influxdb").mkdir()
            self.influx = InfluxServer(self.folder / "influxdb")
            self.influx.start()
            create_influx_database(self.influx.url, "vrijloop")
            (self.folder / "token").write_text("a-token-that-1.x-ignores")
            store = f'kind = "influxdb"\nurl = "{self.influx.url}"\ntoken_file = "{self.folder}/token"\n'
        for number in range(1, workers + 1):
            port = free_port()
            config = self.folder / f"worker-{number}.toml"
            config.write_text(
                f'data_dir = "{self.folder}/data"\nmetrics_port = {port}\n'
                f'[mqtt]\nurl = "{self.broker.url}"\n[store]\n{store}'
            )
            self.workers.append(Worker(config, str(number), port))
            self.workers[-1].start()

    async def ready(self) -> None:
        for worker in self.workers:
            await until(lambda worker=worker: worker.metric("vrijloop_ingest_connected") == 1, "a worker to subscribe")  # type: ignore[misc]

    def opened(self) -> StateStore:
        if self.influx is not None:
            return InfluxDBStateStore(self.influx.url, "vrijloop", "token", worker="reader")
        return DuckDBStateStore(self.folder / "data" / "states.duckdb")

    def kill_and_start(self, victim: str) -> None:
        if victim == "ingest":
            self.workers[0].end(signal.SIGKILL)
            self.workers[0].start()
        elif victim == "broker":
            self.broker.kill()
            self.broker.start()
        elif self.influx is not None:
            self.influx.kill()
            self.influx.start()

    def close(self) -> None:
        for worker in self.workers:
            worker.end(signal.SIGKILL)
        self.broker.kill()
        if self.influx is not None:
            self.influx.close()


class Load:
    """An agent's outbox and publisher; every report is an interval of its own, so that each one that is lost shows."""

    def __init__(self, folder: Path, url: str) -> None:
        self.outbox = Outbox(folder / "outbox.sqlite")
        self._committed = asyncio.Event()
        self._publisher = Publisher(BrokerSettings(url=url), "genk", "gw-1", self.outbox, self._committed)
        self._running = asyncio.create_task(self._publisher.run())
        self._going = asyncio.create_task(self._go())
        self.pace = 0.02

    async def _go(self) -> None:
        while True:
            self.commit(MACHINES)
            await asyncio.sleep(self.pace)

    def commit(self, count: int) -> None:
        first = self.outbox.last_seq()
        times = [T0 + timedelta(milliseconds=first + place) for place in range(count)]
        states = (MachineState.EXECUTING, MachineState.NOT_EXECUTING)
        self.outbox.append(
            [
                (f"m{n % MACHINES}", StateInterval(states[(first + n) // MACHINES % 2], at, at))
                for n, at in enumerate(times)
            ]
        )
        self._committed.set()

    async def finish(self) -> int:
        """Produce little, as machines confirm their states, until all that was sent before is known to be stored; returns the last number."""
        self.pace = 0.5
        before = self.outbox.last_seq()
        await until(lambda: self._stored_up_to(before), "the outbox to learn that its reports are stored")
        self._going.cancel()
        await until(lambda: self.outbox.depth() == self.outbox.unconfirmed() == 0, "the last reports to be stored")
        return self.outbox.last_seq()

    def _stored_up_to(self, seq: int) -> bool:
        return difference([(1, seq)], self.outbox.stored) == []

    async def close(self) -> None:
        self._going.cancel()
        self._publisher.stop()
        await self._running
        self.outbox.close()


@asynccontextmanager
async def running(folder: Path, kind: str, workers: int = 1) -> AsyncIterator[tuple[Chain, Load]]:
    chain = Chain(folder, kind)
    try:
        chain.start(workers)
        await chain.ready()
        load = Load(folder, chain.broker.url)
        yield chain, load
        await load.close()
    finally:
        chain.close()


async def nothing_missing_nothing_twice(chain: Chain, load: Load) -> None:
    """Wait until everything is durable, then count the rows."""
    last = await load.finish()
    reader = chain.workers[0]
    await until(
        lambda: (
            reader.metric("vrijloop_ingest_stored_reports_total") >= last
            and reader.metric("vrijloop_ingest_missing_reports") == 0
        ),
        f"{last} reports to be durable",
    )
    for worker in chain.workers:
        await asyncio.to_thread(worker.end)
    store = chain.opened()
    (ledger,) = store.ledger()
    frame = store.intervals("genk", T0 - timedelta(days=1), T0 + timedelta(days=1))
    store.close()
    assert (ledger.stored, ledger.missing) == (last, 0)
    assert len(frame) == last
    assert not frame.duplicated(["machine", "since"]).any()


@pytest.mark.long
@pytest.mark.servers
@pytest.mark.parametrize("kind", ["duckdb", "influxdb"])
async def test_killed_at_random_under_load(tmp_path: Path, kind: str) -> None:
    chance = random.Random(11)
    victims = ["ingest", "broker", "influxdb"][: 3 if kind == "influxdb" else 2]
    async with running(tmp_path, kind) as (chain, load):
        for number in range(ROUNDS):
            await asyncio.sleep(chance.uniform(0.2, 1.5))
            await asyncio.to_thread(chain.kill_and_start, victims[number % len(victims)])
        await nothing_missing_nothing_twice(chain, load)


@pytest.mark.long
@pytest.mark.servers
@pytest.mark.parametrize("workers", WORKER_COUNTS)
async def test_workers_share_one_subscription(tmp_path: Path, workers: int) -> None:
    async with running(tmp_path, "influxdb", workers) as (chain, load):
        await until(lambda: load.outbox.last_seq() > 600, "some load")
        chain.workers[-1].end(signal.SIGKILL)
        await until(lambda: load.outbox.last_seq() > 1200, "some load while one is dead")
        chain.workers[-1].start()
        await until(lambda: chain.workers[-1].metric("vrijloop_ingest_reports_total") > 0, "it to take its share again")
        shares = [worker.metric("vrijloop_ingest_messages_total") for worker in chain.workers]
        assert min(shares) > 0, shares
        leaving = chain.workers[1]
        leaving.end()
        leaving.start("--retire")
        assert leaving.process is not None
        assert await asyncio.to_thread(leaving.process.wait, 60) == 0
        leaving.process = None
        await nothing_missing_nothing_twice(chain, load)


@pytest.mark.long
@pytest.mark.servers
async def test_a_store_that_is_down_for_long_costs_no_memory(tmp_path: Path) -> None:
    async with running(tmp_path, "influxdb") as (chain, load):
        (worker,) = chain.workers
        assert chain.influx is not None
        await until(lambda: worker.metric("vrijloop_ingest_reports_total") > 500, "some load")
        before = worker.resident_mb
        chain.influx.kill()
        load.pace = 0.002
        began = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() - began < AWAY_S:
            await asyncio.sleep(0.5)
            assert worker.metric("vrijloop_ingest_waiting_messages") <= RECEIVE_MAXIMUM
        assert worker.metric("vrijloop_ingest_store_errors_total") > 0
        assert worker.resident_mb < before + 64
        chain.influx.start()
        await nothing_missing_nothing_twice(chain, load)
