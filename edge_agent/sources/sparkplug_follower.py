"""Follows one edge node of Sparkplug B by its messages: what is born, what dies, and which values count. Pure; times are passed in.

A node numbers its messages. Values count from its birth on, as long as no number is missing: a message that has overtaken others waits for
them, and when they do not come in time, nothing of the node is known until its next birth.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from edge_agent.sources.source_time import SourceClock
from telemetry.sparkplug import BD_SEQ, DataType, Metric, Payload, Quality, Value, moment_of, next_number, signed

MAX_WAITING = 32
"""Messages that may wait for those that they have overtaken."""
BIRTHS_WITHIN_S = 5.0
"""The births of a node's devices follow its own within this time."""
LATE_BIRTH_S = 2.0
"""A birth with the number of a death that came shortly before may have been overtaken by it; then no other death would ever follow."""
_LATEST_S = 5.0
"""No message comes later than this: one that seems to is of a node whose clock was set back."""
_REMEMBERED, _REMEMBERED_S = 64, 60.0
"""The last messages, of which a repetition is told by its bytes. Not for long: a node whose clock stands still repeats its birth, too."""
_MAX_DEVICES = 500
"""Of more devices the names are not kept."""

GONE = "it has left the broker"
INCOMPLETE = "messages of it are missing, and nothing is known until its next birth"
UNREADABLE = "a message of it cannot be read, and nothing is known until its next birth"
DEVICE_GONE = "its edge node has no contact with it"
NOT_BORN = "it is not among the devices that its edge node has told of"

Device = str | None
"""The name of a device; None: the edge node itself."""


@dataclass(frozen=True, slots=True)
class Message:
    """`kind`: NBIRTH, DDATA, …  `received`: when it came, on the gateway's clock. `payload` None: it could not be read. `digest`: the same for the same bytes."""

    kind: str
    device: Device
    payload: Payload | None
    received: datetime
    digest: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """A metric's value. `value` None: there is none, or it is not good. `at`: by the clock of the node; None if it does not say."""

    metric: str
    value: Value | None
    at: datetime | None
    is_historical: bool = False


@dataclass(frozen=True, slots=True)
class Born:
    """The device is there, with all its metrics. `again`: it has been there all the time, and this is only told again."""

    device: Device
    samples: tuple[Sample, ...]
    sent: datetime | None
    received: datetime
    again: bool


@dataclass(frozen=True, slots=True)
class Changed:
    """Values of a device that is there. `sent`: when, by the clock of the node."""

    device: Device
    samples: tuple[Sample, ...]
    sent: datetime | None
    received: datetime


@dataclass(frozen=True, slots=True)
class DeviceLost:
    """Nothing is known of the device any more."""

    device: Device
    why: str


@dataclass(frozen=True, slots=True)
class NodeLost:
    """Nothing is known of the node and its devices any more."""

    why: str


Event = Born | Changed | DeviceLost | NodeLost


@dataclass(slots=True)
class _Device:
    """What the birth of a device has said. `born` False: it was there, and has not been told again since the last birth of the node."""

    types: dict[str, DataType | None]
    names: dict[int, str]
    born: bool = True


