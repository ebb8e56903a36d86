"""The simulated factory of the demo: its OPC UA and Modbus servers, and the agent's configuration for it."""

from __future__ import annotations

import asyncio

from simulators.factory_plan import FactoryPlan
from simulators.limburg import MACHINES, METERED_MACHINES, OPCUA_MACHINES, PLC_MACHINES
from simulators.modbus_server import MeterServer, metered_machine, plc_machine
from simulators.opcua_server import MachineryServer
from telemetry import Clock

_FIRST_METER_UNIT = 1
_FIRST_PLC_UNIT = 11
# Between the standby, base and working power of the simulated machines, with room for hysteresis.
THRESHOLDS = {"off_below_w": 100.0, "idle_below_w": 1500.0, "working_from_w": 2500.0}


class SimulatedFactory:
    """Servers on loopback. `run` moves their machines by the clock."""

    def __init__(self, seed: int, clock: Clock, opcua_port: int, modbus_port: int) -> None:
        self.plan = FactoryPlan(MACHINES, seed)
        self._opcua = MachineryServer(self.plan, OPCUA_MACHINES, clock, opcua_port)
        meters = [
            metered_machine(_FIRST_METER_UNIT + place, self.plan, machine, clock)
            for place, machine in enumerate(METERED_MACHINES)
        ]
        plcs = [
            plc_machine(_FIRST_PLC_UNIT + place, self.plan, machine, clock)
            for place, machine in enumerate(PLC_MACHINES)
        ]
        self._modbus = MeterServer([*meters, *plcs], modbus_port)

    async def start(self) -> None:
        """Listen. Raises UserError if a port is in use."""
        await self._opcua.start()
        try:
            await self._modbus.start()
        except BaseException:
            await self._opcua.stop()
            raise

    async def run(self) -> None:
        """Run until cancelled."""
        await self._opcua.run()

    async def stop(self) -> None:
        await asyncio.gather(self._opcua.stop(), self._modbus.stop())


def agent_machines_toml(opcua_port: int, modbus_port: int) -> str:
    """The machines' part of an agent configuration that reads this factory."""
    lines = [
        "[[opcua]]",
        f'endpoint = "opc.tcp://127.0.0.1:{opcua_port}/vrijloop/simulator"',
        'publishing_interval = "100ms"',
        "",
    ]
    for machine in OPCUA_MACHINES:
        lines += ["[[opcua.machine]]", f'id = "{machine.machine}"', f'browse_name = "{machine.browse_name}"', ""]
    for place, each_machine in enumerate(METERED_MACHINES):
        lines += _modbus_toml(each_machine.machine, modbus_port, _FIRST_METER_UNIT + place, "eastron-sdm630")
        values = ", ".join(f"{name} = {value}" for name, value in THRESHOLDS.items())
        lines += [f"thresholds = {{ {values} }}", ""]
    for place, each_machine in enumerate(PLC_MACHINES):
        lines += [*_modbus_toml(each_machine.machine, modbus_port, _FIRST_PLC_UNIT + place, "plc-status-word"), ""]
    return "\n".join(lines)


def _modbus_toml(machine: str, port: int, unit: int, template: str) -> list[str]:
    return [
        "[[modbus]]",
        f'id = "{machine}"',
        'host = "127.0.0.1"',
        f"port = {port}",
        f"unit = {unit}",
        f'template = "{template}"',
        'poll_interval = "500ms"',
    ]
