"""A simulated factory: its OPC UA and Modbus servers, and the agent's configuration for it."""

from __future__ import annotations

import asyncio

from simulators.factory_plan import FactoryPlan
from simulators.limburg import SimulatedPlant
from simulators.modbus_server import MeterServer, metered_machine, plc_machine
from simulators.opcua_server import MachineryServer
from telemetry import Clock

_FIRST_METER_UNIT = 1
_FIRST_PLC_UNIT = 11
# Between the standby, base and working power of the simulated machines, with room for hysteresis.
THRESHOLDS = {"off_below_w": 100.0, "idle_below_w": 1500.0, "working_from_w": 2500.0}


class SimulatedFactory:
    """Servers on loopback. `run` moves their machines by the clock."""

    def __init__(self, plant: SimulatedPlant, seed: int, clock: Clock, opcua_port: int, modbus_port: int) -> None:
        self.plan = FactoryPlan(plant.machines, seed)
        meters = [
            metered_machine(_FIRST_METER_UNIT + place, self.plan, machine, clock)
            for place, machine in enumerate(plant.metered)
        ]
        plcs = [
            plc_machine(_FIRST_PLC_UNIT + place, self.plan, machine, clock) for place, machine in enumerate(plant.plc)
        ]
        self._servers: list[MachineryServer | MeterServer] = []
        if plant.opcua:
            self._servers.append(MachineryServer(self.plan, plant.opcua, clock, opcua_port))
        if meters or plcs:
            self._servers.append(MeterServer([*meters, *plcs], modbus_port))

    async def start(self) -> None:
        """Listen. Raises UserError if a port is in use."""
        listening: list[MachineryServer | MeterServer] = []
        try:
            for server in self._servers:
                await server.start()
                listening.append(server)
        except BaseException:
            for server in listening:
                await server.stop()
            raise

    async def run(self) -> None:
        """Run until cancelled."""
        await asyncio.gather(*(server.run() for server in self._servers))

    async def stop(self) -> None:
        await asyncio.gather(*(server.stop() for server in self._servers))


def agent_machines_toml(plant: SimulatedPlant, opcua_port: int, modbus_port: int) -> str:
    """The machines' part of an agent configuration that reads this factory."""
    lines: list[str] = []
    if plant.opcua:
        lines += [
            "[[opcua]]",
            f'endpoint = "opc.tcp://127.0.0.1:{opcua_port}/vrijloop/simulator"',
            'publishing_interval = "100ms"',
            "",
        ]
    for machine in plant.opcua:
        lines += ["[[opcua.machine]]", f'id = "{machine.machine}"', f'browse_name = "{machine.browse_name}"', ""]
    for place, each_machine in enumerate(plant.metered):
        lines += _modbus_toml(each_machine.machine, modbus_port, _FIRST_METER_UNIT + place, "eastron-sdm630")
        values = ", ".join(f"{name} = {value}" for name, value in THRESHOLDS.items())
        lines += [f"thresholds = {{ {values} }}", ""]
    for place, each_machine in enumerate(plant.plc):
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
