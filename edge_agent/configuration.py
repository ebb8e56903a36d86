"""The agent's configuration file; `docs/agent.sample.toml` documents every option."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from edge_agent.node_names import parse_node_name
from edge_agent.power_state import PowerThresholds
from edge_agent.sources.source_time import TOLERANCE
from edge_agent.sparkplug_settings import SparkplugInput, SparkplugTable
from edge_agent.stack_light import Lamp
from edge_agent.tag_table import TagTable
from telemetry import Duration, MachineState, Name, UserError
from telemetry.broker import BrokerSettings, read_secret_file
from telemetry.settings_table import Check, Constraint, SettingsTable

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

    from edge_agent.device_templates import DeviceTemplate

_log = logging.getLogger(__name__)

PASSWORD_VARIABLE = "VRIJLOOP_OPCUA_PASSWORD"  # noqa: S105 - a name, no secret

Port = Annotated[int, Constraint(ge=1, le=65535)]


def _opcua_endpoint(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "opc.tcp" or not parts.hostname:
        raise ValueError('write it as "opc.tcp://HOST:PORT/PATH"')
    return url


@dataclass(frozen=True, kw_only=True)
class AgentTable(SettingsTable):
    """The `[agent]` table: the agent's identity, its outbox and its metrics."""

    factory: Name
    gateway: Name
    data_dir: Path = Path("vrijloop-agent")
    heartbeat: Duration = timedelta(seconds=60)
    outbox_max_mb: Annotated[int, Constraint(ge=1, le=1_000_000)] = 256
    outbox_max_age: Duration = timedelta(days=30)
    keep_stored: Duration = timedelta(days=7)
    keep_stored_mb: Annotated[int, Constraint(ge=0, le=1_000_000)] = 100
    metrics: Annotated[str, Constraint(pattern=r"^[^\s:]+:\d{1,5}$")] | None = None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core.core_schema import no_info_before_validator_function

        return no_info_before_validator_function(_without_resend, handler(source))


def _without_resend(table: Any) -> Any:
    """An option of an older version; a file that has it goes on working."""
    if isinstance(table, dict) and "resend" in table:
        _log.warning("`resend` under [agent] has no effect any more: reports are kept until they are stored.")
        return {name: value for name, value in table.items() if name != "resend"}
    return table


def _node(text: str) -> str:
    parse_node_name(text)
    return text


NodeText = Annotated[str, Check(_node)]


@dataclass(frozen=True, kw_only=True)
class OpcUaTag(TagTable):
    """A node and what its values stand for."""

    node: NodeText


@dataclass(frozen=True, kw_only=True)
class OpcUaMachine(SettingsTable):
    """One machine of an OPC UA server, found by `browse_name` or `node`, or read from its tags."""

    id: Name
    profile: Literal["machinery", "packml", "machinetool", "tags"] = "machinery"
    browse_name: str | None = None
    node: NodeText | None = None
    tag: tuple[OpcUaTag, ...] = ()

    def __post_init__(self) -> None:
        if self.profile == "tags":
            if not any(tag.states for tag in self.tag):
                raise ValueError(f"machine {self.id!r}: profile `tags` needs a [[opcua.machine.tag]] with `states`")
            if self.node or self.browse_name:
                raise ValueError(f"machine {self.id!r}: profile `tags` names nodes only in its tags")
        elif self.tag:
            raise ValueError(f"machine {self.id!r}: tags belong to profile `tags`")
        elif (self.node is None) == (self.browse_name is None):
            raise ValueError(f"machine {self.id!r}: give either `browse_name` or `node`")


