"""`vrijloop agent discover mqtt://…`: listens for edge nodes of Sparkplug B on a broker, and prints a configuration for their devices."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import ValidationError

from edge_agent.discover import machine_id
from edge_agent.mqtt_client import MqttClient, MqttError
from edge_agent.opcua_profiles import packml_state, value_text
from edge_agent.sources.sparkplug_connection import MAX_PAYLOAD_BYTES, NodeName, birth_request, topics_of
from edge_agent.sparkplug_settings import ID_RULE, SparkplugId
from telemetry import MachineState, UnavailableError, UserError
from telemetry.broker import BrokerSettings
from telemetry.settings_table import validator
from telemetry.sparkplug import BD_SEQ, Address, DataType, Metric, decode, parse_topic, topic

_ANSWERED_WITHIN_S = 5.0
_ASK_EVERY_S, _ASK_AGAIN_S = 0.2, 5.0
_MAX_NODES, _MAX_DEVICES, _MAX_METRICS = 500, 5_000, 40
_NAME = validator(SparkplugId)

_OURS = {state.value: state for state in MachineState}
_RUN, _WAIT, _DOWN = MachineState.EXECUTING, MachineState.NOT_EXECUTING, MachineState.OUT_OF_SERVICE
_MTCONNECT = {"ACTIVE": _RUN} | dict.fromkeys(
    ("READY", "STOPPED", "PROGRAM_STOPPED", "PROGRAM_COMPLETED", "PROGRAM_OPTIONAL_STOP", "OPTIONAL_STOP", "WAIT", "INTERRUPTED", "FEED_HOLD"),
    _WAIT,
)  # fmt: skip
"""MTConnect's Execution."""
_PACKML = {str(number): packml_state(number) for number in range(1, 18)}
_NUMBERS = frozenset(DataType) - {DataType.BOOLEAN, DataType.STRING, DataType.TEXT, DataType.DATE_TIME}
_POWER = re.compile(
    r"(^|[/_ .-])(active|total|real)?[_ ]?(active)?[_ ]?power([/_ .-]?(active|total|kw|w))?$", re.IGNORECASE
)


@dataclass(slots=True)
class Heard:
    """What was heard: nodes, and the metrics of those devices (and nodes) that were born."""

    nodes: set[NodeName] = field(default_factory=set)
    born: dict[Address, tuple[Metric, ...]] = field(default_factory=dict)
    unreadable: int = 0

    def hear(self, name: str, payload: bytes) -> NodeName | None:
        """A message. Returns its node if its birth was missed."""
        try:
            kind, address = parse_topic(name)
            for part in (address.group, address.node, *([address.device] if address.device is not None else [])):
                _NAME.validate_python(part)
            metrics = decode(payload, MAX_PAYLOAD_BYTES).metrics
        except (ValidationError, ValueError):
            self.unreadable += 1
            return None
        node = (address.group, address.node)
        if len(self.nodes) < _MAX_NODES:
            self.nodes.add(node)
        if node not in self.nodes or len(self.born) >= _MAX_DEVICES:
            return None
        if kind in ("NBIRTH", "DBIRTH"):
            self.born[address] = metrics
        is_missed = address not in self.born or Address(*node) not in self.born
        return node if is_missed and not kind.endswith("DEATH") else None


async def discover_sparkplug(
    settings: BrokerSettings,
    group: str | None,
    seconds: float,
    now: Callable[[], datetime],
    *,
    rebirth: bool,
    stop: asyncio.Event,
    on_heard: Callable[[Heard], None] = lambda _: None,
) -> str:
    """What was heard in so many seconds, or until `stop`, as TOML. `rebirth`: nodes are asked for their births. Raises UnavailableError and UserError."""
    heard, unborn, asked = Heard(), set[NodeName](), dict[NodeName, float]()

    def hear(name: str, payload: bytes) -> None:
        if (node := heard.hear(name, payload)) is not None:
            unborn.add(node)
        on_heard(heard)

    broker = f"MQTT broker {settings.address}"
    try:
        async with MqttClient(settings, f"vrijloop-discover-{time.time_ns() % 1_000_000}") as client:
            for one in _filters(group):
                async with asyncio.timeout(_ANSWERED_WITHIN_S):
                    reason = await client.subscribe(one, hear, retained=False)
                if reason is not None and reason.is_failure:
                    raise UnavailableError(f"{broker} refuses the subscription to {one} ({reason}).")
            ends = time.monotonic() + seconds
            while (left := ends - time.monotonic()) > 0 and not stop.is_set():
                client.check()
                for node in unborn if rebirth else ():
                    if time.monotonic() - asked.get(node, float("-inf")) > _ASK_AGAIN_S:
                        asked[node] = time.monotonic()
                        client.publish(topic(node[0], "NCMD", node[1]), birth_request(now()), retain=False, qos=0)
                unborn.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left, _ASK_EVERY_S)):
                        await stop.wait()
    except MqttError as error:
        raise UnavailableError(f"{broker}: {error}.") from error
    except TimeoutError:
        raise UnavailableError(f"{broker} does not answer a subscription.") from None
    return sparkplug_toml(settings, heard)


