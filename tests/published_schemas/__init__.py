"""Schemas that others have published, and what says whether something holds to one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ONE_PROCESS = pytest.mark.xdist_group("jsonschema")
"""Of tests that load this library, which compiles grammars for two seconds."""


def faults(name: str, document: object) -> list[str]:
    """Where a document does not hold to the schema of this name, and why."""
    from jsonschema import Draft4Validator, FormatChecker

    schema: dict[str, Any] = json.loads(Path(__file__).with_name(f"{name}.json").read_text(encoding="utf-8"))
    validator = Draft4Validator(schema, format_checker=FormatChecker())
    return [f"{one.json_path}: {one.message}" for one in validator.iter_errors(document)]
