"""Agent's publisher, Mosquitto, ingest workers and a store under load, killed at random: nothing missing, nothing twice.

The short form is in the suite; `make campaign` runs 50 rounds.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest

from ingest.subscription import RECEIVE_MAXIMUM
from tests import influxdb2
from tests.end_to_end.chain import nothing_missing_nothing_twice, running, until

ROUNDS = int(os.environ.get("VRIJLOOP_KILL_ROUNDS", "4"))
WORKER_COUNTS = [int(count) for count in os.environ.get("VRIJLOOP_WORKER_COUNTS", "3").split()]
AWAY_S = float(os.environ.get("VRIJLOOP_STORE_AWAY_S", "6"))


@pytest.mark.long
@pytest.mark.servers
@pytest.mark.parametrize("kind", ["duckdb", "influxdb"])
async def test_killed_at_random_under_load(tmp_path: Path, kind: str) -> None:
    chance = random.Random(11)
    victims = ["ingest", "broker", "influxdb"][: 3 if kind == "influxdb" else 2]
    async with running(tmp_path, kind) as (chain, load):
        for number in range(ROUNDS):
            await asyncio.sleep(chance.uniform(0.2, 1.5))
            await asyncio.to_thread(chain.kill_and_start, victims[number % len(victims)])
        await nothing_missing_nothing_twice(chain, load)


@pytest.mark.long
@pytest.mark.servers
@pytest.mark.parametrize("workers", WORKER_COUNTS)
async def test_workers_share_one_subscription(tmp_path: Path, workers: int) -> None:
    async with running(tmp_path, "influxdb", workers) as (chain, load):
        await until(lambda: load.outbox.last_seq() > 600, "some load")
        chain.workers[-1].end(signal.SIGKILL)
        await until(lambda: load.outbox.last_seq() > 1200, "some load while one is dead")
        chain.workers[-1].start()
        await until(lambda: chain.workers[-1].metric("vrijloop_ingest_reports_total") > 0, "it to take its share again")
        shares = [worker.metric("vrijloop_ingest_messages_total") for worker in chain.workers]
        assert min(shares) > 0, shares
        leaving = chain.workers[1]
        leaving.end()
        leaving.start("--retire")
        assert leaving.process is not None
        assert await asyncio.to_thread(leaving.process.wait, 60) == 0
        leaving.process = None
        await nothing_missing_nothing_twice(chain, load)


@pytest.mark.long
@pytest.mark.servers
@pytest.mark.skipif(influxdb2.GIVEN, reason="a server that is given is not killed")
async def test_a_store_that_is_down_for_long_costs_no_memory(tmp_path: Path) -> None:
    async with running(tmp_path, "influxdb") as (chain, load):
        (worker,) = chain.workers
        assert chain.influx is not None
        await until(lambda: worker.metric("vrijloop_ingest_reports_total") > 500, "some load")
        before = worker.resident_mb
        chain.influx.kill()
        load.pace = 0.002
        began = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() - began < AWAY_S:
            await asyncio.sleep(0.5)
            assert worker.metric("vrijloop_ingest_waiting_messages") <= RECEIVE_MAXIMUM
        assert worker.metric("vrijloop_ingest_store_errors_total") > 0
        assert worker.resident_mb < before + 64
        chain.influx.start()
        await nothing_missing_nothing_twice(chain, load)
