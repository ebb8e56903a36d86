"""`vrijloop demo --replay`: a recorded power meter through the whole chain."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from pathlib import Path

from rich.console import Console

from simulators.recorded_meter import RecordedMeter, read_recorded_meter
from telemetry import UnavailableError
from vrijloop.demo.children import Child, Children
from vrijloop.demo.interrupts import InterruptedDemoError
from vrijloop.demo.options import DemoOptions
from vrijloop.demo.policies import REPLAY_FACTORY, replay_machines_toml, replay_policy
from vrijloop.demo.requests import ask, list_offers
from vrijloop.demo.services import (
    POLL_S,
    heard_until,
    progress,
    start_services,
    start_shop_floor,
    warn_of_broker,
    workplace,
)
from vrijloop.demo.summary import hours_in_file, report_summary, summarise
from vrijloop.demo.workplace import Ports, Workplace, free_ports

_REPLAY_LIMIT_S = 1800.0


def run_replay(options: DemoOptions, csv: Path, console: Console) -> int:
    """Replay a recorded meter through the whole chain. Returns the exit code. Raises UserError."""
    recording = read_recorded_meter(csv, options.timezone, options.skip_broken_rows)
    # A new folder, so that the counts are those of this replay alone.
    folder, keep = Path(tempfile.mkdtemp(prefix="vrijloop-replay-")), True
    try:
        code = _replay_in(folder, options, csv, recording, console)
        keep = code != 0
        return code
    except InterruptedDemoError:
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
    warn_of_broker(options, console)
    place = workplace(options, ports, REPLAY_FACTORY, folder)
    machines = replay_machines_toml(modbus, recording.interval.total_seconds())
    place.prepare(machines, replay_policy(options.timezone), cycle="1h")
    children = Children(place.logs)
    try:
        with console.status("Starting broker, sharing platform and server …"):
            start_services(
                [place], ["vrijloop", "platform", *place.platform_options], options, children, as_of=recording.end
            )
        result = folder / "replay.json"
        job = {
            "csv": str(csv.resolve()),
            "timezone": options.timezone,
            "skip_broken_rows": options.skip_broken_rows,
            "modbus_port": modbus,
            "result": str(result),
        }
        shop_floor = start_shop_floor(place, place, children, job)
        _watch_replay(place, children, shop_floor, recording, console)
        emitted = json.loads(result.read_text(encoding="utf-8"))["emitted"]
        ask(place, "POST", "/api/v1/cycle")
        offers = list_offers(place)
        summary = summarise(place, emitted, offers, recording.start, recording.end)
        summary["hours_per_state_in_file"] = hours_in_file(recording)
        return report_summary(summary, began, options.json_file, console)
    finally:
        children.stop_all()


def _watch_replay(
    place: Workplace, children: Children, shop_floor: Child, recording: RecordedMeter, console: Console
) -> None:
    """Show progress until the whole recording is replayed and stored."""
    deadline = time.monotonic() + _REPLAY_LIMIT_S
    total = (recording.end - recording.start).total_seconds()
    with progress(console) as shown:
        task = shown.add_task("Replaying through Modbus, MQTT and ingest", total=total)
        while (code := shop_floor.process.poll()) is None:
            children.check()
            heard = heard_until(place)
            shown.update(task, completed=(max(heard) - recording.start).total_seconds() if heard else 0.0)
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"the replay took more than {_REPLAY_LIMIT_S:g} s: {shop_floor.last_log_lines()}"
                )
            time.sleep(POLL_S)
        children.finished(shop_floor)
        if code != 0:
            raise UnavailableError(f"the replay ended with an error: {shop_floor.last_log_lines()}")
        shown.update(task, completed=total)