@dataclass(slots=True)
class NodeFollower:
    """`wanted`: the devices and their metrics that matter; of others only their numbers are read. `reorder_s`: how long a missing message is waited for."""

    wanted: Mapping[Device, Collection[str]]
    reorder_s: float = 2.0
    alive: bool = False
    """Whether the node has been born, and has neither died since nor left a gap."""
    wants_birth: bool = True
    """Whether only another birth can tell how things are; the caller may ask the node for it. Also of one that has died: it may have come back
    under the number of the death."""
    counted: Counter[str] = field(default_factory=Counter)
    """What was not as it should be."""
    metrics: dict[Device, tuple[str, ...]] = field(default_factory=dict)
    """The metrics of each device that was ever born, for those who look for one that is missing."""
    _bd_seq: Value | None = None
    _next: int = 0
    _devices: dict[Device, _Device] = field(default_factory=dict)
    _born_at: float | None = None
    """When the node was born, while births of devices may still follow."""
    _searched_in: Value | None = ""
    """The session in which devices were missed, and the node was asked for its birth because of that."""
    _birth: tuple[int, float] | None = None
    """When the last birth was sent, by the node's clock, and heard."""
    _newest: tuple[int, float] | None = None
    """When the newest message that is no longer waiting was sent, by the node's clock, and heard."""
    _died: tuple[Value | None, float] | None = None
    _waiting: dict[int, Message] = field(default_factory=dict)
    _gap_from: float | None = None
    _heard: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    @property
    def complete(self) -> bool:
        """Whether everything that the node has sent is known."""
        return self.alive and self._gap_from is None

    def knows(self, device: Device) -> bool:
        """Whether the device is there as far as its node has told."""
        known = self._devices.get(device)
        return self.alive and known is not None and known.born

    def hear(self, message: Message, now: float) -> list[Event]:
        """The next message, at `now` in monotonic seconds."""
        if message.kind == "NDEATH":
            return self._die(message.payload, now)
        if message.payload is None:
            self.counted["unreadable"] += 1
            return self._lose(UNREADABLE)
        if self._repeats(message, now):
            self.counted["repeated"] += 1
            return []
        if message.kind == "NBIRTH":
            return self._begin(message, message.payload, now)
        if not self.alive:
            self._keep(message, message.payload.seq, now)
            return []
        return self._in_order(message, message.payload, now)

    def tick(self, now: float) -> list[Event]:
        """What comes about by waiting."""
        if self._gap_from is not None and now - self._gap_from > self.reorder_s:
            self.counted["gaps"] += 1
            return self._lose(INCOMPLETE)
        if self.alive and self._born_at is not None and now - self._born_at > BIRTHS_WITHIN_S:
            self._born_at = None
            missing = [device for device in self.wanted if not self.knows(device)]
            if missing and self._searched_in != self._bd_seq:
                # Its birth may have been lost, and with it the last message. Once: it may as well be away for long.
                self.wants_birth, self._searched_in = True, self._bd_seq
            return [DeviceLost(device, NOT_BORN) for device in missing]
        return []

    def _repeats(self, message: Message, now: float) -> bool:
        if message.payload is None or message.payload.at_ms is None:
            return False
        if any(digest == message.digest and now - at < _REMEMBERED_S for digest, at in self._heard):
            return True
        self._heard.append((message.digest, now))
        return False

    def _lose(self, why: str) -> list[Event]:
        was_alive, self.alive, self.wants_birth = self.alive, False, True
        self._gap_from = self._born_at = None
        self._devices = {}
        return [NodeLost(why)] if was_alive else []

    def _die(self, payload: Payload | None, now: float) -> list[Event]:
        number = _bd_seq(payload)
        if _is_earlier(number, self._bd_seq):
            self.counted["deaths_of_earlier_sessions"] += 1
            return []
        lost = self._lose(GONE)
        self._died = (number, now)
        return lost or [NodeLost(GONE)]

    def _begin(self, message: Message, payload: Payload, now: float) -> list[Event]:
        number = _bd_seq(payload)
        if self._is_overtaken(number, payload, now):
            self.counted["late_births"] += 1
            return self._lose(INCOMPLETE)
        again = self.complete and number is not None and number == self._bd_seq
        before = self._devices if again else {}
        self._waiting = {seq: one for seq, one in self._waiting.items() if _has_overtaken(one, message)}
        self.alive, self.wants_birth, self._bd_seq, self._died = True, False, number, None
        self._next = next_number(payload.seq or 0)
        self._birth = self._newest = (payload.at_ms, now) if payload.at_ms is not None else None
        self._born_at = now
        for device in before.values():
            device.born = False
        self._devices = before
        return [*self._bear(message, payload, again=again), *self._drain(now)]

    def _is_overtaken(self, number: Value | None, payload: Payload, now: float) -> bool:
        """Whether the birth may have been overtaken by its own death, or by what was sent after it."""
        died_as, died_at = self._died if self._died is not None else (None, 0.0)
        overtaken = number is not None and number == died_as and now - died_at < LATE_BIRTH_S
        return overtaken or _is_late(payload.at_ms, self._newest, now)

    def _in_order(self, message: Message, payload: Payload, now: float) -> list[Event]:
        seq = payload.seq
        # One that was sent before the birth is late, and its number is that of another session.
        is_late = _is_late(payload.at_ms, self._birth, now)
        if seq is None or is_late or seq in self._waiting or len(self._waiting) >= MAX_WAITING:
            self.counted["gaps"] += 1
            self._keep(message, seq, now)
            return self._lose(INCOMPLETE)
        self._waiting[seq] = message
        return self._drain(now)

    def _keep(self, message: Message, seq: int | None, now: float) -> None:
        """It may have overtaken a birth."""
        if seq is not None:
            if (other := self._waiting.pop(seq, None)) is not None:
                self._note_time(other, now)
            self._waiting[seq] = message
            if len(self._waiting) > MAX_WAITING:
                self._note_time(self._waiting.pop(next(iter(self._waiting))), now)

    def _note_time(self, message: Message, now: float) -> None:
        at_ms = message.payload.at_ms if message.payload is not None else None
        if at_ms is not None and (self._newest is None or at_ms >= self._newest[0]):
            self._newest = (at_ms, now)

    def _drain(self, now: float) -> list[Event]:
        events: list[Event] = []
        applied = False
        while self.alive and self._next in self._waiting:
            message = self._waiting.pop(self._next)
            self._next = next_number(self._next)
            applied = True
            self._note_time(message, now)
            if message.payload is not None:
                events += self._apply(message, message.payload)
        if not self._waiting:
            self._gap_from = None
        elif applied or self._gap_from is None:
            self._gap_from = now
        return events

    def _apply(self, message: Message, payload: Payload) -> list[Event]:
        device = message.device
        if message.kind == "DBIRTH":
            known = self._devices.get(device)
            return self._bear(message, payload, again=known is not None and not known.born)
        if message.kind == "DDEATH":
            self._devices.pop(device, None)
            return [DeviceLost(device, DEVICE_GONE)] if device in self.wanted else []
        if device not in self.wanted:
            return []
        known = self._devices.get(device)
        if known is None or not known.born:
            self.counted["before_birth"] += 1
            self.wants_birth = True
            return []
        samples = tuple(self._samples(known, payload.metrics, self.wanted[device]))
        return [Changed(device, samples, moment_of(payload.at_ms), message.received)] if samples else []

    def _bear(self, message: Message, payload: Payload, *, again: bool) -> list[Event]:
        device = message.device
        if device not in self.wanted:
            if len(self.metrics) < _MAX_DEVICES:
                self.metrics.setdefault(device, ())
            return []
        metrics = payload.metrics
        self.metrics[device] = tuple(one.name for one in metrics if one.name)
        known = self._devices[device] = _Device(
            {one.name: one.datatype for one in metrics if one.name},
            {one.alias: one.name for one in metrics if one.alias is not None and one.name},
        )
        told = self._samples(known, metrics, self.wanted[device])
        given = {one.metric: one for one in told if not one.is_historical}
        # What a birth leaves out the device does not have any more.
        samples = tuple(given.get(name, Sample(name, None, None)) for name in self.wanted[device])
        return [Born(device, samples, moment_of(payload.at_ms), message.received, again)]

    def _samples(self, known: _Device, metrics: Sequence[Metric], wanted: Collection[str]) -> Iterator[Sample]:
        for metric in metrics:
            name = metric.name or known.names.get(metric.alias if metric.alias is not None else -1)
            if not name:
                self.counted["unknown_aliases"] += 1
                self.wants_birth = True
            elif name in wanted:
                good = metric.quality in (None, Quality.GOOD)
                value = signed(metric.value, metric.datatype or known.types.get(name)) if good else None
                yield Sample(name, value, moment_of(metric.at_ms), metric.is_historical)


