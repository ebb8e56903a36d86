"""A year read from InfluxDB 2 beside DuckDB: `make bench-influxdb` writes benchmarks/results/influxdb.json.

Time to the first row, and utilisation per machine and day from all of them, with processor time and memory of both sides; the server's are those
that reading adds. It is the one that `scripts/influxdb2` builds.
"""

from __future__ import annotations

import json
import os
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.history import PORTION, START, YEAR, days_of, machine_year
from benchmarks.machine import described
from stores import StateStore
from stores.duckdb_store import DuckDBStateStore
from stores.influxdb_store import InfluxDBStateStore
from tests.influxdb2 import InfluxServer2
from tests.processes import cpu_s
from tests.servers import INFLUX_ORG, INFLUX_TOKEN, create_influx_database

RESULT = Path(__file__).resolve().parent / "results" / "influxdb.json"
MACHINES = int(os.environ.get("BENCH_MACHINES", "150"))
EACH = 20_000
BUCKET = "history"


def opened(kind: str, place: str) -> StateStore:
    if kind == "duckdb":
        return DuckDBStateStore(Path(place), "1GB")
    return InfluxDBStateStore(place, BUCKET, INFLUX_TOKEN, INFLUX_ORG)


def fill(kind: str, place: str) -> float:
    began = time.perf_counter()
    store = opened(kind, place)
    for first in range(0, MACHINES, PORTION):
        store.restore(pd.concat([machine_year(n, EACH) for n in range(first, min(first + PORTION, MACHINES))]))
    store.close()
    return round(time.perf_counter() - began, 1)


def read(kind: str, place: str) -> dict[str, Any]:
    """Utilisation of all machines, read by portions as in analytics."""
    store = opened(kind, place)
    names = [one.machine for one in store.latest("genk")]
    first_row = None
    if isinstance(store, InfluxDBStateStore):
        began = time.perf_counter()
        one = "SELECT until_ms, state, mode FROM machine_state WHERE machine = 'machine-0000'"
        next(store._connection.stream([one], texts=False))  # noqa: SLF001 - the wire itself
        first_row = round(time.perf_counter() - began, 3)
    began, reading, days = time.perf_counter(), 0.0, 0
    for first in range(0, MACHINES, PORTION):
        asked = time.perf_counter()
        portion = store.intervals("genk", START, START + YEAR, names[first : first + PORTION])
        reading += time.perf_counter() - asked
        days += len(days_of(portion))
    seconds = time.perf_counter() - began
    store.close()
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak = used.ru_maxrss / 1024
    return {
        "machine_days": days, "first_row_s": first_row, "reading_s": round(reading, 2), "utilisation_s": round(seconds, 2),
        "cpu_s": round(used.ru_utime + used.ru_stime, 2), "peak_rss_mb": round(peak),
    }  # fmt: skip


def apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """In a process of its own: what filling took must not count as what reading takes."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def cost(pid: int) -> dict[str, Any]:
    """What a process has used so far: seconds of processor time, and its greatest memory."""
    line = next(one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmHWM"))
    return {
        "server_cpu_s": cpu_s(pid),
        "server_memory_mb": int(line.split()[1]) // 1024,
    }


def main() -> None:
    result: dict[str, Any] = {**described(), "machines": MACHINES, "intervals": MACHINES * EACH}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result["duckdb"] = {"fill_s": apart(fill, "duckdb", f"{folder}/states.duckdb")}
        result["duckdb"] |= apart(read, "duckdb", f"{folder}/states.duckdb")
        server = InfluxServer2(folder, INFLUX_TOKEN, INFLUX_ORG)
        server.start()
        create_influx_database(server.url, BUCKET)
        filled = apart(fill, "influxdb", server.url)
        server.kill()
        server.start()
        assert server.process is not None
        before = cost(server.process.pid)
        found = apart(read, "influxdb", server.url)
        after = cost(server.process.pid)
        result["influxdb"] = {
            "fill_s": filled,
            **found,
            **{name: round(after[name] - before[name], 2) for name in after},
        }
        server.close()
    result["ratio"] = round(result["influxdb"]["utilisation_s"] / result["duckdb"]["utilisation_s"], 2)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
