"""`vrijloop demo`: starts all parts, shows progress, and stops them in order.

shop floor (simulators + agent) ─▶ broker ─▶ server (ingest, store, analytics) ─▶ platform
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from simulators.limburg import FACTORY
from simulators.recorded_meter import RecordedMeter, read_recorded_meter
from telemetry import SystemClock, UnavailableError, UserError
from vrijloop.demo.broker import DEMO_ONLY, choose_broker, start_broker
from vrijloop.demo.children import Child, Children
from vrijloop.demo.policies import (
    REPLAY_FACTORY,
    limburg_policy,
    replay_machines_toml,
    replay_policy,
)
from vrijloop.demo.region import administrator_link, fill_region
from vrijloop.demo.requests import PLANNER, answers, ask, list_offers, planner_link
from vrijloop.demo.summary import emitted_by_factory, hours_in_file, report_summary, summarise
from vrijloop.demo.workplace import Ports, Workplace, free_ports, port_before
from vrijloop.http_server import listen_on
from vrijloop.simulated_factory import agent_machines_toml

DEFAULT_PORT = 8340
_READY_S = 60.0
_REPLAY_LIMIT_S = 1800.0
_HISTORY_LIMIT_S = 900.0
_POLL_S = 0.3


@dataclass(frozen=True)
class DemoOptions:
    """The options of the command."""

    data_dir: Path
    port: int | None = None
    seed: int = 1
    weeks: int = 8
    broker: Literal["auto", "mosquitto", "amqtt"] = "auto"
    headless: bool = False
    replay: Path | None = None
    timezone: str = "UTC"
    skip_broken_rows: bool = False
    json_file: Path | None = None


class _InterruptedError(Exception):
    """Ctrl-C or SIGTERM, which are not errors."""


def run_demo(options: DemoOptions, console: Console) -> int:
    """Run the demo or a replay. Returns the exit code. Raises UserError."""
    with _interruptible():
        try:
            if options.replay is not None:
                return _run_replay(options, options.replay, console)
            return _run_factory(options, console)
        except _InterruptedError:
            console.print("Stopped.")
            return 0


def _run_factory(options: DemoOptions, console: Console) -> int:
    began = time.monotonic()
    port = _page_port(options.port, console)
    server = _control_room_port(options.data_dir, port, console)
    broker, opcua, modbus = free_ports(3)
    place = _workplace(options, Ports(broker, opcua, modbus, server, port), FACTORY, console)
    if place.prepare(agent_machines_toml(opcua, modbus), limburg_policy(), cycle="60s"):
        console.print(f"Your own policy is used: {place.policy}")
    children = Children(place.logs)
    try:
        _start_services(place, options, children, console, as_of=None)
        now = SystemClock().now()
        start = _history_start(place, now, options.weeks)
        job = {
            "start": start.isoformat(),
            "seed": options.seed,
            "opcua_port": opcua,
            "modbus_port": modbus,
            "agent_config": str(place.agent_config),
        }
        shop_floor = _start_shop_floor(place, children, job)
        console.print(f"Page: [bold]{place.platform_url}[/bold] (it fills as the history is processed)")
        console.print(
            f"Control room: [bold]{place.server_url}/control[/bold], the token is in {place.folder / 'secrets' / 'server-token'}"
        )
        _watch_history(place, children, shop_floor, start, now, console)
        offers = _wait_for_offers(place, children)
        with console.status("The region's organisations share, look and ask …"):
            fill_region(place, SystemClock().now())
        console.print(
            f"[bold green]Ready[/bold green] after {time.monotonic() - began:.0f} s: "
            f"{len(offers)} free slots on [bold]{place.platform_url}[/bold]"
        )
        console.print(
            f"To answer requests as the factory's planner ({PLANNER}), open this link, which works once:\n{planner_link(place)}",
            soft_wrap=True,
        )
        console.print(
            f"To see what the region's administrator sees:\n{administrator_link(place, SystemClock().now())}",
            soft_wrap=True,
        )
        if options.headless:
            summary = summarise(
                place, emitted_by_factory(place, children, shop_floor), offers, start, SystemClock().now()
            )
            return report_summary(summary, began, options.json_file, console)
        console.print(f"Live now. Press Ctrl-C to stop; the next start continues from {place.folder}.")
        while True:
            children.check()
            time.sleep(_POLL_S)
    finally:
        children.stop_all()


def _run_replay(options: DemoOptions, csv: Path, console: Console) -> int:
    recording = read_recorded_meter(csv, options.timezone, options.skip_broken_rows)
    # A new folder, so that the counts are those of this replay alone.
    folder, keep = Path(tempfile.mkdtemp(prefix="vrijloop-replay-")), True
    try:
        code = _replay_in(folder, options, csv, recording, console)
        keep = code != 0
        return code
    except _InterruptedError:
        keep = False
        raise
    finally:
        if keep:
            console.print(f"The files are kept in {folder}.")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _replay_in(folder: Path, options: DemoOptions, csv: Path, recording: RecordedMeter, console: Console) -> int:
    began = time.monotonic()
    broker, modbus, server, platform = free_ports(4)
    ports = Ports(broker, 0, modbus, server, options.port or platform)
    place = _workplace(options, ports, REPLAY_FACTORY, console, folder)
    machines = replay_machines_toml(modbus, recording.interval.total_seconds())
    place.prepare(machines, replay_policy(options.timezone), cycle="1h")
    children = Children(place.logs)
    try:
        _start_services(place, options, children, console, as_of=recording.end)
        result = folder / "replay.json"
        job = {
            "csv": str(csv.resolve()),
            "timezone": options.timezone,
            "skip_broken_rows": options.skip_broken_rows,
            "modbus_port": modbus,
            "agent_config": str(place.agent_config),
            "result": str(result),
        }
        shop_floor = _start_shop_floor(place, children, job)
        _watch_replay(place, children, shop_floor, recording, console)
        emitted = json.loads(result.read_text(encoding="utf-8"))["emitted"]
        ask(place, "POST", "/api/v1/cycle")
        offers = list_offers(place)
        summary = summarise(place, emitted, offers, recording.start, recording.end)
        summary["hours_per_state_in_file"] = hours_in_file(recording)
        return report_summary(summary, began, options.json_file, console)
    finally:
        children.stop_all()


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


def _control_room_port(folder: Path, page_port: int, console: Console) -> int:
    """The port of the last run in this folder, or by default the one after the page's; a free one if that is in use."""
    before = port_before(folder)
    port = before or min(page_port + 1, 65535)
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


