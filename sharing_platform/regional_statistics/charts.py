"""The shapes of the pictures: numbers to coordinates. Pure; templates draw them, and put a table behind each."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sharing_platform.machines.region_map import Municipality, RegionMap
from sharing_platform.regional_statistics.areas import area_of, areas
from sharing_platform.regional_statistics.reading import Flow, Place

SHADES = 5
"""Classes of a map's colour; 0 is for nothing that can be shown."""


@dataclass(frozen=True)
class AreaShape:
    """`shade`: 0 to SHADES; `size`: hours; `x`, `y`: where its number stands."""

    code: str
    municipalities: Sequence[Municipality]
    size: int
    shade: int
    x: float
    y: float


@dataclass(frozen=True)
class Dot:
    """A municipality whose own figure can be shown."""

    name: str
    size: int
    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class ShadedMap:
    """`beyond`: municipalities in no area."""

    region: RegionMap
    areas: Sequence[AreaShape]
    beyond: Sequence[Municipality]
    dots: Sequence[Dot]

    @property
    def shown(self) -> int:
        """Hours that stand on it."""
        return sum(one.size for one in self.areas)


def shaded_map(region: RegionMap, sizes: Mapping[Place, int]) -> ShadedMap:
    """Of the hours of each place."""
    total: Counter[str] = Counter()
    for (area, _), size in sizes.items():
        total[area] += size
    highest = max(total.values(), default=0)
    by_area: defaultdict[str, list[Municipality]] = defaultdict(list)
    for one in region.municipalities:
        by_area[area_of(one.name)].append(one)
    shapes = [
        AreaShape(code, by_area[code], total[code], shade_of(total[code], highest), *_middle(by_area[code]))
        for code in areas()
        if by_area[code]
    ]
    towns = {one.name: one for one in region.municipalities}
    largest = max((size for (_, town), size in sizes.items() if town), default=0)
    dots = [
        Dot(town, size, towns[town].x, towns[town].y, 4 + 6 * math.sqrt(size / largest))
        for (_, town), size in sorted(sizes.items())
        if town in towns and size > 0
    ]
    return ShadedMap(region, shapes, by_area[""], dots)


def shade_of(size: int, most: int) -> int:
    """Equal steps from nothing to the most."""
    return min(SHADES, 1 + (size * SHADES - 1) // most) if size > 0 and most > 0 else 0


def _middle(municipalities: Sequence[Municipality]) -> tuple[float, float]:
    count = len(municipalities)
    return sum(one.x for one in municipalities) / count, sum(one.y for one in municipalities) / count


@dataclass(frozen=True)
class Stack:
    """`lines`: heights with a number beside them; `months`: where one begins, and which; `trend`: points of a line."""

    width: int
    height: int
    bars: Sequence[Bar]
    lines: Sequence[tuple[float, int]]
    months: Sequence[tuple[float, date]]
    trend: str


@dataclass(frozen=True)
class Bar:
    """A week's part of one measure."""

    name: str
    week: date
    size: int
    x: float
    y: float
    width: float
    height: float


def stacked(
    weeks: Sequence[date], layers: Mapping[str, Sequence[int]], trend: Sequence[float | None], width: int = 720, height: int = 240
) -> Stack:  # fmt: skip
    """A bar for each week, of the layers in their order from below."""
    totals = [sum(layer[number] for layer in layers.values()) for number in range(len(weeks))]
    top = nice_ceiling(max(totals, default=0))
    wide = width / max(1, len(weeks))
    bars = []
    for number, week in enumerate(weeks):
        below = 0
        for name, layer in layers.items():
            size = layer[number]
            if size > 0:
                high = height * size / top
                bars.append(Bar(name, week, size, number * wide, height - height * below / top - high, wide * 0.82, high))  # fmt: skip
            below += size
    points = [
        f"{(number + 0.41) * wide:.1f},{height - height * value / top:.1f}"
        for number, value in enumerate(trend)
        if value is not None
    ]
    lines = [(height - height * part / 4, round(top * part / 4)) for part in range(5)] if top > 0 else []
    months = [
        (number * wide, week)
        for number, week in enumerate(weeks)
        if number == 0 or week.month != weeks[number - 1].month
    ]
    return Stack(width, height, bars, lines, months, " ".join(points))


def nice_ceiling(value: float) -> int:
    """The next number that four lines divide well."""
    if value <= 0:
        return 4
    base = 10 ** math.floor(math.log10(value))
    return next(int(base * step) or 4 for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if base * step >= value)


@dataclass(frozen=True)
class Band:
    """Hours from the area on the left to the one on the right; `path` is as wide as they are many."""

    flow: Flow
    path: str
    width: float


@dataclass(frozen=True)
class Bands:
    """`left`, `right`: areas with the height at which they stand, how high they are, and their hours."""

    width: int
    height: float
    bands: Sequence[Band]
    left: Sequence[tuple[str, float, float, int]]
    right: Sequence[tuple[str, float, float, int]]


_GAP, _HIGH, _INSET = 14.0, 260.0, 8.0


def bands(flows: Iterable[Flow], width: int = 420) -> Bands:
    """From who provides on the left to who has them on the right, the largest above."""
    pairs: Counter[tuple[str, str]] = Counter()
    for one in flows:
        pairs[one.area, one.towards] += one.size
    total = sum(pairs.values())
    if not total:
        return Bands(width, 0, [], [], [])
    scale = _HIGH / total
    left, right = (_column(pairs, side, scale) for side in (0, 1))
    starts, ends = ({name: y for name, y, _, _ in column} for column in (left, right))
    found = []
    middle = width / 2
    for (area, towards), size in sorted(pairs.items(), key=lambda one: (starts[one[0][0]], ends[one[0][1]])):
        wide = size * scale
        begin, end = starts[area] + wide / 2, ends[towards] + wide / 2
        path = (
            f"M{_INSET:.0f},{begin:.1f} C{middle:.0f},{begin:.1f} {middle:.0f},{end:.1f} {width - _INSET:.0f},{end:.1f}"
        )
        found.append(Band(Flow("", area, towards, size), path, max(1.0, wide)))
        starts[area] += wide
        ends[towards] += wide
    high = max(column[-1][1] + column[-1][2] for column in (left, right))
    return Bands(width, high, found, left, right)


def _column(pairs: Mapping[tuple[str, str], int], side: int, scale: float) -> list[tuple[str, float, float, int]]:
    sums: Counter[str] = Counter()
    for pair, size in pairs.items():
        sums[pair[side]] += size
    found, y = [], 0.0
    for name, size in sorted(sums.items(), key=lambda one: (one[0] == "", -one[1], one[0])):
        found.append((name, y, size * scale, size))
        y += size * scale + _GAP
    return found
