"""Coordinates of towns of Belgium and its neighbours (places.tsv, made by scripts/make-places of GeoNames, https://www.geonames.org, CC BY 4.0), and distances between them."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib import resources

_EARTH_KM = 6371.0
_TOWN = 5000
"""Inhabitants. A village does not hide a town of the same name: who says Mechelen means the town."""


@dataclass(frozen=True)
class Place:
    """Degrees (WGS 84)."""

    name: str
    latitude: float
    longitude: float


REGION = Place("Hasselt", 50.9307, 5.3325)
"""Among towns with the same name, the nearest to this one is chosen."""


def distance_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """As the crow flies, on a sphere."""
    a, b, c, d = (math.radians(angle) for angle in (*one, *other))
    half = math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2
    return 2 * _EARTH_KM * math.asin(math.sqrt(min(1.0, half)))


_FRENCH_NAMES = {
    "'s-Gravenvoeren": "Fouron-le-Comte", "Aalst": "Alost", "Antwerpen": "Anvers", "Borgloon": "Looz", "Brugge": "Bruges", "Brussel": "Bruxelles", "Gent": "Gand", "Herk-de-Stad": "Herck-la-Ville",
    "Kortrijk": "Courtrai", "Leopoldsburg": "Bourg-Léopold", "Leuven": "Louvain", "Luik": "Liège", "Mechelen": "Malines", "Namen": "Namur", "Sint-Truiden": "Saint-Trond", "Tienen": "Tirlemont",
    "Tongeren": "Tongres", "Tongeren-Borgloon": "Tongres-Looz", "Voeren": "Fourons", "Zoutleeuw": "Léau",
}  # fmt: skip
"""Of towns and municipalities that French speakers call otherwise than those who speak Dutch."""
_DUTCH_NAMES = {french: dutch for dutch, french in _FRENCH_NAMES.items()}


def place_name(name: str, language: str) -> str:
    """A place as the speakers of a language call it; as it is written where that is not known."""
    return {"fr": _FRENCH_NAMES, "nl": _DUTCH_NAMES}.get(language, {}).get(name, name)


def place_named(name: str) -> Place | None:
    """A town of Belgium or a neighbouring country by its name in any language; None if there is none."""
    return _places().get(plain_name(name))


@cache
def _places() -> dict[str, Place]:
    """By plain name. Where several places have a name, towns come before villages, a place's own name before another's other name, and then the nearest."""
    lines = resources.files("sharing_platform").joinpath("places.tsv").read_text(encoding="utf-8").splitlines()
    found: dict[str, tuple[bool, bool, float, Place]] = {}
    for line in lines:
        if line.startswith("#"):
            continue
        _, name, latitude, longitude, inhabitants, others = line.split("\t")
        place = Place(name, float(latitude), float(longitude))
        is_village = int(inhabitants) < _TOWN
        away = distance_km((REGION.latitude, REGION.longitude), (place.latitude, place.longitude))
        for is_other, plain in ((False, plain_name(name)), *((True, other) for other in others.split("|"))):
            ranked = (is_village, is_other, away, place)
            if plain not in found or ranked[:3] < found[plain][:3]:
                found[plain] = ranked
    found.pop("", None)
    return {plain: place for plain, (_, _, _, place) in found.items()}


def plain_name(name: str) -> str:
    """Without accents, capitals and punctuation."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(character for character in plain if character.isalnum())
