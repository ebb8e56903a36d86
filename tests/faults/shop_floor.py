"""Machines whose truth is known, behind a real OPC UA or Modbus server, as a process that can be killed and started again.

python -m tests.faults.shop_floor JOB.json
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from edge_agent.sources.modbus import MISSED_POLLS
from simulators.modbus_server import MeterServer, metered_machine, plc_machine
from simulators.opcua_server import MachineryServer
from telemetry import MachineState, SystemClock, to_milliseconds
from tests.faults.truth import Spell
from tests.plans import ScriptedPlan, character
from vrijloop.program import run_program

SCRIPT_LENGTH = timedelta(hours=2)
"""Longer than ten schedules take."""
POLL, TIMEOUT = timedelta(milliseconds=250), timedelta(seconds=1)
"""How often machines are polled, and how long is waited for an answer."""
Script = list[tuple[datetime, MachineState]]


@dataclass(frozen=True)
class Machine:
    """A machine of a region, and how it is read: over OPC UA (`opcua`), from the status word of a PLC (`plc`), or by its power (`meter`)."""

    name: str
    read: str
    unit: int = 0

    @property
    def states(self) -> tuple[MachineState, ...]:
        """Those that can be told apart: a meter does not know a broken machine from one that waits."""
        told = (MachineState.EXECUTING, MachineState.NOT_EXECUTING, MachineState.NOT_AVAILABLE)
        return told if self.read == "meter" else (*told, MachineState.OUT_OF_SERVICE)

    @property
    def spell_s(self) -> tuple[float, float]:
        """What is polled must not change faster than it is polled on a busy computer."""
        return (1.0, 5.0) if self.read == "opcua" else (5.0, 9.0)

    @property
    def tolerance(self) -> timedelta:
        """OPC UA tells when something changed; a poll tells that it has, and only after so many missed ones the agent says that it does not know."""
        return timedelta(seconds=1.0) if self.read == "opcua" else MISSED_POLLS * TIMEOUT + POLL


MACHINES = (
    Machine("frees-1", "opcua"),
    Machine("draaibank-1", "opcua"),
    Machine("laser-1", "opcua"),
    Machine("pers-1", "meter", 1),
    Machine("lasrobot-1", "plc", 2),
)


def script_of(machine: Machine, seed: int, start: datetime) -> Script:
    """What the machine does: no state follows itself."""
    chance = random.Random(f"machine/{seed}/{machine.name}")
    script: Script = []
    at, before = to_milliseconds(start), None
    while at < start + SCRIPT_LENGTH:
        before = chance.choice([state for state in machine.states if state is not before])
        script.append((at, before))
        at = to_milliseconds(at + timedelta(seconds=chance.uniform(*machine.spell_s)))
    return script


def spells_of(script: Script, start: datetime, end: datetime) -> list[Spell]:
    """The truth between two moments."""
    ends = [since for since, _ in script[1:]] + [script[0][0] + SCRIPT_LENGTH]
    return [
        Spell(state, max(since, start), min(until, end))
        for (since, state), until in zip(script, ends, strict=True)
        if since < end and until > start
    ]


def job_of(read: Sequence[str], port: int, scripts: dict[str, Script]) -> dict[str, Any]:
    """For a process of its own: the machines that are read in one of these ways."""
    machines = [machine for machine in MACHINES if machine.read in read]
    return {
        "port": port,
        "scripts": {
            one.name: [(since.isoformat(), state.value) for since, state in scripts[one.name]] for one in machines
        },
    }


async def _main(job: dict[str, Any]) -> None:
    scripts = {
        name: [(datetime.fromisoformat(since), MachineState(state)) for since, state in rows]
        for name, rows in job["scripts"].items()
    }
    plan, clock, port = ScriptedPlan(scripts), SystemClock(), job["port"]
    machines = [machine for machine in MACHINES if machine.name in scripts]
    if machines[0].read == "opcua":
        server: MachineryServer | MeterServer = MachineryServer(
            plan, [character(one.name) for one in machines], clock, port
        )
    else:
        kinds = {"meter": metered_machine, "plc": plc_machine}
        server = MeterServer([kinds[one.read](one.unit, plan, character(one.name), clock) for one in machines], port)
    await server.start()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    running = asyncio.create_task(server.run())
    await stop.wait()
    running.cancel()
    await server.stop()


if __name__ == "__main__":
    run_program(lambda: asyncio.run(_main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))))
