"""OPC UA and Modbus sources against real servers on loopback."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from asyncua import Server, ua

from edge_agent.check import check_machines
from edge_agent.configuration import AgentSettings, OpcUaServer
from edge_agent.report_writer import ReportWriter
from edge_agent.sources.opcua import OpcUaSource
from edge_agent.sources.opcua_security import Pki
from edge_agent.sources.opcua_session import OpcUaSession
from simulators.opcua_server import MachineryServer
from telemetry import MachineState, OperationMode, SystemClock, to_milliseconds
from tests.edge_agent.conftest import running, until_state
from tests.plans import ScriptedPlan, character
from tests.servers import free_port, shared_file

RUN, WAIT, UNKNOWN = MachineState.EXECUTING, MachineState.NOT_EXECUTING, MachineState.UNKNOWN
CLOCK = SystemClock()
PKI = Pki(Path("nowhere"))


def opcua_server(port: int, *machines: str) -> OpcUaServer:
    return OpcUaServer.validated(
        {
            "endpoint": f"opc.tcp://127.0.0.1:{port}/vrijloop/simulator",
            "publishing_interval": "50ms",
            "machine": [{"id": one, "browse_name": character(one).browse_name} for one in machines],
        }
    )


@pytest.mark.long
async def test_opcua_states_carry_the_source_time_of_the_change(writer: ReportWriter) -> None:
    change = to_milliseconds(CLOCK.now() + timedelta(seconds=2))
    port = free_port()
    plan = ScriptedPlan({"m1": [(change - timedelta(hours=1), WAIT), (change, RUN)]})
    server = MachineryServer(plan, [character("m1")], CLOCK, port)
    await server.start()
    moving = asyncio.create_task(server.run())
    async with running(OpcUaSource(opcua_server(port, "m1"), PKI, writer, CLOCK)):
        changed = await until_state(writer, "m1", RUN)
        assert (changed.since, changed.mode) == (change, OperationMode.PROCESSING)
    moving.cancel()
    await asyncio.gather(moving, return_exceptions=True)
    await server.stop()


@pytest.mark.long
async def test_opcua_server_that_restarts_is_followed_again_and_unknown_meanwhile(writer: ReportWriter) -> None:
    port = free_port()
    long_ago = CLOCK.now() - timedelta(days=3)
    plan = ScriptedPlan({"m1": [(long_ago, WAIT)]})
    server = MachineryServer(plan, [character("m1")], CLOCK, port)
    await server.start()
    source = OpcUaSource(opcua_server(port, "m1"), PKI, writer, CLOCK)
    async with running(source):
        await until_state(writer, "m1", WAIT)
        await server.stop()
        assert (await until_state(writer, "m1", UNKNOWN)).reason == "no contact"
        source.confirm()  # as when its status is asked for: nothing is confirmed any more
        assert writer.reported("m1").state is UNKNOWN  # type: ignore[union-attr]
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
    async with running(OpcUaSource(opcua_server(port, "m1", "m2"), PKI, writer, CLOCK)):
        await until_state(writer, "m1", RUN)
    await server.stop()
    assert "no machine 'M2' under Objects/Machines (there are: M1)" in caplog.text


@pytest.mark.long
async def test_the_official_example_machine_is_found() -> None:
    """The BrowseNames of its state machines are in the example's own namespace; they are found by their type definitions."""
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
        settings = OpcUaServer.validated(
            {
                "endpoint": f"opc.tcp://127.0.0.1:{port}/",
                "machine": [{"id": "m1", "browse_name": "ExampleMachine01"}],
            }
        )
        session = OpcUaSession(settings, PKI, CLOCK)
        assert await session.open() == {}
        assert session._values is not None
        machinery = await server.get_namespace_index("http://opcfoundation.org/UA/Machinery/")
        state_nodes = {role: server.get_node(nodeid) for nodeid, [(_, role)] in session._values._roles.items()}
        await session.changes()  # the first values, which stand for nothing yet
        stamp = to_milliseconds(CLOCK.now() + timedelta(milliseconds=1))
        for role, value in (("item_state", 5006), ("operation_mode", 5026)):
            node = ua.Variant(ua.NodeId(value, machinery), ua.VariantType.NodeId)
            await state_nodes[role].write_value(ua.DataValue(node, SourceTimestamp=stamp))
        async with asyncio.timeout(60):
            while True:
                seen = dict(await session.changes())
                if "m1" in seen and seen["m1"].mode is OperationMode.PROCESSING:
                    break
        assert (seen["m1"].state, seen["m1"].since) == (RUN, stamp)
        bad = ua.DataValue(ua.Variant(None), StatusCode=ua.StatusCode(ua.StatusCodes.BadDeviceFailure))
        await server.write_attribute_value(state_nodes["item_state"].nodeid, bad)
        async with asyncio.timeout(60):
            while (seen := dict(await session.changes())).get("m1") is None or seen["m1"].state is not UNKNOWN:
                pass
        await session.close()


async def test_check_lists_every_machine_also_those_that_fail(tmp_path: Path) -> None:
    port = free_port()
    server = MachineryServer(ScriptedPlan({"m1": [(CLOCK.now(), RUN)]}), [character("m1")], CLOCK, port)
    await server.start()
    settings = AgentSettings.validated(
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
