"""What an edge node of Sparkplug B says in one session, from its birth to its death: pure, over the machines' intervals.

The node is the gateway, its devices are the machines that answer. A device is born with its state, changes by exception, and dies when its
machine no longer answers. A machine that answers and is Unknown nevertheless has metrics of the quality STALE.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from telemetry import MachineState, StateInterval
from telemetry.sparkplug import (
    BD_SEQ,
    REBIRTH,
    DataType,
    Metric,
    Payload,
    Quality,
    decode,
    encode,
    milliseconds_of,
    next_number,
    topic,
)
from telemetry.version import __version__

STATE, MODE, SINCE, POWER = "State", "Mode", "Since", "Power"
VERSION, WAITING = "Properties/Vrijloop Version", "Outbox/Waiting"

Outgoing = tuple[str, bytes]
"""Topic and payload."""


@dataclass(frozen=True, slots=True)
class Device:
    """A machine that answers. `interval` None: its state is not known yet. `has_power`: its power may leave the factory."""

    machine: str
    interval: StateInterval | None
    has_power: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """What an NCMD asks for. `ignored`: the names of what it asks for beside that."""

    rebirth: bool
    ignored: tuple[str, ...]


class SparkplugSession:
    """Numbers the messages of one connection. `bd_seq` is the number of the will that was given with it."""

    def __init__(self, group: str, node: str, bd_seq: int) -> None:
        self._group = group
        self._node = node
        self._bd_seq = bd_seq
        self._seq = 0
        self._born: dict[str, tuple[Metric, ...]] = {}
        """Device to its metrics as they were published."""
        self._waiting: int | None = None

    def death(self, now: datetime) -> Outgoing:
        """The NDEATH: the will of the connection, and the last message before it is closed on purpose."""
        at_ms = milliseconds_of(now)
        metric = Metric(BD_SEQ, self._bd_seq, at_ms, DataType.INT64)
        return topic(self._group, "NDEATH", self._node), encode(Payload(at_ms, (metric,)))

    def birth(self, devices: Iterable[Device], waiting: int, now: datetime) -> list[Outgoing]:
        """The NBIRTH and a DBIRTH for each device: at first, and whenever a host asks for a rebirth."""
        at_ms = milliseconds_of(now)
        metrics = (
            Metric(BD_SEQ, self._bd_seq, at_ms, DataType.INT64),
            Metric(REBIRTH, False, at_ms, DataType.BOOLEAN),
            Metric(VERSION, __version__, at_ms, DataType.STRING),
            Metric(WAITING, waiting, at_ms, DataType.INT64),
        )
        self._seq, self._waiting = 0, waiting
        born = [(topic(self._group, "NBIRTH", self._node), encode(Payload(at_ms, metrics, 0)))]
        self._born = {}
        return [*born, *self.changes(devices, now)]

    def changes(self, devices: Iterable[Device], now: datetime) -> list[Outgoing]:
        """What is different from what was published: devices that died, those born, and the metrics that changed."""
        at_ms = milliseconds_of(now)
        present = {device.machine: metrics_of(device, at_ms) for device in devices}
        out = [self._message("DDEATH", machine, (), at_ms) for machine in self._born if machine not in present]
        for machine, metrics in present.items():
            before = self._born.get(machine)
            if before is None or [one.name for one in before] != [one.name for one in metrics]:
                out.append(self._message("DBIRTH", machine, metrics, at_ms))
            elif changed := _changed(before, metrics):
                out.append(self._message("DDATA", machine, changed, at_ms))
            else:
                present[machine] = before
        self._born = present
        return out

    def node_changes(self, waiting: int, now: datetime) -> list[Outgoing]:
        """The NDATA, if the number of waiting reports is another than before."""
        if waiting == self._waiting:
            return []
        self._waiting = waiting
        at_ms = milliseconds_of(now)
        return [self._message("NDATA", None, (Metric(WAITING, waiting, at_ms, DataType.INT64),), at_ms)]

    def _message(self, kind: str, device: str | None, metrics: Sequence[Metric], at_ms: int) -> Outgoing:
        self._seq = next_number(self._seq)
        payload = Payload(at_ms, tuple(metrics), self._seq)
        return topic(self._group, kind, self._node, device), encode(payload)


def metrics_of(device: Device, now_ms: int) -> tuple[Metric, ...]:
    """All metrics of a device, in the order of their times. Each has its data type also where nothing was born: common hosts read no value without."""
    interval = device.interval
    known = interval is not None and interval.state is not MachineState.UNKNOWN
    quality = Quality.GOOD if known else Quality.STALE
    since_ms = milliseconds_of(interval.since) if interval is not None else None
    at_ms = since_ms if since_ms is not None else now_ms
    state = interval.state if interval is not None else MachineState.UNKNOWN
    mode = interval.mode.value if interval is not None and known and interval.mode is not None else None
    metrics = [
        Metric(STATE, state.value, at_ms, DataType.STRING, quality),
        Metric(MODE, mode, at_ms, DataType.STRING, quality),
        Metric(SINCE, since_ms, at_ms, DataType.DATE_TIME, quality),
    ]
    if device.has_power:
        power_w = interval.power_w if interval is not None and known else None
        read_ms = milliseconds_of(interval.until) if interval is not None else now_ms
        metrics.append(Metric(POWER, power_w, read_ms, DataType.DOUBLE, quality))
    return tuple(metrics)


def _changed(before: Sequence[Metric], metrics: Sequence[Metric]) -> list[Metric]:
    """A new time of the same value and quality is no change."""
    return [new for old, new in zip(before, metrics, strict=True) if replace(old, at_ms=new.at_ms) != new]


def command_of(data: bytes) -> Command:
    """The only command that is ever taken is the one for a rebirth. Raises ValueError."""
    rebirth, ignored = False, []
    for metric in decode(data).metrics:
        if metric.name == REBIRTH:
            rebirth = rebirth or metric.value is True
        else:
            ignored.append(metric.name)
    return Command(rebirth, tuple(ignored))


class HostState(msgspec.Struct, frozen=True):
    """The payload of a host's STATE message."""

    online: bool
    timestamp: int | float


_STATES = msgspec.json.Decoder(HostState)


class PrimaryHost:
    """Whether the host application that the node serves is there, by its STATE messages. An older message than the last one counts for nothing."""

    def __init__(self) -> None:
        self.online = False
        self._latest = float("-inf")

    def hear(self, data: bytes) -> None:
        """Raises ValueError."""
        try:
            said = _STATES.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(
                f'it is not of the form {{"online": true, "timestamp": 1767225600000}}: {error}'
            ) from error
        if said.timestamp >= self._latest:
            self.online, self._latest = said.online, said.timestamp
