"""What all tables of the configuration have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from telemetry import MachineState, OperationMode


class SettingsTable(BaseModel):
    """Takes no unknown keys, is not changed, and can be a key itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def __hash__(self) -> int:
        # Nested tables hold dicts, which cannot be hashed; their JSON text can, and is the same for equal tables.
        return hash(self.model_dump_json())


class TagTable(SettingsTable):
    """The states and modes that the values of a tag stand for. For a value in neither table the next tag decides."""

    states: dict[str, MachineState] = Field(default_factory=dict)
    modes: dict[str, OperationMode] = Field(default_factory=dict)
