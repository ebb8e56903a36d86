"""The chain that the tests of kills drive: an agent's outbox and publisher, a broker, ingest workers as processes and a store."""

from __future__ import annotations

import asyncio
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

from edge_agent.outbox import Outbox
from edge_agent.publisher import Publisher
from stores import StateStore
from stores.duckdb_store import DuckDBStateStore
from stores.influxdb_store import InfluxDBStateStore
from telemetry import MachineState, StateInterval
from telemetry.broker import BrokerSettings
from telemetry.ranges import difference
from tests.influxdb2 import InfluxServer2
from tests.servers import (
    INFLUX_ORG,
    INFLUX_TOKEN,
    NO_AUTHORITIES,
    Broker,
    InfluxServer,
    Mosquitto,
    create_influx_database,
    free_port,
    influx_server,
)

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MACHINES = 5


async def until(condition: Callable[[], bool], what: str, seconds: float = 400) -> None:
    """Less and less often, as looking takes from what is waited for."""
    pause = 0.05
    try:
        async with asyncio.timeout(seconds):
            while not await asyncio.to_thread(condition):
                await asyncio.sleep(pause)
                pause = min(pause * 1.2, 0.25)
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
    protocol: str = "5"
    broker: Broker = field(init=False)
    influx: InfluxServer | InfluxServer2 | None = None
    workers: list[Worker] = field(default_factory=list)

    def start(self, workers: int = 1, broker: Broker | None = None) -> None:
        self.broker = broker or Mosquitto(self.folder, extra="autosave_interval 1\n")
        self.broker.start()
        store = 'kind = "duckdb"\nmemory = "256MB"\n'
        if self.kind == "influxdb":
            (self.folder / "influxdb").mkdir()
            self.influx = influx_server(self.folder / "influxdb")
            self.influx.start()
            create_influx_database(self.influx.url, "vrijloop")
            (self.folder / "token").write_text(INFLUX_TOKEN)
            store = f'kind = "influxdb"\nurl = "{self.influx.url}"\norg = "{INFLUX_ORG}"\ntoken_file = "{self.folder}/token"\n'
        for number in range(1, workers + 1):
            port = free_port()
            config = self.folder / f"worker-{number}.toml"
            config.write_text(
                f'data_dir = "{self.folder}/data"\nmetrics_port = {port}\n'
                f'[mqtt]\nurl = "{self.broker.url}"\nprotocol = "{self.protocol}"\n[store]\n{store}'
            )
            self.workers.append(Worker(config, str(number), port))
            self.workers[-1].start()

    async def ready(self) -> None:
        for worker in self.workers:
            await until(lambda worker=worker: worker.metric("vrijloop_ingest_connected") == 1, "a worker to subscribe")  # type: ignore[misc]

    def opened(self) -> StateStore:
        if self.influx is not None:
            return InfluxDBStateStore(self.influx.url, "vrijloop", INFLUX_TOKEN, INFLUX_ORG, "reader")
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

    def __init__(self, folder: Path, url: str, protocol: str = "5", backlog: int = 0) -> None:
        """`backlog`: reports that wait before the agent connects."""
        self.outbox = Outbox(folder / "outbox.sqlite")
        self._committed = asyncio.Event()
        if backlog:
            self.commit(backlog)
        settings = BrokerSettings.validated({"url": url, "protocol": protocol})
        self._publisher = Publisher(settings, "genk", "gw-1", self.outbox, self._committed)
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
        await until(lambda: self.stored_up_to(before), "the outbox to learn that its reports are stored")
        self._going.cancel()
        for _ in range(10):
            try:
                await until(lambda: self.outbox.depth() == self.outbox.unconfirmed() == 0, "the last reports", 20)
                return self.outbox.last_seq()
            except AssertionError:  # one of them is lost, which only a later one can show
                self.commit(1)
        raise AssertionError("the last reports are never stored")

    def stored_up_to(self, seq: int) -> bool:
        return difference([(1, seq)], self.outbox.stored) == []

    async def close(self) -> None:
        self._going.cancel()
        self._publisher.stop()
        await self._running
        self.outbox.close()


@asynccontextmanager
async def running(
    folder: Path, kind: str, workers: int = 1, broker: Broker | None = None, protocol: str = "5", backlog: int = 0
) -> AsyncIterator[tuple[Chain, Load]]:
    """`broker`: Mosquitto if none is given. `backlog`: reports that wait at the beginning."""
    chain = Chain(folder, kind, protocol)
    try:
        chain.start(workers, broker)
        await chain.ready()
        load = Load(folder, chain.broker.url, protocol, backlog)
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
