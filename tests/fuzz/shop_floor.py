"""What machines, their controllers and gateways send: MQTT messages, Sparkplug B, Modbus, OPC UA."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary
from pymodbus import FramerType, ModbusException
from pymodbus.client.mixin import ModbusClientMixin
from pymodbus.framer import FRAMER_NAME_TO_CLASS
from pymodbus.pdu import DecodePDU

from edge_agent.configuration import ModbusDevice, OpcUaMachine
from edge_agent.delivery import Delivery
from edge_agent.device_templates import DeviceTemplate, templates
from edge_agent.interval_tracker import IntervalTracker, Observation
from edge_agent.opcua_profiles import MACHINERY_URI, MACHINETOOL_URI, PACKML_URI, NodeName
from edge_agent.sources.contact import SourceLostError
from edge_agent.sources.modbus import ModbusReader
from edge_agent.sources.modbus_line import RefusedError
from edge_agent.sources.opcua_values import OpcUaValues
from edge_agent.sources.source_time import SourceClock
from edge_agent.sources.sparkplug_follower import Message, NodeFollower, compare_clock
from edge_agent.sources.sparkplug_history import History
from edge_agent.sources.sparkplug_values import NodeValues
from edge_agent.sparkplug_settings import SparkplugMachine
from ingest.validation import accept
from telemetry import StateInterval, StateReport, encode, state_topic
from telemetry.gateway_health import decode_health
from telemetry.message import EARLIEST
from telemetry.sparkplug import decode as decode_sparkplug
from telemetry.sparkplug import parse_topic
from telemetry.stored_reports import decode_stored
from telemetry.topics import parse_gateway_topic
from tests.fuzz.target import Parts, target

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
THRESHOLDS = {"off_below_w": 100, "idle_below_w": 1500, "working_from_w": 2500}


def must_be_taken(intervals: Iterable[StateInterval]) -> None:
    """What an agent reports, ingest takes, as far as it is not of the future or of the time before any clock was set."""
    for interval in intervals:
        if interval.since >= EARLIEST and interval.until <= NOW:
            accept(state_topic("genk", "m1"), encode("gw", [StateReport.of(1, interval)]), NOW)


def must_be_reported(observed: Sequence[Observation]) -> None:
    """The intervals of these observations are taken."""
    tracker = IntervalTracker(timedelta(minutes=1))
    for seen in observed:
        must_be_taken(tracker.observe(seen))


@target(ValueError)
def state_message(data: bytes) -> None:
    """A topic, a line end, and the payload of a machine's reports. Raises ValueError."""
    topic, _, payload = data.partition(b"\n")
    accept(topic.decode("utf-8", "surrogateescape"), payload, NOW)


@target(ValueError)
def gateway_message(data: bytes) -> None:
    """A topic, a line end, and what a gateway or ingest tells. Raises ValueError."""
    topic, _, payload = data.partition(b"\n")
    if topic.endswith(b"/stored"):
        delivery = Delivery()
        delivery.acknowledge([1, 2, 7, 2**40], 1.0)
        delivery.tell(decode_stored(payload), 30.0)
        delivery.acknowledge([3], 31.0)
        Delivery.from_json(*delivery.to_json())
        return
    parse_gateway_topic(topic.decode("utf-8", "surrogateescape"))
    decode_health(payload)


@target(ValueError)
def sparkplug_payload(data: bytes) -> None:
    """A topic, a line end, and a payload of Sparkplug B. Raises ValueError."""
    topic, _, payload = data.partition(b"\n")
    parse_topic(topic.decode("utf-8", "surrogateescape"))
    decode_sparkplug(payload)


_SPARKPLUG_MACHINES = [
    SparkplugMachine.validated(
        {"id": "m1", "group": "g", "node": "n", "device": "d", "power": "P", "power_unit": "kW", "report_power": True, "thresholds": THRESHOLDS}
    ),
    SparkplugMachine.validated(
        {"id": "m2", "group": "g", "node": "n", "device": None,
         "tag": [{"metric": "P", "states": {"1": "executing", "true": "not_executing"}}, {"metric": "M", "modes": {"2": "setup"}}]}
    ),
]  # fmt: skip
_KINDS = ("NBIRTH", "DBIRTH", "NDATA", "DDATA", "DDEATH", "NDEATH")


@target()
def sparkplug_node(data: bytes) -> None:
    """The messages of an edge node, one after the other. Raises nothing."""
    parts = Parts(data)
    clock = SourceClock()
    values = NodeValues(_SPARKPLUG_MACHINES, clock)
    follower = NodeFollower(values.wanted)
    history = History(_SPARKPLUG_MACHINES[0])
    seen: dict[str, list[Observation]] = {}
    at = NOW - timedelta(hours=1)
    seconds = 0.0
    while parts and seconds < 3000:
        kind, step, body = parts.pick(_KINDS), parts.number(60), parts.short()
        at, seconds = at + timedelta(seconds=step), seconds + step
        try:
            payload = decode_sparkplug(body)
        except ValueError:
            payload = None
        message = Message(kind, "d" if kind.startswith("D") else None, payload, at, hash(body))
        compare_clock(clock, message)
        for event in (*follower.hear(message, seconds), *follower.tick(seconds + 3)):
            for machine, observation in values.take(event):
                seen.setdefault(machine, []).append(observation)
            told = [(one.at, one) for one in getattr(event, "samples", ()) if one.at is not None]
            must_be_taken(history.fill(told)[0])
        for machine, observation in values.confirm(at, [None, "d"]):
            seen.setdefault(machine, []).append(observation)
        interval = StateInterval(observation.state, at, at) if seen else None
        history.find(interval) if kind == "DBIRTH" else history.lose(interval, {})
    for observed in seen.values():
        must_be_reported(observed)


