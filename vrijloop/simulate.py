"""`vrijloop simulate`: runs only the simulated factory, for any client."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

from rich.console import Console

from simulators.limburg import GENK
from telemetry import SystemClock, UserError
from vrijloop.simulated_factory import SimulatedFactory, agent_machines_toml


async def run_simulation(
    seed: int, opcua_port: int, modbus_port: int, agent_config: Path | None, broker: str, console: Console
) -> None:
    """Serve until SIGINT or SIGTERM. Raises UserError if a port or the file cannot be used."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    factory = SimulatedFactory(GENK, seed, SystemClock(), opcua_port, modbus_port)
    # Before anybody can connect: whoever waits for a port finds the configuration.
    if agent_config is not None:
        _write_agent_config(agent_config, broker, opcua_port, modbus_port)
        console.print(f"Agent configuration: {agent_config}")
    await factory.start()
    try:
        console.print(f"OPC UA: opc.tcp://127.0.0.1:{opcua_port}/vrijloop/simulator")
        console.print(f"Modbus TCP: 127.0.0.1:{modbus_port}")
        console.print("Press Ctrl-C to stop.")
        running = asyncio.create_task(factory.run())
        await stop.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    finally:
        await factory.stop()


def _write_agent_config(path: Path, broker: str, opcua_port: int, modbus_port: int) -> None:
    head = f'[agent]\nfactory = "{GENK.factory}"\ngateway = "gw-1"\n\n[mqtt]\nurl = {json.dumps(broker)}\n\n'
    try:
        path.write_text(head + agent_machines_toml(GENK, opcua_port, modbus_port), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}).") from error
