"""One colour per machine state, the same everywhere: Okabe and Ito's palette, which colour-blind people can tell apart."""

from __future__ import annotations

from telemetry import MachineState

STATE_COLOURS = {
    MachineState.EXECUTING: "#009E73",
    MachineState.NOT_EXECUTING: "#56B4E9",
    MachineState.NOT_AVAILABLE: "#0072B2",
    MachineState.OUT_OF_SERVICE: "#D55E00",
    MachineState.UNKNOWN: "#8A8F8C",
}

STATE_TEXTS = {
    MachineState.EXECUTING: "Draait",
    MachineState.NOT_EXECUTING: "Wacht",
    MachineState.NOT_AVAILABLE: "Uit",
    MachineState.OUT_OF_SERVICE: "Buiten dienst",
    MachineState.UNKNOWN: "Niet bekend",
}
