"""The map on the first page: the region's municipalities as vectors, and how many machines with free hours stand in each."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from sharing_platform.geography import distance_km
from sharing_platform.search.ranking import Degrees, SearchDocument

_FILE = Path(__file__).resolve().parents[1] / "region_map.json"
NEARBY_KM = 12.0
"""A machine that is farther from every town of the region stands elsewhere."""


@dataclass(frozen=True)
class Municipality:
    """`near`: the town to search around; `path`: the outline as an SVG path; `places`: latitude and longitude of its towns, that one first; `x`, `y`: where it is
    drawn."""

    name: str
    near: str
    path: str
    places: tuple[Degrees, ...]
    x: float
    y: float


@dataclass(frozen=True)
class RegionMap:
    """`width` and `height` of the drawing."""

    width: int
    height: int
    municipalities: tuple[Municipality, ...]

    def nearest(self, place: Degrees) -> Municipality | None:
        """The municipality whose towns are nearest; None where all of them are far."""
        near = min((min(distance_km(place, one) for one in own.places), own.name, own) for own in self.municipalities)
        return near[2] if near[0] <= NEARBY_KM else None


@dataclass(frozen=True)
class Cluster:
    """Machines that stand near each other. `near`: the town to search around; `within_km`: how far; `about`: they are anonymous, and stand somewhere around."""

    name: str
    near: str
    count: int
    x: float
    y: float
    within_km: int
    about: bool

    @property
    def radius(self) -> float:
        """Of its circle in the drawing: large enough for a thumb, larger for many machines."""
        return min(30.0, 15.0 + 2.5 * math.sqrt(self.count - 1))


@dataclass(frozen=True)
class MapOfMachines:
    """`elsewhere`: how many stand outside the region."""

    region: RegionMap
    clusters: Sequence[Cluster]
    elsewhere: int


@cache
def region_map() -> RegionMap:
    told: Mapping[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    municipalities = tuple(
        Municipality(one["name"], one["near"], one["path"], tuple(map(tuple, one["places"])), one["x"], one["y"])
        for one in told["municipalities"]
    )
    return RegionMap(told["width"], told["height"], municipalities)


def town_around(document: SearchDocument) -> str | None:
    """Of an anonymous machine: the municipality nearest to the cell that stands for its place, as on the map. None for others, and outside the region."""
    return _nearest_to(document.at) if document.coarse and document.at is not None else None


@lru_cache(maxsize=1000)
def _nearest_to(place: Degrees) -> str | None:
    nearest = region_map().nearest(place)
    return nearest.name if nearest is not None else None


def map_of(documents: Iterable[SearchDocument], region: RegionMap) -> MapOfMachines:
    """What each says of its place is what the viewer may know: of an anonymous machine a cell of some 20 km."""
    # Many machines stand at the place of their factory.
    places = Counter((one.at, one.coarse) for one in documents if one.at is not None)
    found: Counter[tuple[str, bool]] = Counter()
    elsewhere = 0
    for (at, coarse), count in places.items():
        municipality = region.nearest(at)
        if municipality is None:
            elsewhere += count
        else:
            found[municipality.name, coarse] += count
    by_name = {one.name: one for one in region.municipalities}
    clusters = [
        # Beside each other: named machines at the town, anonymous ones a little above.
        Cluster(name, by_name[name].near, count, by_name[name].x, by_name[name].y - (34 if about and (name, False) in found else 0), 25 if about else 10, about)
        for (name, about), count in sorted(found.items())
    ]  # fmt: skip
    return MapOfMachines(region, clusters, elsewhere)
