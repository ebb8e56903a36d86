"""The process that `benchmarks.ingest` measures: one worker on one core. Prints a line when ready, and a JSON line when done."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ingest.quarantine import Quarantine
from ingest.service import IngestService
from ingest.subscription import RECEIVE_MAXIMUM, SHARED_FILTER
from stores import StateStore
from stores.configuration import WRITER_MEMORY
from stores.duckdb_store import DuckDBStateStore
from telemetry import SystemClock
from telemetry.broker import BrokerSettings


def open_store(kind: str, folder: Path, target: str) -> StateStore:
    if kind == "duckdb":
        return DuckDBStateStore(folder / "states.duckdb", WRITER_MEMORY, threads=1)
    from stores.influxdb_store import InfluxDBStateStore  # as `open_store` does

    return InfluxDBStateStore(target, "bench", "a-token-that-1.x-ignores")


def ingest(kind: str, broker: str, folder: Path, target: str, expected: int) -> dict[str, float]:
    """From connecting, with the backlog waiting, to `expected` reports durable: it arrives before the broker has acknowledged the subscription."""
    store = open_store(kind, folder, target)
    service = IngestService(BrokerSettings(url=broker), store, Quarantine(folder / "quarantine.sqlite"), SystemClock())
    began = time.perf_counter()
    service.start()
    if not expected:
        service.stop()
        store.close()
        return {}
    while service.counters.reports < expected:
        time.sleep(0.01)
    seconds = time.perf_counter() - began
    service.stop()
    stored = sum(one.stored for one in store.ledger())
    missing = sum(one.missing for one in store.ledger())
    store.close()
    return {"seconds": seconds, "reports": expected, "stored": stored, "missing": missing}


def empty_loop(broker: str, messages: int) -> dict[str, float]:
    """Receive and acknowledge, nothing else, from connecting to the last message: what paho costs."""
    settings = BrokerSettings(url=broker)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bench-empty", protocol=mqtt.MQTTv5, manual_ack=True)
    times: list[float] = []

    def on_message(_client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        client.ack(message.mid, message.qos)
        times.append(time.perf_counter())

    client.on_message = on_message

    def on_connect(*_: object) -> None:
        client.subscribe(SHARED_FILTER.replace("ingest", "bench"), qos=1)

    client.on_connect = on_connect
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 3600
    properties.ReceiveMaximum = RECEIVE_MAXIMUM
    began = time.perf_counter()
    client.connect(settings.host, settings.port, clean_start=False, properties=properties)
    client.loop_start()
    if not messages:
        time.sleep(1)
    while len(times) < messages:
        time.sleep(0.01)
    client.disconnect()
    client.loop_stop()
    return {"seconds": times[-1] - began, "reports": len(times)} if times else {}


def main() -> None:
    kind, broker, folder, target, expected = sys.argv[1:6]
    if hasattr(os, "sched_setaffinity") and expected != "0":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    began = time.process_time()
    done = (
        empty_loop(broker, int(expected))
        if kind == "empty"
        else ingest(kind, broker, Path(folder), target, int(expected))
    )
    done["cpu_seconds"] = time.process_time() - began
    done["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(done))


if __name__ == "__main__":
    main()