class _Registers:
    """A line on which every register has what the input says."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def read_words(self, unit: int, function: str, address: int, count: int, timeout: float) -> list[int]:
        if self._parts.number(255) == 255:
            raise RefusedError("it has no such register")
        return self._parts.words(count)

    async def read_bits(self, unit: int, function: str, address: int, count: int, timeout: float) -> list[bool]:
        return [bool(word & 1) for word in self._parts.words(count)]

    async def read_values(self, unit: int, function: str, blocks: Any, timeout: float) -> Any:
        for block in blocks:
            yield block, block.decode(await self.read_words(unit, function, block.address, block.count, timeout))


def _device(name: str, template: DeviceTemplate) -> ModbusDevice:
    """One that reports what it can."""
    more = {"thresholds": THRESHOLDS, "report_power": True} if template.is_meter else {}
    return ModbusDevice.validated({"id": "m1", "host": "127.0.0.1", "template": name, **more})


@cache
def _devices() -> list[ModbusDevice]:
    return [_device(name, template) for name, template in sorted(templates().items())]


@target()
def modbus_registers(data: bytes) -> None:
    """A device, and what its registers hold at some polls. Raises nothing."""
    parts = Parts(data)
    line: Any = _Registers(parts)
    reader = ModbusReader(parts.pick(_devices()), line)

    async def poll() -> None:
        at = NOW - timedelta(hours=1)
        observed: list[Observation] = []
        while parts and len(observed) < 20:
            try:
                observed.append(await reader.read(at, continuous=bool(parts.number(1))))
            except SourceLostError:
                break
            at += timedelta(seconds=parts.number(200))
        must_be_reported(observed)

    _run(poll())


@target(ModbusException)
def modbus_frames(data: bytes) -> None:
    """Frames as they come from a socket or a serial line, in two parts. Raises ModbusException, upon which the line is closed."""
    parts = Parts(data)
    kind = FramerType.SOCKET if parts.number(1) else FramerType.RTU
    framer = FRAMER_NAME_TO_CLASS[kind](DecodePDU(is_server=False))
    cut = parts.number(255)
    stream = parts.rest()
    for waiting in (stream[:cut], stream):
        used, answer = framer.handleFrame(waiting, 1, 1)
        while answer is not None and used and waiting:
            if not answer.isError() and getattr(answer, "registers", None):
                ModbusClientMixin.convert_from_registers(answer.registers[:1], ModbusClientMixin.DATATYPE.UINT16)
            waiting = waiting[used:]  # noqa: PLW2901 - what is left of it
            used, answer = framer.handleFrame(waiting, 1, 1)


_NODES = [ua.NodeId(number, 2) for number in range(4)]
_OPCUA_MACHINES = [
    OpcUaMachine.validated({"id": "m1", "profile": "machinery", "node": "nsu=urn:x;i=1"}),
    OpcUaMachine.validated({"id": "m2", "profile": "packml", "node": "nsu=urn:x;i=1"}),
    OpcUaMachine.validated({"id": "m3", "profile": "machinetool", "node": "nsu=urn:x;i=1"}),
    OpcUaMachine.validated(
        {"id": "m4", "profile": "tags", "tag": [{"node": "nsu=urn:x;i=1", "states": {"1": "executing", "true": "not_executing"}, "modes": {"2": "setup"}}]}
    ),
]  # fmt: skip
_ROLES = (
    ("item_state", "operation_mode", "item_state", "operation_mode"),
    ("packml_base", "packml_machine", "packml_execute", "packml_mode"),
    ("channel", "program", "tool_mode", "channel:2"),
    ("tag:0", "tag:0", "tag:0", "tag:0"),
)


def _name_of(node: ua.NodeId) -> NodeName:
    return NodeName((MACHINERY_URI, PACKML_URI, MACHINETOOL_URI)[node.NamespaceIndex % 3], node.Identifier)


@target()
def opcua_values(data: bytes) -> None:
    """Values as a server encodes them, with its time stamps. Raises nothing; what asyncua cannot decode never arrives."""
    parts = Parts(data)
    clock = SourceClock()
    values = OpcUaValues(_OPCUA_MACHINES, clock, _name_of)
    for machine, roles in zip(_OPCUA_MACHINES, _ROLES, strict=True):
        values.follow(machine.id, list(zip(_NODES, roles, strict=True)))
    seen: dict[str, list[Observation]] = {}
    at = NOW - timedelta(hours=1)
    for _ in range(20):
        if not parts:
            break
        at += timedelta(seconds=parts.number(100))
        node, body = parts.pick(_NODES), parts.short()
        try:
            value = struct_from_binary(ua.DataValue, Buffer(body))
        except Exception:
            continue
        if value.ServerTimestamp is not None:
            clock.contradicted_by(value.ServerTimestamp, at)
            clock.compare(value.ServerTimestamp, at, at)
        for name, observation in (*values.take([(node, value)], at, at), *values.confirmations()):
            seen.setdefault(name, []).append(observation)
    for observed in seen.values():
        must_be_reported(observed)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def _run(work: Any) -> None:
    _loop().run_until_complete(work)
