"""OPC UA and Modbus sources against real servers on loopback."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asyncua import Server, ua

from edge_agent.check import check_machines
from edge_agent.configuration import AgentSettings, ModbusDevice, OpcUaServer
from edge_agent.outbox import Outbox
from edge_agent.power_state import PowerThresholds
from edge_agent.report_writer import ReportWriter
from edge_agent.sources.modbus import ModbusSource
from edge_agent.sources.opcua import OpcUaSession, OpcUaSource
from edge_agent.sources.source_time import trusted_time
from simulators.modbus_server import MeterServer, plc, sdm630
from simulators.opcua_server import MachineryServer
from telemetry import MachineState, OperationMode, StateInterval, SystemClock, to_milliseconds
from tests.plans import ScriptedPlan, character
from tests.servers import free_port, shared_file

RUN, WAIT, UNKNOWN = MachineState.EXECUTING, MachineState.NOT_EXECUTING, MachineState.UNKNOWN
CLOCK = SystemClock()


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[ReportWriter]:
    outbox = Outbox(tmp_path / "outbox.sqlite")
    writer = ReportWriter(outbox, ["m1", "m2"], timedelta(seconds=60))
    writing = asyncio.create_task(writer.run())
    yield writer
    writer.stop()
    await writing
    outbox.close()


def opcua_server(port: int, *machines: str) -> OpcUaServer:
    return OpcUaServer.model_validate(
        {
            "endpoint": f"opc.tcp://127.0.0.1:{port}/vrijloop/simulator",
            "publishing_interval": "50ms",
            "machine": [{"id": one, "browse_name": character(one).browse_name} for one in machines],
        }
    )


async def until_state(writer: ReportWriter, machine: str, *states: MachineState) -> StateInterval:
    """Wait until the machine is in one of the states; the bound is for a hang."""
    async with asyncio.timeout(60):
        while True:
            current = writer.reported(machine)
            if current is not None and current.state in states:
                return current
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running(source: OpcUaSource | ModbusSource) -> AsyncIterator[None]:
    task = asyncio.create_task(source.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_opcua_states_carry_the_source_time_of_the_change(writer: ReportWriter) -> None:
    change = to_milliseconds(CLOCK.now() + timedelta(seconds=2))
    port = free_port()
    plan = ScriptedPlan({"m1": [(change - timedelta(hours=1), WAIT), (change, RUN)]})
    server = MachineryServer(plan, [character("m1")], CLOCK, port)
    await server.start()
    moving = asyncio.create_task(server.run())
    async with running(OpcUaSource(opcua_server(port, "m1"), writer, CLOCK)):
        changed = await until_state(writer, "m1", RUN)
        assert (changed.since, changed.mode) == (change, OperationMode.PROCESSING)
    moving.cancel()
    await asyncio.gather(moving, return_exceptions=True)
    await server.stop()


async def test_opcua_server_that_restarts_is_followed_again_and_unknown_meanwhile(writer: ReportWriter) -> None:
    port = free_port()
    long_ago = CLOCK.now() - timedelta(days=3)
    plan = ScriptedPlan({"m1": [(long_ago, WAIT)]})
    server = MachineryServer(plan, [character("m1")], CLOCK, port)
    await server.start()
    async with running(OpcUaSource(opcua_server(port, "m1"), writer, CLOCK)):
        await until_state(writer, "m1", WAIT)
        await server.stop()
        assert (await until_state(writer, "m1", UNKNOWN)).reason == "no contact"
        again = MachineryServer(plan, [character("m1")], CLOCK, port)
        await again.start()
        await until_state(writer, "m1", WAIT)
    await again.stop()


async def test_one_machine_that_is_missing_does_not_stop_the_others(
    writer: ReportWriter, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    server = MachineryServer(ScriptedPlan({"m1": [(CLOCK.now(), RUN)]}), [character("m1")], CLOCK, port)
    await server.start()
    async with running(OpcUaSource(opcua_server(port, "m1", "m2"), writer, CLOCK)):
        await until_state(writer, "m1", RUN)
    await server.stop()
    assert "no machine 'M2' under Objects/Machines (there are: M1)" in caplog.text


async def test_the_official_example_machine_is_found() -> None:
    """Its state machines carry BrowseNames in the example's own namespace: only their type definitions tell."""
    files = [
        shared_file("nodesets", f"Opc.Ua.{name}.NodeSet2.xml")
        for name in ("Di", "IA", "Machinery", "PackML", "Machinery.Examples")
    ]
    port = free_port()
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    for file in files:
        await server.import_xml(str(file))
    async with server:
        settings = OpcUaServer.model_validate(
            {
                "endpoint": f"opc.tcp://127.0.0.1:{port}/",
                "machine": [{"id": "m1", "browse_name": "ExampleMachine01"}],
            }
        )
        session = OpcUaSession(settings, CLOCK)
        assert await session.open() == []
        machinery = await server.get_namespace_index("http://opcfoundation.org/UA/Machinery/")
        state_nodes = {item.is_mode: server.get_node(nodeid) for nodeid, item in session._items.items()}
        await session.changes()  # the first values, which stand for nothing yet
        stamp = to_milliseconds(CLOCK.now() + timedelta(milliseconds=1))
        for is_mode, value in ((False, 5006), (True, 5026)):
            node = ua.Variant(ua.NodeId(value, machinery), ua.VariantType.NodeId)
            await state_nodes[is_mode].write_value(ua.DataValue(node, SourceTimestamp=stamp))
        async with asyncio.timeout(60):
            while True:
                seen = dict(await session.changes())
                if "m1" in seen and seen["m1"].mode is OperationMode.PROCESSING:
                    break
        assert (seen["m1"].state, seen["m1"].since) == (RUN, stamp)
        bad = ua.DataValue(ua.Variant(None), StatusCode=ua.StatusCode(ua.StatusCodes.BadDeviceFailure))
        await server.write_attribute_value(state_nodes[False].nodeid, bad)
        async with asyncio.timeout(60):
            while dict(await session.changes())["m1"].state is not UNKNOWN:
                pass
        await session.close()


