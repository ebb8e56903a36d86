"""`vrijloop demo`: starts all parts, shows progress, and stops them in order.

For each of the three factories:  shop floor (simulators + agent) ─▶ broker ─▶ server (ingest, store, analytics) ─▶ the one platform
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from simulators.limburg import GENK, PLANTS, SimulatedPlant
from telemetry import SystemClock, UnavailableError, UserError
from vrijloop.demo.children import Child, Children
from vrijloop.demo.interrupts import InterruptedDemoError, interruptible
from vrijloop.demo.options import DemoOptions
from vrijloop.demo.policies import demo_policy
from vrijloop.demo.progress import Progress, note, progress_in
from vrijloop.demo.replay import run_replay
from vrijloop.demo.requests import ask, list_offers
from vrijloop.demo.services import (
    POLL_S,
    READY_S,
    heard_until,
    progress,
    start_services,
    start_shop_floor,
    warn_of_broker,
    workplace,
)
from vrijloop.demo.summary import add_up, emitted_by_factory, report_summary, summarise
from vrijloop.demo.workplace import Ports, Workplace, free_ports, port_before
from vrijloop.http_server import listen_on
from vrijloop.simulated_factory import agent_machines_toml

DEFAULT_PORT = 8340
_HISTORY_LIMIT_S = 900.0
_STEP_MIN = 10
"""Coarser than a replay's: the demo is to be ready in a minute and a half."""
_CYCLE = "3min"
"""Forecasts while the history still comes in would be thrown away."""


@dataclass(frozen=True)
class _Factory:
    """A factory of the demo that runs."""

    place: Workplace
    shop_floor: Child
    start: datetime


def run_demo(options: DemoOptions, console: Console) -> int:
    """Run the demo or a replay. Returns the exit code. Raises UserError."""
    with interruptible():
        try:
            if options.replay is not None:
                return run_replay(options, options.replay, console)
            return _run_factories(options, console)
        except InterruptedDemoError:
            console.print("Stopped.")
            return 0


def _run_factories(options: DemoOptions, console: Console) -> int:
    began = time.monotonic()
    warn_of_broker(options, console)
    places = _prepare(options, console)
    first = places[0]
    children = Children(first.logs)
    try:
        with console.status("Starting brokers, sharing platform and servers …"):
            platform = ["vrijloop.demo", "platform", str(first.folder), *first.platform_options]
            running = start_services(places, platform, options, children, as_of=None)
        now = SystemClock().now()
        factories = [
            _start(plant, place, first, children, now, options) for plant, place in zip(PLANTS, places, strict=True)
        ]
        console.print(f"Page: [bold]{first.platform_url}[/bold] (it fills as the history is processed)")
        console.print(
            f"Control room: [bold]{first.server_url}/control[/bold], the token is in {first.folder / 'secrets' / 'server-token'}"
        )
        _watch_history(factories, children, now, console)
        offers = _wait_for_offers(places, children)
        with console.status("The region's organisations share, look and ask …"):
            _play_present(first, children, running)
        console.print(
            f"[bold green]Ready[/bold green] after {time.monotonic() - began:.0f} s: "
            f"{len(offers)} free slots on [bold]{first.platform_url}[/bold]"
        )
        console.print(
            f"Look around as a founder, a planner, the operations manager or the region's administrator: [bold]{first.platform_url}/demo[/bold]",
            soft_wrap=True,
        )
        if options.headless:
            return _summarise(factories, children, offers, began, options, console)
        console.print(f"Live now. Press Ctrl-C to stop; the next start continues from {first.folder}.")
        while True:
            children.check()
            time.sleep(POLL_S)
    finally:
        children.stop_all()


def _play_present(first: Workplace, children: Children, platform: Child) -> None:
    """Let the platform play what waits for the factories' hours."""
    if progress_in(first.folder) is Progress.WAITS:
        note(first.folder, Progress.ON_OFFER)
        children.wait_until(lambda: progress_in(first.folder) is Progress.PLAYED, platform, READY_S)


