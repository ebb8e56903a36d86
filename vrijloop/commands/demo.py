"""`vrijloop demo` and `vrijloop simulate`."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from vrijloop.commands.options import check_zone

PortOption = Annotated[int, typer.Option(min=1, max=65535)]
SeedOption = Annotated[int, typer.Option(help="The same seed gives the same factory.")]


class BrokerChoice(StrEnum):
    """Which broker the demo starts."""

    AUTO = "auto"
    MOSQUITTO = "mosquitto"
    AMQTT = "amqtt"


def demo(
    data_dir: Annotated[Path, typer.Option(help="Folder for the demo's data.")] = Path("vrijloop-demo"),
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of the web page; the control room has the next one.")
    ] = None,
    seed: SeedOption = 1,
    weeks: Annotated[int, typer.Option(min=2, max=52, help="Weeks of history to begin with.")] = 8,
    broker: Annotated[BrokerChoice, typer.Option(help="The MQTT broker.")] = BrokerChoice.AUTO,
    headless: Annotated[bool, typer.Option("--headless", help="End with a summary once slots are offered.")] = False,
    replay: Annotated[Path | None, typer.Option(help="Replay a recorded meter (CSV date,usage_kwh).")] = None,
    timezone: Annotated[str, typer.Option(help="Time zone of the times in the recording.")] = "UTC",
    skip_broken_rows: Annotated[
        bool, typer.Option("--skip-broken-rows", help="Treat rows that cannot be read as missing values.")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the summary to this file.")] = None,
) -> None:
    """Run the whole chain with three simulated factories and a region around them, or replay a recorded power meter."""
    from vrijloop.demo.options import DemoOptions
    from vrijloop.demo.run import run_demo

    options = DemoOptions(
        data_dir, port, seed, weeks, broker.value, headless, replay, check_zone(timezone), skip_broken_rows, json_file
    )
    raise typer.Exit(run_demo(options, Console()))


def simulate(
    opcua_port: PortOption = 4840,
    modbus_port: PortOption = 5020,
    seed: SeedOption = 1,
    agent_config: Annotated[
        Path | None, typer.Option(help="Also write an agent configuration that reads this factory.")
    ] = None,
    broker: Annotated[str, typer.Option(help="The broker named in that configuration.")] = "mqtt://127.0.0.1:1883",
) -> None:
    """Run only the simulated factory: OPC UA and Modbus TCP servers on 127.0.0.1."""
    from vrijloop.simulate import run_simulation

    asyncio.run(run_simulation(seed, opcua_port, modbus_port, agent_config, broker, Console()))
