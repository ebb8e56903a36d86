"""`vrijloop demo`: starts everything, shows progress, and ends it in order.

shop floor (simulators + agent) ─▶ broker ─▶ server (ingest, store, analytics) ─▶ platform
"""

from __future__ import annotations

import json
import shutil
import signal
import ssl
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import httpx2
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from simulators.limburg import FACTORY
from simulators.recorded_meter import RecordedMeter, read_recorded_meter
from telemetry import SystemClock, UnavailableError, UserError, rfc3339
from vrijloop.demo.broker import DEMO_ONLY, choose_broker, start_broker
from vrijloop.demo.children import Child, Children
from vrijloop.demo.policies import (
    REPLAY_FACTORY,
    REPLAY_THRESHOLD_W,
    limburg_policy,
    replay_machines_toml,
    replay_policy,
)
from vrijloop.demo.workplace import Ports, Workplace, free_ports
from vrijloop.http_server import listen_on
from vrijloop.simulation import agent_machines_toml

DEFAULT_PORT = 8340
_READY_S = 60.0
_REPLAY_LIMIT_S = 1800.0
_HISTORY_LIMIT_S = 900.0
_STANDSTILL_S = 60.0
_POLL_S = 0.3
_NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""The demo's servers are asked over plain HTTP: reading the authorities of the whole world takes 50 ms for each request."""


@dataclass(frozen=True)
class DemoOptions:
    """What was asked for on the command line."""

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
    """Ctrl-C or SIGTERM: not an error."""


def run_demo(options: DemoOptions, console: Console) -> int:
    """Returns the exit code. Raises UserError with a sentence where something cannot be done."""
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
    broker, opcua, modbus, server = free_ports(4)
    place = _workplace(options, Ports(broker, opcua, modbus, server, port), FACTORY, console)
    place.prepare(agent_machines_toml(opcua, modbus), limburg_policy(), cycle="60s")
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
        console.print(f"Page: [bold]{place.platform_url}[/bold] (it fills as history comes in)")
        console.print(
            f"Control room: [bold]{place.server_url}/control[/bold], the token is in {place.folder / 'secrets' / 'server-token'}"
        )
        _watch_history(place, children, shop_floor, start, now, console)
        offers = _wait_for_offers(place, children)
        console.print(
            f"[bold green]Ready[/bold green] after {time.monotonic() - began:.0f} s: "
            f"{len(offers)} free slots on [bold]{place.platform_url}[/bold]"
        )
        if options.headless:
            summary = _summary(place, _factory_emitted(place, children, shop_floor), offers, start, SystemClock().now())
            return _report(summary, began, options, console)
        console.print(f"Live now. Ctrl-C ends it; the next start carries on from {place.folder}.")
        while True:
            children.check()
            time.sleep(_POLL_S)
    finally:
        children.stop_all()


def _run_replay(options: DemoOptions, csv: Path, console: Console) -> int:
    recording = read_recorded_meter(csv, options.timezone, options.skip_broken_rows)
    # A new folder: a replay starts from nothing, so that its counts are its own.
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
            console.print(f"What was written stays for a look in {folder}.")
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
        _ask(place, "POST", "/api/v1/cycle")
        offers = _offers(place)
        summary = _summary(place, emitted, offers, recording.start, recording.end)
        summary["hours_per_state_in_file"] = _hours_in_file(recording)
        return _report(summary, began, options, console)
    finally:
        children.stop_all()


def _page_port(asked: int | None, console: Console) -> int:
    """The asked port, which must be free; else the default, or another where somebody listens there."""
    try:
        listen_on("127.0.0.1", asked or DEFAULT_PORT).close()
    except UserError:
        if asked is not None:
            raise
        port = free_ports(1)[0]
        console.print(f"Port {DEFAULT_PORT} is in use; the page is on port {port} instead.")
        return port
    return asked or DEFAULT_PORT


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
    """Broker, platform, server, in this order: the server's subscription stands before the first report is sent."""
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
        children.wait_until(lambda: _answers(f"{place.platform_url}/api/v1/offers"), first, _READY_S)
        children.wait_until(lambda: _answers(f"{place.server_url}/api/v1/status"), second, _READY_S)


def _start_shop_floor(place: Workplace, children: Children, job: dict[str, Any]) -> Child:
    path = place.folder / "shop-floor.json"
    path.write_text(json.dumps(job), encoding="utf-8")
    return children.start("shop-floor", [sys.executable, "-m", "vrijloop.demo.shop_floor", str(path)])


def _history_start(place: Workplace, now: datetime, weeks: int) -> datetime:
    """Where the last run left off, or the asked number of weeks ago."""
    earliest = now - timedelta(weeks=weeks)
    heard = _heard(place)
    return max(earliest, min(heard)) if heard else earliest


def _heard(place: Workplace) -> list[datetime]:
    machines = _ask(place, "GET", "/api/v1/machines")["machines"]
    return [datetime.fromisoformat(one["until"]) for one in machines]


def _watch_history(
    place: Workplace, children: Children, shop_floor: Child, start: datetime, now: datetime, console: Console
) -> None:
    """Show how far history has come through the whole chain, as the store knows it."""
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
                raise UnavailableError(f"history did not come through in time: {shop_floor.last_words()}")
            time.sleep(_POLL_S)


