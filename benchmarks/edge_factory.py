"""The load of `bench-edge`, a process of its own: OPC UA machines that change every 2 s on average, and SDM630 meters.

python -m benchmarks.edge_factory OPCUA_PORT FIRST_MODBUS_PORT MACHINES METERS [MEAN_S]
"""

from __future__ import annotations

import asyncio
import random
import sys
from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from simulators.factory_plan import MachineCharacter, Spell
from simulators.modbus_server import MeterServer, sdm630
from simulators.opcua_server import MachineryServer
from telemetry import MachineState, OperationMode, SystemClock

MEAN_S = 2.0
_LENGTH = timedelta(minutes=30)


class RestlessPlan:
    """Each machine starts and stops at random, at the mean every `mean_s` seconds, whole milliseconds."""

    def __init__(self, machines: list[str], mean_s: float = MEAN_S, seed: int = 1) -> None:
        begin = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
        self._spells = {name: self._of(random.Random(f"{seed}/{name}"), begin, mean_s) for name in machines}
        self._starts = {name: [one.start for one in spells] for name, spells in self._spells.items()}

    @staticmethod
    def _of(chance: random.Random, begin: datetime, mean_s: float) -> list[Spell]:
        spells: list[Spell] = []
        start = begin
        states = (MachineState.EXECUTING, MachineState.NOT_EXECUTING)
        while start < begin + _LENGTH:
            end = start + timedelta(milliseconds=max(50, round(chance.expovariate(1 / mean_s) * 1000)))
            spells.append(Spell(states[len(spells) % 2], OperationMode.PROCESSING, start, end))
            start = end
        return spells

    def spell_at(self, machine: str, moment: datetime) -> Spell:
        return self._spells[machine][max(0, bisect_right(self._starts[machine], moment) - 1)]

    def spells(self, machine: str, start: datetime, end: datetime) -> Iterator[Spell]:
        first = max(0, bisect_right(self._starts[machine], start) - 1)
        for one in self._spells[machine][first:]:
            if one.start >= end:
                return
            if one.end > start:
                yield one


def machine_names(count: int) -> list[str]:
    return [f"m{place}" for place in range(count)]


def meter_names(count: int) -> list[str]:
    return [f"p{place}" for place in range(count)]


async def main(opcua_port: int, modbus_port: int, machines: int, meters: int, mean_s: int = round(MEAN_S)) -> None:
    clock, names = SystemClock(), machine_names(machines)
    characters = [MachineCharacter(name, name, "Maker", "Model", name, "process", ()) for name in names]
    server = MachineryServer(RestlessPlan(names, mean_s), characters, clock, opcua_port)
    chance = random.Random(2)
    metered = [
        MeterServer([sdm630(1, lambda: chance.uniform(800, 1000))], modbus_port + place) for place in range(meters)
    ]
    await server.start()
    for one in metered:
        await one.start()
    print("ready", flush=True)
    await server.run()


if __name__ == "__main__":
    asyncio.run(main(*(int(one) for one in sys.argv[1:6])))
