"""The agent with Modbus servers of other makers: libmodbus in C, which serves one connection at a time, and one in Go that has few registers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_agent.check import check_machines
from edge_agent.commands import app
from edge_agent.configuration import AgentSettings, ModbusDevice
from edge_agent.report_writer import ReportWriter
from edge_agent.sources.modbus import ModbusSource
from edge_agent.sources.modbus_line import ModbusLine
from telemetry import MachineState, SystemClock, load_settings
from tests.edge_agent.conftest import running, until_state
from tests.edge_agent.modbus_devices import sdm630_at
from tests.peer_servers import CompiledPeer

pytestmark = pytest.mark.servers
CLOCK = SystemClock()
RUN, WAIT, UNKNOWN = MachineState.EXECUTING, MachineState.NOT_EXECUTING, MachineState.UNKNOWN
HEAD = '[agent]\nfactory = "hal-2"\ngateway = "gw-1"\n'


@pytest.fixture(params=["modbus_libmodbus", "modbus_go"])
def peer(request: pytest.FixtureRequest) -> Iterator[CompiledPeer]:
    server = CompiledPeer(request.param, "0")
    assert server.tell(set=3, power=6000.0) == {"done": True}
    yield server
    server.stop()


def meter(port: int) -> ModbusDevice:
    return sdm630_at(port, values=["current_l1", "import_energy"], poll_interval="20ms")


def test_discover_finds_its_units(peer: CompiledPeer, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["discover", f"127.0.0.1:{peer.said['port']}", "--units", "1,255"])
    assert done.exit_code == 0, done.output
    (tmp_path / "agent.toml").write_text(HEAD + done.output)
    assert [one.unit for one in load_settings(tmp_path / "agent.toml", AgentSettings).modbus] == [1, 255]


async def test_check_reads_both_its_kinds_of_registers_over_one_connection(peer: CompiledPeer) -> None:
    """And names the value that it does not have, which costs nothing else."""
    port = peer.said["port"]
    word = {"id": "m2", "host": "127.0.0.1", "port": port, "unit": 2, "template": "plc-status-word"}
    settings = AgentSettings.validated(
        {"agent": {"factory": "hal-2", "gateway": "gw-1"}, "modbus": [meter(port), word]}
    )
    results = {one.machine: one for one in await check_machines(settings, CLOCK)}
    assert [results[machine].seen.state for machine in ("m1", "m2")] == [RUN, RUN]  # type: ignore[union-attr]
    assert "import_energy" in (results["m1"].problem or "")
    assert "current_l1" not in (results["m1"].problem or "")
    assert results["m2"].problem is None


async def test_it_is_followed_through_a_restart(
    peer: CompiledPeer, writer: ReportWriter, request: pytest.FixtureRequest
) -> None:
    port = peer.said["port"]
    device = meter(port)
    async with running(ModbusSource(device, ModbusLine(device), writer, CLOCK)):
        await until_state(writer, "m1", RUN)
        peer.tell(set=1, power=500.0)
        await until_state(writer, "m1", WAIT)
        peer.stop(kill=True)
        assert (await until_state(writer, "m1", UNKNOWN)).reason == "no contact"
        again = await asyncio.to_thread(CompiledPeer, request.node.callspec.params["peer"], str(port))
        again.tell(set=3, power=6000.0)
        await until_state(writer, "m1", RUN)
    again.stop()