@dataclass(frozen=True, kw_only=True)
class OpcUaServer(SettingsTable):
    """One OPC UA server with its machines."""

    endpoint: Annotated[str, Check(_opcua_endpoint)]
    security_policy: Literal["None", "Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"] = "None"
    security_mode: Literal["Sign", "SignAndEncrypt"] = "SignAndEncrypt"
    username: str | None = None
    password_file: Path | None = None
    user_certificate: Path | None = None
    user_key: Path | None = None
    publishing_interval: Duration = timedelta(milliseconds=100)
    timeout: Duration = timedelta(seconds=4)
    silence: Duration = timedelta(seconds=10)
    clock_tolerance: Duration = TOLERANCE
    machine: Annotated[tuple[OpcUaMachine, ...], Constraint(min_length=1)]

    def __post_init__(self) -> None:
        if self.username is None and self.password_file is not None:
            raise ValueError("`password_file` needs a `username`")
        if (self.user_certificate is None) != (self.user_key is None):
            raise ValueError("`user_certificate` and `user_key` belong together")
        if self.username is not None and self.user_certificate is not None:
            raise ValueError("log in either with `username` or with `user_certificate`")
        if (self.username is not None or self.user_certificate is not None) and self.security_policy == "None":
            raise ValueError("a log-in needs a `security_policy`, else anyone on the network could listen in")

    def password(self) -> str:
        """The first line of `password_file`, else `PASSWORD_VARIABLE`. Raises UserError."""
        if self.password_file is not None:
            return read_secret_file(self.password_file, f"password for {self.endpoint}")
        if PASSWORD_VARIABLE not in os.environ:
            raise UserError(f"{self.endpoint}: give `password_file`, or {PASSWORD_VARIABLE} in the environment.")
        return os.environ[PASSWORD_VARIABLE]


def _known_template(name: str) -> str:
    # Imported here: YAML and Modbus take some megabytes, which an agent without Modbus devices does not need.
    from edge_agent.device_templates import get_template

    try:
        get_template(name)
    except UserError as error:
        raise ValueError(str(error)) from error
    return name


@dataclass(frozen=True, kw_only=True)
class ModbusDevice(SettingsTable):
    """One machine behind a Modbus device: over TCP, RTU over TCP (a serial server), or a serial line."""

    id: Name
    transport: Literal["tcp", "rtu-over-tcp", "serial"] = "tcp"
    host: str | None = None
    port: Port = 502
    serial_port: str | None = None
    baudrate: Annotated[int, Constraint(ge=300, le=4_000_000)] = 9600
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1
    unit: Annotated[int, Constraint(ge=0, le=255)] = 1
    template: Annotated[str, Check(_known_template)]
    values: tuple[str, ...] = ()
    lamps: Annotated[dict[Lamp, Annotated[int, Constraint(ge=0)]], Constraint(min_length=1)] | None = field(
        default=None, hash=False
    )
    poll_interval: Duration = timedelta(seconds=1)
    timeout: Duration = timedelta(seconds=1)
    longest_pause: Duration = timedelta(seconds=30)
    thresholds: PowerThresholds | None = None
    dwell: dict[MachineState, Duration] = field(default_factory=dict, hash=False)
    report_power: bool = False

    def __post_init__(self) -> None:
        self._reachable()
        self._fits_its_template()

    def _reachable(self) -> None:
        if self.transport == "serial" and self.serial_port is None:
            raise ValueError(f'machine {self.id!r}: transport "serial" needs `serial_port`, such as "/dev/ttyUSB0"')
        if self.transport != "serial" and self.host is None:
            raise ValueError(f"machine {self.id!r}: `host` is missing")
        if self.transport != "tcp" and self.unit == 0:
            raise ValueError(f"machine {self.id!r}: unit 0 addresses all devices of a line, and none of them answers")

    def _fits_its_template(self) -> None:
        unknown = sorted(set(self.values) - set(self.device.values))
        if unknown:
            known = ", ".join(self.device.values) or "none"
            raise ValueError(f"machine {self.id!r}: {self.template} has no {', '.join(unknown)}; it has: {known}")
        light = self.device.stack_light
        if self.lamps is not None and light is None:
            raise ValueError(f"machine {self.id!r}: {self.template} has no lamps")
        if light is not None and any(place >= light.count for place in self.wired_lamps.values()):
            raise ValueError(f"machine {self.id!r}: {self.template} has inputs 0 to {light.count - 1}")

    @property
    def device(self) -> DeviceTemplate:
        from edge_agent.device_templates import get_template

        return get_template(self.template)

    @property
    def wanted_values(self) -> tuple[str, ...]:
        """The values read at each poll; those that determine the state come first."""
        needed = ("active_power",) if self.device.is_meter else ()
        return (*needed, *(name for name in self.values if name not in needed))

    @property
    def wired_lamps(self) -> Mapping[Lamp, int]:
        """Lamp to input number."""
        light = self.device.stack_light
        return self.lamps if self.lamps is not None else light.lamps if light is not None else {}

    @property
    def line(self) -> str:
        """The connection's address. Devices with the same line share a connection."""
        return self.serial_port or "" if self.transport == "serial" else f"{self.host}:{self.port}"

    @property
    def line_settings(self) -> tuple[str, str, int, str, int]:
        """All that the connection is made with."""
        serial = (self.baudrate, self.parity, self.stopbits) if self.transport == "serial" else (0, "", 0)
        return (self.transport, self.line, *serial)

    @property
    def address(self) -> str:
        return f"{self.line} unit {self.unit}"


