"""`vrijloop setup …` and `vrijloop service install`: prepare a new installation."""

from __future__ import annotations

import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from telemetry import SystemClock, UserError
from telemetry.topics import NAME_PATTERN
from vrijloop.deployment.files import PLATFORM_FILE

setup_app = typer.Typer(
    help="Create secrets, certificates and configuration files. Existing files are kept.", no_args_is_help=True
)
service_app = typer.Typer(help="systemd services.", no_args_is_help=True)

NameOption = Annotated[str, typer.Option(help="Host name of the platform; the control room is at control.NAME.")]
FactoryOption = Annotated[str, typer.Option(help="The factory's name: small letters, digits, - and _.")]
GatewayOption = Annotated[
    list[str] | None, typer.Option("--gateway", help="A gateway that may publish; may be repeated.")
]
OwnerOption = Annotated[
    str | None,
    typer.Option(help="E-mail address of the factory's first user, who is invited when the platform starts."),
]
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,200}[a-z0-9])?")


@setup_app.command("compose")
def setup_compose(
    folder: Annotated[Path, typer.Argument(help="Folder that docker-compose.yml refers to.")] = Path("deployed"),
    name: NameOption = "vrijloop.localhost",
    factory: FactoryOption = "factory",
    gateway: GatewayOption = None,
    owner: OwnerOption = None,
) -> None:
    """Prepare the files for docker-compose.yml. Run as root, so that each secret belongs to the one container that
    reads it."""
    from vrijloop.deployment.setup import for_compose, set_up

    gateways = _check_names(name, factory, gateway)
    address = _first_user(folder, factory, owner)
    _print_created(folder, list(set_up(folder, for_compose(factory, name, address), gateways, _now(), compose=True)))
    _print_owner(folder, factory, owner)


@setup_app.command("debian")
def setup_debian(
    folder: Annotated[Path, typer.Argument(help="Folder for configuration and secrets.")] = Path("/etc/vrijloop"),
    name: NameOption = "vrijloop.localhost",
    factory: FactoryOption = "factory",
    gateway: GatewayOption = None,
    owner: OwnerOption = None,
    data: Annotated[Path, typer.Option(help="Parent of the services' data folders.")] = Path("/var/lib"),
    mqtt_port: Annotated[int, typer.Option(min=1, max=65535)] = 8883,
    platform_port: Annotated[int, typer.Option(min=1, max=65535)] = 8340,
    server_port: Annotated[int, typer.Option(min=1, max=65535)] = 8341,
    https_port: Annotated[int, typer.Option(min=1, max=65535)] = 443,
) -> None:
    """Prepare one Debian server with Mosquitto and nginx from Debian's packages."""
    from vrijloop.deployment.setup import for_debian, set_up
    from vrijloop.deployment.units import change_owners

    gateways = _check_names(name, factory, gateway)
    ports = (mqtt_port, platform_port, server_port, https_port)
    address = _first_user(folder, factory, owner)
    _print_created(
        folder,
        list(
            set_up(
                folder,
                for_debian(factory, name, folder.resolve(), ports, data.resolve(), address),
                gateways,
                _now(),
                compose=False,
            )
        ),
    )
    change_owners(folder)
    _print_owner(folder, factory, owner)


@service_app.command("install")
def install_service(
    services: Annotated[list[str], typer.Argument(help="Any of agent, server, platform and ingest.")],
    root: Annotated[Path, typer.Option(help="Root folder to install into, for images and tests.")] = Path("/"),
) -> None:
    """Install the systemd units, create the user `vrijloop` if it does not exist, and print the next steps."""
    from vrijloop.deployment.units import install, make_user, own_program

    if root == Path("/"):
        make_user()
    for sentence in install(services, own_program(sys.argv[0]), root):
        print(sentence)
    names = " ".join("vrijloop-ingest@1" if service == "ingest" else f"vrijloop-{service}" for service in services)
    print(f"Now: systemctl daemon-reload && systemctl enable --now {names}")


def _check_names(name: str, factory: str, gateways: list[str] | None) -> list[str]:
    if not _HOST.fullmatch(name):
        raise UserError(f"--name {name!r} is not a host name.")
    for own_name in (factory, *(gateways or [])):
        if not re.fullmatch(NAME_PATTERN, own_name) or own_name == "ingest":
            raise UserError(
                f"{own_name!r} is not a valid name: use small letters, digits, - and _; `ingest` is reserved."
            )
    return gateways or ["gw-1"]


def _first_user(folder: Path, factory: str, given: str | None) -> str:
    """The address of `--owner`; asked for at a terminal while the platform has no configuration. Empty where nobody is named. Raises UserError."""
    if given is None and sys.stdin.isatty() and not (folder / PLATFORM_FILE).exists():
        given = typer.prompt(
            f"E-mail address of the first user of {factory}, who answers requests (Enter for nobody yet)",
            default="",
            show_default=False,
        )
    if not given:
        return ""
    from vrijloop.platform_server import read_owners

    return read_owners(f"{factory}={given}")[factory]


def _print_owner(folder: Path, factory: str, given: str | None) -> None:
    """Say so where nobody will be invited, or where a file that stood there already does not name who was given."""
    written = (folder / PLATFORM_FILE).read_text(encoding="utf-8")
    if given and f"{factory}={given.lower()}" not in written:
        print(f"{folder / PLATFORM_FILE} was kept. To invite {given}, add VRIJLOOP_PLATFORM_OWNERS={factory}={given}")
    elif "VRIJLOOP_PLATFORM_OWNERS=" not in written:
        print(
            f"Nobody can answer requests to {factory} yet: vrijloop platform-invite {factory} EMAIL, once the platform has started."
        )


def _now() -> datetime:
    return SystemClock().now()


def _print_created(folder: Path, made: list[str]) -> None:
    for created in made:
        print(f"{folder}/{created}")
    print("The installation is complete." if made else f"{folder}: all files exist already; nothing was changed.")
