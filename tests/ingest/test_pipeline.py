"""The pipeline with invalid messages, with stores that refuse, and with thousands of arbitrary payloads."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion
from prometheus_client import CollectorRegistry, generate_latest

from ingest.quarantine import Quarantine
from ingest.service import IngestService
from stores import ReportBatch, StoreRefusedError, StoreShutError, StoreUnavailableError
from stores.duckdb_store import DuckDBStateStore
from telemetry import MachineState, StateInterval, StateReport, SystemClock, encode, state_topic
from telemetry.broker import BrokerSettings
from tests.disks import disk_of, fill
from tests.servers import Mosquitto, wait_for

T0 = datetime(2026, 3, 1, tzinfo=UTC)
CASES = int(os.environ.get("VRIJLOOP_PAYLOADS", "1000"))
CASES_AT_ONCE = 250


def message(seq: int, machine: str = "m1", **more: Any) -> bytes:
    since = T0 + timedelta(minutes=seq)
    return encode("gw-1", [StateReport.of(seq, StateInterval(MachineState.EXECUTING, since, since, **more))])


class FussyStore:
    """A DuckDB store that refuses batches with certain reasons, and everything while it is shut."""

    def __init__(self, store: DuckDBStateStore) -> None:
        self._store = store
        self.shut = False
        self.next: list[Exception] = []
        self.writes = 0

    def write(self, batch: ReportBatch) -> None:
        self.writes += 1
        if self.shut:
            raise StoreShutError("the token was revoked")
        if self.next:
            raise self.next.pop(0)
        if "defect" in batch.reason:
            raise RuntimeError("a defect of the store's")
        if "poison" in batch.reason:
            raise StoreRefusedError("field type conflict")
        self._store.write(batch)

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


class Line:
    """A sender, a service and its store."""

    def __init__(self, broker: Mosquitto, folder: Path, quarantine: Path | None = None) -> None:
        self.duckdb = DuckDBStateStore(folder / "states.duckdb")
        self.store = FussyStore(self.duckdb)
        self.quarantine = Quarantine((quarantine or folder) / "quarantine.sqlite")
        self.service = IngestService(
            BrokerSettings(url=broker.url),
            self.store,  # type: ignore[arg-type]
            self.quarantine,
            SystemClock(),
        )
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()

    def send(self, payloads: list[bytes], topic: str = state_topic("genk", "m1")) -> None:
        for one in [self._client.publish(topic, payload, qos=1) for payload in payloads]:
            one.wait_for_publish(60)

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish without waiting for acknowledgements."""
        self._client.publish(topic, payload, qos=1)

    def stored(self) -> int:
        return sum(one.stored for one in self.duckdb.ledger())

    def metrics(self) -> str:
        registry = CollectorRegistry()
        registry.register(self.service.collector())
        return generate_latest(registry).decode()

    def close(self) -> None:
        self.service.stop()
        self._client.disconnect()
        self._client.loop_stop()
        self.quarantine.close()
        self.duckdb.close()


@pytest.fixture
def line(broker: Mosquitto, tmp_path: Path) -> Iterator[Line]:
    line = Line(broker, tmp_path)
    line.service.start()
    yield line
    line.close()


