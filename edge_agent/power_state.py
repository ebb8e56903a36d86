"""Derives a machine's state from its active power (off, base load, working), with hysteresis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from telemetry import MachineState
from telemetry.settings_table import Constraint, SettingsTable

NO_THRESHOLDS = "no thresholds are configured"
"""Why a machine with a meter alone is Unknown until it has some."""

Watts = Annotated[float, Constraint(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True, kw_only=True)
class PowerThresholds(SettingsTable):
    """Thresholds in watts. Between `idle_below_w` and `working_from_w` the state does not change: that is the hysteresis."""

    off_below_w: Watts = 0.0
    idle_below_w: Watts
    working_from_w: Watts

    def __post_init__(self) -> None:
        if not self.off_below_w <= self.idle_below_w <= self.working_from_w:
            raise ValueError("the thresholds must be in the order off_below_w <= idle_below_w <= working_from_w")


def without_thresholds(machine: str) -> str:
    """What to do about it, as the end of a sentence about the machine."""
    return f"answers, but has no `thresholds` yet: `vrijloop agent learn {machine}` proposes them"


def state_from_power(power_w: float, previous: MachineState | None, thresholds: PowerThresholds) -> MachineState:
    """Off is NotAvailable, base load NotExecuting, working Executing."""
    if power_w >= thresholds.working_from_w:
        return MachineState.EXECUTING
    if power_w < thresholds.off_below_w:
        return MachineState.NOT_AVAILABLE
    if power_w >= thresholds.idle_below_w and previous is MachineState.EXECUTING:
        return MachineState.EXECUTING
    return MachineState.NOT_EXECUTING
