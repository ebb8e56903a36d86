"""Ingest with a real Mosquitto: durable before acknowledged, quarantine, an unavailable store, SIGKILL."""

from __future__ import annotations

import gc
import os
import random
import signal
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FunctionType

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from ingest.quarantine import MAX_MESSAGES, Quarantine
from ingest.service import IngestService
from ingest.subscription import Subscription
from stores import GatewayLedger, ReportBatch, StoreUnavailableError
from stores.duckdb_store import DuckDBStateStore
from telemetry import MachineState, StateInterval, StateReport, SystemClock, UnavailableError, encode, state_topic
from telemetry.broker import BrokerSettings
from tests.certificates import ask_for_certificate, make_certificates
from tests.servers import Mosquitto, free_port, wait_for

T0 = datetime(2026, 3, 1, tzinfo=UTC)
KILLS = 5
_LEFT_BEHIND = "MQTTMatcher.iter_match.<locals>.rec"


class Sender:
    """Publishes as an agent does, and waits for every acknowledgement."""

    def __init__(self, port: int) -> None:
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    @property
    def connected(self) -> bool:
        return self._client.is_connected()

    def raw(self, topic: str, payload: bytes, retain: bool = True) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(30)

    def reports(self, first: int, count: int, machine: str = "m1", retain: bool = True) -> None:
        """Publish one message with the reports first, first + 1, …, of one minute each."""
        reports = []
        for seq in range(first, first + count):
            since = T0 + timedelta(minutes=seq)
            state = (MachineState.EXECUTING, MachineState.NOT_EXECUTING)[seq % 2]
            reports.append(StateReport.of(seq, StateInterval(state, since, since + timedelta(minutes=1))))
        self.raw(state_topic("genk", machine), encode("gw-1", reports), retain)

    def many(self, seqs: Iterable[int]) -> None:
        """Publish a message with each of these reports, and wait for all of them together."""
        published = []
        for seq in seqs:
            report = StateReport.of(seq, StateInterval(MachineState.EXECUTING, T0, T0 + timedelta(seconds=seq)))
            published.append(self._client.publish(state_topic("genk", "m1"), encode("gw-1", [report]), qos=1))
        for one in published:
            one.wait_for_publish(30)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def sender(broker: Mosquitto) -> Iterator[Sender]:
    sender = Sender(broker.port)
    yield sender
    sender.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckDBStateStore]:
    store = DuckDBStateStore(tmp_path / "states.duckdb")
    yield store
    store.close()


@pytest.fixture
def quarantine(tmp_path: Path) -> Iterator[Quarantine]:
    quarantine = Quarantine(tmp_path / "quarantine.sqlite")
    yield quarantine
    quarantine.close()


def stored(store: DuckDBStateStore) -> int:
    return sum(one.stored for one in store.ledger())


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_reports_are_stored_and_invalid_messages_are_quarantined_with_the_reason(
    broker: Mosquitto, sender: Sender, store: DuckDBStateStore, quarantine: Quarantine, protocol: str
) -> None:
    settings = BrokerSettings.validated({"url": broker.url, "protocol": protocol})
    service = IngestService(settings, store, quarantine, SystemClock())
    service.start()
    sender.reports(1, 3)
    sender.raw(state_topic("genk", "m1"), b'{"v": 1, "gateway"')
    sender.raw(
        "vrijloop/v1/GENK/m1/state", encode("gw-1", [StateReport.of(9, StateInterval(MachineState.EXECUTING, T0, T0))])
    )
    sender.reports(4, 2)
    wait_for(lambda: stored(store) == 5, "the reports after the broken message")
    wait_for(lambda: quarantine.count() == 2, "the broken messages in quarantine")
    service.stop()
    broken, wrong_topic = quarantine.messages()
    assert (broken.topic, broken.payload) == (state_topic("genk", "m1"), b'{"v": 1, "gateway"')
    assert "JSON" in broken.reason
    assert "not of the form" in wrong_topic.reason


def test_what_messages_leave_behind_in_memory_is_bounded(
    broker: Mosquitto, sender: Sender, store: DuckDBStateStore, quarantine: Quarantine
) -> None:
    """Each is looked up in paho by a function that refers to itself, which stays until Python looks for such garbage."""
    thresholds = gc.get_threshold()
    service = IngestService(BrokerSettings.validated({"url": broker.url}), store, quarantine, SystemClock())
    service.start()
    try:
        sender.many(range(1, 8001))
        wait_for(lambda: stored(store) == 8000, "the reports")
        left = sum(type(one) is FunctionType and one.__qualname__ == _LEFT_BEHIND for one in gc.get_objects())
    finally:
        service.stop()
        gc.set_threshold(*thresholds)
    assert left < 4000