def _filters(group: str | None) -> list[str]:
    """Births, data and deaths, and no commands."""
    if group is not None:
        try:
            _NAME.validate_python(group)
        except ValidationError:
            raise UserError(f"--group {group!r}: {ID_RULE}.") from None
    return topics_of((group or "+", "+"))


def sparkplug_toml(settings: BrokerSettings, heard: Heard) -> str:
    """What was heard, as part of a configuration."""
    lines = ["# Who said nothing meanwhile is not here."]
    lines += [f"# {heard.unreadable} messages could not be read."] if heard.unreadable else []
    silent = sorted(heard.nodes - {(one.group, one.node) for one in heard.born})
    lines += [f"# {'/'.join(node)} publishes, and has not told its birth." for node in silent]
    taken: set[str] = set()
    machines: list[str] = []
    for address in sorted(heard.born, key=str):
        metrics = [
            one
            for one in heard.born[address]
            if one.name and not one.name.startswith("Node Control/") and one.name != BD_SEQ
        ]
        if metrics:
            machines += _machine(address, metrics, taken)
    given = validator(BrokerSettings).dump_python(settings, mode="json", exclude_defaults=True) | {"url": settings.url}
    head = ["[[sparkplug_input]]", "", "[sparkplug_input.mqtt]"]
    head += [f"{key} = {_quoted(value)}" for key, value in given.items()]
    if not any(line.startswith("[[") for line in machines):  # without a machine it would be an error
        lines += ["# No device has a metric whose values are known; name them in a table, as in the sample."]
        head = [f"# {line}".rstrip() for line in head]
    return "\n".join([*lines, *head, "", *machines]).rstrip() + "\n"


def _machine(address: Address, metrics: Sequence[Metric], taken: set[str]) -> list[str]:
    lines = [f"# {_plain(str(address))}"]
    lines += [f"#   {_shown(metric)}" for metric in metrics[:_MAX_METRICS]]
    lines += [f"#   and {len(metrics) - _MAX_METRICS} more"] if len(metrics) > _MAX_METRICS else []
    meant = next(((metric.name, found) for metric in metrics if (found := _meaning(metric)) is not None), None)
    if meant is None and address.device is None:
        return [*lines, ""]  # most nodes tell about themselves only
    name = machine_id(address.device or address.node)
    while name in taken:
        name = machine_id(f"{address.node}-{name}") if len(name) < 50 else f"{name[:40]}-{len(taken)}"
    taken.add(name)
    table = ["[[sparkplug_input.machine]]", f'id = "{name}"', f"group = {_quoted(address.group)}"]
    table += [f"node = {_quoted(address.node)}"]
    table += [f"device = {_quoted(address.device)}"] if address.device is not None else []
    power = next((one.name for one in metrics if one.datatype in _NUMBERS and _POWER.search(one.name)), None)
    if meant is None and power is not None and power.isprintable():
        unit = ['# power_unit = "kW"   # if it is in kilowatts']
        learn = [f"# thresholds: `vrijloop agent learn {name}` proposes them"]
        return [*lines, *table, f"power = {_quoted(power)}", *unit, *learn, ""]
    table += [f"# power = {_quoted(_plain(power))}"] if power is not None else []
    table += ["[[sparkplug_input.machine.tag]]"]
    if meant is not None:
        return [*lines, *table, f"metric = {_quoted(meant[0])}", f"states = {_states(meant[1])}", ""]
    table += ['metric = "NAME"', 'states = { "VALUE" = "executing", "ANOTHER" = "not_executing" }']
    return [*lines, *(f"# {line.removeprefix('# ')}" for line in table), ""]


def _meaning(metric: Metric) -> Mapping[str, MachineState] | None:
    """The table of a vocabulary that the metric seems to speak."""
    text = value_text(metric.value)
    if not metric.name.isprintable():
        return None
    if isinstance(metric.value, str):
        return next((table for table in (_OURS, _MTCONNECT) if text in table), None)
    is_packml = metric.name.rsplit("/")[-1].lower().endswith("statecurrent") and text in _PACKML
    return _PACKML if is_packml and metric.datatype in _NUMBERS else None


def _states(table: Mapping[str, MachineState]) -> str:
    return "{ " + ", ".join(f'"{value}" = "{state.value}"' for value, state in table.items()) + " }"


def _shown(metric: Metric) -> str:
    kind = metric.datatype.name.lower() if metric.datatype is not None else "another type"
    value = value_text(metric.value)
    return f"{_plain(metric.name)} ({kind}){'' if value is None else f' = {_plain(value)[:60]}'}"


def _quoted(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _plain(text: str) -> str:
    """Without signs that could begin a line of their own."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)
