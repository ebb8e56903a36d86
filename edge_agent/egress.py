"""`vrijloop agent egress`: what an agent with this configuration sends, to whom, in which words; and what it asks of the machines.

Computed from the configuration, without connecting to anything. Tests hold recorded traffic to it: nothing may be sent that is not listed here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from edge_agent.configuration import AgentSettings, ModbusDevice, OpcUaServer
from edge_agent.opcua_profiles import NO_VALID_STATE
from edge_agent.power_state import NO_THRESHOLDS
from edge_agent.publisher import HEALTH_EVERY_S, IDLE_CHECK_S
from edge_agent.sources.contact import NO_CONTACT
from edge_agent.sources.sparkplug_connection import topics_of
from edge_agent.sources.sparkplug_follower import DEVICE_GONE
from edge_agent.sources.sparkplug_values import NO_POWER
from edge_agent.sparkplug_node import NODE_DATA_EVERY_S
from edge_agent.sparkplug_session import MODE, POWER, SINCE, STATE, VERSION, WAITING
from edge_agent.sparkplug_settings import SparkplugInput, SparkplugTable
from telemetry import MachineState, OperationMode, StateInterval, state_topic, status_topic
from telemetry import sparkplug as spb
from telemetry.broker import BrokerSettings
from telemetry.gateway_health import GatewayHealth, encode_health
from telemetry.message import StateReport, encode
from telemetry.topics import health_topic, stored_topic
from telemetry.version import __version__

MACHINE = "<machine>"
"""Stands in a topic for each of the machines that are listed beside it."""

OPCUA_SERVICES = (
    "GetEndpoints", "OpenSecureChannel", "CloseSecureChannel", "CreateSession", "ActivateSession", "CloseSession",
    "Browse", "BrowseNext", "TranslateBrowsePathsToNodeIds", "Read",
    "CreateSubscription", "ModifySubscription", "DeleteSubscriptions", "CreateMonitoredItems", "Publish",
)  # fmt: skip
"""All that is ever asked of an OPC UA server (OPC 10000-4): to be let in, to look, to read, and to be told of changes."""

MODBUS_FUNCTIONS = {
    1: "read coils", 2: "read discrete inputs", 3: "read holding registers", 4: "read input registers",
    43: "read device identification (14), by `discover` alone",
}  # fmt: skip
"""All that is ever asked of a Modbus device, by function code."""

REASONS = (NO_CONTACT, NO_VALID_STATE, NO_THRESHOLDS, NO_POWER, DEVICE_GONE)

NEVER = (
    "programs, part and order numbers, alarms, names of operators, and any value of a machine that this page does not name",
    "values under `values`, and how a machine is connected: `status` and `metrics` on the gateway alone show them",
    "anything to a machine that changes it: no OPC UA Write, Call or change of nodes or history, no Modbus function that writes",
    "time from NTP: the gateway's clock is set by its operating system",
    "HTTP requests, updates of itself, usage figures and crash reports to whoever",
)
"""What is never sent, asked or fetched."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a payload: a key of the JSON object, or a metric of Sparkplug B."""

    name: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Publication:
    """What is published on a topic. `machines`: for `MACHINE` in the topic. `bytes`: of a typical payload."""

    topic: str
    when: str
    bytes: int
    fields: tuple[Field, ...]
    machines: tuple[str, ...] = ()
    retained: bool = False


@dataclass(frozen=True, slots=True)
class Destination:
    """A broker that is connected to. `identity`: as whom the agent logs in, without any secret."""

    purpose: str
    address: str
    protocol: str
    encrypted: bool
    identity: str
    client_id: str
    publishes: tuple[Publication, ...]
    reads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Device:
    """A machine's server, device or line that is read. `asks`: the only requests that are ever sent."""

    address: str
    protocol: str
    encrypted: bool
    machines: tuple[str, ...]
    asks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Egress:
    """Everything. `looks_up`: host names, which are asked of the gateway's DNS server. `answers`: addresses at which the gateway itself can be asked."""

    factory: str
    gateway: str
    sends_to: tuple[Destination, ...]
    reads: tuple[Device, ...]
    looks_up: tuple[str, ...]
    answers: tuple[str, ...]
    never: tuple[str, ...] = NEVER


