"""Reads a table of a settings file that is written as it should be, without pydantic.

A program that runs for months on a small gateway needs no validator once it has started, and cannot unload one (10 MB). What this reader takes pydantic takes
too, and reads as the same (a test holds it to that); whatever it does not take is left to pydantic, which says all that is wrong. So it may be strict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import timedelta
from enum import Enum
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from telemetry.duration import parse_duration

Table = TypeVar("Table")


class NotPlainError(ValueError):
    """Something is wrong, or is written in a way that is for pydantic to judge."""


def read_table(table: type[Table], given: object) -> Table:
    """`given`: as TOML has it. `table`: a dataclass. Raises ValueError, TypeError or OverflowError."""
    kind: Any = table
    annotations = _annotations(kind)
    if type(given) is not dict or not given.keys() <= annotations.keys():
        raise NotPlainError
    return table(**{name: _read(annotations[name], value) for name, value in given.items()})


@cache
def _annotations(table: Any) -> Mapping[str, Any]:
    hints = get_type_hints(table, include_extras=True)
    return {field.name: hints[field.name] for field in fields(table)}


def _read(annotation: Any, given: Any) -> Any:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        value = _read(parts[0], given)
        for one in parts[1:]:
            value = one.of(value)
        return value
    if origin in (Union, UnionType):
        [annotation] = [part for part in parts if part is not NoneType]
        return _read(annotation, given)
    if origin is Literal and any(type(given) is type(part) and given == part for part in parts):
        return given
    if origin is tuple and type(given) is list:
        return tuple(_read(parts[0], one) for one in given)
    if origin is dict and type(given) is dict:
        return {_read(parts[0], key): _read(parts[1], value) for key, value in given.items()}
    return _read_one(annotation, given) if origin is None else _not_plain()


def _read_one(kind: Any, given: Any) -> Any:
    if is_dataclass(kind) and isinstance(kind, type):
        return read_table(kind, given)
    if kind in (str, int, bool) and type(given) is kind:
        return given
    if kind is float and type(given) in (int, float):
        return float(given)
    if type(given) is str and kind is Path:
        return Path(given)
    if type(given) is str and kind is timedelta:
        return parse_duration(given)
    if type(given) is str and issubclass(kind, Enum):
        return kind(given)
    return _not_plain()


def _not_plain() -> Any:
    raise NotPlainError
