"""`vrijloop agent …`

What reads machines and their configuration is imported inside the functions: it takes longer to load than the rest of the command line, and
all other commands wait for it too.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from edge_agent.certificate_commands import certificates
from edge_agent.command_options import ConfigOption, identity, pki_of
from telemetry import SystemClock, UnavailableError, UserError, load_settings
from telemetry.duration import parse_duration

if TYPE_CHECKING:
    from edge_agent.check import CheckResult
    from edge_agent.configuration import AgentSettings
    from edge_agent.learn import Meter
    from telemetry.broker import BrokerSettings

app = typer.Typer(help="The edge agent that reads machines and publishes their states.", no_args_is_help=True)

app.add_typer(certificates, name="certificate")

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@app.command()
def run(config: ConfigOption = Path("agent.toml")) -> None:
    """Run the agent until it receives SIGTERM or SIGINT."""
    from edge_agent.runner import run_agent

    run_agent(config)


@app.command()
def check(config: ConfigOption = Path("agent.toml"), as_json: JsonOption = False) -> None:
    """Connect to every machine and the broker once and print each machine's state. Fails if one cannot be reached."""
    from edge_agent.runner import quiet_libraries

    settings = _settings(config)
    quiet_libraries()
    results, broker_problem, sparkplug_problem = asyncio.run(_check(settings))
    expiring, exposed = _expiring(settings), _exposed(settings)
    if as_json:
        machines = [_as_row(result) for result in results]
        found: dict[str, object] = {"machines": machines, "broker": {"problem": broker_problem}}
        found["certificates"] = [{"problem": problem} for problem in expiring]
        found["secrets"] = [{"problem": problem} for problem in exposed]
        if settings.sparkplug is not None:
            found["sparkplug"] = {"problem": sparkplug_problem}
        print(json.dumps(found, indent=2))
    else:
        _print_table(results)
        _print_certificates(expiring)
        for problem in exposed:
            Console().print(Text(problem, style="red"), soft_wrap=True)
    problems = [
        f"{result.machine} at {result.address}: {result.problem}" for result in results if result.problem is not None
    ]
    problems += [problem for problem in (broker_problem, sparkplug_problem) if problem is not None]
    if problems:
        checks = len(results) + (1 if settings.sparkplug is None else 2)
        raise UnavailableError(
            f"{len(problems)} of {checks} checks failed (machines and broker):\n" + "\n".join(problems)
        )


def _expiring(settings: AgentSettings) -> list[str]:
    """What is said of certificates that expire soon, or have expired."""
    from edge_agent.certificate_watch import certificates_of

    now = SystemClock().now()
    found = certificates_of(settings, pki_of(settings.agent.data_dir).folder, now)
    return [said for one in found if (said := one.warning(now)) is not None]


def _exposed(settings: AgentSettings) -> list[str]:
    """What is said of files with secrets that others can read."""
    from edge_agent.secret_files import readable_by_others

    return readable_by_others(settings, pki_of(settings.agent.data_dir).folder)


async def _check(settings: AgentSettings) -> tuple[list[CheckResult], str | None, str | None]:
    from edge_agent.check import check_broker, check_machines, check_sparkplug

    return await asyncio.gather(
        check_machines(settings, SystemClock()), check_broker(settings), check_sparkplug(settings)
    )


@app.command()
def egress(config: ConfigOption = Path("agent.toml"), as_json: JsonOption = False) -> None:
    """List what leaves the factory with this configuration: to whom, which fields, how often; and what never does. Connects to nothing."""
    from edge_agent.egress import egress_of
    from edge_agent.egress_page import egress_page

    found = egress_of(_settings(config))
    print(json.dumps(asdict(found), indent=2) if as_json else egress_page(found), end="\n" if as_json else "")


@app.command("templates")
def list_templates(
    as_json: JsonOption = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print them as a documentation page.")] = False,
) -> None:
    """List the device templates for Modbus devices."""
    from edge_agent.device_templates import templates
    from edge_agent.templates_page import templates_page

    if markdown:
        print(templates_page(), end="")
        return
    if as_json:
        print(json.dumps([template.model_dump(mode="json") for template in templates().values()], indent=2))
        return
    table = Table("Template", "What it is", "Products")
    for template in templates().values():
        table.add_row(template.name, template.title, ", ".join(template.products))
    Console().print(table)


