"""Everything at once, measured: `make bench-load` writes benchmarks/results/load.json. Ten minutes, or one with BENCH_QUICK=1.

The platform on PostgreSQL with 100,000 open offers, 50 seekers, 300 open pages, and beside them a broker and an ingest worker with the reports of 2,000 machines,
all on the cores of one machine. Beside the figures stand those of the empty parts: the same requests, one after the other, to a platform without offers, and to one
with all of them, while nothing else goes on. Processor time is the platform's own; answers to whoever waits for a core take longer than that.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import numpy as np

from benchmarks import platform
from benchmarks.load_clients import spread
from benchmarks.machine import described
from tests.postgres import fresh_database, postgresql
from tests.processes import cpu_s, memory_mb
from tests.servers import Mosquitto, answers, free_port, wait_for
from vrijloop.deployment.units import unit_file

RESULT = Path(__file__).resolve().parents[1] / "benchmarks" / "results" / "load.json"
QUICK = bool(os.environ.get("BENCH_QUICK"))
SECONDS = 60 if QUICK else 600
ALONE = 30 if QUICK else 150
"""Requests of each kind, one after the other."""
SAMPLE_S = 2 if QUICK else 5


@dataclass(frozen=True)
class Process:
    """A running process and what it has used."""

    number: int

    @property
    def cpu_s(self) -> float:
        return cpu_s(self.number)

    @property
    def memory_mb(self) -> float:
        return memory_mb(self.number)


@contextmanager
def started(*arguments: str) -> Iterator[Process]:
    """A program of ours in the environment that its unit gives it."""
    given = re.findall(r"^Environment=(\w+)=(.*)$", unit_file(arguments[0]).read_text(), re.MULTILINE)
    process = subprocess.Popen(
        [sys.executable, "-m", "vrijloop", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=os.environ | dict(given),
    )  # fmt: skip
    try:
        yield Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def platform_on(url: str, folder: Path) -> Iterator[tuple[str, Process]]:
    port = free_port()
    (folder / "tokens.json").write_text(json.dumps({"seeker": "a-token-of-a-seeker"}))
    with started("platform", "--tokens-file", f"{folder}/tokens.json", "--database", url, "--port", str(port)) as own:
        address = f"http://127.0.0.1:{port}"
        wait_for(lambda: answers(f"{address}/api/v1/offers?limit=1"), "the platform to answer")
        yield address, own


def alone(address: str, own: Process) -> dict[str, Any]:
    """One request after the other, while nothing else goes on."""
    found: dict[str, Any] = {}
    with httpx2.Client(base_url=address, timeout=60, headers={"Accept": "text/html"}) as client:
        for kind, path, more in (("search", "/api/v1/offers", {"limit": 50}), ("page", "/", {})):
            taken, before = list[float](), own.cpu_s
            for query in platform.searches()[:ALONE]:
                began = time.perf_counter()
                client.get(path, params=more | query).raise_for_status()
                taken.append((time.perf_counter() - began) * 1000)
            found[kind] = {**spread(taken), "cpu_ms": round((own.cpu_s - before) * 1000 / len(taken), 1)}
    return found


def slope(samples: list[float]) -> dict[str, float]:
    """Of the memory after the first fifth, in which caches fill."""
    kept = np.array(samples[len(samples) // 5 :])
    times = np.arange(len(kept)) * SAMPLE_S / 3600
    return {
        "first_mb": round(samples[0], 1), "last_mb": round(samples[-1], 1), "most_mb": round(max(samples), 1),
        "mb_an_hour": round(float(np.polyfit(times, kept, 1)[0]), 1),
    }  # fmt: skip


def together(address: str, processes: dict[str, Process], broker: Mosquitto) -> dict[str, Any]:
    memory: dict[str, list[float]] = {name: [] for name in processes}
    before = {name: one.cpu_s for name, one in processes.items()}
    command = [sys.executable, "-m", "benchmarks.load_clients", address, str(broker.port), str(SECONDS)]
    clients = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    used = Process(clients.pid)
    clients_s = 0.0
    while clients.poll() is None:
        for name, one in processes.items():
            memory[name].append(one.memory_mb)
        clients_s = used.cpu_s
        time.sleep(SAMPLE_S)
    said: dict[str, Any] = json.loads(clients.communicate()[0])
    cores = {name: round((one.cpu_s - before[name]) / SECONDS, 2) for name, one in processes.items()}
    return {
        **said,
        "cores": {**cores, "clients": round(clients_s / SECONDS, 2)},
        "memory": {name: slope(samples) for name, samples in memory.items()},
    }


def ingest_of(broker: Mosquitto, folder: Path, metrics_port: int) -> str:
    config = folder / "ingest.toml"
    config.write_text(
        f'data_dir = "{folder}/ingest"\nmetrics_port = {metrics_port}\n[mqtt]\nurl = "{broker.url}"\n[store]\nkind = "duckdb"\n'
    )
    return str(config)


def stored_by(port: int) -> dict[str, float]:
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
    values = {
        name: float(value)
        for name, value in re.findall(r"^vrijloop_ingest_(\w+?)(?:_total)? (\S+)$", text, re.MULTILINE)
    }
    return {name: values[name] for name in ("stored", "quarantined", "lag_seconds") if name in values} | {
        "mean_latency_s": round(values["latency_seconds_sum"] / max(1.0, values["latency_seconds_count"]), 3)
    }


def main() -> None:
    result: dict[str, Any] = {**described(), "offers": platform.OFFERS, "seconds": SECONDS}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(postgresql())
        with platform_on(fresh_database(server), folder) as (address, own):
            result["without_offers"] = alone(address, own)
        database = fresh_database(server)
        platform.fill(database)
        address, own = stack.enter_context(platform_on(database, folder))
        result["alone"] = alone(address, own)
        print(json.dumps(result, indent=2), flush=True)
        broker = Mosquitto(folder)
        broker.start()
        stack.callback(broker.kill)
        metrics = free_port()
        ingest = stack.enter_context(
            started("ingest", "run", "--config", ingest_of(broker, folder, metrics), "--name", "1")
        )
        wait_for(lambda: answers(f"http://127.0.0.1:{metrics}/metrics"), "ingest to answer")
        assert broker.process is not None
        processes = {"platform": own, "ingest": ingest, "broker": Process(broker.process.pid)}
        result["together"] = together(address, processes, broker) | {"ingest": stored_by(metrics)}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result["together"], indent=2))


if __name__ == "__main__":
    main()
