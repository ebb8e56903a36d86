"""Loads TOML files into validated settings; errors name the file, the line, the key and what was expected."""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from telemetry.errors import UserError

Settings = TypeVar("Settings", bound=BaseModel)

_HEADER = re.compile(r"^\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")


def load_settings(path: Path, model: type[Settings]) -> Settings:
    """Read `path` as TOML and validate it as `model`. Raises UserError with one line per error."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file. Give the path of a TOML configuration.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error}).") from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise UserError(f"{path}{f':{line[1]}' if line else ''}: this is not valid TOML: {error}.") from error
    try:
        return model.model_validate(data)
    except ValidationError as error:
        lines = [_explain(path, text, detail, model) for detail in error.errors(include_url=False)]
        raise UserError("\n".join(lines)) from error


def _explain(path: Path, text: str, detail: ErrorDetails, model: type[BaseModel]) -> str:
    location = detail["loc"]
    key = ".".join(str(step) if isinstance(step, str) else f"[{step + 1}]" for step in location) or "(top level)"
    key = key.replace(".[", "[")
    line = _line_of(text, location)
    place = f"{path}:{line}" if line else str(path)
    if detail["type"] == "extra_forbidden":
        known = _known_keys(model, location[:-1])
        near = difflib.get_close_matches(str(location[-1]), known, n=1)
        hint = f"Did you mean `{near[0]}`?" if near else f"Known keys here: {', '.join(known)}."
        return f"{place}: `{key}` is not a known key. {hint}"
    if detail["type"] == "missing":
        return f"{place}: `{key}` is missing. Add it."
    message = detail["msg"].removeprefix("Value error, ")
    given = detail["input"]
    shown = "" if isinstance(given, dict | list | tuple) else f" = {given!r}"
    return f"{place}: `{key}`{shown} is not accepted: {message}."


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


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    current: Any = model
    for step in location:
        if isinstance(step, int):
            continue
        field = current.model_fields.get(step) if _is_model(current) else None
        if field is None:
            break
        current = _model_in(field.annotation)
    return [f.alias or name for name, f in current.model_fields.items()] if _is_model(current) else []


def _is_model(candidate: Any) -> bool:
    return isinstance(candidate, type) and issubclass(candidate, BaseModel)


def _model_in(annotation: Any) -> Any:
    if _is_model(annotation):
        return annotation
    for part in get_args(annotation):
        found = _model_in(part)
        if found is not None:
            return found
    return None
