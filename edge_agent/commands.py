"""`vrijloop agent …`"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from edge_agent.agent import Agent
from edge_agent.check import CheckResult, check_broker, check_machines
from edge_agent.configuration import AgentSettings
from edge_agent.device_templates import templates, templates_page
from telemetry import SystemClock, UnavailableError, load_settings

app = typer.Typer(help="The edge agent that reads machines and publishes their states.", no_args_is_help=True)

ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="The agent's TOML configuration.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@app.command()
def run(config: ConfigOption = Path("agent.toml")) -> None:
    """Run until told to stop."""
    settings = load_settings(config, AgentSettings)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for noisy in ("asyncua", "pymodbus"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    asyncio.run(_run(settings))


@app.command()
def check(config: ConfigOption = Path("agent.toml"), as_json: JsonOption = False) -> None:
    """Reach every machine and the broker once and print each machine's state now; fails if one cannot be reached."""
    settings = load_settings(config, AgentSettings)
    for noisy in ("asyncua", "pymodbus"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    results, broker_problem = asyncio.run(_check(settings))
    if as_json:
        machines = [_as_row(one) for one in results]
        print(json.dumps({"machines": machines, "broker": {"problem": broker_problem}}, indent=2))
    else:
        _print_table(results)
    problems = [f"{one.machine} at {one.address}: {one.problem}" for one in results if one.problem is not None]
    problems += [broker_problem] if broker_problem else []
    if problems:
        raise UnavailableError(
            f"{len(problems)} of {len(results) + 1} checks failed (machines and broker):\n" + "\n".join(problems)
        )


async def _check(settings: AgentSettings) -> tuple[list[CheckResult], str | None]:
    return await asyncio.gather(check_machines(settings, SystemClock()), check_broker(settings))


@app.command("templates")
def list_templates(
    as_json: JsonOption = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the documentation page.")] = False,
) -> None:
    """List the device templates for Modbus machines."""
    if markdown:
        print(templates_page(), end="")
        return
    if as_json:
        print(json.dumps([one.model_dump(mode="json") for one in templates().values()], indent=2))
        return
    table = Table("Template", "What it is", "Products")
    for one in templates().values():
        table.add_row(one.name, one.title, ", ".join(one.products))
    Console().print(table)


async def _run(settings: AgentSettings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await Agent(settings, SystemClock()).run(stop)


def _as_row(result: CheckResult) -> dict[str, str | None]:
    seen = result.seen
    return {
        "machine": result.machine,
        "address": result.address,
        "state": seen.state.value if seen else None,
        "mode": seen.mode.value if seen and seen.mode else None,
        "problem": result.problem,
    }


def _print_table(results: list[CheckResult]) -> None:
    table = Table("Machine", "Address", "State", "Mode", "Problem")
    for row in map(_as_row, results):
        table.add_row(*(row[name] or "" for name in ("machine", "address", "state", "mode", "problem")))
    Console().print(table)