async def test_modbus_device_that_falls_silent_is_unknown_and_comes_back(writer: ReportWriter) -> None:
    port = free_port()
    power: list[float | None] = [6000.0]
    meter = MeterServer([sdm630(1, lambda: power[0]), plc(2, lambda: 0b0011)], port)
    await meter.start()
    thresholds = PowerThresholds(off_below_w=100, idle_below_w=1500, working_from_w=2500)
    metered = ModbusDevice.model_validate(
        {"id": "m1", "host": "127.0.0.1", "port": port, "template": "eastron-sdm630", "thresholds": thresholds,
         "poll_interval": "50ms", "timeout": "1s"}
    )  # fmt: skip
    controlled = ModbusDevice.model_validate(
        {"id": "m2", "host": "127.0.0.1", "port": port, "unit": 2, "template": "plc-status-word",
         "poll_interval": "50ms"}
    )  # fmt: skip
    async with running(ModbusSource(metered, writer, CLOCK)), running(ModbusSource(controlled, writer, CLOCK)):
        first = await until_state(writer, "m1", RUN)
        assert first.power_w is None, "power leaves the factory only where the configuration says so"
        power[0] = 500.0
        await until_state(writer, "m1", WAIT)
        power[0] = None
        await until_state(writer, "m1", UNKNOWN)
        neighbour = await until_state(writer, "m2", RUN)
        async with asyncio.timeout(60):
            while (current := writer.reported("m2")) is None or current.until <= neighbour.until:
                await asyncio.sleep(0.01)
        power[0] = 6000.0
        await until_state(writer, "m1", RUN)
    await meter.stop()


async def test_check_lists_every_machine_also_those_that_fail(tmp_path: Path) -> None:
    port = free_port()
    server = MachineryServer(ScriptedPlan({"m1": [(CLOCK.now(), RUN)]}), [character("m1")], CLOCK, port)
    await server.start()
    settings = AgentSettings.model_validate(
        {
            "agent": {"factory": "genk", "gateway": "gw-1", "data_dir": tmp_path},
            "opcua": [opcua_server(port, "m1", "m2"), opcua_server(9, "m3")],
            "modbus": [{"id": "m4", "host": "127.0.0.1", "port": 9, "template": "plc-status-word", "timeout": "1s"}],
        }
    )
    results = {one.machine: one for one in await check_machines(settings, CLOCK)}
    await server.stop()
    assert results["m1"].problem is None
    assert results["m1"].seen is not None
    assert results["m1"].seen.state is RUN
    assert "no machine 'M2'" in (results["m2"].problem or "")
    assert results["m3"].problem
    assert "no connection to 127.0.0.1:9" in (results["m4"].problem or "")


NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("source", "believed"),
    [
        (NOW - timedelta(days=3), "source"),
        (NOW + timedelta(seconds=30), "source"),
        (None, "received"),
        (NOW + timedelta(hours=1), "received"),
        (datetime(2000, 1, 1, 7, tzinfo=UTC), "received"),
        (datetime(1970, 1, 1, tzinfo=UTC), "received"),
    ],
)
def test_which_clock_is_believed(source: datetime | None, believed: str) -> None:
    assert trusted_time(source, NOW) == (source if believed == "source" else NOW)