@app.command()
def discover(
    target: Annotated[
        str,
        typer.Argument(
            help="opc.tcp://HOST:PORT, a Modbus host, HOST or HOST:PORT, or an MQTT broker with Sparkplug B, mqtt://HOST:PORT."
        ),
    ],
    units: Annotated[str, typer.Option(help="Modbus units to try, for example 1-247 or 1,2,255.")] = "1-16",
    timeout: Annotated[str, typer.Option(help="Time-out for each Modbus unit.")] = "500ms",
    security_policy: Annotated[str | None, typer.Option(help="OPC UA: for example Basic256Sha256.")] = None,
    security_mode: Annotated[str | None, typer.Option(help="OPC UA: Sign or SignAndEncrypt.")] = None,
    username: Annotated[str | None, typer.Option(help="OPC UA, MQTT: who logs in.")] = None,
    password_file: Annotated[str | None, typer.Option(help="OPC UA, MQTT: the file with the password.")] = None,
    user_certificate: Annotated[str | None, typer.Option(help="OPC UA: log in by this certificate.")] = None,
    user_key: Annotated[str | None, typer.Option(help="OPC UA: the key of that certificate.")] = None,
    ca_file: Annotated[
        str | None, typer.Option(help="MQTT: the authority that signed the broker's certificate.")
    ] = None,
    protocol: Annotated[str | None, typer.Option(help="MQTT: 5 or 3.1.1.")] = None,
    group: Annotated[str | None, typer.Option(help="Sparkplug: this group alone.")] = None,
    listen: Annotated[str, typer.Option("--for", help="Sparkplug: how long to listen; Ctrl-C ends it sooner.")] = "30s",
    rebirth: Annotated[
        bool,
        typer.Option(help="Sparkplug: ask nodes for their births; otherwise only those that come by themselves show."),
    ] = True,
    config: ConfigOption = Path("agent.toml"),
) -> None:
    """Search an address for machines and print a configuration for them."""
    from edge_agent import discover as finding
    from edge_agent import discover_options as finding_options

    if finding.is_opcua(target):
        options = {
            "security_policy": security_policy,
            "security_mode": security_mode,
            "username": username,
            "password_file": password_file,
            "user_certificate": user_certificate,
            "user_key": user_key,
        }
        server = finding_options.opcua_server(
            target, {name: value for name, value in options.items() if value is not None}
        )
        # The agent's own certificate, and whom it trusts, matter with security alone: before that there may be no file.
        pki = pki_of(identity(config).data_dir if security_policy else Path())
        print(asyncio.run(finding.discover_opcua(server, pki, SystemClock().now())), end="")
        return
    if target.startswith(("mqtt://", "mqtts://")):
        login = {"username": username, "password_file": password_file, "ca_file": ca_file, "protocol": protocol}
        broker = finding_options.mqtt_broker(
            {"url": target} | {name: value for name, value in login.items() if value is not None}
        )
        _discover_sparkplug(broker, group, _duration(listen, "--for"), rebirth)
        return
    host, _, port = target.partition(":")
    numbers, patience = finding_options.modbus_units(units), _duration(timeout, "--timeout").total_seconds()
    console = Console(stderr=True)
    with console.status("Trying units …") as progress:
        discovery = finding.discover_modbus(
            host,
            finding_options.modbus_port(port),
            numbers,
            patience,
            lambda unit: progress.update(f"Trying unit {unit} of {numbers[-1]} …"),
        )
        text = asyncio.run(discovery)
    print(text, end="")


def _discover_sparkplug(settings: BrokerSettings, group: str | None, listen: timedelta, rebirth: bool) -> None:
    from edge_agent.runner import stop_on_signals
    from edge_agent.sparkplug_discover import discover_sparkplug

    async def listened() -> str:
        with Console(stderr=True).status("Listening …") as progress:
            return await discover_sparkplug(
                settings, group, listen.total_seconds(), SystemClock().now, rebirth=rebirth, stop=stop_on_signals(),
                on_heard=lambda heard: progress.update(f"Listening … {len(heard.nodes)} edge nodes heard"),
            )  # fmt: skip

    print(asyncio.run(listened()), end="")


