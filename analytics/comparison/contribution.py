"""A contribution: the very bytes that leave the factory, and which months are contributed. Pure but for the noise.

The figures of a contribution are of one month in a quarter, its second: four in a year. What can be learnt of a factory adds up with every contribution, and quartiles
need no more.
"""

from __future__ import annotations

import json
import math
import re
import secrets
from collections.abc import Mapping
from datetime import date, timedelta

from analytics.comparison.noise import RANGE, Below, epsilon_of, with_noise

REASONS = ("idle", "off", "down", "delay", "maintenance")
"""Why nothing was produced in planned busy time. Together they are one figure: what one has more, others have less."""
FIGURES = ("availability", "utilization_efficiency", "setup_ratio", "energy_while_idle", *REASONS)
"""`figures.py` says what they are."""
MONTHS = (2, 5, 8, 11)
A_YEAR = len(MONTHS)
"""So many months of a process class may leave the factory in a calendar year."""
LATE = timedelta(days=3)
"""Reports of a month may come so late."""

EPSILON_FIGURE = epsilon_of(RANGE)
"""Of a figure by itself."""
EPSILON_MONTH = (len(FIGURES) - len(REASONS)) * EPSILON_FIGURE + epsilon_of(2 * RANGE)
"""Of all figures together: where one reason has 100 points more, others have 100 points less."""
EPSILON_YEAR = A_YEAR * EPSILON_MONTH

_MONTH = re.compile(r"\d{4}-(02|05|08|11)")


def contribution(
    month: str, process_class: int, shares: Mapping[str, float | None], below: Below = secrets.randbelow
) -> bytes:
    """The body that is sent, with fresh noise. `shares`: from 0 to 1, None where nothing is measured."""
    figures = {
        name: None if (share := shares[name]) is None else with_noise(points_of(share), below) for name in FIGURES
    }
    return written(month, process_class, figures)


def written(month: str, process_class: int, figures: Mapping[str, int | None]) -> bytes:
    """The same figures are the same bytes."""
    ordered = {name: figures[name] for name in FIGURES}
    return (json.dumps({"month": month, "process_class": process_class, "figures": ordered}, indent=2) + "\n").encode()


def points_of(share: float) -> int:
    """Whole percentage points, rounded down: the reasons are together never more than 100."""
    return min(RANGE, max(0, math.floor(share * RANGE)))


def month_due(today: date) -> str | None:
    """The month whose figures can be computed now: the newest one of `MONTHS` that is over, for three months at most."""
    month = (today - LATE).replace(day=1)
    for _ in range(3):
        month = (month - timedelta(days=1)).replace(day=1)
        if month.month in MONTHS:
            return f"{month:%Y-%m}"
    return None


def days_of(month: str) -> tuple[date, date]:
    """The first and the last day. Raises ValueError for a month that is never contributed."""
    if not _MONTH.fullmatch(month):
        raise ValueError(f"{month} is not a month that is contributed")
    first = date.fromisoformat(f"{month}-01")
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
