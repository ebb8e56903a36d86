"""Derives a machine's state from the values of its OPC UA nodes: one function per profile.

A value whose status is Bad or Uncertain is None; the state is then Unknown, not the last one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from telemetry import MachineState, OperationMode

MACHINERY_URI = "http://opcfoundation.org/UA/Machinery/"
PACKML_URI = "http://opcfoundation.org/UA/PackML/"
MACHINETOOL_URI = "http://opcfoundation.org/UA/MachineTool/"


@dataclass(frozen=True, slots=True)
class NodeName:
    """A node by namespace URI and identifier (int, str, bytes or UUID), which stay the same when the server restarts."""

    uri: str
    identifier: object


Value = bool | int | float | str | NodeName | None
Values = Mapping[str, Value]
"""The values of one machine, by role."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """The state and mode that the values stand for. `reason`: why the state is Unknown."""

    state: MachineState
    mode: OperationMode | None = None
    reason: str | None = None


NO_VALID_STATE = "source reports no valid state"
_UNKNOWN = Meaning(MachineState.UNKNOWN, reason=NO_VALID_STATE)

# Roles: the purpose of a monitored node for its machine.
ITEM_STATE, OPERATION_MODE = "item_state", "operation_mode"
PACKML_BASE, PACKML_MACHINE, PACKML_EXECUTE, PACKML_MODE = (
    "packml_base",
    "packml_machine",
    "packml_execute",
    "packml_mode",
)
CHANNEL, PROGRAM, TOOL_MODE = "channel", "program", "tool_mode"

# OPC 40001-1, Machinery NodeSet: the states' NodeIds. The display text is never compared.
_ITEM_STATES = {
    5005: MachineState.NOT_AVAILABLE,
    5004: MachineState.OUT_OF_SERVICE,
    5007: MachineState.NOT_EXECUTING,
    5006: MachineState.EXECUTING,
}
_OPERATION_MODES = {
    5024: OperationMode.NONE,
    5025: OperationMode.MAINTENANCE,
    5027: OperationMode.SETUP,
    5026: OperationMode.PROCESSING,
}


def machinery(values: Values) -> Meaning:
    """OPC 40001-1: MachineryItemState, and MachineryOperationMode if present."""
    state = _ITEM_STATES.get(_identifier(values.get(ITEM_STATE), MACHINERY_URI))
    mode = _OPERATION_MODES.get(_identifier(values.get(OPERATION_MODE), MACHINERY_URI))
    return Meaning(state, mode) if state is not None else Meaning(MachineState.UNKNOWN, mode, NO_VALID_STATE)


# OPC 30050, PackML NodeSet: NodeId of each state to its number of ISA-TR88.00.02; 19 Cleared and 18 Running have states below.
PACKML_NUMBERS = {
    27: 15, 28: 4, 29: 3, 30: 13, 31: 5, 32: 14, 33: 10, 34: 11, 35: 12, 36: 6, 37: 16, 38: 17,
    53: 2, 54: 7, 55: 1, 61: 8, 62: 9, 71: 19, 75: 18,
}  # fmt: skip
_PACKML_EXECUTING = {6, 3, 16, 10, 12, 13, 14}
_PACKML_WAITING = {4, 11, 5, 17, 2, 15}
_PACKML_DOWN = {9, 8, 1, 7}
_PACKML_MODES = {1: OperationMode.PROCESSING, 2: OperationMode.MAINTENANCE, 3: OperationMode.SETUP}


def packml_state(number: int) -> MachineState:
    """The machine state of a PackML state number (ISA-TR88.00.02)."""
    if number in _PACKML_EXECUTING:
        return MachineState.EXECUTING
    if number in _PACKML_WAITING:
        return MachineState.NOT_EXECUTING
    return MachineState.OUT_OF_SERVICE if number in _PACKML_DOWN else MachineState.UNKNOWN


def packml(values: Values) -> Meaning:
    """OPC 30050: the innermost active state machine, and UnitModeCurrent."""
    mode_number = values.get(PACKML_MODE)
    mode = _PACKML_MODES.get(mode_number) if isinstance(mode_number, int) else None
    for role, inner in ((PACKML_BASE, 19), (PACKML_MACHINE, 18), (PACKML_EXECUTE, None)):
        if role == PACKML_BASE and role not in values:
            continue  # some servers omit the outermost state machine
        number = PACKML_NUMBERS.get(_identifier(values.get(role), PACKML_URI))
        if number is None:
            break
        if number != inner:
            state = packml_state(number)
            return Meaning(state, mode, None if state is not MachineState.UNKNOWN else NO_VALID_STATE)
    return Meaning(MachineState.UNKNOWN, mode, NO_VALID_STATE)


# OPC 40501-1, MachineTool NodeSet: ChannelState, MachineOperationMode, and the states of a program by NodeId
# (ProductionStateMachineType and the three types derived from it each have their own).
_CHANNEL_ACTIVE, _CHANNEL_STATES = 0, {0, 1, 2}
_TOOL_MODES = {
    0: OperationMode.SETUP, 1: OperationMode.PROCESSING, 2: OperationMode.SETUP, 3: OperationMode.PROCESSING,
    4: OperationMode.MAINTENANCE,
}  # fmt: skip
_PROGRAM_RUNNING = {138, 5017, 5036, 5041}
_PROGRAM_WAITING = {140, 135, 139, 141, 5013, 5014, 5015, 5016, 5018, 5019, 5020, 5021, 5037, 5038, 5039, 5040}


def machinetool(values: Values) -> Meaning:
    """OPC 40501-1: the Machinery state if present, else the channels' states, else the active program's."""
    tool_mode = values.get(TOOL_MODE)
    mode = _TOOL_MODES.get(tool_mode) if isinstance(tool_mode, int) else None
    if ITEM_STATE in values:
        seen = machinery(values)
        return Meaning(seen.state, seen.mode or mode, seen.reason)
    channels = [value for role, value in values.items() if role.startswith(CHANNEL)]
    if channels:
        if _CHANNEL_ACTIVE in [channel for channel in channels if isinstance(channel, int)]:
            return Meaning(MachineState.EXECUTING, mode)
        known = all(isinstance(channel, int) and channel in _CHANNEL_STATES for channel in channels)
        return Meaning(MachineState.NOT_EXECUTING, mode) if known else _UNKNOWN
    program = _identifier(values.get(PROGRAM), MACHINETOOL_URI)
    if program in _PROGRAM_RUNNING:
        return Meaning(MachineState.EXECUTING, mode)
    return Meaning(MachineState.NOT_EXECUTING, mode) if program in _PROGRAM_WAITING else _UNKNOWN


class Tag(Protocol):
    """A node with the states and modes configured for its values."""

    @property
    def states(self) -> Mapping[str, MachineState]: ...

    @property
    def modes(self) -> Mapping[str, OperationMode]: ...


def tag_role(place: int) -> str:
    return f"tag:{place}"


def tags(values: Values, meanings: Sequence[Tag]) -> Meaning:
    """The state and the mode, each from the first tag in the configuration that has one for its current value."""
    mode = None
    for place, tag in enumerate(meanings):
        text = value_text(values.get(tag_role(place)))
        mode = mode or tag.modes.get(text or "")
    for place, tag in enumerate(meanings):
        if not tag.states:
            continue
        value = values.get(tag_role(place))
        if value is None:
            return Meaning(MachineState.UNKNOWN, mode, NO_VALID_STATE)
        state = tag.states.get(value_text(value) or "")
        if state is not None:
            return Meaning(state, mode, None if state is not MachineState.UNKNOWN else NO_VALID_STATE)
    return Meaning(MachineState.UNKNOWN, mode, "no state is configured for the value")


def value_text(value: Value) -> str | None:
    """A value as written in the configuration: `true`, `3`, `ACTIVE`."""
    if value is None or isinstance(value, NodeName):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _identifier(value: Value, uri: str) -> int:
    """The numeric identifier of a node in the profile's namespace; 0, which is not a node, for anything else."""
    if isinstance(value, NodeName) and value.uri == uri and isinstance(value.identifier, int):
        return value.identifier
    return 0
