"""The orders in which offers are found, and pages of them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from sharing_platform.errors import InvalidError
from sharing_platform.machines.index import IndexEntry
from sharing_platform.machines.models import Offer
from sharing_platform.machines.windows import Window
from sharing_platform.pagination import from_cursor, to_cursor
from sharing_platform.search.ranking import Ranking

Sort = Literal["start", "fit", "price", "distance", "certainty"]
_PLACE = TypeAdapter(tuple[Sort, list[float], str])


@dataclass(frozen=True)
class RankedOffer:
    """An offer, what the searcher may know of its machine, its ranking, and the window of it that fits best."""

    offer: Offer
    entry: IndexEntry
    ranking: Ranking
    window: Window


@dataclass(frozen=True)
class OfferResults:
    """`next`: the cursor of what follows; None at the end."""

    found: list[RankedOffer]
    next: str | None


def in_order(found: list[RankedOffer], sort: Sort, priced_first: bool, limit: int, cursor: str | None) -> OfferResults:
    """A page of what was found. Its cursor is the place of its last offer, so that what comes and goes meanwhile moves no other over the edge."""

    def place(result: RankedOffer) -> tuple[list[float], str]:
        keys = [*_ORDERS[sort](result), result.offer.start.timestamp()]
        unpriced = [float(result.offer.price_per_hour is None)] if priced_first else []
        return [*unpriced, *keys], result.offer.public_id

    found.sort(key=place)
    if cursor is not None:
        order, *last = from_cursor(cursor, _PLACE)
        if order != sort:
            raise InvalidError("cursor", "cursor")
        found = [result for result in found if place(result) > (last[0], last[1])]
    rest = to_cursor(sort, *place(found[limit - 1])) if len(found) > limit else None
    return OfferResults(found[:limit], rest)


def _known_first(value: float | None) -> tuple[float, ...]:
    return (float(value is None), value or 0.0)


_ORDERS: Mapping[Sort, Callable[[RankedOffer], tuple[float, ...]]] = {
    "fit": lambda result: (-result.ranking.score,),
    "price": lambda result: _known_first(
        float(result.offer.lowest_per_hour) if result.offer.lowest_per_hour is not None else None
    ),
    "distance": lambda result: _known_first(result.ranking.distance),
    "certainty": lambda result: (-result.window.probability,),
}
"""What comes first, before the soonest. What is not known comes last."""
