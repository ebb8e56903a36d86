"""Colours and names of machine states, in Dutch and English, as used in all user interfaces.

The colours are those of Okabe and Ito, which people with colour blindness can distinguish. Unknown is a grey darker than all of them.
"""

from __future__ import annotations

from telemetry.state import MachineState

STATE_COLOURS = {
    MachineState.EXECUTING: "#009E73",
    MachineState.NOT_EXECUTING: "#56B4E9",
    MachineState.NOT_AVAILABLE: "#0072B2",
    MachineState.OUT_OF_SERVICE: "#D55E00",
    MachineState.UNKNOWN: "#5C5C5C",
}

STATE_TEXTS: dict[MachineState, tuple[str, str]] = {
    MachineState.EXECUTING: ("Draait", "Executing"),
    MachineState.NOT_EXECUTING: ("Wacht", "Not executing"),
    MachineState.NOT_AVAILABLE: ("Uit", "Not available"),
    MachineState.OUT_OF_SERVICE: ("Buiten dienst", "Out of service"),
    MachineState.UNKNOWN: ("Onbekend", "Unknown"),
}
"""Dutch, English."""

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
"""Categories of time, in the order in which charts stack them."""

LOSS_TEXTS = {
    "production": ("Productie", "Production"),
    "set_up": ("Instellen", "Set-up"),
    "delay": ("Wachttijd tijdens productie", "Delay during production"),
    "down": ("Storing", "Down"),
    "maintenance": ("Onderhoud", "Maintenance"),
    "idle": ("Vrij, aan", "Idle"),
    "off": ("Vrij, uit", "Off"),
    "unknown": ("Onbekend", "Unknown"),
}
