"""The criteria of a search one by one, so that what excludes everything can be named. Pure."""

from __future__ import annotations

from collections.abc import Iterator

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
    "operator": ("operator",),
}
"""What people see as one filter, and the criteria it sets. A place alone excludes nothing."""


def used_filters(wish: Wish) -> list[str]:
    """Those that narrow the search."""
    given = wish.model_dump(exclude_defaults=True)
    return [name for name, fields in FILTERS.items() if given.keys() & set(fields)]


def without_each(wish: Wish) -> Iterator[tuple[str, Wish]]:
    """The search without one of its filters, for each of them."""
    for name in used_filters(wish):
        left = wish.model_dump(exclude=set(FILTERS[name]), exclude_defaults=True)
        yield name, Wish.model_validate(left)
