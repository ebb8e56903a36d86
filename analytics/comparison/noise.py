"""Noise by which nobody can tell what a figure was: local differential privacy (decision 76).

Figures are whole percentage points. To each is added the difference of two geometric numbers, which is a discrete Laplace distribution: noise k has the
probability (1 - a) / (1 + a) * a^|k| with a = 24/25. Everything is done in whole numbers with the operating system's random numbers, so that there are no roundings from
which the figure could be read (Mironov 2012).
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable

KEPT, OF = 24, 25
"""a = KEPT / OF: how much less probable each further point of noise is."""
LOWEST, HIGHEST = -1000, 1100
"""What can be sent. Noise reaches so far once in 10^17 times."""
RANGE = 100
"""Points between the lowest and the highest value of a figure."""

Below = Callable[[int], int]
"""A number from 0 to below another one, each as probable."""


def noise(below: Below = secrets.randbelow) -> int:
    """In percentage points; 0 on average, 35 away from it in the root mean square."""
    return _geometric(below) - _geometric(below)


def with_noise(points: int, below: Below = secrets.randbelow) -> int:
    """What may leave the factory of a figure of `points`, from 0 to 100."""
    return max(LOWEST, min(HIGHEST, min(RANGE, max(0, points)) + noise(below)))


def epsilon_of(distance: int) -> float:
    """How much the noise tells at most of two values that lie so many points apart: whatever is sent is no more than e^epsilon times as probable with one as with the
    other."""
    return distance * math.log(OF / KEPT)


def _geometric(below: Below) -> int:
    count = 0
    while below(OF) < KEPT:
        count += 1
    return count
