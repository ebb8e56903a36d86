"""`vrijloop setup …` and `vrijloop service install`: what stands between a fresh machine and a running installation."""

from __future__ import annotations

import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from telemetry import SystemClock, UserError
from telemetry.topics import NAME_PATTERN

setup_app = typer.Typer(
    help="Make secrets, certificates and configurations. What is there already stays.", no_args_is_help=True
)
service_app = typer.Typer(help="Services of systemd.", no_args_is_help=True)

NameOption = Annotated[str, typer.Option(help="The platform's name in browsers; the control room is at control.NAME.")]
FactoryOption = Annotated[str, typer.Option(help="The factory's name: small letters, digits, - and _.")]
GatewayOption = Annotated[
    list[str] | None, typer.Option("--gateway", help="A gateway that may publish; may be repeated.")
]
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,200}[a-z0-9])?")


@setup_app.command("compose")
def setup_compose(
    folder: Annotated[Path, typer.Argument(help="Where docker-compose.yml looks for it.")] = Path("deployed"),
    name: NameOption = "vrijloop.localhost",
    factory: FactoryOption = "factory",
    gateway: GatewayOption = None,
) -> None:
    """For docker-compose.yml. Run it as root, so that each secret belongs to the one container that reads it."""
    from vrijloop.deployment.setup import for_compose, set_up

    gateways = _checked(name, factory, gateway)
    _say(folder, list(set_up(folder, for_compose(factory, name), gateways, _now(), compose=True)))


@setup_app.command("debian")
def setup_debian(
    folder: Annotated[Path, typer.Argument(help="Where configuration and secrets go.")] = Path("/etc/vrijloop"),
    name: NameOption = "vrijloop.localhost",
    factory: FactoryOption = "factory",
    gateway: GatewayOption = None,
    data: Annotated[Path, typer.Option(help="Where services keep what they have.")] = Path("/var/lib"),
    mqtt_port: Annotated[int, typer.Option(min=1, max=65535)] = 8883,
    platform_port: Annotated[int, typer.Option(min=1, max=65535)] = 8340,
    server_port: Annotated[int, typer.Option(min=1, max=65535)] = 8341,
    https_port: Annotated[int, typer.Option(min=1, max=65535)] = 443,
) -> None:
    """For one Debian server with Mosquitto and nginx from its packages."""
    from vrijloop.deployment.setup import for_debian, set_up
    from vrijloop.deployment.units import give_to_services

    gateways = _checked(name, factory, gateway)
    ports = (mqtt_port, platform_port, server_port, https_port)
    _say(
        folder,
        list(
            set_up(
                folder,
                for_debian(factory, name, folder.resolve(), ports, data.resolve()),
                gateways,
                _now(),
                compose=False,
            )
        ),
    )
    give_to_services(folder)


@service_app.command("install")
def install_service(
    services: Annotated[list[str], typer.Argument(help="agent, server, platform, ingest.")],
    root: Annotated[Path, typer.Option(help="Another root than / (for images and tests).")] = Path("/"),
) -> None:
    """Write the units, make the user `vrijloop` where there is none, and say what to do next."""
    from vrijloop.deployment.units import install, make_user, own_program

    if root == Path("/"):
        make_user()
    for sentence in install(services, own_program(sys.argv[0]), root):
        print(sentence)
    names = " ".join("vrijloop-ingest@1" if one == "ingest" else f"vrijloop-{one}" for one in services)
    print(f"Now: systemctl daemon-reload && systemctl enable --now {names}")


def _checked(name: str, factory: str, gateways: list[str] | None) -> list[str]:
    if not _HOST.fullmatch(name):
        raise UserError(f"--name {name!r} is no name of a host.")
    for one in (factory, *(gateways or [])):
        if not re.fullmatch(NAME_PATTERN, one) or one == "ingest":
            raise UserError(f"{one!r} is no name here: small letters, digits, - and _, and not `ingest`.")
    return gateways or ["gw-1"]


def _now() -> datetime:
    return SystemClock().now()


def _say(folder: Path, made: list[str]) -> None:
    for one in made:
        print(f"{folder}/{one}")
    print("Everything is there." if made else f"{folder}: everything was there already; nothing was changed.")
