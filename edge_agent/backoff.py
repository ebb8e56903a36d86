"""How long to wait before trying again: doubling with jitter, from 1 s to 30 s."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass
class Backoff:
    """`next_delay` grows from `first_s` to `longest_s`; jitter keeps many agents from coming back in step."""

    first_s: float = 1.0
    longest_s: float = 30.0
    jitter: random.Random = field(default_factory=random.Random)
    _failures: int = 0

    def next_delay(self) -> float:
        """Seconds to wait now: between half and the whole of the present step."""
        # The exponent is bounded so that a device that is off for a year makes no huge number.
        step = min(self.longest_s, self.first_s * float(2 ** min(self._failures, 16)))
        self._failures += 1
        return step * self.jitter.uniform(0.5, 1.0)

    def reset(self) -> None:
        """After a success."""
        self._failures = 0