class StoreThatIsAway:
    """Fails the first writes, as a database server that is restarting."""

    def __init__(self, store: DuckDBStateStore, failures: int) -> None:
        self._store = store
        self.failures = failures

    def write(self, batch: ReportBatch) -> None:
        if self.failures > 0:
            self.failures -= 1
            raise StoreUnavailableError("the store is being restarted")
        self._store.write(batch)

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


def test_nothing_is_acknowledged_while_the_store_is_unavailable(
    broker: Mosquitto, sender: Sender, store: DuckDBStateStore, quarantine: Quarantine
) -> None:
    settings = BrokerSettings(url=broker.url)
    away = StoreThatIsAway(store, failures=10**9)
    service = IngestService(settings, away, quarantine, SystemClock())  # type: ignore[arg-type]
    service.start()
    sender.reports(1, 10)
    wait_for(lambda: away.failures < 10**9, "a refused write")
    service.stop()
    assert stored(store) == 0
    # A new service under the same session gets what was never acknowledged.
    again = IngestService(settings, store, quarantine, SystemClock())
    again.start()
    wait_for(lambda: stored(store) == 10, "what the broker kept")
    again.stop()


class StoreWithADefect:
    """The first question for the ledger ends in an error that nobody expects."""

    def __init__(self, store: DuckDBStateStore) -> None:
        self._store = store
        self.asked = 0

    def ledger(self) -> list[GatewayLedger]:
        self.asked += 1
        if self.asked == 1:
            raise KeyError("results")
        return self._store.ledger()

    def stored_ranges(self, gateways: Collection[tuple[str, str]]) -> dict[tuple[str, str], list[tuple[int, int]]]:
        self.ledger()
        return self._store.stored_ranges(gateways)

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


def test_an_error_in_what_is_told_to_gateways_does_not_end_the_writing(
    broker: Mosquitto, sender: Sender, store: DuckDBStateStore, quarantine: Quarantine
) -> None:
    defect = StoreWithADefect(store)
    service = IngestService(BrokerSettings(url=broker.url), defect, quarantine, SystemClock())  # type: ignore[arg-type]
    service.start()
    sender.reports(1, 10)
    wait_for(lambda: [one.why for one in service.tasks.failing()] == ["'results'"], "the failure to be seen")
    sender.reports(11, 10)
    wait_for(lambda: stored(store) == 20, "the reports after it")
    wait_for(lambda: service.tasks.failing() == [], "it to work again")
    service.stop()


def test_a_store_that_is_available_again_gets_everything(
    broker: Mosquitto, sender: Sender, store: DuckDBStateStore, quarantine: Quarantine
) -> None:
    away = StoreThatIsAway(store, failures=2)
    service = IngestService(BrokerSettings(url=broker.url), away, quarantine, SystemClock())  # type: ignore[arg-type]
    service.start()
    for first in range(1, 101, 10):
        sender.reports(first, 10)
    wait_for(lambda: stored(store) == 100, "all reports")
    service.stop()
    assert store.ledger()[0].missing == 0


def test_reports_during_a_restart_of_broker_and_worker_are_kept(
    broker: Mosquitto, sender: Sender, store: DuckDBStateStore, quarantine: Quarantine
) -> None:
    """Mosquitto does not save shared subscriptions: with one, reports that arrive before the worker is back would be lost."""
    service = IngestService(BrokerSettings(url=broker.url), store, quarantine, SystemClock())
    service.start()
    service.stop()
    broker.stop()
    broker.start()
    wait_for(lambda: sender.connected, "the sender to come back")
    sender.reports(1, 10, retain=False)
    again = IngestService(BrokerSettings(url=broker.url), store, quarantine, SystemClock())
    again.start()
    wait_for(lambda: stored(store) == 10, "what came before the worker was back")
    again.stop()


def test_a_worker_may_change_between_single_and_shared(
    broker: Mosquitto, sender: Sender, store: DuckDBStateStore, quarantine: Quarantine
) -> None:
    for turn, shared in enumerate((False, True, False)):
        service = IngestService(BrokerSettings(url=broker.url), store, quarantine, SystemClock(), shared=shared)
        service.start()
        sender.reports(1 + turn * 10, 10, retain=False)
        wait_for(lambda upto=10 + turn * 10: stored(store) == upto, "the reports")  # type: ignore[misc]
        service.stop()
    assert store.ledger()[0].repeated == 0, "each report came once"


