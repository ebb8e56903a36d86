"""The criteria of a search one by one, so that what excludes everything can be named. Pure."""

from __future__ import annotations

from collections.abc import Collection

from sharing_platform.search.criteria import Wish

FILTERS: dict[str, tuple[str, ...]] = {
    "words": ("words",),
    "process": ("process",),
    "day": ("first_day", "last_day"),
    "hours": ("hours",),
    "machine": ("factory", "machine"),
    "distance": ("within_km",),
    "price": ("max_price_per_hour",),
    "material": ("materials",),
    "certificate": ("certificates",),
    "workpiece": ("workpiece_mm",),
    "axes": ("axes",),
    "tolerance": ("tolerance_mm",),
    "load": ("load_kg",),
    "operator": ("operator",),
}
"""What people see as one filter, and the criteria it sets. A place alone excludes nothing."""


def used_filters(wish: Wish) -> list[str]:
    """Those that narrow the search."""
    given = wish.model_dump(exclude_defaults=True)
    return [name for name, fields in FILTERS.items() if given.keys() & set(fields)]


def without(wish: Wish, names: Collection[str]) -> Wish:
    """The search without some of its filters."""
    fields = {field for name in names for field in FILTERS[name]}
    return Wish.model_validate(wish.model_dump(exclude=fields, exclude_defaults=True))


def only(wish: Wish, name: str) -> Wish:
    """The search with one of its filters alone, and with its place."""
    return without(wish, FILTERS.keys() - {name})
