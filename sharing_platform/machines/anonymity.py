"""What others may know of an anonymous machine until its factory has accepted their request. Pure.

Whatever could lead to the factory is replaced before anything is searched, sorted, counted or shown: a filter, a score and an order are answers, too.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterable

from sharing_platform.search.machine_details import MachineDetails

_PREFIX = "machine-"
_CELL_DEGREES = (0.2, 0.3)
"""Height and width of the cells that a place is known by: some 22 by 21 km in Belgium."""
_SHORTEST_SECRET = 3


def new_alias() -> str:
    """A public name for a machine. Random, because what is computed from the factory's own names can be computed by others for each factory they know."""
    return f"{_PREFIX}{secrets.token_hex(4)}"


def is_alias(name: str) -> bool:
    return name.startswith(_PREFIX)


def public_title(alias: str) -> str:
    """The same in every language."""
    return f"Machine {alias.removeprefix(_PREFIX).upper()}"


def public_details(details: MachineDetails, names: Iterable[str]) -> MachineDetails:
    """The properties that a search compares. Without free text, make, model and place, and without terms that contain one of the factory's `names`."""
    hidden = _hidden(names)

    def harmless(terms: list[str]) -> list[str]:
        return [term for term in terms if not _contains(term, hidden)]

    return MachineDetails(
        din_8580=details.din_8580,
        processes=harmless(details.processes),
        envelope_mm=details.envelope_mm,
        axes=details.axes,
        materials=harmless(details.materials),
        tolerance_mm=details.tolerance_mm,
        table_load_kg=details.table_load_kg,
        certificates=harmless(details.certificates),
        included=harmless(details.included),
    )


def public_process(process: str, names: Iterable[str]) -> str:
    """Empty where it contains one of the factory's `names`."""
    return "" if _contains(process, _hidden(names)) else process


def cell_of(degrees: tuple[float, float]) -> tuple[float, float]:
    """The centre of the cell around a place (latitude, longitude). Distances are measured from there, so that however many are asked for, they lead to
    the cell alone."""
    height, width = _CELL_DEGREES
    latitude, longitude = degrees
    return (
        round((math.floor(latitude / height) + 0.5) * height, 6),
        round((math.floor(longitude / width) + 0.5) * width, 6),
    )


def _hidden(names: Iterable[str]) -> set[str]:
    """What must not be said. Very short names are parts of other words."""
    return {name.casefold() for name in names if len(name) >= _SHORTEST_SECRET}


def _contains(text: str, hidden: Iterable[str]) -> bool:
    folded = text.casefold()
    return any(name in folded for name in hidden)
