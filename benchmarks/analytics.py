"""Analytics at the size of a region, measured: `make bench-analytics` writes benchmarks/results/analytics.json.

A thousand machines with a year of history in DuckDB: everything read, fitted and forecast for a fortnight; then an hour later,
from what is new. With two processes beside this one, alone, and on a Dask cluster of two workers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analytics.executors import Executor, open_executor
from analytics.forecast.spare_capacity import fit, propose
from analytics.history.snapshot import advance_snapshot, read_snapshot
from analytics.policy.policy import Policy
from benchmarks.machine import described
from stores.duckdb_store import DuckDBStateStore
from stores.state_store import MODE_TYPE, RECORD_COLUMNS, STATE_TYPE
from telemetry import MachineState
from tests.processes import memory_kib
from tests.servers import free_port

RESULT = Path(__file__).resolve().parents[1] / "benchmarks" / "results" / "analytics.json"
QUICK = bool(os.environ.get("BENCH_QUICK"))
MACHINES = 100 if QUICK else 1_000
START = datetime(2025, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=364, hours=9)
POLICY = Policy(factory="genk", zone="Europe/Brussels", horizon=timedelta(days=14), notice=timedelta(0))
PORTION = 50
_BUSY, _IDLE = (
    STATE_TYPE.categories.get_loc(one.value) for one in (MachineState.EXECUTING, MachineState.NOT_EXECUTING)
)


def machine_history(number: int, start: datetime, end: datetime) -> pd.DataFrame:
    """Two shifts on weekdays, now and then a Saturday or an idle week; parts of some twelve minutes with pauses between."""
    chance = np.random.default_rng([number, int(start.timestamp())])
    moments, states = [start.timestamp()], [_IDLE]
    day = datetime(start.year, start.month, start.day, tzinfo=UTC)
    while day < end:
        works = (day.weekday() < 5 and chance.random() > 0.1) or (day.weekday() == 5 and chance.random() < 0.2)
        if works:
            parts = int(16 * 3600 / 840)
            begins = day.timestamp() + 5 * 3600 + np.arange(parts) * 840.0
            stops = begins + chance.uniform(600, 800, parts)
            moments += np.column_stack([begins, stops]).ravel().tolist()
            states += [_BUSY, _IDLE] * parts
        day += timedelta(days=1)
    whole = pd.DataFrame({"at": moments, "code": states})
    whole = whole[(whole["at"] >= start.timestamp()) & (whole["at"] < end.timestamp())].drop_duplicates("at")
    since = pd.Series(pd.to_datetime(whole["at"].round(), unit="s", utc=True)).dt.as_unit("us").reset_index(drop=True)
    frame = pd.DataFrame({"machine": f"machine-{number:04}", "since": since})
    frame["until"] = frame["since"].shift(-1, fill_value=pd.Timestamp(end))
    frame["state"] = pd.Categorical.from_codes(whole["code"], dtype=STATE_TYPE)
    frame["mode"] = pd.Categorical.from_codes(np.full(len(frame), 3), dtype=MODE_TYPE)
    return frame.assign(factory="genk", power_w=1840.0, reason=None, gateway="gw-1", seq=np.arange(len(frame)) + 1)[
        RECORD_COLUMNS
    ]


def fill(store: DuckDBStateStore, start: datetime, end: datetime) -> int:
    count = 0
    for first in range(0, MACHINES, PORTION):
        frame = pd.concat([machine_history(n, start, end) for n in range(first, min(first + PORTION, MACHINES))])
        store.restore(frame)
        count += len(frame)
    return count


def rounds(store: DuckDBStateStore, executor: Executor, hour: int) -> tuple[dict[str, Any], list[Any]]:
    """A full round at `NOW` and what an hour later takes; and the slots."""
    now = NOW + timedelta(hours=hour)
    clock = [time.perf_counter()]
    cursor = store.cursor()
    snapshot = read_snapshot(store, now, POLICY, executor)
    clock.append(time.perf_counter())
    fitted = fit(snapshot, POLICY, POLICY.max_broken_promises, executor)
    clock.append(time.perf_counter())
    assert fitted is not None
    proposal = propose(fitted, snapshot, POLICY, {}, executor)
    slots = proposal.slots
    clock.append(time.perf_counter())
    fill(store, now, now + timedelta(hours=1))
    clock.append(time.perf_counter())
    changed, _ = store.changed_since("genk", cursor)
    later = advance_snapshot(snapshot, store, changed, now + timedelta(hours=1), POLICY)
    assert later is not None
    clock.append(time.perf_counter())
    propose(fitted, later, POLICY, {}, executor, proposal.outlooks)
    clock.append(time.perf_counter())
    read, fitting, forecast, _, update, again = (round(b - a, 2) for a, b in pairwise(clock))
    return {
        "read_s": read,
        "fit_s": fitting,
        "forecast_s": forecast,
        "full_s": round(read + fitting + forecast, 2),
        "hourly_s": round(update + again, 2),
        "hourly_reading_s": update,
        "slots": len(slots),
        "forecast": fitted.name,
    }, list(slots)


@contextmanager
def cluster(size: int) -> Iterator[str]:
    """A Dask scheduler with worker processes of one thread each."""
    address = f"tcp://127.0.0.1:{free_port()}"
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--no-dashboard", "--host", address]
    executor = [
        sys.executable,
        "-m",
        "distributed.cli.dask_worker",
        "--no-dashboard",
        "--nworkers",
        str(size),
        "--nthreads",
        "1",
        address,
    ]
    running = [subprocess.Popen(one, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for one in (dask, executor)]
    try:
        yield address
    finally:
        for one in reversed(running):
            one.terminate()
            one.wait(30)


class PeakMemory(threading.Thread):
    """Of this process and all that it started, sampled."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_mb = 0.0
        self.start()

    def run(self) -> None:
        while True:
            self.peak_mb = max(self.peak_mb, memory_kib(os.getpid()) / 1024)
            time.sleep(0.2)


def main() -> None:
    result: dict[str, Any] = described()
    memory = PeakMemory()
    with tempfile.TemporaryDirectory() as folder:
        store = DuckDBStateStore(Path(folder) / "states.duckdb", "512MB")
        result["machines"], result["intervals"] = MACHINES, fill(store, START, NOW)
        store.compact()
        memory.peak_mb = 0.0
        with open_executor(None, 2) as two:
            result["two_processes"], _ = rounds(store, two, 0)
        result["peak_memory_mb"] = round(memory.peak_mb)
        print("two processes", json.dumps(result["two_processes"]), f"{memory.peak_mb:.0f} MB", flush=True)
        if "alone" in sys.argv[1:] or not sys.argv[1:]:
            with open_executor(None) as here:
                result["alone"], _ = rounds(store, here, 1)
            print("alone", json.dumps(result["alone"]), flush=True)
            for size in (1, 2):
                name = f"dask_{size}"
                with cluster(size) as address, open_executor(address) as dask:
                    result[name], _ = rounds(store, dask, 1 + size)
                print(name, json.dumps(result[name]), flush=True)
            result["dask_speed_up"] = round(result["dask_1"]["full_s"] / result["dask_2"]["full_s"], 2)
        store.close()
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
