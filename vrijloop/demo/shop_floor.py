"""The shop floor of the demo in a process of its own: simulated machines, the edge agent that reads them, and the
scaled clock.

    python -m vrijloop.demo shop_floor JOB.json

History takes the same path as live telemetry. Until the clock has reached the present it moves in steps, as fast
as the sockets answer; from then on it is real time. A replay ends with its recording.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from edge_agent.agent import Agent
from edge_agent.configuration import AgentSettings
from simulators.limburg import PLANTS
from simulators.modbus_server import MeterServer, sdm630
from simulators.recorded_meter import read_recorded_meter
from telemetry import SteppedClock, SystemClock, load_settings
from telemetry.logs import log_to_stderr
from vrijloop.simulated_factory import SimulatedFactory

DEFAULT_STEP = timedelta(minutes=5)
"""How far the clock moves at once while it goes through history. Meters are read as often; OPC UA machines tell every change with its time."""
_FINAL_REPORTS_TIMEOUT_S = 10.0


class _World(Protocol):
    """Simulated machines on real sockets."""

    async def start(self) -> None: ...

    async def run(self) -> None:
        """Move the machines by the clock, until cancelled."""
        ...

    async def stop(self) -> None: ...


async def run_factory(job: dict[str, Any], stop: asyncio.Event) -> None:
    """Run the plant of `job["factory"]` from `job["start"]` to the present and on from there, or to `job["end"]` if given."""
    start, end = datetime.fromisoformat(job["start"]), job.get("end")
    step = timedelta(minutes=job["step_min"]) if "step_min" in job else DEFAULT_STEP
    if end is None:
        clock = SteppedClock(start, step, follow=SystemClock())
    else:
        clock = SteppedClock(start, step, end=datetime.fromisoformat(end))
    plant = next(one for one in PLANTS if one.factory == job["factory"])
    factory = SimulatedFactory(plant, job["seed"], clock, job["opcua_port"], job["modbus_port"])
    await _run(factory, clock, job, stop)


async def run_replay(job: dict[str, Any], stop: asyncio.Event) -> None:
    """Replay a recorded meter from its first row to its last."""
    recording = read_recorded_meter(Path(job["csv"]), job["timezone"], job["skip_broken_rows"])
    clock = SteppedClock(recording.start, recording.interval, end=recording.end)
    meter = MeterServer([sdm630(1, lambda: recording.power_at(clock.now()))], job["modbus_port"])
    await _run(meter, clock, job, stop)


async def _run(world: _World, clock: SteppedClock, job: dict[str, Any], stop: asyncio.Event) -> None:
    """Run until `stop` is set. If the job has a `result` file, run until the clock has reached its end and all
    reports are delivered, then write that file."""
    await world.start()
    agent = Agent(load_settings(Path(job["agent_config"]), AgentSettings), clock)
    reading = asyncio.create_task(agent.run(stop))
    await agent.reached()
    moving = asyncio.create_task(world.run())
    ticking = asyncio.create_task(clock.run())
    over = {asyncio.create_task(stop.wait()), moving, reading}
    if job.get("result"):
        over.add(ticking)
    await asyncio.wait(over, return_when=asyncio.FIRST_COMPLETED)
    if job.get("result") and ticking.done() and not stop.is_set():
        await _wait_for_final_reports(agent, clock.now() - DEFAULT_STEP)
        await agent.drained()
        result = json.dumps({"emitted": agent.outbox.last_seq()})
        await asyncio.to_thread(Path(job["result"]).write_text, result, encoding="utf-8")
    stop.set()
    await reading
    for task in (moving, ticking):
        task.cancel()
    ended = await asyncio.gather(moving, ticking, return_exceptions=True)
    await world.stop()
    for error in ended:
        if isinstance(error, Exception):
            raise error


async def _wait_for_final_reports(agent: Agent, end: datetime) -> None:
    """Wait until the agent has read what the machines' servers still have to publish when the clock stops."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_FINAL_REPORTS_TIMEOUT_S):
            while any(view.interval is None or view.interval.until < end for view in agent.writer.views()):
                await asyncio.sleep(0.02)


async def _main(job: dict[str, Any]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await (run_replay if "csv" in job else run_factory)(job, stop)


def main(arguments: list[str]) -> None:
    log_to_stderr()
    for noisy in ("asyncua", "pymodbus"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    asyncio.run(_main(json.loads(Path(arguments[0]).read_text(encoding="utf-8"))))
