"""The lamps of a stack light, and the machine state that they show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from telemetry import MachineState

Lamp = Literal["green", "yellow", "red"]


def state_of_lamps(lit: Mapping[Lamp, bool]) -> MachineState:
    """The state shown by a stack light. Red has priority over green, green over yellow; all dark means switched off."""
    if lit.get("red"):
        return MachineState.OUT_OF_SERVICE
    if lit.get("green"):
        return MachineState.EXECUTING
    return MachineState.NOT_EXECUTING if lit.get("yellow") else MachineState.NOT_AVAILABLE
