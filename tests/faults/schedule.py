"""What goes wrong, where, when and for how long: from a seed alone, so that a seed that fails is played again as it was. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

LENGTH_S = 8.0
"""In which all faults of a seed begin."""
SEEDS_PER_REGION = 10
"""Schedules that are played one after the other on the same processes."""
LONGEST_S = 6.0
_MOST_FAULTS = 5
_APART_S = 0.5
"""Between two faults of one target."""


class Fault(StrEnum):
    """The kinds of what can go wrong."""

    KILL = "kill"
    RESTART = "restart"
    FREEZE = "freeze"
    CUT = "cut"
    DELAY = "delay"
    BLACK_HOLE = "black_hole"
    LOST_ANSWERS = "lost_answers"
    FULL_DISK = "full_disk"
    TORN_FILE = "torn_file"
    CLOCK_STEP = "clock_step"
    UPGRADE = "upgrade"


MEANING = {
    Fault.KILL: "SIGKILL; started again once the fault is over",
    Fault.RESTART: "SIGTERM, and started again",
    Fault.FREEZE: "SIGSTOP, later SIGCONT",
    Fault.CUT: "its connections are closed in the middle of a frame",
    Fault.DELAY: "everything takes up to a second longer",
    Fault.BLACK_HOLE: "packets vanish and nobody is told, then the connection is closed",
    Fault.LOST_ANSWERS: "what is asked arrives, its answer does not, so it is sent twice",
    Fault.FULL_DISK: "no byte is left on its disk",
    Fault.TORN_FILE: "killed, and the end of what it wrote last is garbage",
    Fault.CLOCK_STEP: "its clock jumps, and later back",
    Fault.UPGRADE: "the version before is stopped and the present one started",
}


@dataclass(frozen=True)
class Setup:
    """How a region is put together. `disks`: whether small file systems can be mounted; `before`: the process that begins as the version before, if any."""

    store: str
    database: str
    protocol: str
    disks: bool = True
    before: str | None = None

    @property
    def workers(self) -> tuple[str, ...]:
        """DuckDB is written by one process, the server."""
        return ("worker-1", "worker-2") if self.store == "influxdb" else ()

    @property
    def ours(self) -> tuple[str, ...]:
        """Processes of Vrijloop."""
        return ("agent-1", "agent-2", *self.workers, "server", "platform")

    @property
    def processes(self) -> tuple[str, ...]:
        """All of them, in the order in which they are started."""
        store = ("influxdb",) if self.store == "influxdb" else ()
        database = ("postgresql",) if self.database == "postgresql" else ()
        return (
            "machines-1",
            "machines-2",
            "broker",
            *store,
            *database,
            "platform",
            *self.workers,
            "server",
            "agent-1",
            "agent-2",
        )

    @property
    def links(self) -> tuple[str, ...]:
        """Connections in which something can be done to the packets, as `client>server`."""
        found = ["agent-1>machines-1", "agent-2>machines-2", "agent-1>broker", "agent-2>broker", "server>broker"]
        found += [f"{worker}>broker" for worker in self.workers]
        if self.store == "influxdb":
            found += [f"{client}>influxdb" for client in (*self.workers, "server")]
        if self.database == "postgresql":
            found.append("platform>postgresql")
        return (*found, "server>platform", "seekers>platform")

    @property
    def fillable(self) -> tuple[str, ...]:
        """Processes whose data have a disk of their own."""
        store = ("influxdb",) if self.store == "influxdb" else ()
        database = ("platform",) if self.database == "sqlite" else ("postgresql",)
        return ("agent-1", "agent-2", *self.workers, "server", "broker", *store, *database) if self.disks else ()

    @property
    def torn(self) -> tuple[str, ...]:
        """Processes that keep something of their own in files. All but the platform can have what is lost again from somebody else."""
        own = ("platform",) if self.database == "sqlite" else ()
        return ("agent-1", "agent-2", *self.workers, "server", *own)

    def targets(self, fault: Fault) -> tuple[str, ...]:
        if fault in (Fault.KILL, Fault.RESTART, Fault.FREEZE):
            return self.processes
        if fault is Fault.CLOCK_STEP:
            return self.ours
        if fault is Fault.FULL_DISK:
            return self.fillable
        if fault is Fault.TORN_FILE:
            return self.torn
        if fault is Fault.UPGRADE:
            return (self.before,) if self.before is not None else ()
        return self.links


@dataclass(frozen=True, order=True)
class Event:
    """From `at` on, for `length` (both in seconds), `fault` happens to `target`. `by`: how far, how long or how much, from 0 to 1; what that means depends on
    the fault."""

    at: float
    fault: Fault
    target: str
    length: float
    by: float

    @property
    def end(self) -> float:
        return round(self.at + self.length, 2)

    def __str__(self) -> str:
        return f"{self.at:5.2f} s  {self.fault.value:<12} {self.target:<20} for {self.length:.2f} s ({self.by:.2f})"


def region_of(seed: int) -> int:
    """The number of the region in which a seed is played."""
    return (seed - 1) // SEEDS_PER_REGION


def setup_of(seed: int, *, disks: bool = True, upgrade: bool = False) -> Setup:
    """Stores, databases and protocols in turn, so that each meets each. `upgrade`: the version before is at hand."""
    region = region_of(seed)
    store, database = ("duckdb", "influxdb")[region % 2], ("sqlite", "postgresql")[region // 2 % 2]
    # Workers share a subscription, which MQTT 5 alone has.
    protocol = "3.1.1" if store == "duckdb" and region // 4 % 2 else "5"
    plain = Setup(store, database, protocol, disks)
    # Not the platform: it is upgraded before the servers that write to it, never after them.
    upgraded = [name for name in plain.ours if name != "platform"]
    before = upgraded[region // 2 % len(upgraded)] if upgrade else None
    return Setup(store, database, protocol, disks, before)


def schedule(seed: int, setup: Setup, length_s: float = LENGTH_S, longest_s: float = LONGEST_S) -> tuple[Event, ...]:
    """In order of time: all begin within `length_s`, and none lasts longer than `longest_s`. Nothing happens twice to one target at the same time, while different
    targets fail together."""
    chance = random.Random(f"faults/{seed}")
    events: list[Event] = []
    if setup.before is not None and (seed - 1) % SEEDS_PER_REGION == 0:
        events.append(Event(0.5, Fault.UPGRADE, setup.before, 0.5, 0.0))
    wanted = chance.randint(2, _MOST_FAULTS)
    for fault, target in _draws(chance, setup):
        at = round(chance.uniform(0.0, length_s), 2)
        event = Event(at, fault, target, round(chance.uniform(0.3, longest_s), 2), round(chance.random(), 2))
        if not any(_collide(event, other) for other in events):
            events.append(event)
        if len(events) >= wanted:
            break
    return tuple(sorted(events))


def _draws(chance: random.Random, setup: Setup) -> Iterator[tuple[Fault, str]]:
    """Each kind of fault as often as any other, however many targets it has."""
    kinds = [fault for fault in Fault if setup.targets(fault) and fault is not Fault.UPGRADE]
    for _ in range(10 * _MOST_FAULTS):
        fault = chance.choice(kinds)
        yield fault, chance.choice(setup.targets(fault))


def _collide(one: Event, other: Event) -> bool:
    return one.target == other.target and one.at < other.end + _APART_S and other.at < one.end + _APART_S
