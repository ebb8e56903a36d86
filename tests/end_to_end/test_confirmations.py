"""A report leaves the outbox when the store has it: agent's publisher, Mosquitto, ingest and DuckDB, and what each of them can lose."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from edge_agent import delivery
from edge_agent.outbox import Outbox
from edge_agent.publisher import Publisher
from ingest.quarantine import Quarantine
from ingest.service import IngestService
from stores.duckdb_store import DuckDBStateStore
from telemetry import MachineState, StateInterval, SystemClock
from telemetry.broker import BrokerSettings
from tests.servers import Mosquitto

pytestmark = pytest.mark.servers


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.02)


class Factory:
    """An agent's outbox and publisher, a broker, and a server; each can be taken away."""

    def __init__(self, folder: Path, broker: Mosquitto, protocol: str = "5") -> None:
        self.folder, self.broker = folder, broker
        self.settings = BrokerSettings.validated({"url": broker.url, "protocol": protocol})
        self.ingest: IngestService | None = None
        self.last = SystemClock().now() - timedelta(minutes=10)
        self.begin_agent()

    def begin_agent(self) -> None:
        self.outbox = Outbox(self.folder / "outbox.sqlite")
        self.committed = asyncio.Event()
        self.publisher = Publisher(self.settings, "genk", "gw-1", self.outbox, self.committed)
        self.running = asyncio.create_task(self.publisher.run())

    async def end_agent(self) -> None:
        self.publisher.stop()
        await self.running
        self.outbox.close()

    def begin_server(self) -> None:
        self.store = DuckDBStateStore(self.folder / "states.duckdb")
        self.quarantine = Quarantine(self.folder / "quarantine.sqlite")
        self.ingest = IngestService(self.settings, self.store, self.quarantine, SystemClock())
        self.ingest.start()

    def end_server(self) -> None:
        if self.ingest is not None:
            self.ingest.stop()
            self.quarantine.close()
            self.store.close()
            self.ingest = None

    def report(self, count: int, ahead: timedelta = timedelta(0)) -> None:
        """So many reports of a machine, each an interval of its own."""
        first = SystemClock().now() + ahead if ahead else self.last + timedelta(milliseconds=1)
        changes = [first + timedelta(milliseconds=place) for place in range(count)]
        if not ahead:
            self.last = changes[-1]
        self.outbox.append([("m1", StateInterval(MachineState.EXECUTING, at, at)) for at in changes])
        self.committed.set()

    def stored(self) -> list[tuple[int, int]]:
        assert self.ingest is not None
        return self.store.stored_ranges([("genk", "gw-1")])["genk", "gw-1"]

    async def all_stored(self) -> None:
        """With a report now and then, as machines confirm their states."""

        def done() -> bool:
            if self.outbox.depth() == self.outbox.unconfirmed() == 0 and self.stored() == [(1, self.outbox.last_seq())]:
                return True
            self.report(1)
            return False

        async with asyncio.timeout(180):
            while not done():
                await asyncio.sleep(0.3)

    async def close(self) -> None:
        await self.end_agent()
        await asyncio.to_thread(self.end_server)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same decisions, in less time."""
    monkeypatch.setattr(delivery, "OVERTAKEN_S", 0.5)
    monkeypatch.setattr(delivery, "WITHDRAWN_S", 1.0)
    monkeypatch.setattr("edge_agent.publisher._FIRST_WORD_S", 0.2)
    monkeypatch.setattr("ingest.confirmations.EVERY_S", 0.1)
    monkeypatch.setattr("ingest.service._TELL_EVERY_S", 0.1)


@pytest.fixture(params=["5", "3.1.1"])
async def factory(request: pytest.FixtureRequest, tmp_path: Path, broker: Mosquitto) -> AsyncIterator[Factory]:
    factory = Factory(tmp_path, broker, request.param)
    yield factory
    await factory.close()


async def test_an_agent_that_was_there_before_the_server_loses_nothing(factory: Factory) -> None:
    """A broker acknowledges what nobody takes, and throws it away."""
    factory.report(700)
    await until(lambda: factory.outbox.unconfirmed() == 700)
    await asyncio.to_thread(factory.begin_server)
    await factory.all_stored()


async def test_a_broker_whose_disk_is_lost_costs_nothing(factory: Factory) -> None:
    await asyncio.to_thread(factory.begin_server)
    factory.report(100)
    await factory.all_stored()
    await asyncio.to_thread(factory.end_server)
    factory.report(500)
    await until(lambda: factory.outbox.unconfirmed() == 500)
    await asyncio.to_thread(factory.broker.kill)
    (factory.broker.folder / "mosquitto.db").unlink(missing_ok=True)
    factory.report(50)
    await asyncio.to_thread(factory.broker.start)
    await until(lambda: factory.outbox.depth() == 0)
    await asyncio.to_thread(factory.begin_server)
    await factory.all_stored()


async def test_a_store_restored_from_a_backup_gets_the_rest_again(
    factory: Factory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    await asyncio.to_thread(factory.begin_server)
    factory.report(100)
    await factory.all_stored()
    await asyncio.to_thread(factory.end_server)
    shutil.copy(factory.folder / "states.duckdb", factory.folder / "backup.duckdb")
    await asyncio.to_thread(factory.begin_server)
    factory.report(300)
    await until(lambda: factory.outbox.depth() == 0)
    factory.report(1)  # a message of its own, which alone the broker retains
    await factory.all_stored()
    await asyncio.to_thread(factory.end_server)
    (factory.folder / "states.duckdb.wal").unlink(missing_ok=True)
    shutil.copy(factory.folder / "backup.duckdb", factory.folder / "states.duckdb")
    await asyncio.to_thread(factory.begin_server)
    await factory.all_stored()
    assert "are not in the store; they are sent again" in caplog.text


async def test_a_gateway_whose_disk_was_lost_goes_on(factory: Factory) -> None:
    await asyncio.to_thread(factory.begin_server)
    factory.report(300)
    await factory.all_stored()
    before = factory.outbox.last_seq()
    await factory.end_agent()
    (factory.folder / "outbox.sqlite").unlink()
    factory.begin_agent()
    factory.report(40)
    await factory.all_stored()
    assert factory.outbox.last_seq() >= before + 40
    rows = factory.store.intervals("genk", SystemClock().now() - timedelta(days=1), SystemClock().now() + timedelta(1))
    assert len(rows) == factory.outbox.last_seq(), "every report is an interval, and none took the number of another"


async def test_what_is_in_quarantine_is_not_sent_again(factory: Factory, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    await asyncio.to_thread(factory.begin_server)
    factory.report(1)
    await until(lambda: factory.outbox.unconfirmed() == 0)
    factory.report(1, timedelta(hours=1))  # a clock that is wrong
    await until(lambda: factory.quarantine.count() == 1)
    factory.report(1)
    await until(lambda: factory.outbox.unconfirmed() == 0)
    assert factory.quarantine.count() == 1
    assert "sent again" not in caplog.text


async def test_a_restarted_agent_does_not_send_what_is_under_way(factory: Factory) -> None:
    """What the broker keeps for a server that is away is there once."""
    await asyncio.to_thread(factory.begin_server)
    factory.report(10)
    await factory.all_stored()
    await asyncio.to_thread(factory.end_server)
    factory.report(200)
    await until(lambda: factory.outbox.depth() == 0)
    factory.report(1)  # a message of its own, which alone the broker retains
    await until(lambda: factory.outbox.unconfirmed() == 201)
    await factory.end_agent()
    factory.begin_agent()
    await asyncio.to_thread(factory.begin_server)
    await factory.all_stored()
    assert sum(one.repeated for one in factory.store.ledger()) <= 1, "at most the retained message"


async def test_a_broker_that_throws_away_what_is_too_large_gets_it_in_pieces(tmp_path: Path) -> None:
    """Mosquitto with MQTT 3.1.1 acknowledges it nevertheless."""
    broker = Mosquitto(tmp_path, extra="message_size_limit 6000\n")
    await asyncio.to_thread(broker.start)
    factory = Factory(tmp_path, broker, "3.1.1")
    await asyncio.to_thread(factory.begin_server)
    factory.report(400)
    await factory.all_stored()
    await factory.close()
    await asyncio.to_thread(broker.stop)


async def test_the_broker_refuses_what_ingest_tells(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The access list of an older installation: said once, and reports go on."""
    rights = tmp_path / "acl"
    rights.write_text(
        "topic readwrite vrijloop/v1/+/+/state\ntopic write vrijloop/v1/+/+/status\ntopic write vrijloop/v1/+/+/health\n"
    )
    broker = Mosquitto(tmp_path, extra=f"acl_file {rights}\n")
    await asyncio.to_thread(broker.start)
    factory = Factory(tmp_path, broker)
    await asyncio.to_thread(factory.begin_server)
    for round_ in range(1, 4):
        factory.report(100)
        await until(lambda round_=round_: factory.stored() == [(1, 100 * round_)])  # type: ignore[misc]
    assert caplog.text.count("does not let ingest tell gateways what is stored") == 1
    await factory.close()
    await asyncio.to_thread(broker.stop)
