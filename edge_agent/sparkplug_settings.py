"""The tables of the configuration that are about Sparkplug B: `[sparkplug]`, what the agent publishes, and `[[sparkplug_input]]`, what it reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Literal

from edge_agent.power_state import PowerThresholds
from edge_agent.sources.source_time import TOLERANCE
from edge_agent.tag_table import TagTable
from telemetry import Duration, MachineState, Name
from telemetry.broker import BrokerSettings
from telemetry.settings_table import Check, Constraint, SettingsTable

ID_RULE = "write 1 to 200 signs, without `/`, `+` and `#`"


def _sparkplug_id(name: str) -> str:
    if not name or len(name) > 200 or any(sign in "/+#" or not sign.isprintable() for sign in name):
        raise ValueError(ID_RULE)
    return name


SparkplugId = Annotated[str, Check(_sparkplug_id)]
MetricName = Annotated[str, Constraint(min_length=1, max_length=1000)]


def _has_its_own_password(table: str, broker: BrokerSettings | None) -> None:
    if broker is not None and broker.username is not None and broker.password_file is None:
        raise ValueError(
            f"a `username` under [{table}.mqtt] needs a `password_file`: the password in the environment is for [mqtt]"
        )


@dataclass(frozen=True, kw_only=True)
class SparkplugTable(SettingsTable):
    """The `[sparkplug]` table. Without it nothing is published in Sparkplug B. `group`: the factory's name if None; `node`: the gateway's."""

    group: SparkplugId | None = None
    node: SparkplugId | None = None
    host: SparkplugId | None = None
    mqtt: BrokerSettings | None = None

    def __post_init__(self) -> None:
        if self.group == "STATE":
            raise ValueError("`group` must not be STATE: hosts publish under that name")
        _has_its_own_password("sparkplug", self.mqtt)


@dataclass(frozen=True, kw_only=True)
class SparkplugTag(TagTable):
    """A metric and what its values stand for."""

    metric: MetricName


@dataclass(frozen=True, kw_only=True)
class SparkplugMachine(SettingsTable):
    """One machine: metrics of a device, or of an edge node itself. Its state is that of its tags, or that of its power by thresholds; without both it is Unknown."""

    id: Name
    group: SparkplugId
    node: SparkplugId
    device: SparkplugId | None = None
    tag: tuple[SparkplugTag, ...] = ()
    power: MetricName | None = None
    power_unit: Literal["W", "kW"] = "W"
    thresholds: PowerThresholds | None = None
    dwell: dict[MachineState, Duration] = field(default_factory=dict, hash=False)
    report_power: bool = False

    def __post_init__(self) -> None:
        if self.power is None and (self.thresholds is not None or self.report_power):
            raise ValueError(f"machine {self.id!r}: `thresholds` and `report_power` need `power`, the metric's name")
        if self.tag and self.thresholds is not None:
            raise ValueError(f"machine {self.id!r}: its state is either that of its tags or that of its power")
        if not any(tag.states for tag in self.tag) and (self.tag or self.power is None):
            raise ValueError(f"machine {self.id!r}: add a [[sparkplug_input.machine.tag]] with `states`, or `power`")

    @property
    def is_tagged(self) -> bool:
        """Whether its state is that of its tags, not of its power."""
        return bool(self.tag)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that it is read from."""
        names = [tag.metric for tag in self.tag] + ([self.power] if self.power is not None else [])
        return tuple(dict.fromkeys(names))


@dataclass(frozen=True, kw_only=True)
class SparkplugInput(SettingsTable):
    """A broker on which edge nodes publish, with the machines that are read from it. `mqtt` None: the broker of `[mqtt]`."""

    mqtt: BrokerSettings | None = None
    host: SparkplugId | None = None
    rebirth: bool = True
    keep_alive: Duration = timedelta(seconds=30)
    reorder: Duration = timedelta(seconds=2)
    clock_tolerance: Duration = TOLERANCE
    machine: Annotated[tuple[SparkplugMachine, ...], Constraint(min_length=1)]

    def __post_init__(self) -> None:
        _has_its_own_password("sparkplug_input", self.mqtt)

    @property
    def nodes(self) -> dict[tuple[str, str], tuple[SparkplugMachine, ...]]:
        """The machines of each edge node, which is named by group and node."""
        found: dict[tuple[str, str], tuple[SparkplugMachine, ...]] = {}
        for machine in self.machine:
            names = (machine.group, machine.node)
            found[names] = (*found.get(names, ()), machine)
        return found
