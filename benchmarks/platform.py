"""The sharing platform with 100,000 open offers, measured: `make bench-platform` writes benchmarks/results/platform.json.

The platform runs as a process of its own on SQLite and on PostgreSQL; this process asks and books, one request at a time and
eight at a time.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from sqlalchemy import text

from benchmarks.machine import described
from sharing_platform.database import open_database
from sharing_platform.machines.models import Machine, Offer
from tests.postgres import fresh_database, postgresql
from tests.servers import answers, free_port, wait_for

RESULT = Path(__file__).resolve().parents[1] / "benchmarks" / "results" / "platform.json"
OFFERS = 5_000 if os.environ.get("BENCH_QUICK") else 100_000
FACTORIES, MACHINES = 100, 10
SEARCHES, BOOKINGS = 300, 200
SEEKERS = 10
SEEKER = [{"Authorization": f"Bearer a-token-of-seeker-{number}"} for number in range(SEEKERS)]
PROCESSES = ("turning", "milling", "laser cutting", "grinding", "welding")


def fill(url: str) -> list[str]:
    """Offers of the next four weeks; returns their ids."""
    sessions = open_database(url)
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=2)
    slots = OFFERS // (FACTORIES * MACHINES)
    ids = []
    for factory in range(FACTORIES):
        with sessions.begin() as session:
            for machine in range(MACHINES):
                own = {"factory": f"factory-{factory}", "machine": f"machine-{machine}"}
                process = PROCESSES[(factory + machine) % len(PROCESSES)]
                session.add(Machine(**own, title="Machine", process=process, now="not_shown", since=None))
                for slot in range(slots):
                    start = now + timedelta(hours=6 * slot + machine % 3)
                    ids.append(f"{factory}-{machine}-{slot}")
                    session.add(
                        Offer(
                            **own, id=ids[-1], own_id=ids[-1], public_id=ids[-1], start=start, end=start + timedelta(hours=4), length_s=14_400, longest_s=14_400,
                            offered_start=start, offered_end=start + timedelta(hours=4),
                            probability=0.95, checked=40, broken=1, changed=now,
                        )
                    )  # fmt: skip
    with sessions.begin() as session:
        session.execute(text("ANALYZE"))  # as PostgreSQL's autovacuum does by itself soon after so much is new
    return ids


def searches() -> list[dict[str, Any]]:
    chance = random.Random(1)
    day = datetime.now(UTC).date()
    return [
        chance.choice(
            [
                {},
                {"process": chance.choice(PROCESSES), "hours": chance.choice([1, 2, 4])},
                {"day": str(day + timedelta(days=chance.randrange(1, 20)))},
                {"factory": f"factory-{chance.randrange(FACTORIES)}", "hours": 3},
                {"process": chance.choice(PROCESSES), "day": str(day + timedelta(days=chance.randrange(1, 20)))},
            ]
        )
        for _ in range(SEARCHES)
    ]


def timed(ask: Callable[[Any], httpx2.Response], cases: list[Any], at_once: int) -> dict[str, float]:
    def one(case: Any) -> float:
        began = time.perf_counter()
        answer = ask(case)
        assert answer.is_success, answer.text
        return (time.perf_counter() - began) * 1000

    with ThreadPoolExecutor(at_once) as threads:
        taken = np.array(list(threads.map(one, cases)))
    return {f"p{share}_ms": round(float(np.percentile(taken, share)), 1) for share in (50, 95, 99)}


def measured(url: str, folder: Path) -> dict[str, Any]:
    ids = fill(url)
    port = free_port()
    tokens = folder / "tokens.json"
    tokens.write_text(json.dumps({f"seeker-{number}": f"a-token-of-seeker-{number}" for number in range(SEEKERS)}))
    command = [sys.executable, "-m", "vrijloop", "platform", "--tokens-file", str(tokens), "--database", url]
    process = subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: answers(f"{address}/api/v1/offers?limit=1"), "the platform to answer")
        with httpx2.Client(base_url=address, timeout=60) as client:

            def search(query: dict[str, Any]) -> httpx2.Response:
                return client.get("/api/v1/offers", params={"limit": 50, **query})

            def page(query: dict[str, Any]) -> httpx2.Response:
                return client.get("/", params=query)

            def book(name: str) -> httpx2.Response:
                return client.post(f"/api/v1/offers/{name}/booking", json={}, headers=SEEKER[hash(name) % len(SEEKER)])

            chosen = random.Random(2).sample(ids, 2 * BOOKINGS)
            return {
                "search": timed(search, searches(), 1),
                "search_eight_at_once": timed(search, searches(), 8),
                "page": timed(page, searches()[:50], 1),
                "booking": timed(book, chosen[:BOOKINGS], 1),
                "booking_eight_at_once": timed(book, chosen[BOOKINGS:], 8),
            }
    finally:
        process.terminate()
        process.wait(30)


def main() -> None:
    result: dict[str, Any] = {**described(), "offers": OFFERS}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        result["sqlite"] = measured(f"sqlite:///{folder}/platform.sqlite", folder)
        print("sqlite", json.dumps(result["sqlite"]), flush=True)
        server = stack.enter_context(postgresql())
        result["postgresql"] = measured(fresh_database(server), folder)
        print("postgresql", json.dumps(result["postgresql"]), flush=True)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