@dataclass(frozen=True, kw_only=True)
class AgentIdentity:
    """The `[agent]` table alone, for commands that come before there are machines in the file."""

    agent: AgentTable


@dataclass(frozen=True, kw_only=True)
class AgentSettings(SettingsTable):
    """The whole file."""

    agent: AgentTable
    mqtt: BrokerSettings = field(default_factory=BrokerSettings)
    sparkplug: SparkplugTable | None = None
    opcua: tuple[OpcUaServer, ...] = ()
    modbus: tuple[ModbusDevice, ...] = ()
    sparkplug_input: tuple[SparkplugInput, ...] = ()

    def __post_init__(self) -> None:
        self._machines_named_once()
        self._lines_agree()
        self._brokers_read_once()

    def _machines_named_once(self) -> None:
        counts = Counter(self.machines)
        twice = sorted(name for name, count in counts.items() if count > 1)
        if twice:
            raise ValueError(f"machine ids must differ; given more than once: {', '.join(twice)}")
        if not counts:
            raise ValueError(
                "no machine is configured: add an [[opcua]] server, a [[modbus]] device, or a broker as [[sparkplug_input]]"
            )

    def _lines_agree(self) -> None:
        found: dict[str, ModbusDevice] = {}
        for device in self.modbus:
            first = found.setdefault(device.line, device)
            if first.line_settings != device.line_settings:
                raise ValueError(
                    f"machines {first.id!r} and {device.id!r} share {device.line}: "
                    "their `transport`, `baudrate`, `parity` and `stopbits` must be the same"
                )

    def _brokers_read_once(self) -> None:
        addresses = [self.broker_of(table).address for table in self.sparkplug_input]
        if len(addresses) > len(set(addresses)):
            raise ValueError("put all machines of a broker below one [[sparkplug_input]]")
        if (own := self.sparkplug) is None:
            return
        names = (own.group or self.agent.factory, own.node or self.agent.gateway)
        written = (own.mqtt or self.mqtt).address
        for table, address in zip(self.sparkplug_input, addresses, strict=True):
            if address == written and names in table.nodes:
                raise ValueError(
                    f"node {'/'.join(names)} under [[sparkplug_input]] is this agent itself, by [sparkplug]"
                )

    def broker_of(self, table: SparkplugInput) -> BrokerSettings:
        """The broker that the table's edge nodes publish on."""
        return table.mqtt or self.mqtt

    def host_client_id(self, purpose: str = "") -> str:
        """The MQTT client id of this gateway where it hears edge nodes of Sparkplug B. `purpose`: of a command that does so beside the running agent."""
        names = ("vrijloop-sparkplug-host", self.agent.factory, self.agent.gateway)
        return "-".join([*names, purpose] if purpose else names)

    @property
    def devices(self) -> Sequence[OpcUaServer | ModbusDevice | SparkplugInput]:
        """The servers, devices and brokers, each of which has its own task."""
        return [*self.opcua, *self.modbus, *self.sparkplug_input]

    @property
    def machines(self) -> list[str]:
        return (
            [machine.id for table in self.opcua for machine in table.machine]
            + [device.id for device in self.modbus]
            + [machine.id for table in self.sparkplug_input for machine in table.machine]
        )

    @property
    def with_power(self) -> frozenset[str]:
        """The machines whose power may leave the factory."""
        read = [machine for table in self.sparkplug_input for machine in table.machine]
        return frozenset(
            [device.id for device in self.modbus if device.report_power]
            + [machine.id for machine in read if machine.report_power]
        )