def test_an_unexpected_error_at_the_connection_leads_to_a_reconnection(
    broker: Mosquitto,
    sender: Sender,
    store: DuckDBStateStore,
    quarantine: Quarantine,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    read, failures = Subscription._read, [ValueError("an unexpected packet")]

    def once_broken(self: Subscription) -> None:
        if failures and self.connected:
            raise failures.pop()
        read(self)

    service = IngestService(BrokerSettings(url=broker.url), store, quarantine, SystemClock())
    service.start()
    monkeypatch.setattr(Subscription, "_read", once_broken)
    sender.reports(1, 10)
    wait_for(lambda: stored(store) == 10, "the reports")
    service.stop()
    assert not failures
    assert "an unexpected packet. It is tried again." in caplog.text


@pytest.mark.servers
def test_a_broker_that_is_not_there_or_refuses_is_named(
    tmp_path: Path, store: DuckDBStateStore, quarantine: Quarantine
) -> None:
    port = free_port()
    nobody = IngestService(BrokerSettings(url=f"mqtt://127.0.0.1:{port}"), store, quarantine, SystemClock())
    with pytest.raises(UnavailableError, match=f"127.0.0.1:{port}: no connection"):
        nobody.start()
    strict = Mosquitto(tmp_path, extra="allow_anonymous false\n")
    strict.start()
    refused = IngestService(BrokerSettings(url=strict.url), store, quarantine, SystemClock())
    with pytest.raises(UnavailableError, match=r"it refuses the connection \(Not authorized\)"):
        refused.start()
    strict.stop()


@pytest.mark.servers
def test_a_broker_that_ends_the_connection_without_an_answer_is_named(
    tmp_path: Path, store: DuckDBStateStore, quarantine: Quarantine
) -> None:
    """The error is raised at once and says what the broker may expect, since the broker gives no reason."""
    make_certificates(tmp_path)
    broker = Mosquitto(tmp_path, extra=ask_for_certificate(tmp_path))
    broker.start()
    for settings, expected in (
        (BrokerSettings(url=f"mqtts://localhost:{broker.port}", ca_file=tmp_path / "ca.pem"), "client_certificate"),
        (BrokerSettings(url=broker.url), "TLS"),
    ):
        service = IngestService(settings, store, quarantine, SystemClock())
        with pytest.raises(UnavailableError, match=f"without an answer; it may expect .*{expected}"):
            service.start()
    broker.stop()


def test_the_quarantine_is_bounded_and_drops_the_oldest_first(quarantine: Quarantine) -> None:
    quarantine.add([("topic", str(number).encode(), "reason") for number in range(MAX_MESSAGES)], T0)
    for number in range(MAX_MESSAGES, MAX_MESSAGES + 5):
        quarantine.add([("topic", str(number).encode(), "reason")], T0)
    kept = quarantine.messages()
    assert (len(kept), kept[0].payload, kept[-1].payload) == (MAX_MESSAGES, b"5", str(MAX_MESSAGES + 4).encode())


WORKER = """
import sys, time
from pathlib import Path
from ingest.quarantine import Quarantine
from ingest.service import IngestService
from ingest.subscription import Subscription
from stores.duckdb_store import DuckDBStateStore
from telemetry import SystemClock
from telemetry.broker import BrokerSettings
folder = Path(sys.argv[2])
store = DuckDBStateStore(folder / "killed.duckdb")
service = IngestService(BrokerSettings(url=sys.argv[1]), store, Quarantine(folder / "killed.sqlite"), SystemClock())
service.start()
print("ready", flush=True)
wanted = int(sys.stdin.readline())
while sum(one.stored for one in store.ledger()) < wanted:
    time.sleep(0.02)
service.stop()
store.close()
"""


def test_ingest_killed_repeatedly_loses_and_duplicates_nothing(
    broker: Mosquitto, sender: Sender, tmp_path: Path
) -> None:
    """SIGKILL at random moments under load; then the rows in the file are counted."""
    chance, sent = random.Random(5), 0

    def start() -> subprocess.Popen[str]:
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, broker.url, str(tmp_path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert worker.stdout is not None
        assert worker.stdout.readline().strip() == "ready"
        return worker

    for _ in range(KILLS):
        worker = start()
        for _ in range(chance.randint(5, 60)):
            sender.reports(sent + 1, 7)
            sent += 7
        os.kill(worker.pid, signal.SIGKILL)
        worker.communicate()
    worker = start()
    sender.reports(sent + 1, 1)
    sent += 1
    worker.communicate(f"{sent}\n", timeout=60)  # it ends when it has stored them all
    store = DuckDBStateStore(tmp_path / "killed.duckdb")
    (ledger,) = store.ledger()
    frame = store.intervals("genk", T0, T0 + timedelta(days=365))
    store.close()
    assert (ledger.stored, ledger.missing) == (sent, 0)
    assert len(frame) == sent
    assert not frame.duplicated(["machine", "since"]).any()
