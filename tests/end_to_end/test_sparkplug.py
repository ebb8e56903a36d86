"""A plant that speaks Sparkplug B: its edge node on a broker, an agent beside ingest, and the store."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from edge_agent.agent import Agent
from edge_agent.configuration import AgentSettings
from edge_agent.supervision import metrics_of, status_of
from ingest.quarantine import Quarantine
from ingest.service import IngestService
from stores.duckdb_store import DuckDBStateStore
from telemetry import MachineState, SystemClock
from telemetry.broker import BrokerSettings
from tests.edge_agent.conftest import until_state
from tests.edge_agent.test_sparkplug_input import machine
from tests.edge_agent.test_sparkplug_node import Machines
from tests.edge_agent.test_sparkplug_node import running as node_running
from tests.servers import Mosquitto

pytestmark = [pytest.mark.servers, pytest.mark.long]
RUN, WAIT, UNKNOWN = MachineState.EXECUTING, MachineState.NOT_EXECUTING, MachineState.UNKNOWN
CLOCK = SystemClock()


async def test_states_of_an_edge_node_are_stored_once(broker: Mosquitto, tmp_path: Path) -> None:
    """The agent is stopped in between and goes on; the plant's broker is restarted; the node dies."""
    began = CLOCK.now()
    (tmp_path / "plant").mkdir()
    plant = Mosquitto(tmp_path / "plant")
    plant.start()
    settings = AgentSettings.validated(
        {
            "agent": {"factory": "genk", "gateway": "server", "data_dir": tmp_path / "agent"},
            "mqtt": {"url": broker.url},
            "sparkplug_input": [
                {
                    "mqtt": {"url": plant.url},
                    "keep_alive": "5s",
                    "machine": [machine("m1", power="Power", report_power=True)],
                }
            ],
        }
    )
    store = DuckDBStateStore(tmp_path / "states.duckdb")
    ingest = IngestService(BrokerSettings(url=broker.url), store, Quarantine(tmp_path / "quarantine.sqlite"), CLOCK)
    ingest.start()
    machines = Machines()
    machines.put("m1", RUN)
    stop = asyncio.Event()
    async with node_running(plant.url, machines):
        agent = Agent(settings, CLOCK)
        running = asyncio.create_task(agent.run(stop))
        await until_state(agent.writer, "m1", RUN)
        [read] = (await status_of(agent, CLOCK))["sparkplug_input"]
        assert read | {"nodes": []} == {"address": f"127.0.0.1:{plant.port}", "connected": True, "nodes": []}
        assert (read["nodes"][0]["node"], read["nodes"][0]["is_born"]) == ("hal-2/gw-1", True)
        assert b'vrijloop_agent_sparkplug_node_born{node="hal-2/gw-1"} 1.0' in await metrics_of(agent, CLOCK)
        stop.set()
        await running
        stop.clear()
        machines.put("m1", WAIT)
        agent = Agent(settings, CLOCK)
        running = asyncio.create_task(agent.run(stop))
        await until_state(agent.writer, "m1", WAIT)
        await asyncio.to_thread(plant.stop)
        await until_state(agent.writer, "m1", UNKNOWN)
        await asyncio.to_thread(plant.start)
        machines.put("m1", RUN)
        await until_state(agent.writer, "m1", RUN)
    await until_state(agent.writer, "m1", UNKNOWN)
    async with asyncio.timeout(60):
        while agent.outbox.depth() or agent.outbox.unconfirmed():
            await asyncio.sleep(0.05)
    last = agent.outbox.last_seq()
    stop.set()
    await running
    await asyncio.to_thread(ingest.stop)
    plant.stop()
    frame = store.intervals("genk", began - timedelta(minutes=1), CLOCK.now() + timedelta(minutes=1), power=True)
    [ledger] = store.ledger()
    store.close()
    states = [state for state, before in zip(frame["state"], [None, *frame["state"]], strict=False) if state != before]
    assert states == [one.value for one in (RUN, WAIT, UNKNOWN, RUN, UNKNOWN)]
    assert (ledger.stored, ledger.missing) == (last, 0)
    assert not frame.duplicated(["machine", "since"]).any()
    assert set(frame[frame["state"] == RUN.value]["power_w"]) == {50.5}
