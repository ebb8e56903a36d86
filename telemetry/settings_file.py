"""Loads TOML files into validated settings; errors name the file, the line, the key and what was expected."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from telemetry.duration import format_duration
from telemetry.errors import UserError
from telemetry.settings_table import validator
from telemetry.table_reader import read_table

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Settings = TypeVar("Settings")


@dataclass(frozen=True)
class SettingsProblem:
    """What is wrong in a settings file. `code` says of which kind it is and `values` where and what, so that it can be said in other languages; `sentence`: in
    English."""

    code: str
    values: Mapping[str, str]
    sentence: str


class SettingsError(UserError):
    """A settings file cannot be used. The message has a line per problem."""

    def __init__(self, problems: Sequence[SettingsProblem]) -> None:
        super().__init__("\n".join(problem.sentence for problem in problems))
        self.problems = tuple(problems)


_LENGTH = re.compile(r"datetime\.timedelta\((?:days=(\d+))?(?:, )?(?:seconds=(\d+))?\)")
_HEADER = re.compile(r"^\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")


def load_settings(path: Path, model: type[Settings]) -> Settings:
    """Read `path` as TOML and validate it as `model`, of pydantic or a dataclass. Raises SettingsError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        said = f"{path}: there is no such file. Give the path of a TOML configuration."
        raise SettingsError([SettingsProblem("no_file", {"place": str(path)}, said)]) from None
    except (OSError, UnicodeDecodeError) as error:
        values = {"place": str(path), "detail": str(error)}
        raise SettingsError([SettingsProblem("unreadable", values, f"{path}: cannot be read ({error}).")]) from error
    try:
        data = tomllib.loads(text)
    except (
        ValueError,
        RecursionError,
    ) as error:  # besides TOMLDecodeError: of numbers with 5,000 digits, of a thousand brackets
        line = re.search(r"at line (\d+)", str(error))
        place = f"{path}{f':{line[1]}' if line else ''}"
        values = {"place": place, "detail": str(error)}
        said = f"{place}: this is not valid TOML: {error}."
        raise SettingsError([SettingsProblem("not_toml", values, said)]) from error
    if is_dataclass(model):
        with suppress(ValueError, TypeError, OverflowError):
            return read_table(model, data)
    from pydantic import ValidationError  # only here, so that a process that has no need of it does not hold it

    try:
        settings: Settings = validator(model).validate_python(data)
    except ValidationError as error:
        raise SettingsError(
            [_explain(path, text, detail, model) for detail in error.errors(include_url=False)]
        ) from error
    return settings


def _explain(path: Path, text: str, detail: ErrorDetails, model: type[Any]) -> SettingsProblem:
    location = detail["loc"]
    key = ".".join(str(step) if isinstance(step, str) else f"[{step + 1}]" for step in location) or "(top level)"
    key = key.replace(".[", "[")
    line = _line_of(text, location)
    place = f"{path}:{line}" if line else str(path)
    if detail["type"] in ("extra_forbidden", "unexpected_keyword_argument"):  # of a model, of a dataclass
        known = _known_keys(model, location[:-1])
        near = difflib.get_close_matches(str(location[-1]), known, n=1)
        hint = f"Did you mean `{near[0]}`?" if near else f"Known keys here: {', '.join(known)}."
        values = {"place": place, "key": key, "near": "".join(near), "known": ", ".join(known)}
        return SettingsProblem("unknown_key", values, f"{place}: `{key}` is not a known key. {hint}")
    if detail["type"] == "missing":
        return SettingsProblem("missing", {"place": place, "key": key}, f"{place}: `{key}` is missing. Add it.")
    message = detail["msg"].removeprefix("Value error, ")
    given = detail["input"]
    shown = "" if isinstance(given, dict | list | tuple) else f" = {given!r}"
    values = {name: _written(value) for name, value in detail.get("ctx", {}).items()}
    values |= {"place": place, "key": key, "given": shown, "reason": detail["type"], "why": message}
    return SettingsProblem("not_accepted", values, f"{place}: `{key}`{shown} is not accepted: {message}.")


def _written(value: object) -> str:
    """As it would stand in the file. Of a bound that is a length of time, pydantic gives the source text."""
    length = _LENGTH.fullmatch(str(value))
    if length is None:
        return str(value)
    days, seconds = (int(one or 0) for one in length.groups())
    return format_duration(timedelta(days=days, seconds=seconds))


def _line_of(text: str, location: tuple[int | str, ...]) -> int | None:
    """The number of the line with the key, or else with the nearest enclosing table; 1-based."""
    names = [step for step in location if isinstance(step, str)]
    indexes = [step for step in location if isinstance(step, int)]
    table: list[str] = []
    seen: dict[str, int] = {}
    best: int | None = None
    depth = -1
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        if header:
            name = header.group(1).replace('"', "")
            table = name.split(".")
            if line.lstrip().startswith("[["):
                seen[name] = seen.get(name, -1) + 1
                for longer in [other for other in seen if other.startswith(f"{name}.")]:
                    del seen[longer]
            if names[: len(table)] == table and len(table) > depth and _same_items(table, seen, indexes):
                best, depth = number, len(table)
            continue
        key = line.split("=", 1)[0].strip().strip('"') if "=" in line else ""
        if key and [*table, *key.split(".")] == names and _same_items(table, seen, indexes):
            return number
    return best


def _same_items(table: list[str], seen: dict[str, int], indexes: list[int]) -> bool:
    counters = [seen[name] for end in range(1, len(table) + 1) if (name := ".".join(table[:end])) in seen]
    return counters == indexes[: len(counters)]


def _known_keys(model: type[Any], location: tuple[int | str, ...]) -> list[str]:
    current: Any = model
    for step in location:
        if isinstance(step, int):
            continue
        annotation = _fields(current).get(str(step))
        if annotation is None:
            break
        current = _table_in(annotation)
    return list(_fields(current))


def _fields(table: Any) -> dict[str, Any]:
    """The keys of a table, each with its annotation; none for anything else."""
    if not isinstance(table, type):
        return {}
    if is_dataclass(table):
        hints = get_type_hints(table)
        return {field.name: hints[field.name] for field in fields(table)}
    return {field.alias or name: field.annotation for name, field in getattr(table, "model_fields", {}).items()}


def _table_in(annotation: Any) -> Any:
    if _fields(annotation):
        return annotation
    return next((found for found in map(_table_in, get_args(annotation)) if found is not None), None)
