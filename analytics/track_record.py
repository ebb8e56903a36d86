"""What promises of this kind were worth: slots proposed in past weeks, checked against what then happened. Pure.

For each of the last weeks the slots are proposed as they would have been at its beginning, from what was known then, and
compared with the week itself. The share that held is the probability; a score without such a record is not published.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from analytics.policy import Policy
from analytics.quarter_grid import NOT_FREE, QUARTERS_PER_WEEK, UNKNOWN, QuarterGrid
from analytics.slots import SHARE_LEVELS, propose_windows

CHECKED_WEEKS = 4
MIN_CHECKED = 20
"""Below this many checked slots a level has no track record, and nothing is published on it."""

_POOL_WEIGHT = 8.0
_KNOWN_SHARE = 0.8


@dataclass
class Tally:
    """Slots that were checked, and how many of them were found not free."""

    checked: int = 0
    broken: int = 0

    def add(self, other: Tally) -> None:
        self.checked += other.checked
        self.broken += other.broken


@dataclass
class TrackRecord:
    """Tallies per level over the factory, and per machine and level."""

    pooled: dict[float, Tally] = field(default_factory=lambda: {level: Tally() for level in SHARE_LEVELS})
    own: dict[tuple[str, float], Tally] = field(default_factory=dict)

    def add(self, machine: str, level: float, tally: Tally) -> None:
        self.pooled[level].add(tally)
        self.own.setdefault((machine, level), Tally()).add(tally)

    def probability(self, machine: str, level: float) -> float | None:
        """That such a slot holds: the machine's own record, drawn towards the factory's where it is short.

        None where the factory has no track record at this level.
        """
        pool = self.pooled[level]
        if pool.checked < MIN_CHECKED:
            return None
        # Laplace's rule of succession: no record, however clean, promises certainty.
        shared = (pool.checked - pool.broken + 1) / (pool.checked + 2)
        own = self.own.get((machine, level), Tally())
        return (own.checked - own.broken + _POOL_WEIGHT * shared) / (own.checked + _POOL_WEIGHT)

    def of_machine(self, machine: str) -> Tally:
        """All levels together."""
        total = Tally()
        for (name, _), tally in self.own.items():
            if name == machine:
                total.add(tally)
        return total


def back_test(grids: Mapping[str, QuarterGrid], origin: int, policy: Policy) -> TrackRecord:
    """Check the last `CHECKED_WEEKS` weeks before the quarter `origin`, each from what was known at its beginning."""
    record = TrackRecord()
    for machine, grid in grids.items():
        machine_policy = policy.for_machine(machine)
        for weeks_ago in range(CHECKED_WEEKS, 0, -1):
            start = origin - weeks_ago * QUARTERS_PER_WEEK
            if start <= 0:
                continue
            for window in propose_windows(grid, start, start, start + QUARTERS_PER_WEEK, machine_policy):
                kept = was_kept(grid.values[window.first : window.last])
                if kept is not None:
                    record.add(machine, window.level, Tally(1, 0 if kept else 1))
    return record


def was_kept(values: np.ndarray) -> bool | None:
    """Whether a slot was free throughout; None where too little is known to say. `values`: the slot's quarters."""
    if (values == NOT_FREE).any():
        return False
    return True if len(values) and (values != UNKNOWN).mean() >= _KNOWN_SHARE else None
