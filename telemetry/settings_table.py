"""Tables of settings files as plain dataclasses. What validates them is imported where something is validated: see `telemetry.table_reader`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, TypeAdapter
    from pydantic_core import CoreSchema

_HOLDS: Mapping[str, Callable[[Any, Any], bool]] = {
    "ge": lambda value, least: value >= least,
    "le": lambda value, most: value <= most,
    "min_length": lambda value, least: len(value) >= least,
    "max_length": lambda value, most: len(value) <= most,
    "pattern": lambda value, pattern: re.fullmatch(pattern, value) is not None,
    "allow_inf_nan": lambda value, allowed: allowed or math.isfinite(value),
}


class Constraint:
    """In `Annotated`: what a value must satisfy, by the names that `pydantic.Field` has for it (those of `_HOLDS`). A `pattern` is for the whole value."""

    def __init__(self, **bounds: Any) -> None:
        self._bounds = bounds

    def of(self, value: Any) -> Any:
        """The value. Raises ValueError if it does not satisfy this."""
        if not all(_HOLDS[name](value, bound) for name, bound in self._bounds.items()):
            raise ValueError(f"{value!r} is not within {self._bounds}")
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic import Field

        return handler.generate_schema(Annotated[source, Field(**self._bounds)])


class Check:
    """In `Annotated`: a function that gets the value, and returns it or raises ValueError."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.of = function

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core.core_schema import no_info_after_validator_function

        return no_info_after_validator_function(self.of, handler(source))


class SettingsTable:
    """Base of frozen dataclasses, each a table of a settings file. Unknown keys are errors. What fields must satisfy together is checked in `__post_init__`, which raises ValueError."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    @classmethod
    def validated(cls, table: Mapping[str, Any]) -> Self:
        """What a file could say, as values. Raises pydantic.ValidationError, which is a ValueError."""
        found: Self = validator(cls).validate_python(table)
        return found


def validator(table: Any) -> TypeAdapter[Any]:
    """Validates and writes values of a model or dataclass."""
    return _validator(table)


@cache
def _validator(table: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(table)
