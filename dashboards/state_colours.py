"""One colour per machine state and per loss, the same everywhere: Okabe and Ito's palette, which colour-blind people can tell apart."""

from __future__ import annotations

from telemetry import MachineState

STATE_COLOURS = {
    MachineState.EXECUTING: "#009E73",
    MachineState.NOT_EXECUTING: "#56B4E9",
    MachineState.NOT_AVAILABLE: "#0072B2",
    MachineState.OUT_OF_SERVICE: "#D55E00",
    MachineState.UNKNOWN: "#5C5C5C",
}

LOSS_COLOURS = {
    "production": "#009E73",
    "set_up": "#F0E442",
    "delay": "#E69F00",
    "down": "#D55E00",
    "maintenance": "#CC79A7",
    "idle": "#56B4E9",
    "off": "#0072B2",
    "unknown": "#5C5C5C",
}
"""In the order in which they are stacked."""

OTHER_COLOURS = {
    "forecast": "#5C5C5C", "offered": "#56B4E9", "held": "#E69F00", "booked": "#009E73",
    "kept": "#009E73", "broken": "#D55E00", "withdrawn": "#5C5C5C",
}  # fmt: skip