def _prepare(options: DemoOptions, console: Console) -> list[Workplace]:
    """Folders, ports and configuration of the factories; the first one's folder is the demo's, with the platform in it."""
    port = _page_port(options.port, console)
    places = []
    for plant in PLANTS:
        folder = options.data_dir if plant is GENK else options.data_dir / "factories" / plant.factory
        wished = port + 1 if plant is GENK else None
        broker, opcua, modbus = free_ports(3)
        ports = Ports(broker, opcua, modbus, _control_room_port(folder, wished, console), port)
        place = workplace(options, ports, plant.factory, folder)
        if place.prepare(agent_machines_toml(plant, opcua, modbus), demo_policy(plant), cycle=_CYCLE):
            console.print(f"Your own policy is used: {place.policy}")
        places.append(place)
    places[0].admit(places[1:])
    return places


def _start(
    plant: SimulatedPlant, place: Workplace, first: Workplace, children: Children, now: datetime, options: DemoOptions
) -> _Factory:
    """Start the shop floor where the previous run ended, but at most `options.weeks` ago."""
    heard = heard_until(place)
    earliest = now - timedelta(weeks=options.weeks)
    start = max(earliest, min(heard)) if heard else earliest
    job = {
        "factory": plant.factory,
        "start": start.isoformat(),
        "seed": options.seed,
        "step_min": _STEP_MIN,
        "opcua_port": place.ports.opcua,
        "modbus_port": place.ports.modbus,
    }
    return _Factory(place, start_shop_floor(place, first, children, job), start)


def _summarise(
    factories: Sequence[_Factory],
    children: Children,
    offers: list[dict[str, Any]],
    began: float,
    options: DemoOptions,
    console: Console,
) -> int:
    now = SystemClock().now()
    summaries = [
        summarise(one.place, emitted_by_factory(one.place, children, one.shop_floor), [], one.start, now)
        for one in factories
    ]
    return report_summary(add_up(summaries) | {"slots_offered": len(offers)}, began, options.json_file, console)


def _page_port(asked: int | None, console: Console) -> int:
    """The requested port, or by default `DEFAULT_PORT`, or a free one if that is in use. Raises UserError if the
    requested port is in use."""
    try:
        listen_on("127.0.0.1", asked or DEFAULT_PORT).close()
    except UserError:
        if asked is not None:
            raise
        port = free_ports(1)[0]
        console.print(f"Port {DEFAULT_PORT} is in use; the page is on port {port} instead.")
        return port
    return asked or DEFAULT_PORT


def _control_room_port(folder: Path, wished: int | None, console: Console) -> int:
    """The port of the last run in this folder, else the one that is wished for; a free one if that is in use or none is wished for."""
    before = port_before(folder)
    port = before or wished
    if port is None:
        return free_ports(1)[0]
    port = min(port, 65535)
    try:
        listen_on("127.0.0.1", port).close()
    except UserError:
        other = free_ports(1)[0]
        console.print(
            f"Port {port}{', where the control room was last time,' if before else ''} is in use; "
            f"the control room is on port {other} instead."
        )
        return other
    return port


def _watch_history(factories: Sequence[_Factory], children: Children, now: datetime, console: Console) -> None:
    """Show how much of the history has reached the stores, until all of it has."""
    deadline = time.monotonic() + _HISTORY_LIMIT_S
    late = list(factories)
    done = {one.place.factory: one.start for one in factories}
    with progress(console) as shown:
        total = sum((now - one.start).total_seconds() for one in factories)
        task = shown.add_task("History through OPC UA, Modbus, MQTT and ingest", total=total)
        while late:
            children.check()
            for one in late:
                done[one.place.factory] = max(one.start, min(heard_until(one.place), default=one.start))
            shown.update(
                task, completed=sum((done[one.place.factory] - one.start).total_seconds() for one in factories)
            )
            late = [one for one in late if done[one.place.factory] < now - timedelta(minutes=1)]
            if time.monotonic() > deadline:
                raise UnavailableError(f"the history was not stored in time: {late[0].shop_floor.last_log_lines()}")
            time.sleep(POLL_S)


def _wait_for_offers(places: Sequence[Workplace], children: Children) -> list[dict[str, Any]]:
    """The offers, once there are some of every factory."""
    deadline = time.monotonic() + READY_S
    for place in places:
        ask(place, "POST", "/api/v1/cycle")
    while True:
        offers = list_offers(places[0])
        silent = {one.factory for one in places} - {one["factory"] for one in offers if not one["by_hand"]}
        if not silent:
            return offers
        children.check()
        if time.monotonic() > deadline:
            raise UnavailableError(
                f"no free slot of {', '.join(sorted(silent))} was offered; see the logs in {places[0].logs}."
            )
        time.sleep(POLL_S)