def _workplace(
    options: DemoOptions, ports: Ports, factory: str, console: Console, folder: Path | None = None
) -> Workplace:
    kind = choose_broker(options.broker)
    if kind == "amqtt":
        console.print(f"[yellow]{DEMO_ONLY}[/yellow]")
    protocol = "5" if kind == "mosquitto" else "3.1.1"
    return Workplace((folder or options.data_dir).resolve(), ports, factory, "gw-demo", protocol)


def _start_services(
    place: Workplace, options: DemoOptions, children: Children, console: Console, as_of: datetime | None
) -> None:
    """Start broker, platform and server in this order, so that the server has subscribed before the first report is
    published."""
    with console.status("Starting broker, sharing platform and server …"):
        start_broker(choose_broker(options.broker), children, place.folder / "broker", place.ports.broker)
        command = [sys.executable, "-m", "vrijloop"]
        platform = [*command, "platform", "--database", place.database_url, "--tokens-file", str(place.platform_tokens)]
        platform += ["--port", str(place.ports.platform), "--mail", str(place.folder / "mail"), "--private-webhooks"]
        server = [*command, "server", "--config", str(place.server_config)]
        if as_of is not None:
            server += ["--as-of", as_of.isoformat()]
            platform += ["--as-of", as_of.isoformat()]
        first = children.start("platform", platform)
        second = children.start("server", server)
        children.wait_until(lambda: answers(f"{place.platform_url}/api/v1/offers"), first, _READY_S)
        children.wait_until(lambda: answers(f"{place.server_url}/api/v1/status"), second, _READY_S)


def _start_shop_floor(place: Workplace, children: Children, job: dict[str, Any]) -> Child:
    path = place.folder / "shop-floor.json"
    path.write_text(json.dumps(job), encoding="utf-8")
    return children.start("shop-floor", [sys.executable, "-m", "vrijloop.demo.shop_floor", str(path)])


def _history_start(place: Workplace, now: datetime, weeks: int) -> datetime:
    """Where the previous run ended, but at most `weeks` ago."""
    earliest = now - timedelta(weeks=weeks)
    heard = _heard(place)
    return max(earliest, min(heard)) if heard else earliest


def _heard(place: Workplace) -> list[datetime]:
    machines = ask(place, "GET", "/api/v1/machines")["machines"]
    return [datetime.fromisoformat(machine["until"]) for machine in machines]


def _watch_history(
    place: Workplace, children: Children, shop_floor: Child, start: datetime, now: datetime, console: Console
) -> None:
    """Show how much of the history has reached the store, until all of it has."""
    deadline = time.monotonic() + _HISTORY_LIMIT_S
    with _progress(console) as progress:
        task = progress.add_task("History through OPC UA, Modbus, MQTT and ingest", total=(now - start).total_seconds())
        while True:
            children.check()
            heard = _heard(place)
            done = (min(heard) - start).total_seconds() if heard else 0.0
            progress.update(task, completed=max(0.0, done))
            if heard and min(heard) >= now - timedelta(minutes=1):
                return
            if time.monotonic() > deadline:
                raise UnavailableError(f"the history was not stored in time: {shop_floor.last_log_lines()}")
            time.sleep(_POLL_S)


def _watch_replay(
    place: Workplace, children: Children, shop_floor: Child, recording: RecordedMeter, console: Console
) -> None:
    """Show progress until the whole recording is replayed and stored."""
    deadline = time.monotonic() + _REPLAY_LIMIT_S
    total = (recording.end - recording.start).total_seconds()
    with _progress(console) as progress:
        task = progress.add_task("Replaying through Modbus, MQTT and ingest", total=total)
        while (code := shop_floor.process.poll()) is None:
            children.check()
            heard = _heard(place)
            progress.update(task, completed=(max(heard) - recording.start).total_seconds() if heard else 0.0)
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"the replay took more than {_REPLAY_LIMIT_S:g} s: {shop_floor.last_log_lines()}"
                )
            time.sleep(_POLL_S)
        children.finished(shop_floor)
        if code != 0:
            raise UnavailableError(f"the replay ended with an error: {shop_floor.last_log_lines()}")
        progress.update(task, completed=total)


def _wait_for_offers(place: Workplace, children: Children) -> list[dict[str, Any]]:
    deadline = time.monotonic() + _READY_S
    ask(place, "POST", "/api/v1/cycle")
    while not (offers := list_offers(place)):
        children.check()
        if time.monotonic() > deadline:
            raise UnavailableError(f"no free slot was offered; see the logs in {place.logs}.")
        time.sleep(_POLL_S)
    return offers


def _progress(console: Console) -> Progress:
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %")
    return Progress(*columns, TimeElapsedColumn(), console=console)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Make SIGTERM stop the demo as Ctrl-C does."""

    def on_signal(_number: int, _frame: object) -> None:
        raise _InterruptedError

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
