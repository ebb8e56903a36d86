"""The simulators are real servers: any client finds the machines, and a port in use is an error."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

import pytest
from asyncua import Client
from pymodbus.client import AsyncModbusTcpClient

from simulators.modbus_server import MeterServer, plc, sdm630
from simulators.opcua_server import MachineryServer
from telemetry import MachineState, SystemClock, UserError
from tests.plans import ScriptedPlan, character
from tests.servers import free_port

CLOCK = SystemClock()


@pytest.mark.long
async def test_opcua_machines_folder_as_opc_40001_1_has_it() -> None:
    port = free_port()
    plan = ScriptedPlan({name: [(CLOCK.now() - timedelta(hours=1), MachineState.EXECUTING)] for name in ("m1", "m2")})
    server = MachineryServer(plan, [character("m1"), character("m2")], CLOCK, port)
    await server.start()
    try:
        async with Client(f"opc.tcp://127.0.0.1:{port}/vrijloop/simulator") as client:
            machinery = await client.get_namespace_index("http://opcfoundation.org/UA/Machinery/")
            machines = await client.nodes.objects.get_child(f"{machinery}:Machines")
            found = await machines.get_children()
            assert sorted([(await one.read_browse_name()).Name for one in found]) == ["M1", "M2"]
            blocks = await found[0].get_child(f"{machinery}:MachineryBuildingBlocks")
            state = await blocks.get_child(f"{machinery}:MachineryItemState")
            current = await state.get_child(["0:CurrentState", "0:Id"])
            assert (await current.read_value()).Identifier == 5006  # MachineryItemState_StateMachineType_Executing
            mode = await blocks.get_child(f"{machinery}:MachineryOperationMode")
            assert await (await mode.get_child("0:CurrentState")).read_value()
    finally:
        await server.stop()


async def test_modbus_units_answer_separately_and_refuse_writes() -> None:
    port = free_port()
    server = MeterServer([sdm630(1, lambda: 4500.0), plc(11, lambda: 3)], port)
    await server.start()
    try:
        async with AsyncModbusTcpClient("127.0.0.1", port=port) as client:
            answer = await client.read_input_registers(0x0034, count=2, device_id=1)
            assert client.convert_from_registers(answer.registers, client.DATATYPE.FLOAT32) == 4500.0
            word = await client.read_holding_registers(0, count=1, device_id=11)
            assert word.registers == [3]
            assert (await client.write_register(0, 0, device_id=11)).isError()
    finally:
        await server.stop()


@pytest.mark.long
async def test_a_port_in_use_is_an_error(taken_port: int) -> None:
    with pytest.raises(UserError, match=f"port {taken_port}"):
        await MeterServer([plc(1, lambda: 0)], taken_port).start()
    server = MachineryServer(
        ScriptedPlan({"m1": [(CLOCK.now(), MachineState.EXECUTING)]}), [character("m1")], CLOCK, taken_port
    )
    with pytest.raises(UserError, match=f"port {taken_port}"):
        await server.start()
    with contextlib.suppress(Exception):
        async with asyncio.timeout(5):
            await server.stop()
