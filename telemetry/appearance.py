"""Colours and names of machine states, in Dutch, French and English, as used in all user interfaces.

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

STATE_TEXTS = {
    MachineState.EXECUTING: {"nl": "Draait", "fr": "En marche", "en": "Executing"},
    MachineState.NOT_EXECUTING: {"nl": "Wacht", "fr": "En attente", "en": "Not executing"},
    MachineState.NOT_AVAILABLE: {"nl": "Uit", "fr": "Éteinte", "en": "Not available"},
    MachineState.OUT_OF_SERVICE: {"nl": "Buiten dienst", "fr": "Hors service", "en": "Out of service"},
    MachineState.UNKNOWN: {"nl": "Onbekend", "fr": "Inconnu", "en": "Unknown"},
}
"""By language."""

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
    "production": {"nl": "Productie", "fr": "Production", "en": "Production"},
    "set_up": {"nl": "Omstellen", "fr": "Réglage", "en": "Set-up"},
    "delay": {"nl": "Wachttijd tijdens productie", "fr": "Attente en production", "en": "Delay during production"},
    "down": {"nl": "Storing", "fr": "Panne", "en": "Down"},
    "maintenance": {"nl": "Onderhoud", "fr": "Maintenance", "en": "Maintenance"},
    "idle": {"nl": "Vrij, aan", "fr": "Libre, allumée", "en": "Idle"},
    "off": {"nl": "Vrij, uit", "fr": "Libre, éteinte", "en": "Off"},
    "unknown": {"nl": "Onbekend", "fr": "Inconnu", "en": "Unknown"},
}
"""By language."""
