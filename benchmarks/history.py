"""A year of 1,000 machines in DuckDB: how long it takes to open, and to say utilisation per machine and day, on 2 cores."""

from __future__ import annotations

import resource
import time
from concurrent.futures import Future, ProcessPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analytics.history.timeline import timeline
from analytics.kpis.utilisation import PeriodUtilisation, utilisation
from analytics.policy.policy import Policy
from stores.duckdb_store import DuckDBStateStore
from stores.state_store import MODE_TYPE, RECORD_COLUMNS, STATE_TYPE

START = datetime(2025, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
PORTION = 50


def machine_year(number: int, count: int) -> pd.DataFrame:
    """`count` intervals one after the other over a year."""
    chance = np.random.default_rng(number)
    moments = np.sort(chance.choice(int(YEAR.total_seconds()), count, replace=False))
    since = pd.Series(pd.to_datetime(moments + int(START.timestamp()), unit="s", utc=True)).dt.as_unit("us")
    frame = pd.DataFrame({"machine": f"machine-{number:04}", "since": since})
    frame["until"] = frame["since"].shift(-1, fill_value=pd.Timestamp(START + YEAR))
    frame["state"] = pd.Categorical.from_codes(chance.integers(0, 4, count), dtype=STATE_TYPE)
    frame["mode"] = pd.Categorical.from_codes(np.full(count, 3), dtype=MODE_TYPE)
    return frame.assign(factory="genk", power_w=1840.0, reason=None, gateway="gw-1", seq=np.arange(count) + 1)[
        RECORD_COLUMNS
    ]


def fill(path: Path, machines: int, intervals_each: int) -> None:
    store = DuckDBStateStore(path, "2GB")
    for first in range(0, machines, PORTION):
        store.restore(
            pd.concat([machine_year(n, intervals_each) for n in range(first, min(first + PORTION, machines))])
        )
    store.compact()
    store.close()


def days_of(intervals: pd.DataFrame) -> list[PeriodUtilisation]:
    spells = timeline(intervals, START, START + YEAR)
    return utilisation(spells, Policy(), date(2025, 1, 2), date(2025, 12, 30))


def read(path: Path, machines: int) -> dict[str, Any]:
    """Read in this process, count in two others."""
    began = time.perf_counter()
    store = DuckDBStateStore(path, "1GB")
    opened = time.perf_counter() - began
    names = [one.machine for one in store.latest("genk")]
    assert len(names) == machines
    days = 0
    began = time.perf_counter()
    with ProcessPoolExecutor(2) as workers:
        under_way: list[Future[list[PeriodUtilisation]]] = []
        for first in range(0, machines, PORTION):
            portion = store.intervals("genk", START, START + YEAR, names[first : first + PORTION])
            under_way.append(workers.submit(days_of, portion))
            while len(under_way) > 3:
                days += len(under_way.pop(0).result())
        days += sum(len(one.result()) for one in under_way)
    seconds = time.perf_counter() - began
    store.close()
    own, children = (
        resource.getrusage(one).ru_maxrss / 1024 for one in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {
        "machines": machines,
        "machine_days": days,
        "open_s": round(opened, 3),
        "utilisation_s": round(seconds, 2),
        "peak_rss_mb": round(own + 2 * children),
        "file_mb": round(path.stat().st_size / 1e6),
    }
