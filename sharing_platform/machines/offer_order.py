"""The orders in which offers are found, and the places in them that cursors name. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, TypeAlias

from pydantic import TypeAdapter

from sharing_platform.errors import InvalidError
from sharing_platform.machines.index import IndexEntry
from sharing_platform.machines.models import Offer
from sharing_platform.machines.windows import Window
from sharing_platform.pagination import from_cursor, to_cursor
from sharing_platform.schemas import Moment
from sharing_platform.search.ranking import Ranking

Sort = Literal["start", "fit", "price", "distance", "certainty"]
Place = tuple[bool, tuple[float, ...], datetime, str]
"""Of an offer in an order: whether its price is to be agreed, where those come last; what the order is by, the best first; its start; its id."""

Key: TypeAlias = tuple[str, str]
"""Of a machine: its factory and its own name."""

_CURSOR = TypeAdapter(tuple[Sort, bool, tuple[float, ...], Moment, str])


class FoundOffer(NamedTuple):
    """Where a search finds an offer, before the offer itself is read. Compared by its place."""

    place: Place
    id: str
    key: Key


@dataclass(frozen=True)
class FoundOffers:
    """`next`: the cursor of what follows; None at the end."""

    found: list[FoundOffer]
    next: str | None


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


def cursor_of(sort: Sort, place: Place) -> str:
    """Of what follows an offer: a place, so that what comes and goes meanwhile moves no other over the edge of a page."""
    unpriced, scores, start, public_id = place
    return to_cursor(sort, unpriced, scores, start.isoformat(), public_id)


def place_of(cursor: str, sort: Sort) -> Place:
    """Raises InvalidError for a cursor that is none, or of another order."""
    order, unpriced, scores, start, public_id = from_cursor(cursor, _CURSOR)
    if order != sort:
        raise InvalidError("cursor", "cursor")
    return unpriced, scores, start, public_id


def known_first(value: float | None) -> tuple[float, ...]:
    """What is not known comes last."""
    return (float(value is None), value or 0.0)