def _watch_replay(
    place: Workplace, children: Children, shop_floor: Child, recording: RecordedMeter, console: Console
) -> None:
    """Until the recording is through, sent and stored."""
    deadline = time.monotonic() + _REPLAY_LIMIT_S
    total = (recording.end - recording.start).total_seconds()
    with _progress(console) as progress:
        task = progress.add_task("Replaying through Modbus, MQTT and ingest", total=total)
        while (code := shop_floor.process.poll()) is None:
            children.check()
            heard = _heard(place)
            progress.update(task, completed=(max(heard) - recording.start).total_seconds() if heard else 0.0)
            if time.monotonic() > deadline:
                raise UnavailableError(f"the replay took more than {_REPLAY_LIMIT_S:g} s: {shop_floor.last_words()}")
            time.sleep(_POLL_S)
        children.finished(shop_floor)
        if code != 0:
            raise UnavailableError(f"the replay ended with an error: {shop_floor.last_words()}")
        progress.update(task, completed=total)


def _factory_emitted(place: Workplace, children: Children, shop_floor: Child) -> int:
    """End the shop floor, so that all is sent, and ask its outbox for the last number."""
    from edge_agent.agent import OUTBOX_FILE
    from edge_agent.outbox import Outbox

    children.stop(shop_floor)
    outbox = Outbox(place.folder / "agent" / OUTBOX_FILE)
    try:
        return outbox.last_seq()
    finally:
        outbox.close()


def _summary(
    place: Workplace, emitted: int, offers: list[dict[str, Any]], start: datetime, end: datetime
) -> dict[str, Any]:
    status = _settled_status(place, emitted)
    hours = _ask(place, "GET", "/api/v1/hours", start=rfc3339(start), end=rfc3339(end))["hours"]
    return {
        "reports": {
            "emitted": emitted,
            "stored": status["stored"],
            "missing": max(0, emitted - status["stored"]),
            "duplicate": max(0, status["stored"] - emitted),
            "redelivered": status["repeated"],
            "quarantined": status["quarantined"],
        },
        "hours_per_state": {state: round(value, 4) for state, value in hours.items()},
        "slots_offered": len(offers),
        "from": rfc3339(start),
        "to": rfc3339(end),
    }


def _settled_status(place: Workplace, emitted: int) -> dict[str, Any]:
    """The ledger, once all that was emitted is stored, or after a while without progress."""
    status: dict[str, Any] = _ask(place, "GET", "/api/v1/status")
    progressed = time.monotonic()
    while status["stored"] < emitted and time.monotonic() - progressed < _STANDSTILL_S:
        time.sleep(_POLL_S)
        before, status = status["stored"], _ask(place, "GET", "/api/v1/status")
        if status["stored"] > before:
            progressed = time.monotonic()
    return status


def _hours_in_file(recording: RecordedMeter) -> dict[str, float]:
    """Computed straight from the file, past all of our parts: what the stored hours are compared with."""
    hours = recording.interval.total_seconds() / 3600
    working = sum(power is not None and power >= REPLAY_THRESHOLD_W for power in recording.power_w)
    waiting = sum(power is not None and power < REPLAY_THRESHOLD_W for power in recording.power_w)
    return {"executing": working * hours, "not_executing": waiting * hours}


def _report(summary: dict[str, Any], began: float, options: DemoOptions, console: Console) -> int:
    summary["seconds"] = round(time.monotonic() - began, 2)
    text = json.dumps(summary, indent=2)
    if options.json_file is not None:
        try:
            options.json_file.write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise UserError(f"{options.json_file}: the summary cannot be written ({error.strerror}).") from error
    else:
        console.print_json(text)
    reports = summary["reports"]
    console.print(
        f"{reports['emitted']} reports emitted, {reports['stored']} stored, {reports['missing']} missing, "
        f"{reports['duplicate']} duplicate; {summary['slots_offered']} slots offered; {summary['seconds']} s."
    )
    return 0 if reports["missing"] == 0 and reports["duplicate"] == 0 else 1


def _wait_for_offers(place: Workplace, children: Children) -> list[dict[str, Any]]:
    deadline = time.monotonic() + _READY_S
    _ask(place, "POST", "/api/v1/cycle")
    while not (offers := _offers(place)):
        children.check()
        if time.monotonic() > deadline:
            raise UnavailableError(f"no free slot was offered; see the logs in {place.logs}.")
        time.sleep(_POLL_S)
    return offers


def _offers(place: Workplace) -> list[dict[str, Any]]:
    answer = httpx2.get(
        f"{place.platform_url}/api/v1/offers", params={"limit": 1000}, timeout=10, verify=_NO_AUTHORITIES
    )
    answer.raise_for_status()
    return list(answer.json()["offers"])


def _ask(place: Workplace, method: str, path: str, **params: str) -> Any:
    headers = {"Authorization": f"Bearer {place.server_token}"}
    try:
        answer = httpx2.request(
            method, place.server_url + path, headers=headers, params=params, timeout=60, verify=_NO_AUTHORITIES
        )
        answer.raise_for_status()
    except httpx2.HTTPError as error:
        raise UnavailableError(f"the demo's server did not answer {path}: {error}. See {place.logs}.") from error
    return answer.json()


def _answers(url: str) -> bool:
    try:
        httpx2.get(url, timeout=2, verify=_NO_AUTHORITIES)
    except httpx2.HTTPError:
        return False
    return True


def _progress(console: Console) -> Progress:
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %")
    return Progress(*columns, TimeElapsedColumn(), console=console)


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl-C does."""

    def on_signal(_number: int, _frame: object) -> None:
        raise _InterruptedError

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