def test_an_unexpected_error_quarantines_one_message_and_no_other(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.service._STORE_RETRY_S", (0.01,))
    line.send([message(seq, reason="defect" if seq == 37 else None) for seq in range(1, 201)])
    wait_for(lambda: line.stored() == 199 and line.quarantine.count() == 1, "all but the culprit")
    assert "an error in ingest: RuntimeError" in line.quarantine.messages()[0].reason
    line.send([message(201)])
    wait_for(lambda: line.stored() == 200, "what came afterwards")


def test_a_temporary_error_loses_nothing_even_after_a_long_outage(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.service._STORE_RETRY_S", (0.01,))
    line.store.next = [StoreUnavailableError("the store is away")] * 20 + [RuntimeError("once")]
    line.send([message(1)])
    wait_for(lambda: line.stored() + line.quarantine.count() == 1, "the report")
    assert line.stored() == 1


def test_a_quarantine_on_a_full_disk_waits_and_loses_nothing(
    broker: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.service._STORE_RETRY_S", (0.01,))
    with disk_of("1m", tmp_path) as disk:
        line = Line(broker, tmp_path, quarantine=disk)
        line.service.start()
        ballast = fill(disk)
        line.send([message(1), b"no report " * 6_000, message(2)])
        wait_for(lambda: "quarantine cannot be written" in (line.service.counters.failing or ""), "it to be said")
        ballast.unlink()
        wait_for(lambda: (line.stored(), line.quarantine.count()) == (2, 1), "all of it")
        line.close()


def test_only_the_refused_messages_of_a_batch_are_quarantined(line: Line) -> None:
    line.send([message(seq, reason="poison" if seq in (37, 150) else None) for seq in range(1, 201)])
    wait_for(lambda: line.stored() == 198 and line.quarantine.count() == 2, "all but the culprits")
    assert all("the store refuses it: field type conflict" in one.reason for one in line.quarantine.messages())
    assert line.service.counters.store_errors["refused"] > 2


def test_a_store_that_refuses_all_requests_is_reported_and_stores_nothing(line: Line) -> None:
    line.send([message(1)])
    wait_for(lambda: line.stored() == 1, "the first report")
    line.store.shut = True
    line.send([message(2)])
    wait_for(lambda: line.service.counters.failing is not None, "the service to say that it is failing")
    assert "the token was revoked" in (line.service.counters.failing or "")
    assert 'vrijloop_ingest_store_errors_total{kind="shut"} 1.0' in line.metrics()
    line.store.shut = False  # it asks again in half a minute; stopping keeps the message at the broker
    assert (line.stored(), line.quarantine.count()) == (1, 0)


def test_metrics_count_messages_latency_and_missing_reports(line: Line) -> None:
    line.send([message(1), message(4), b"no json", b'{"v":1,"gateway":"gw-1","shoe_size":43,' + message(5)[24:]])
    wait_for(lambda: line.stored() == 3 and line.quarantine.count() == 1, "all of it")
    wait_for(lambda: "vrijloop_ingest_waiting_messages 0.0" in line.metrics(), "nothing to wait")
    said = line.metrics()
    for expected in (
        "vrijloop_ingest_messages_total 4.0",
        "vrijloop_ingest_reports_total 3.0",
        "vrijloop_ingest_quarantined_total 1.0",
        "vrijloop_ingest_unknown_fields_total 1.0",
        "vrijloop_ingest_latency_seconds_count 3.0",
        'vrijloop_ingest_latency_seconds_bucket{le="86400.0"} 0.0',  # months old
        "vrijloop_ingest_connected 1.0",
        'vrijloop_ingest_missing_reports{factory="genk",gateway="gw-1"} 2.0',
    ):
        assert expected in said, said


BASE = json.loads(message(1))
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """Arbitrary bytes; messages with a field changed, removed or added; messages that are truncated or have swapped bytes."""
    kind = draw(st.sampled_from(["bytes", "value", "field", "bytes of a message"]))
    if kind == "bytes":
        return draw(st.binary(max_size=100))
    if kind == "value":
        return json.dumps(draw(JSON_VALUES)).encode()
    if kind == "field":
        body = json.loads(json.dumps(BASE))
        place = draw(st.sampled_from([body, body["reports"][0]]))
        name = draw(st.sampled_from([*place, "extra"]))
        place[name] = draw(
            JSON_VALUES | st.sampled_from(["executing", "2026-02-30T25:00:00Z", "9999-12-31T23:59:59Z", 0, -1])
        )
        return json.dumps(body).encode()
    body = bytearray(message(1))
    for _ in range(draw(st.integers(1, 4))):
        body[draw(st.integers(0, len(body) - 1))] = draw(st.integers(0, 255))
    return bytes(body[: draw(st.integers(0, len(body)))])


@pytest.mark.long
def test_arbitrary_payloads_do_not_stop_it(line: Line) -> None:
    cases: list[tuple[str, bytes]] = []

    @settings(max_examples=CASES, database=None)
    @given(payloads(), st.sampled_from(TOPICS))
    def collect(payload: bytes, topic: str) -> None:
        cases.append((topic, payload))

    collect()
    assert len(cases) >= CASES
    good = 0
    for first in range(0, len(cases), CASES_AT_ONCE):
        for topic, payload in cases[first : first + CASES_AT_ONCE]:
            line.publish(topic, payload)
        good += 1
        line.send([message(good, machine="good")], state_topic("genk", "good"))
    wait_for(lambda: line.service.counters.messages == len(cases) + good, "every message to be settled")
    start = T0 - timedelta(days=1)
    assert len(line.duckdb.intervals("genk", start, start + timedelta(days=300), ["good"])) == good


TOPICS = [state_topic("genk", "m1"), "vrijloop/v1/GENK/m1/state", "vrijloop/v1/a b/_/state", "vrijloop/v1/é/🙂/state"]
