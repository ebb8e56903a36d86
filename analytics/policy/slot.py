"""Hours of a machine that may be offered, and hours in which it is busy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

BusyHours = Mapping[str, Sequence[tuple[datetime, datetime]]]
"""Per machine the (start, end) of booked, planned and vetoed hours."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A free slot and the probability with which it was promised. `checked` and `broken` are the machine's track
    record; times are aware UTC."""

    machine: str
    start: datetime
    end: datetime
    probability: float
    checked: int
    broken: int