def egress_of(settings: AgentSettings) -> Egress:
    """What an agent with these settings sends."""
    destinations = [_reports(settings)]
    if settings.sparkplug is not None:
        destinations.append(_sparkplug(settings, settings.sparkplug))
    destinations += [_edge_nodes(settings, table) for table in settings.sparkplug_input]
    hosts = [one.address.rpartition(":")[0] for one in destinations]
    hosts += [urlsplit(server.endpoint).hostname or "" for server in settings.opcua]
    hosts += [device.host for device in settings.modbus if device.host is not None]
    metrics = settings.agent.metrics
    return Egress(
        settings.agent.factory,
        settings.agent.gateway,
        tuple(destinations),
        (*map(_server, settings.opcua), *_lines(settings.modbus)),
        tuple(dict.fromkeys(host for host in hosts if _is_name(host))),
        (f"http://{metrics}/metrics and /healthz, for whoever reaches it: states, power and other values",)
        if metrics
        else (),
    )


def _is_name(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return bool(host)
    return False


def _destination(
    purpose: str, broker: BrokerSettings, client_id: str, publishes: Sequence[Publication], reads: Sequence[str]
) -> Destination:
    encrypted = urlsplit(broker.url).scheme == "mqtts"
    return Destination(
        purpose, broker.address, f"MQTT {broker.protocol}", encrypted, _identity(broker), client_id, tuple(publishes), tuple(reads)
    )  # fmt: skip


def _identity(broker: BrokerSettings) -> str:
    """As whom the agent logs in. Files with secrets are named, and not read."""
    parts = [f"certificate {broker.client_certificate}"] if broker.client_certificate is not None else []
    if broker.credentials_file is not None:
        parts.append(f"the user named in {broker.credentials_file}, by password")
    elif broker.username is not None:
        parts.append(f"user {broker.username!r}, by password")
    return ", ".join(parts) or "nobody: without logging in"


def _reports(settings: AgentSettings) -> Destination:
    table = settings.agent
    factory, gateway = table.factory, table.gateway
    power = _power(settings, "watts, as of `until`")
    heartbeat = table.heartbeat.total_seconds()
    state_fields = (
        Field("v", "version of the message, 1"),
        Field("gateway", "this gateway's name"),
        Field("reports", "1 to 500 reports, each with the fields below"),
        Field("reports.seq", "number of the report"),
        Field("reports.state", _one_of(MachineState)),
        Field("reports.mode", f"{_one_of(OperationMode)}; null where the machine does not tell"),
        Field("reports.since", "since when the machine is in this state"),
        Field("reports.until", "until when that is confirmed"),
        Field("reports.power_w", power),
        Field(
            "reports.reason", "why the state is unknown, else null; one of: " + ", ".join(f"“{one}”" for one in REASONS)
        ),
    )
    health_fields = (
        Field("outbox", "number of reports that wait"),
        Field("version", "version of the agent"),
        Field("certificate_days", "days until a certificate of this gateway expires, null without any"),
        Field("v", "version of the message, 1"),
    )
    publishes = (
        Publication(
            state_topic(factory, MACHINE), f"at each change of state, and every {heartbeat:g} s; after an outage what has waited, up to 500 reports a message",
            _typical_report(gateway), state_fields, tuple(settings.machines), retained=True,
        ),
        Publication(
            status_topic(factory, gateway), f"“online” at the start and after {IDLE_CHECK_S:g} s without a message, “offline” at the end, or from the broker when the connection is lost",
            len("offline"), (Field("", "one word: online, offline"),), retained=True,
        ),
        Publication(
            health_topic(factory, gateway), f"every {HEALTH_EVERY_S:g} s", len(encode_health(GatewayHealth(0, __version__))), health_fields, retained=True,
        ),
    )  # fmt: skip
    return _destination(
        "reports of the machines' states", settings.mqtt, f"vrijloop-agent-{factory}-{gateway}", publishes, [stored_topic(factory, gateway)]
    )  # fmt: skip


def _typical_report(gateway: str) -> int:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    interval = StateInterval(MachineState.NOT_EXECUTING, moment, moment, OperationMode.PROCESSING)
    return len(encode(gateway, [StateReport.of(10_000, interval)]))


def _one_of(kind: type[MachineState | OperationMode]) -> str:
    return "one of: " + ", ".join(one.value for one in kind)


def _power(settings: AgentSettings, what: str) -> str:
    """What is said of power, which leaves the factory only where the configuration says so."""
    machines = [one for one in settings.machines if one in settings.with_power]
    return (
        f"{what}; of {', '.join(machines)} alone (`report_power`), else null"
        if machines
        else "always null: `report_power` is set for no machine"
    )


def _sparkplug(settings: AgentSettings, table: SparkplugTable) -> Destination:
    """The same states once more, for a SCADA system."""
    factory, gateway = settings.agent.factory, settings.agent.gateway
    group, node = table.group or factory, table.node or gateway
    metrics = [
        Field(STATE, _one_of(MachineState)),
        Field(MODE, f"{_one_of(OperationMode)}; null where the machine does not tell"),
        Field(SINCE, "since when the machine is in this state"),
    ]
    if any(one in settings.with_power for one in settings.machines):
        metrics.append(Field(POWER, _power(settings, "watts")))
    born = (
        Field(spb.BD_SEQ, "number of the connection"),
        Field(spb.REBIRTH, "always false: hosts set it to ask for births"),
        Field(VERSION, "version of the agent"),
        Field(WAITING, "number of reports that wait for the broker of [mqtt]"),
    )

    def of_node(kind: str, when: str, fields: Sequence[Field]) -> Publication:
        return Publication(spb.topic(group, kind, node), when, 20 + 30 * len(fields), tuple(fields))

    def of_machines(kind: str, when: str, fields: Sequence[Field]) -> Publication:
        topic, size = spb.topic(group, kind, node, MACHINE), 20 + 40 * len(fields)
        return Publication(topic, when, size, tuple(fields), tuple(settings.machines))

    publishes = (
        of_node("NBIRTH", "at the start, and when a host asks", born),
        of_node("NDATA", f"when the number of waiting reports is another, every {NODE_DATA_EVERY_S:g} s at most", born[-1:]),
        of_node("NDEATH", "at the end, or from the broker when the connection is lost", born[:1]),
        of_machines("DBIRTH", "when a machine answers, and when a host asks", metrics),
        of_machines("DDATA", "at each change", metrics),
        of_machines("DDEATH", "when a machine answers no more", ()),
    )  # fmt: skip
    reads = [spb.topic(group, "NCMD", node), spb.topic(group, "DCMD", node, "+")]
    reads += [spb.state_topic(table.host)] if table.host is not None else []
    broker = table.mqtt or settings.mqtt
    return _destination(
        "the same states as an edge node of Sparkplug B",
        broker,
        f"vrijloop-sparkplug-{factory}-{gateway}",
        publishes,
        reads,
    )


def _edge_nodes(settings: AgentSettings, table: SparkplugInput) -> Destination:
    """A broker of the plant from which machines are read."""
    asks = (Field(spb.REBIRTH, "true: tell anew what there is; goes to no machine"),)
    publishes = [
        Publication(spb.topic(group, "NCMD", node), "when a birth alone can tell how things are", 40, asks)
        for group, node in (table.nodes if table.rebirth else ())
    ]
    reads = [one for name in table.nodes for one in topics_of(name)]
    if table.host is not None:
        fields = (Field("online", "whether the agent is there"), Field("timestamp", "since when"))
        publishes.append(
            Publication(spb.state_topic(table.host), "at the start and at the end", 50, fields, retained=True)
        )
        reads.append(spb.state_topic(table.host))
    return _destination(
        "edge nodes of Sparkplug B, which are read",
        settings.broker_of(table),
        settings.host_client_id(),
        publishes,
        reads,
    )


def _server(server: OpcUaServer) -> Device:
    machines = tuple(machine.id for machine in server.machine)
    encrypted = server.security_policy != "None" and server.security_mode == "SignAndEncrypt"
    return Device(server.endpoint, "OPC UA", encrypted, machines, OPCUA_SERVICES)


def _lines(devices: Sequence[ModbusDevice]) -> list[Device]:
    """One for each connection or serial line."""
    lines: dict[str, list[ModbusDevice]] = {}
    for device in devices:
        lines.setdefault(device.line, []).append(device)
    asks = tuple(f"{code}: {what}" for code, what in MODBUS_FUNCTIONS.items())
    names = {"tcp": "Modbus TCP", "rtu-over-tcp": "Modbus RTU over TCP", "serial": "Modbus RTU"}
    return [
        Device(line, names[behind[0].transport], encrypted=False, machines=tuple(one.id for one in behind), asks=asks)
        for line, behind in lines.items()
    ]
