"""Exponential back-off with jitter, from 1 s to 30 s; for a device that accepts no connection, to 4 s."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass
class Backoff:
    """Delays that double from `first_s` to `longest_s`; jitter keeps many agents from reconnecting at the same moment."""

    first_s: float = 1.0
    longest_s: float = 30.0
    jitter: random.Random = field(default_factory=random.Random)
    _failures: int = 0

    def next_delay(self) -> float:
        """Seconds to wait: between half the current step and the whole step."""
        # The exponent is bounded: a device may be off for a year.
        step = min(self.longest_s, self.first_s * float(2 ** min(self._failures, 16)))
        self._failures += 1
        return step * self.jitter.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Start again from `first_s`; call it after a success."""
        self._failures = 0


def knocking() -> Backoff:
    """For a device that accepts no connection: one that is back is heard within five seconds (decision 6)."""
    return Backoff(longest_s=4.0)
