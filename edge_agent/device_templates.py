"""Device templates: YAML files of facts (registers, products, bits) that need no code for a new device."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field
from pymodbus.client.mixin import ModbusClientMixin

from telemetry import MachineState, OperationMode, UserError

Address = Annotated[int, Field(ge=0, le=0xFFFF)]
Encoding = Literal["uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"]
Function = Literal["holding", "input"]

_DATATYPES = {
    "uint16": ModbusClientMixin.DATATYPE.UINT16,
    "int16": ModbusClientMixin.DATATYPE.INT16,
    "uint32": ModbusClientMixin.DATATYPE.UINT32,
    "int32": ModbusClientMixin.DATATYPE.INT32,
    "uint64": ModbusClientMixin.DATATYPE.UINT64,
    "int64": ModbusClientMixin.DATATYPE.INT64,
    "float32": ModbusClientMixin.DATATYPE.FLOAT32,
    "float64": ModbusClientMixin.DATATYPE.FLOAT64,
}


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Register(_Facts):
    """One value: zero-based protocol address, encoding, word order, and the factor that makes it the SI unit."""

    address: Address
    encoding: Encoding
    word_order: Literal["big", "little"] = "big"
    scale: float = 1.0

    @property
    def size(self) -> int:
        """Number of 16-bit registers."""
        return int(_DATATYPES[self.encoding].value[1])

    def decode(self, registers: list[int]) -> float:
        """The value in its SI unit. `registers`: exactly `size` words."""
        value = ModbusClientMixin.convert_from_registers(registers, _DATATYPES[self.encoding], self.word_order)
        if not isinstance(value, int | float):
            raise TypeError(f"encoding {self.encoding} gave {value!r}")
        return value * self.scale

    def encode(self, value: float) -> list[int]:
        """The words a device would answer; what simulated devices use."""
        raw: float | int = value / self.scale
        if not self.encoding.startswith("float"):
            raw = round(raw)
        return ModbusClientMixin.convert_to_registers(raw, _DATATYPES[self.encoding], self.word_order)


class StatusRule(_Facts):
    """Where `word & mask == equals`, the machine is in this state."""

    mask: Annotated[int, Field(ge=1, le=0xFFFF)]
    equals: Annotated[int, Field(ge=0, le=0xFFFF)]
    state: MachineState
    mode: OperationMode | None = None


class DeviceTemplate(_Facts):
    """What is known of one make of device. Either `active_power` (a meter) or `status_word` with `rules` is given."""

    name: str
    title: str
    products: tuple[str, ...]
    source: str
    function: Function
    active_power: Register | None = None
    status_word: Register | None = None
    rules: tuple[StatusRule, ...] = ()

    @property
    def is_meter(self) -> bool:
        return self.active_power is not None

    @property
    def register(self) -> Register:
        """The register that is polled."""
        register = self.active_power or self.status_word
        if register is None:
            raise ValueError(f"template {self.name} names neither active_power nor status_word")
        return register

    def state_of_word(self, word: int) -> tuple[MachineState, OperationMode | None]:
        """By the first rule that fits; Unknown where none does."""
        for rule in self.rules:
            if word & rule.mask == rule.equals:
                return rule.state, rule.mode
        return MachineState.UNKNOWN, None


@cache
def templates() -> dict[str, DeviceTemplate]:
    """All templates by name."""
    found = {}
    for entry in sorted(resources.files("edge_agent.templates").iterdir(), key=lambda one: one.name):
        if entry.name.endswith(".yaml"):
            template = DeviceTemplate.model_validate(yaml.safe_load(entry.read_text(encoding="utf-8")))
            found[template.name] = template
    return found


def template_named(name: str) -> DeviceTemplate:
    """Raises UserError that lists the known names."""
    try:
        return templates()[name]
    except KeyError:
        raise UserError(f"there is no device template {name!r}; known are: {', '.join(templates())}") from None
