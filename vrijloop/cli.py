"""The command line. Rooms are imported by the command that needs them: a gateway has only the agent installed."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from edge_agent import commands as agent_commands
from telemetry import UserError
from telemetry.logs import log_to_stderr
from vrijloop import (
    analytics_commands,
    backup_commands,
    dashboards_commands,
    doctor_command,
    ingest_commands,
    platform_commands,
    publishing_commands,
    setup_commands,
    store_commands,
)
from vrijloop.command_input import parse_moment
from vrijloop.dashboards_commands import known_zone

app = typer.Typer(
    help="Vrijloop: idle machines, offered on their own.", no_args_is_help=True, pretty_exceptions_enable=False
)
app.add_typer(agent_commands.app, name="agent")
app.add_typer(ingest_commands.app, name="ingest")
app.add_typer(store_commands.app, name="store")
app.add_typer(dashboards_commands.app, name="dashboards")
app.add_typer(setup_commands.setup_app, name="setup")
app.add_typer(setup_commands.service_app, name="service")
app.command()(analytics_commands.spare)
app.command()(analytics_commands.backtest)
app.command()(analytics_commands.kpis)
app.command()(publishing_commands.kill_switch)
app.command()(publishing_commands.follow)
app.command()(doctor_command.doctor)
app.command()(backup_commands.backup)
app.command()(backup_commands.restore)
app.command()(platform_commands.platform)
app.command()(platform_commands.platform_admin)
app.command()(platform_commands.platform_migrate)
app.add_typer(publishing_commands.approvals_app, name="approvals")


class BrokerChoice(StrEnum):
    """Which broker the demo starts."""

    AUTO = "auto"
    MOSQUITTO = "mosquitto"
    AMQTT = "amqtt"


PortOption = Annotated[int, typer.Option(min=1, max=65535)]
AsOfOption = Annotated[str | None, typer.Option(help="The present of a recording, ISO 8601 with zone.", hidden=True)]


@app.command()
def demo(
    data_dir: Annotated[Path, typer.Option(help="Where the demo keeps what it has.")] = Path("vrijloop-demo"),
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the page.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same factory.")] = 1,
    weeks: Annotated[int, typer.Option(min=3, max=52, help="Weeks of history to begin with.")] = 8,
    broker: Annotated[BrokerChoice, typer.Option(help="The MQTT broker.")] = BrokerChoice.AUTO,
    headless: Annotated[bool, typer.Option("--headless", help="End with a summary when slots are offered.")] = False,
    replay: Annotated[Path | None, typer.Option(help="Replay a recorded meter (CSV date,usage_kwh).")] = None,
    timezone: Annotated[str, typer.Option(help="Time zone of the recording's times.")] = "UTC",
    skip_broken_rows: Annotated[bool, typer.Option("--skip-broken-rows", help="Count them as no value.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the summary to this file.")] = None,
) -> None:
    """Run everything at once with a simulated factory, or replay a recorded power meter."""
    from vrijloop.demo.run import DemoOptions, run_demo

    options = DemoOptions(
        data_dir, port, seed, weeks, broker.value, headless, replay, known_zone(timezone), skip_broken_rows, json_file
    )
    raise typer.Exit(run_demo(options, Console()))


@app.command()
def simulate(
    opcua_port: PortOption = 4840,
    modbus_port: PortOption = 5020,
    seed: Annotated[int, typer.Option(help="The same seed gives the same factory.")] = 1,
    agent_config: Annotated[Path | None, typer.Option(help="Also write an agent configuration that reads it.")] = None,
    broker: Annotated[str, typer.Option(help="The broker in that configuration.")] = "mqtt://127.0.0.1:1883",
) -> None:
    """Start the simulated factory alone: OPC UA and Modbus TCP servers on 127.0.0.1."""
    from vrijloop.simulate import run_simulation

    asyncio.run(run_simulation(seed, opcua_port, modbus_port, agent_config, broker, Console()))


@app.command()
def server(
    config: Annotated[Path, typer.Option("--config", "-c", help="The server's TOML configuration.")],
    as_of: AsOfOption = None,
) -> None:
    """Run ingest, store and analytics in one process."""
    from vrijloop.server import run_server

    log_to_stderr()
    run_server(config, _as_of(as_of))


@app.command()
def schema(folder: Annotated[Path, typer.Argument(help="Where the files go.")] = Path("docs/schema")) -> None:
    """Write the JSON Schema and AsyncAPI descriptions of the wire format, and the OpenAPI one of the server, if installed."""
    from telemetry.schema import write_schemas

    for path in write_schemas(folder):
        print(path)
    from analytics.app import describe

    print(describe(folder))
    from vrijloop.platform_server import describe_platform

    print(describe_platform(folder))


def main() -> None:
    """Entry point: errors that a person can mend are printed as sentences, without a traceback."""
    try:
        app()
    except UserError as error:
        print(f"vrijloop: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in _OWN:
            raise
        print(
            f"vrijloop: this command needs {error.name}, which is not installed here. Install `vrijloop[all]`.",
            file=sys.stderr,
        )
        sys.exit(2)


_OWN = {"telemetry", "stores", "edge_agent", "ingest", "analytics", "sharing_platform", "dashboards", "simulators"}


def _as_of(text: str | None) -> datetime | None:
    return parse_moment(text, "--as-of") if text is not None else None
