"""What Grafana's panels cost over a day and over a year: `make bench-panels` writes benchmarks/results/panels.json.

Fifty machines with a year of what analytics writes back, in Debian's InfluxDB; each query of each panel is asked over both, as Grafana would.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import numpy as np

from benchmarks.machine import described
from dashboards.build import documents
from stores import Point
from stores.influxdb_points import InfluxPoints
from stores.influxdb_setup import set_up
from telemetry.measurements import (
    APPROVAL,
    CAPACITY,
    CLOCK,
    DAY,
    GATEWAY,
    HOUR,
    HOURS_FIELDS,
    INGEST,
    NOW,
    PROMISES,
    PUBLISHER,
    RELIABILITY,
    SHIFT,
    TIMELINE,
    WEEK,
)  # fmt: skip
from tests.servers import InfluxServer

RESULT = Path(__file__).resolve().parent / "results" / "panels.json"
MACHINES = 5 if os.environ.get("BENCH_QUICK") else 50
DAYS = 365
TURNS = 7
DATABASE = "panels"
END = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
START = END - timedelta(days=DAYS)
CHANCE = np.random.default_rng(1)


def points() -> Iterator[Point]:
    for number in range(MACHINES):
        tags = {"factory": "genk", "group": f"group-{number % 4}", "machine": f"machine-{number}"}
        for day in range(DAYS + 1):
            at = START + timedelta(days=day)
            hours = dict(zip(HOURS_FIELDS, CHANCE.random(len(HOURS_FIELDS)).tolist(), strict=True))
            clock = {f"free_{hour:02}": float(CHANCE.random()) for hour in range(24)}
            yield Point(DAY, tags, at, hours)
            yield Point(CLOCK, tags | {"weekday": str(at.isoweekday())}, at, clock)
            if at.weekday() == 0:
                yield Point(WEEK, tags, at, hours)
            for place, shift in enumerate(("early", "late", "night", "outside")):
                yield Point(SHIFT, tags | {"shift": shift}, at + timedelta(hours=6 * place), hours)
            plans = {
                name: float(CHANCE.random())
                for name in ("forecast_h", "offered_h", "booked_h", "held_h", "offered_eur", "booked_eur")
            }
            yield Point(CAPACITY, tags, at, plans)
            outcomes = ("kept", "broken", "booked", "withdrawn", "unknown", "promised", "broken_h")
            yield Point(PROMISES, tags, at, {name: float(CHANCE.integers(0, 3)) for name in outcomes})
            for hour in range(24):
                share = {
                    name: float(CHANCE.random())
                    for name in ("used", "free", "known", "forecast", "offered", "booked", "promised", "power_w")
                }
                yield Point(HOUR, {"factory": "genk", "machine": tags["machine"]}, at + timedelta(hours=hour), share)
            for change in range(40 if day > DAYS - 60 else 0):
                state = ("executing", "not_executing", "not_available")[change % 3]
                yield Point(TIMELINE, tags, at + timedelta(minutes=36 * change), {"state": state, "mode": ""})
        yield Point(NOW, tags, END, {"state": "executing", "since_ms": 1, "heard_ms": 1, "silent": number % 2})
        yield Point(
            APPROVAL,
            tags,
            END + timedelta(hours=1),
            {"status": "asked", "probability": 0.9, "end_ms": 1, "answer_by_ms": 1},
        )
    for day in range(DAYS):
        for name in ("0.85", "0.90", "0.95"):
            at = START + timedelta(days=day)
            yield Point(
                RELIABILITY,
                {"factory": "genk", "promised": name},
                at,
                {"checked": 3.0, "kept": 3.0, "promised_sum": 2.8},
            )
    for step in range(DAYS * 288):
        at = START + timedelta(minutes=5 * step)
        yield Point(
            GATEWAY,
            {"factory": "genk", "gateway": f"gw-{step % 3}"},
            at,
            {"online": 1, "outbox": 3, "stored": step, "missing": 0, "version": "0.1"},
        )
        worker = {
            "connected": 1,
            "failing": 0,
            "waiting": 0,
            "lag_s": 0.1,
            "latency_s": 0.2,
            "reports": step,
            "quarantine": 0,
        }
        yield Point(INGEST, {"worker": str(step % 2)}, at, worker)
        how = {
            "pending": 0,
            "kill_switch": 0,
            "alerts": 0,
            "approvals": 0,
            "broken_bound": 0.05,
            "round_age_s": 60.0,
            "slots": 9,
            "checked": 99,
            "broken": 3,
            "stopped": 0,
        }
        yield Point(PUBLISHER, {"factory": "genk"}, at, how)


def asked(query: str, start: datetime) -> str:
    """As Grafana fills it in for a panel of 1,000 pixels."""
    query = re.sub(r"/\^\$factory\$/", "/^genk$/", query)
    machine = "machine-1" if '"group"' not in query else ".*"
    query = (
        query.replace("/^$machine$/", f"/^({machine})$/")
        .replace("/^$group$/", "/^(.*)$/")
        .replace("/^$shift$/", "/^(.*)$/")
    )
    least = 3600 if f"FROM {HOUR}" in query else 300
    interval = max(least, round((END - start).total_seconds() / 1000))
    span = f"time >= '{start:%Y-%m-%dT%H:%M:%SZ}' AND time < '{END:%Y-%m-%dT%H:%M:%SZ}'"
    return (
        query.replace("$timeFilter", span)
        .replace("$__interval", f"{interval}s")
        .replace("now()", f"'{END:%Y-%m-%dT%H:%M:%SZ}'")
    )


def milliseconds(http: httpx2.Client, query: str) -> float:
    times = []
    for _ in range(TURNS):
        began = time.perf_counter()
        answer = http.get("/query", params={"db": DATABASE, "q": query, "epoch": "ms"})
        answer.raise_for_status()
        times.append(time.perf_counter() - began)
        assert "error" not in answer.json()["results"][0], answer.text
    return statistics.median(times) * 1000


def main() -> None:
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        server = InfluxServer(Path(folder))
        server.start()
        # As `vrijloop store init` makes it; asked without the tests' proxy, which costs 40 ms.
        url = f"http://127.0.0.1:{server.port}"
        set_up(url, "vrijloop", DATABASE, None, Path(folder) / "token", None)
        store = InfluxPoints(server.url, DATABASE, "token-of-sixteen", "vrijloop")
        portion: list[Point] = []
        for one in points():
            portion.append(one)
            if len(portion) == 50_000:
                store.write_points(portion)
                portion = []
        store.write_points(portion)
        boards = {name: json.loads(text) for name, text in documents().items() if name.startswith("en/")}
        with httpx2.Client(base_url=url, timeout=120) as http:
            for name, board in boards.items():
                for panel in board["panels"]:
                    # A panel with a time of its own (`today`) is asked for that, whatever the dashboard shows.
                    own = panel.get("timeFrom")
                    spans = [END - timedelta(days=1), END - timedelta(days=1 if own else DAYS)]
                    queries = [target["query"] for target in panel.get("targets", ())]
                    day, year = (sum(milliseconds(http, asked(query, start)) for query in queries) for start in spans)
                    rows.append(
                        {
                            "dashboard": name.removeprefix("en/").removesuffix(".json"),
                            "panel": panel["title"],
                            "day_ms": round(day, 1),
                            "year_ms": round(year, 1),
                            "ratio": round(year / day, 1),
                        }
                    )
                    print(
                        f"{rows[-1]['dashboard']:16} {panel['title'][:50]:50} {day:7.1f} {year:7.1f} ms  x{year / day:.1f}"
                    )
        store.close()
        server.close()
    worst = max(rows, key=lambda one: one["year_ms"])
    result = {
        **described(),
        "machines": MACHINES,
        "days": DAYS,
        "panels": rows,
        "slowest_year_ms": worst["year_ms"],
        "slowest": worst["panel"],
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(RESULT)


if __name__ == "__main__":
    main()
