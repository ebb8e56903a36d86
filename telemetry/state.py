"""The machine states and operation modes of OPC 40001-1, and the interval that a report asserts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class MachineState(StrEnum):
    """MachineryItemState of OPC 40001-1, and `UNKNOWN` for time in which no source has confirmed the state. Unknown is never idle."""

    EXECUTING = "executing"
    NOT_EXECUTING = "not_executing"
    OUT_OF_SERVICE = "out_of_service"
    NOT_AVAILABLE = "not_available"
    UNKNOWN = "unknown"


class OperationMode(StrEnum):
    """MachineryOperationMode of OPC 40001-1."""

    NONE = "none"
    MAINTENANCE = "maintenance"
    SETUP = "setup"
    PROCESSING = "processing"


@dataclass(frozen=True, slots=True)
class StateInterval:
    """A machine was in `state` from `since` until at least `until` (both aware, UTC, `since` <= `until`).

    `mode` is None if the source does not report it. `power_w` is the last active power in watts, if the configuration allows
    reporting it.
    """

    state: MachineState
    since: datetime
    until: datetime
    mode: OperationMode | None = None
    power_w: float | None = None
    reason: str | None = None
