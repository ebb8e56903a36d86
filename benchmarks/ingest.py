"""Ingest and stores, measured: `make bench-ingest` writes benchmarks/results/ingest.json.

A Mosquitto holds a backlog for one worker; the worker is started on one core and measured from connecting to the last durable
report. Beside it, in the same run, what an empty loop over paho costs: compared by processor time, as others
may want the core, too. Then a year of 1,000 machines is read from DuckDB.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks import history
from benchmarks.machine import described
from telemetry import MachineState, OperationMode, StateInterval, StateReport, state_topic
from telemetry.message import encode
from tests.servers import Mosquitto, create_influx_database, influxdb

RESULT = Path(__file__).resolve().parents[1] / "benchmarks" / "results" / "ingest.json"
START = datetime(2026, 1, 1, tzinfo=UTC)
MACHINES = 100
QUICK = bool(os.environ.get("BENCH_QUICK"))
SINGLES = 20_000 if QUICK else 200_000
HUNDREDS = 2_000 if QUICK else 50_000
"""Messages of one report, and of a hundred: five million reports."""


def messages(count: int, reports_each: int) -> Iterator[tuple[str, bytes]]:
    """A gateway of `MACHINES` machines; each report is an interval of its own."""
    seqs = [0] * MACHINES
    for number in range(count):
        machine = number % MACHINES
        reports = []
        for _ in range(reports_each):
            seqs[machine] += 1
            since = START + timedelta(seconds=5 * seqs[machine])
            state = (MachineState.EXECUTING, MachineState.NOT_EXECUTING)[seqs[machine] % 2]
            interval = StateInterval(state, since, since + timedelta(seconds=5), OperationMode.PROCESSING, 1840.0)
            reports.append(StateReport.of(seqs[machine], interval))
        yield state_topic("genk", f"machine-{machine}"), encode(f"gw-{machine}", reports)


def worker(kind: str, broker: Mosquitto, folder: Path, target: str, expected: int) -> dict[str, Any]:
    """Run the measured process; with 0 expected it only makes its session."""
    command = [sys.executable, "-m", "benchmarks.ingest_worker", kind, broker.url, str(folder), target, str(expected)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=3600)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def fill(broker: Mosquitto, count: int, reports_each: int) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(1000)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    under_way: deque[mqtt.MQTTMessageInfo] = deque()
    for topic, payload in messages(count, reports_each):
        under_way.append(client.publish(topic, payload, qos=1))
        if len(under_way) > 5000:
            under_way.popleft().wait_for_publish(60)
    for one in under_way:
        one.wait_for_publish(60)
    client.disconnect()
    client.loop_stop()


def measured(kind: str, target: str, count: int, reports_each: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "broker").mkdir()
        broker = Mosquitto(folder / "broker", extra="autosave_interval 0\n")
        broker.start()
        try:
            worker(kind, broker, folder, target, 0)
            fill(broker, count, reports_each)
            done = worker(kind, broker, folder, target, count * (1 if kind == "empty" else reports_each))
        finally:
            broker.stop()
    rate = done["reports"] / done["seconds"]
    return {
        "messages": count,
        "reports_each": reports_each,
        "per_second": round(rate),
        "cpu_us_per_message": round(done["cpu_seconds"] / count * 1e6, 1),
        **{name: round(value, 2) for name, value in done.items()},
    }


def main() -> None:
    result: dict[str, Any] = described()
    chosen = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder, influxdb(Path(folder)) as url:
        create_influx_database(url, "bench")
        for name, kind, count, each in (
            ("paho_alone", "empty", SINGLES, 1),
            ("duckdb_single", "duckdb", SINGLES, 1),
            ("duckdb_hundred", "duckdb", HUNDREDS, 100),
            ("influxdb_single", "influxdb", SINGLES // 2, 1),
            ("influxdb_hundred", "influxdb", HUNDREDS // 5, 100),
        ):
            if not chosen or name in chosen:
                result[name] = measured(kind, url, count, each)
                if each == 1 and "paho_alone" in result:
                    of_paho = result["paho_alone"]["cpu_us_per_message"] / result[name]["cpu_us_per_message"]
                    result[name]["of_paho_alone"] = round(of_paho, 2)
                print(name, json.dumps(result[name]), flush=True)
    if not chosen or "history" in chosen:
        with tempfile.TemporaryDirectory() as folder:
            machines, each = (50, 2_000) if QUICK else (1_000, 20_000)
            began = time.perf_counter()
            history.fill(Path(folder) / "states.duckdb", machines, each)
            filled = round(time.perf_counter() - began, 1)
            # A process of its own: what filling took must not count as what reading takes.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as reader:
                found = reader.submit(history.read, Path(folder) / "states.duckdb", machines).result()
            result["history"] = {"intervals": machines * each, "fill_s": filled, **found}
            print("history", json.dumps(result["history"]), flush=True)
    if not chosen:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
