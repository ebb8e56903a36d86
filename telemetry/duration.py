"""Durations as written in configuration files: `"90s"`, `"15min"`, `"2h"`, `"7d"`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
LONGEST = timedelta(days=36_525)
"""A hundred years. What is added to a moment of our time must give a moment that there is."""
_TOO_LONG_S = LONGEST.total_seconds() + 1
_PATTERN = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d|w)\s*$")


def parse_duration(text: str) -> timedelta:
    """Parse a number and a unit. Raises ValueError if the text is not a duration."""
    match = _PATTERN.match(text)
    if match is None:
        from pydantic_core import PydanticCustomError

        said = '{text} is not a duration; write a number and a unit, such as "90s", "15min", "2h" or "7d"'
        raise PydanticCustomError("not_a_duration", said, {"text": repr(text)})
    return timedelta(seconds=min(float(match.group(1)) * _UNITS[match.group(2)], _TOO_LONG_S))


def _bounded(length: timedelta) -> timedelta:
    if abs(length) > LONGEST:
        from pydantic_core import PydanticCustomError

        raise PydanticCustomError("longer_than_a_century", "it cannot be longer than a hundred years")
    return length


def format_duration(length: timedelta) -> str:
    """Format with the largest unit that gives a whole number: `2h`, `90s`, `250ms`."""
    milliseconds = round(length.total_seconds() * 1000)
    for unit in ("d", "h", "min", "s"):
        size = round(_UNITS[unit] * 1000)
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


def _parse(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str) else value


class _AsText:
    """A number with a unit, in files and in JSON. See `telemetry.settings_table`."""

    of = staticmethod(_bounded)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic import AfterValidator, BeforeValidator, PlainSerializer

        written = PlainSerializer(format_duration, return_type=str, when_used="json")
        return handler.generate_schema(Annotated[source, BeforeValidator(_parse), AfterValidator(_bounded), written])


Duration = Annotated[timedelta, _AsText()]