@app.command()
def status(config: ConfigOption = Path("agent.toml"), as_json: JsonOption = False) -> None:
    """Show the status of the running agent: machines, last contact, outbox, broker."""
    from edge_agent.supervision import ask_status

    answer = asyncio.run(ask_status(_settings(config).agent.data_dir))
    if as_json:
        print(json.dumps(answer, indent=2))
        return
    table = Table("Machine", "State", "Mode", "Since", "Confirmed", "Contact")
    for row in answer["machines"]:
        age = row["seconds_since_confirmed"]
        confirmed = "" if age is None else f"{age:.0f} s ago"
        contact = "yes" if row["in_contact"] else row["problem"] or row["reason"] or "no"
        table.add_row(row["machine"], row["state"], row["mode"] or "", row["since"] or "", confirmed, contact)
    console, outbox, broker = Console(), answer["outbox"], answer["broker"]
    console.print(table)
    console.print(f"Broker {broker['address']}: {'connected' if broker['connected'] else 'not connected'}.")
    if (sparkplug := answer["sparkplug"]) is not None:
        waits = ", waiting for the primary host" if sparkplug["waits_for_host"] else ""
        connected = "connected" if sparkplug["connected"] else "not connected"
        console.print(f"Sparkplug, broker {sparkplug['address']}: {connected}{waits}.")
    for read in answer["sparkplug_input"]:
        connected = "connected" if read["connected"] else "not connected"
        there = sum(node["is_born"] for node in read["nodes"])
        console.print(f"Sparkplug input, broker {read['address']}: {connected}; {there} of {len(read['nodes'])} nodes.")
        for node in read["nodes"]:
            for what, count in node["counted"].items():
                console.print(f"  {node['node']}: {what.replace('_', ' ')}: {count}", highlight=False)
    if not broker["confirmed"]:
        console.print(
            "[red]No server tells that it has stored the reports; they are kept here. Is the server running?[/red]"
        )
    console.print(
        f"Outbox: {outbox['waiting']} reports waiting, {outbox['unconfirmed']} sent and not yet known to be stored, "
        f"{outbox['dropped_oldest']} dropped because it was full."
    )
    _print_clocks({row["address"]: row["problem"] for row in answer["clocks"] if row["problem"] is not None})
    _print_certificates(row["problem"] for row in answer["certificates"] if row["problem"] is not None)
    if outbox["in_memory"]:
        console.print(f"[red]Reports cannot be written to disk: {outbox['in_memory']} wait in memory.[/red]")


@app.command()
def learn(
    machine: Annotated[str, typer.Argument(help="The machine's id in the configuration.")],
    config: ConfigOption = Path("agent.toml"),
    watch: Annotated[
        str, typer.Option("--for", help="How long to watch, for example 8h or 7d. Ctrl-C stops earlier.")
    ] = "24h",
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="Read the column `power_w` or `usage_kwh` of a file instead.")
    ] = None,
    interval: Annotated[str, typer.Option(help="Time between two rows of the CSV file.")] = "15min",
    save: Annotated[Path | None, typer.Option(help="Save the readings as a CSV file.")] = None,
    png: Annotated[Path | None, typer.Option(help="Also draw the distribution to this PNG file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Find a meter's power levels (off, base load, working) and propose thresholds, or report that the levels cannot be separated."""
    from edge_agent import learn as learning
    from edge_agent.power_levels import propose

    length, distance = _duration(watch, "--for"), _duration(interval, "--interval")
    if csv_file is not None:
        power_w = learning.read_power_csv(csv_file, distance)
    else:
        settings = _settings(config)
        meter = learning.meter_of(settings, machine)
        distance = meter.interval
        power_w = asyncio.run(_watch(machine, meter, length, quiet=as_json))
        if save is not None:
            learning.save_csv(save, power_w)
    proposal = propose(power_w)
    if as_json:
        print(json.dumps(learning.as_json(proposal, distance), indent=2))
    else:
        Console().print(learning.render(proposal, distance))
    if png is not None:
        learning.write_png(proposal, png, machine)
    if proposal.thresholds is None:
        raise typer.Exit(1)


async def _watch(machine: str, meter: Meter, length: timedelta, quiet: bool) -> list[float]:
    from edge_agent import learn as learning
    from edge_agent.runner import stop_on_signals

    stop = stop_on_signals()
    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        task = progress.add_task(f"Watching {machine}", total=1.0)

        def on_reading(share: float, power_w: float) -> None:
            progress.update(task, completed=share, description=f"Watching {machine}: {learning.watts(power_w)}")

        return await learning.watch_power(meter, SystemClock(), length, stop, on_reading)


def _settings(config: Path) -> AgentSettings:
    from edge_agent.configuration import AgentSettings

    return load_settings(config, AgentSettings)


def _duration(text: str, option: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UserError(f"{option}: {error}.") from None


def _as_row(result: CheckResult) -> dict[str, str | None]:
    seen = result.seen
    return {
        "machine": result.machine,
        "address": result.address,
        "state": seen.state.value if seen else None,
        "mode": seen.mode.value if seen and seen.mode else None,
        "problem": result.problem,
        "clock": result.clock,
    }


def _print_table(results: list[CheckResult]) -> None:
    table = Table("Machine", "Address", "State", "Mode", "Problem")
    for row in map(_as_row, results):
        table.add_row(*(row[name] or "" for name in ("machine", "address", "state", "mode", "problem")))
    Console().print(table)
    _print_clocks({result.address: result.clock for result in results if result.clock is not None})


def _print_clocks(wrong: Mapping[str, str]) -> None:
    """`wrong`: address to what is wrong with the clock there."""
    for address, what in wrong.items():
        Console().print(f"[red]{address}: {what}. Set it, best by NTP.[/red]", soft_wrap=True)


def _print_certificates(problems: Iterable[str]) -> None:
    for problem in problems:
        Console().print(Text(f"{problem} Replace it.", style="red"), soft_wrap=True)
