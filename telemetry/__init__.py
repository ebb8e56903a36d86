"""Shared vocabulary of all packages: states, intervals, topics, the wire message, the clock. Imports no other package of Vrijloop."""

from telemetry.clock import Clock, ShiftedClock, SteppedClock, SystemClock
from telemetry.duration import Duration, format_duration, parse_duration
from telemetry.errors import UnavailableError, UserError
from telemetry.message import StateMessage, StateReport, decode, encode, rfc3339, to_milliseconds
from telemetry.settings_file import SettingsError, SettingsProblem, load_settings
from telemetry.state import MachineState, OperationMode, StateInterval
from telemetry.topics import Name, parse_state_topic, state_topic, status_topic

__all__ = [
    "Clock",
    "Duration",
    "MachineState",
    "Name",
    "OperationMode",
    "SettingsError",
    "SettingsProblem",
    "ShiftedClock",
    "StateInterval",
    "StateMessage",
    "StateReport",
    "SteppedClock",
    "SystemClock",
    "UnavailableError",
    "UserError",
    "decode",
    "encode",
    "format_duration",
    "load_settings",
    "parse_duration",
    "parse_state_topic",
    "rfc3339",
    "state_topic",
    "status_topic",
    "to_milliseconds",
]
