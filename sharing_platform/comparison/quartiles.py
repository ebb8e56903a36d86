"""Quartiles of figures that have noise in them. Pure.

The noise of each figure has a known variance (decision 76), by which what is seen is wider than what is true. The quartiles are therefore drawn towards the median
until they are as wide as the factories themselves. Each is a mean over all factories (Harrell and Davis 1982), never the figure of one; it is rounded to steps of five points.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

LEAST = 5
"""So many factories must be compared."""
STEP = 5
_KEPT = 24 / 25
NOISE_VARIANCE = 2 * _KEPT / (1 - _KEPT) ** 2
"""Of a figure of one month, in squared percentage points."""
_LEAST_SPREAD = 10.0
"""Factories are taken to differ by at least so many points (standard deviation): where noise hides how much they do, quartiles would otherwise fall on the median."""
_SHARES = (0.25, 0.5, 0.75)
_SIZES = (50, 20, 10, LEAST)
_NINE_IN_TEN = 1.645
_OUTER = 1.36
"""By so much more than a mean an outer quartile strays (of a normal distribution)."""
_GRID = 4000


@dataclass(frozen=True, slots=True)
class Contribution:
    """The mean of a factory's figures, and of how many months."""

    mean: float
    months: int


@dataclass(frozen=True, slots=True)
class Quartiles:
    """In percentage points. `within`: so far they lie from the true ones at most, nine times in ten."""

    lower: int
    median: int
    upper: int
    within: int


def quartiles(contributions: Sequence[Contribution]) -> Quartiles | None:
    """None where there are too few."""
    count = len(contributions)
    if count < LEAST:
        return None
    ordered = sorted(one.mean for one in contributions)
    lower, median, upper = (
        sum(weight * value for weight, value in zip(_weights(count, share), ordered, strict=True)) for share in _SHARES
    )
    middle = sum(ordered) / count
    seen = sum((value - middle) ** 2 for value in ordered) / (count - 1)
    noise = sum(NOISE_VARIANCE / one.months for one in contributions) / count
    true = max(seen - noise, _LEAST_SPREAD**2)
    narrower = min(1.0, math.sqrt(true / seen)) if seen > 0 else 1.0
    # Of how many factories they are, nobody is told but roughly.
    roughly = next(size for size in _SIZES if count >= size)
    within = math.ceil(_NINE_IN_TEN * _OUTER * math.sqrt(noise / roughly) / STEP) * STEP
    return Quartiles(
        rounded(median + narrower * (lower - median)),
        rounded(median),
        rounded(median + narrower * (upper - median)),
        min(100, within),
    )


def rounded(points: float) -> int:
    """To a step, from 0 to 100."""
    return min(100, max(0, round(points / STEP) * STEP))


def strays(months: int) -> int:
    """How far the mean of a factory's own figures as they were sent lies from the true one at most, nine times in ten."""
    return round(_NINE_IN_TEN * math.sqrt(NOISE_VARIANCE / months))


@lru_cache(maxsize=1000)
def _weights(count: int, share: float) -> tuple[float, ...]:
    """Of each of `count` ordered values for a quantile: how much of the beta distribution of the quantile's place lies in its part."""
    before, after = (count + 1) * share - 1, (count + 1) * (1 - share) - 1
    cells = count * max(1, _GRID // count)
    places = [(cell + 0.5) / cells for cell in range(cells)]
    # By logarithms: with many factories the powers alone would vanish.
    heights = [before * math.log(place) + after * math.log(1 - place) for place in places]
    top = max(heights)
    density = [math.exp(height - top) for height in heights]
    each, whole = cells // count, sum(density)
    return tuple(sum(density[number * each : (number + 1) * each]) / whole for number in range(count))
