"""`vrijloop export`: what the factory has to offer, in formats of the industry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table

from telemetry import UserError
from vrijloop.commands.options import SERVER_CONFIG, JsonOption, ServerConfigOption
from vrijloop.commands.running_server import ask_server

app = typer.Typer(help="What the factory has to offer, in formats of the industry.", no_args_is_help=True)

_WHY = {
    "not_offered": "the policy does not offer it",
    "for_others": "this customer may not know of it",
    "too_little_known": "fewer than four of its last eight weeks are known",
}
_SHOWN = 8


@app.command()
def capacity(
    customer: Annotated[
        str, typer.Argument(help="The customer, as `[[catena_x.customer]]` of the configuration names it.")
    ],
    config: ServerConfigOption = SERVER_CONFIG,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The file for the capacity groups; how sure they are stands beside it in NAME.uncertainty.json.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Export weekly capacity for the coming 52 weeks as Catena-X's WeekBasedCapacityGroup (CX-0128), from calendar, policy and forecast of the running server."""
    found = ask_server(config, "GET", f"/api/v1/capacity/{quote(customer, safe='')}")
    if output is not None:
        beside = output.with_name(f"{output.stem}.uncertainty.json")
        _write(output, _as_json(found["groups"]))
        _write(beside, _as_json(found["uncertainty"]))
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        _print(found)
        if output is not None:
            print(f"{output} has the capacity groups, {beside} how sure they are.")
    _say_what_is_missing(found)


@app.command()
def capability(
    machine: Annotated[
        str | None, typer.Argument(help="One machine. By default all that the factory shares under its name.")
    ] = None,
    config: ServerConfigOption = SERVER_CONFIG,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write. By default, it is printed.")
    ] = None,
) -> None:
    """Export what the factory's machines can do as Catena-X's ManufacturingCapability (CX-0115), from what the sharing platform knows of them."""
    from vrijloop.operations.shared_machines import SharedMachines

    found = SharedMachines.of(config).capability(machine)
    if output is not None:
        _write(output, _as_json(found))
        count = len(found[0]["machines"])
        print(f"{output} has what {count} machine{'s' * (count != 1)} can do.")
    else:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    for one in found[0]["machines"]:
        if "provides" not in one:
            title = next(iter(one["label"].values()))
            _say(f"{title!r} provides nothing: its process is not said on the platform.")


@app.command()
def aas(
    machine: Annotated[str, typer.Argument(help="The machine, by its id.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file to write: .aasx for a package, .json for JSON.")
    ],
    site: Annotated[
        str | None,
        typer.Option(
            help="The platform's public address, where the configuration has another one: ids are made of it."
        ),
    ] = None,
    config: ServerConfigOption = SERVER_CONFIG,
) -> None:
    """Export the Asset Administration Shell of a machine (Technical Data, Capability Description), from what the sharing platform knows of it. Needs the extra `aas`."""
    from vrijloop.operations.shared_machines import SharedMachines, shell

    if output.suffix not in (".aasx", ".json"):
        raise UserError(f"--output {output}: the file's name ends in .aasx or .json.")
    machines = SharedMachines.of(config)
    content, missing = shell(machines, machine, site, package=output.suffix == ".aasx")
    _write(output, content)
    print(f"{output} is written.")
    if missing:
        _say(f"Not said on the platform, and so missing: {', '.join(missing)}.")


def _print(found: dict[str, Any]) -> None:
    table = Table("Group", "Week", "Expected free", "80 %", "Open", "From")
    for group, told in zip(found["groups"], found["uncertainty"]["groups"], strict=True):
        for week, sure in list(zip(group["capacities"], told["weeks"], strict=True))[:_SHOWN]:
            between = (
                f"{sure['lowerCapacity']:g} – {sure['upperCapacity']:g}" if "lowerCapacity" in sure else "not known"
            )
            expected, most = (f"{week[name]:g} h" for name in ("actualCapacity", "maximumCapacity"))
            table.add_row(group["name"], week["pointInTime"], expected, between, most, sure["basis"].replace("_", " "))
    console = Console()
    if found["groups"]:
        console.print(table)
        console.print(
            f"The first {_SHOWN} of {len(found['groups'][0]['capacities'])} weeks; --json or --output has all."
        )
    else:
        console.print("There is no capacity to tell.")


def _say_what_is_missing(found: dict[str, Any]) -> None:
    """On standard error, so that what is read by programs stays clean."""
    for one in found["leftOut"]:
        _say(f"Left out: {one['machine']}, as {_WHY[one['reason']]}.")
    for name in found["unlinked"]:
        _say(
            f"No demand of the customer is linked to {name!r}, and receivers refuse such a group: write it in [[catena_x.customer.demand]]."
        )
    if any(group["capacityGroupIsInactive"] for group in found["groups"]):
        _say("The kill switch is on: the groups are marked as inactive.")


def _say(sentence: str) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(sentence)


def _as_json(content: object) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def _write(path: Path, content: bytes) -> None:
    """Raises UserError."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from error
