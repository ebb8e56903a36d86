"""The programs that the demo starts: a broker and a server for each factory, the sharing platform, and shop floors."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from vrijloop.demo.broker import DEMO_ONLY, choose_broker, listens, start_broker
from vrijloop.demo.children import Child, Children
from vrijloop.demo.forks import load
from vrijloop.demo.options import DemoOptions
from vrijloop.demo.requests import answers, ask
from vrijloop.demo.workplace import Ports, Workplace

READY_S = 60.0
_PLATFORM_S = 300.0
"""On a slow computer, the demo's is a while at its region's fortnight."""
POLL_S = 0.3


def workplace(options: DemoOptions, ports: Ports, factory: str, folder: Path) -> Workplace:
    protocol = "5" if choose_broker(options.broker) == "mosquitto" else "3.1.1"
    return Workplace(folder.resolve(), ports, factory, "gw-demo", protocol)


def warn_of_broker(options: DemoOptions, console: Console) -> None:
    if choose_broker(options.broker) == "amqtt":
        console.print(f"[yellow]{DEMO_ONLY}[/yellow]")


def start_services(
    places: Sequence[Workplace],
    platform: Sequence[str],
    options: DemoOptions,
    children: Children,
    as_of: datetime | None,
) -> Child:
    """Start brokers, platform and servers, so that each server has subscribed before the first report is published. `platform`: the module
    that runs the platform, and its options; servers start once it answers. Returns the platform."""
    load("vrijloop.demo.loaded")
    first = places[0]
    moment = ["--as-of", as_of.isoformat()] if as_of is not None else []
    brokers = [
        start_broker(
            choose_broker(options.broker),
            children,
            place.folder / "broker",
            place.ports.broker,
            f"broker{_of(place, first)}",
        )
        for place in places
    ]
    running = children.start("platform", [sys.executable, "-m", *platform, *moment])
    for place, broker in zip(places, brokers, strict=True):
        children.wait_until(lambda place=place: listens(place.ports.broker), broker, READY_S)  # type: ignore[misc]
    children.wait_until(lambda: answers(f"{first.platform_url}/api/v1/offers"), running, _PLATFORM_S)
    servers = [
        children.fork(
            f"server{_of(place, first)}", ["vrijloop", "server", "--config", str(place.server_config), *moment]
        )
        for place in places
    ]
    for place, server in zip(places, servers, strict=True):
        children.wait_until(lambda place=place: answers(f"{place.server_url}/api/v1/status"), server, READY_S)  # type: ignore[misc]
    return running


def start_shop_floor(place: Workplace, first: Workplace, children: Children, job: dict[str, Any]) -> Child:
    path = place.folder / "shop-floor.json"
    path.write_text(json.dumps(job | {"agent_config": str(place.agent_config)}), encoding="utf-8")
    return children.fork(f"shop-floor{_of(place, first)}", ["vrijloop.demo", "shop_floor", str(path)])


def _of(place: Workplace, first: Workplace) -> str:
    """The end of a program's name: nothing for the first factory."""
    return "" if place is first else f"-{place.factory}"


def heard_until(place: Workplace) -> list[datetime]:
    """Until when each machine's state is stored."""
    machines = ask(place, "GET", "/api/v1/machines")["machines"]
    return [datetime.fromisoformat(machine["until"]) for machine in machines]


def progress(console: Console) -> Progress:
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %")
    return Progress(*columns, TimeElapsedColumn(), console=console)
