"""`vrijloop gateway …`: gateways that the broker lets in."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from telemetry import UserError
from telemetry.topics import NAME_PATTERN
from vrijloop.commands.options import INSTALLATION, InstallationOption, JsonOption

if TYPE_CHECKING:
    from vrijloop.deployment.installed import Installed

app = typer.Typer(
    help="Gateways of an installation: add one, give it a new password, shut it out.", no_args_is_help=True
)

NameArgument = Annotated[str, typer.Argument(help="The gateway's name: small letters, digits, - and _.")]


@app.command("add")
def add_gateway(name: NameArgument, folder: InstallationOption = INSTALLATION) -> None:
    """Let a gateway in, which may publish states of the factory's machines and nothing else. Prints what to hand to the technician."""
    from vrijloop.deployment.broker_users import INSIDE
    from vrijloop.deployment.gateways import add

    if not re.fullmatch(NAME_PATTERN, name) or name in INSIDE:
        raise UserError(
            f"{name!r} is not a valid name: use small letters, digits, - and _; {' and '.join(INSIDE)} are reserved."
        )
    installed = _installed(folder)
    made = add(installed, name)
    print_steps(
        *_reload(installed),
        f"Copy the folder {installed.shown(made)} to the gateway as /etc/vrijloop, in a way that nobody else can read: it holds the password.",
        *_log_in(installed, name),
    )


@app.command("rotate")
def rotate_gateway(
    name: NameArgument,
    finish: Annotated[bool, typer.Option("--finish", help="End the old password; the new one is in use.")] = False,
    folder: InstallationOption = INSTALLATION,
) -> None:
    """Give a gateway a new password. The old one remains valid until `--finish`, so the gateway goes on; nothing is restarted, and no report is lost."""
    from vrijloop.deployment import gateways

    installed = _installed(folder)
    if finish:
        ended = gateways.finish(installed, name)
        print(f"The broker no longer lets in {' and '.join(ended)}.")
        print_steps(*_reload(installed, "the gateway is cut off, and comes back with its new password within seconds"))
        return
    file = gateways.rotate(installed, name)
    steps = [
        *_reload(installed),
        f"Replace /etc/vrijloop/{file.name} on the gateway by {installed.shown(file)}, readable by its user vrijloop alone.",
    ]
    steps += [
        *_log_in(installed, name),
        "On the gateway, try it: vrijloop agent check --config /etc/vrijloop/agent.toml",
        f"{installed.program} gateway rotate {name} --finish",
    ]
    print_steps(*steps)


@app.command("revoke")
def revoke_gateway(
    name: NameArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    folder: InstallationOption = INSTALLATION,
) -> None:
    """Shut a gateway out, for instance one that was stolen. What it has reported stays."""
    from vrijloop.deployment.gateways import revoke

    installed = _installed(folder)
    if not yes:
        typer.confirm(f"Shut out {name}? Its reports are no longer taken", abort=True)
    revoke(installed, name)
    print_steps(*_reload(installed, "until then the broker still lets it in"))


@app.command("list")
def list_gateways(folder: InstallationOption = INSTALLATION, as_json: JsonOption = False) -> None:
    """List the gateways that the broker lets in. One with two users has a new password, and the old one is still valid."""
    from vrijloop.deployment.gateways import gateways

    found = gateways(_installed(folder))
    if as_json:
        print(json.dumps([{"gateway": one.name, "users": one.users} for one in found], indent=2))
        return
    table = Table("Gateway", "Users of the broker", "")
    for one in found:
        table.add_row(one.name, ", ".join(one.users), "rotation not finished" if len(one.users) > 1 else "")
    Console().print(table if found else "The broker lets no gateway in.")


def print_steps(*steps: str) -> None:
    """What is left to do."""
    if not steps:
        return
    print("Now:" if len(steps) == 1 else "Now, in this order:")
    for step in steps:
        print(f"- {step}")


def _installed(folder: Path) -> Installed:
    from vrijloop.deployment.installed import read_installation

    return read_installation(folder)


def _log_in(installed: Installed, name: str) -> list[str]:
    """What is left to do where an earlier version has made the gateway's configuration."""
    from vrijloop.deployment.gateways import CREDENTIALS, reads_credentials

    if reads_credentials(installed, name):
        return []
    step = f'In its agent.toml, under [mqtt], write credentials_file = "/etc/vrijloop/{CREDENTIALS}" instead of `username` and `password_file`, '
    return [step + "and restart it once: systemctl restart vrijloop-agent"]


def _reload(installed: Installed, why: str = "") -> list[str]:
    """Have the broker take over its users; where that is not possible from here, the step that is left."""
    from vrijloop.deployment.installed import BROKER
    from vrijloop.deployment.units import reload_broker

    if not installed.compose and reload_broker(installed.passwords):
        print("The broker has taken it over.")
        return []
    (command,) = installed.take_over(BROKER)
    return [f"{command}   ({why})" if why else command]
