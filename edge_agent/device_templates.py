"""Device templates: YAML files that describe a device's registers, so that a new device needs no code."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pymodbus.client.mixin import ModbusClientMixin

from edge_agent.stack_light import Lamp
from telemetry import MachineState, OperationMode, UserError

Address = Annotated[int, Field(ge=0, le=0xFFFF)]
Encoding = Literal["uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"]
Function = Literal["holding", "input", "coil", "discrete"]
"""Function codes 03, 04, 01 and 02."""

BIT_FUNCTIONS = ("coil", "discrete")

_LARGEST_FILE = 100_000
_MOST_BRACKETS = 500
"""The largest of ours has fewer than a hundred. A thousand that are never closed take seconds to read."""

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
    """One value: zero-based protocol address, encoding, word order, and the factor that converts it to its SI unit.

    `no_value`: raw words, joined big-endian, with which the device reports that it has no value.
    """

    address: Address
    encoding: Encoding
    word_order: Literal["big", "little"] = "big"
    scale: float = 1.0
    unit: Literal["W", "A", "Wh", ""] = ""
    no_value: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Number of 16-bit registers."""
        return int(_DATATYPES[self.encoding].value[1])

    def decode(self, registers: Sequence[int]) -> float | None:
        """The value in its SI unit, or None if the device reports no value. `registers`: exactly `size` words."""
        words = list(registers)
        if (
            self.no_value
            and int.from_bytes(b"".join(word.to_bytes(2, "big") for word in words), "big") in self.no_value
        ):
            return None
        value = ModbusClientMixin.convert_from_registers(words, _DATATYPES[self.encoding], self.word_order)
        if not isinstance(value, int | float):
            raise TypeError(f"encoding {self.encoding} gave {value!r}")
        scaled = value * self.scale
        return scaled if math.isfinite(scaled) else None

    def encode(self, value: float) -> list[int]:
        """The words with which a device would answer; used by simulated devices."""
        raw: float | int = value / self.scale
        if not self.encoding.startswith("float"):
            raw = round(raw)
        return ModbusClientMixin.convert_to_registers(raw, _DATATYPES[self.encoding], self.word_order)


class StatusRule(_Facts):
    """If `word & mask == equals`, the machine is in this state."""

    mask: Annotated[int, Field(ge=1, le=0xFFFF)]
    equals: Annotated[int, Field(ge=0, le=0xFFFF)]
    state: MachineState
    mode: OperationMode | None = None


class StackLight(_Facts):
    """Digital inputs wired to the lamps of a stack light: the first bit, or the first register whose bits they are, their number, and the
    usual wiring. The lowest bit of a register is its first input."""

    address: Address
    count: Annotated[int, Field(ge=1, le=64)]
    lamps: Mapping[Lamp, int]


class DeviceTemplate(_Facts):
    """A make of device: a meter (`values`), a PLC (`status_word`, `rules`), or digital inputs (`stack_light`).

    `same_as`: the template of another device, whose registers this one has, too.
    """

    name: str
    title: str
    products: tuple[str, ...]
    source: str
    function: Function
    max_words: Annotated[int, Field(ge=1, le=125)] = 100
    values: Mapping[str, Register] = Field(default_factory=dict)
    status_word: Register | None = None
    rules: tuple[StatusRule, ...] = ()
    stack_light: StackLight | None = None
    same_as: str | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = ["active_power" in self.values, self.status_word is not None, self.stack_light is not None]
        if sum(kinds) != 1:
            raise ValueError("a template has exactly one of: values.active_power, status_word, stack_light")
        if self.stack_light is None and self.function in BIT_FUNCTIONS:
            raise ValueError("function `coil` or `discrete` is for a stack light only")
        return self

    @property
    def is_meter(self) -> bool:
        return "active_power" in self.values

    def state_of_word(self, word: int) -> tuple[MachineState, OperationMode | None]:
        """The state and mode of the first rule that matches; Unknown if none does."""
        for rule in self.rules:
            if word & rule.mask == rule.equals:
                return rule.state, rule.mode
        return MachineState.UNKNOWN, None


@cache
def templates() -> dict[str, DeviceTemplate]:
    """All templates by name."""
    files = sorted(resources.files("edge_agent.templates").iterdir(), key=lambda file: file.name)
    found = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in files if file.name.endswith(".yaml")]
    named = {facts["name"]: facts for facts in found}
    return {
        name: DeviceTemplate.model_validate(named[facts["same_as"]] | facts if "same_as" in facts else facts)
        for name, facts in named.items()
    }


def get_template(name: str) -> DeviceTemplate:
    """The template of this name, or in this file if the name ends in `.yaml`. Raises UserError."""
    if name.endswith(".yaml"):
        return _own_template(name)
    try:
        return templates()[name]
    except KeyError:
        near = difflib.get_close_matches(name, templates(), n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise UserError(
            f"there is no device template {name!r}; {hint}`vrijloop agent templates` lists them, and a file of your own ends in `.yaml`"
        ) from None


@cache
def _own_template(name: str, below: frozenset[str] = frozenset()) -> DeviceTemplate:
    """`below`: the files whose `same_as` led here."""
    path = Path(name)
    if name in below:
        raise UserError(f"{path}: `same_as` leads back to this file")
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise UserError(f"{path} is too large for a device template")
        text = path.read_text(encoding="utf-8")
        if sum(map(text.count, "[{")) > _MOST_BRACKETS:
            raise UserError(f"{path} has more brackets than a device template")
        facts = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as a device template ({error})") from error
    except (
        yaml.YAMLError,
        ValueError,
        RecursionError,
    ) as error:  # the last two: of a 13th month, of a thousand brackets
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(facts, dict):
        raise UserError(f"{path} holds no device template")
    if "same_as" in facts:
        other = str(facts["same_as"])
        same = _own_template(other, below | {name}) if other.endswith(".yaml") else get_template(other)
        facts = same.model_dump(exclude_unset=True) | facts
    try:
        return DeviceTemplate.model_validate(facts)
    except ValidationError as error:
        problems = [
            f"`{'.'.join(map(str, detail['loc']))}`: {detail['msg'].removeprefix('Value error, ')}"
            for detail in error.errors(include_url=False)
        ]
        raise UserError(f"{path} is no device template: {'; '.join(problems)}") from error