def compare_clock(clock: SourceClock, message: Message) -> None:
    """What is sent as it happens shows the clock of its node. A death was written long before, and history may be sent as such."""
    payload = message.payload
    if payload is None or message.kind == "NDEATH" or (shown := moment_of(payload.at_ms)) is None:
        return
    if not payload.metrics or not all(metric.is_historical for metric in payload.metrics):
        clock.compare(shown, message.received, message.received)


def _bd_seq(payload: Payload | None) -> Value | None:
    metrics = payload.metrics if payload is not None else ()
    return next((one.value for one in metrics if one.name == BD_SEQ), None)


def _is_earlier(number: Value | None, than: Value | None) -> bool:
    """Whether the session with this number was before the other: numbers go round after 255, so half of them are before any."""
    if not isinstance(number, int) or not isinstance(than, int):
        return False
    return 0 < (than - number) % 256 < 128


def _is_late(at_ms: int | None, than: tuple[int, float] | None, now: float) -> bool:
    """Whether what comes now was sent before something that was heard already. `than`: when that was sent, and heard."""
    if at_ms is None or than is None:
        return False
    sent_ms, heard = than
    return 0 < sent_ms - at_ms < _LATEST_S * 1000 and now - heard <= _LATEST_S


def _has_overtaken(message: Message, birth: Message) -> bool:
    """Whether a message that came shortly before the birth was sent after it."""
    sent = message.payload.at_ms if message.payload is not None else None
    born = birth.payload.at_ms if birth.payload is not None else None
    if sent is None or born is None or birth.received - message.received > timedelta(seconds=_LATEST_S):
        return False
    return sent >= born
