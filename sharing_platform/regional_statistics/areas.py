"""The areas of the region, each of some neighbouring municipalities."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from sharing_platform.machines.region_map import region_map

_FILE = Path(__file__).with_name("areas.toml")


@cache
def areas() -> Mapping[str, Mapping[str, str]]:
    """Their names by language, by code."""
    return {code: one["names"] for code, one in _told().items()}


@cache
def area_of(municipality: str) -> str:
    """Its code; empty where the municipality is in none."""
    return next((code for code, one in _told().items() if municipality in one["municipalities"]), "")


def municipality_at(place: tuple[float, float] | None) -> str:
    """Empty where the place is not known, or not in the region."""
    found = region_map().nearest(place) if place is not None else None
    return found.name if found is not None else ""


@cache
def _told() -> dict[str, dict[str, dict[str, str]]]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))
