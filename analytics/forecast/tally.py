"""How many promises were checked, and how many were broken."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Tally:
    """Windows checked, and those of them that were not free throughout."""

    checked: int = 0
    broken: int = 0

    def add(self, other: Tally) -> None:
        self.checked += other.checked
        self.broken += other.broken
