"""The table that both OPC UA and Sparkplug B have for a value that stands for states."""

from __future__ import annotations

from dataclasses import dataclass, field

from telemetry import MachineState, OperationMode
from telemetry.settings_table import SettingsTable


@dataclass(frozen=True, kw_only=True)
class TagTable(SettingsTable):
    """The states and modes that the values of a tag stand for. For a value in neither table the next tag decides."""

    states: dict[str, MachineState] = field(default_factory=dict, hash=False)
    modes: dict[str, OperationMode] = field(default_factory=dict, hash=False)
