"""What a search finds in neighbouring regions, for the domains below those that talk to them. Implemented by `federation.found`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol, cast

from fastapi import Request
from sqlalchemy.orm import Session

from sharing_platform.search.ranking import PreparedCriteria

INCLUDED = "neighbours"
"""The parameter of a search that includes them."""
MOST = 24
EURO = "EUR"


@dataclass(frozen=True)
class NeighbourHit:
    """`region`: whose mark it bears; `heard`: when that last answered, where it is long ago. `kind`: `machine`, `notice`, or that of a listing. `start` to `end`: hours that fit, of
    a listing its period; None of a notice. `amount` in `currency` for each `unit`; None: to be agreed."""

    region: str
    heard: datetime | None
    kind: str
    path: str
    title: str
    process: str
    organisation: str | None
    place: str
    distance: float | None
    start: datetime | None
    end: datetime | None
    probability: float | None
    amount: str | None
    currency: str
    unit: str
    score: float

    @property
    def euros(self) -> Decimal | None:
        """None for other currencies, which are shown as they come."""
        return Decimal(self.amount) if self.amount is not None and self.currency == EURO else None


class NeighbourSearch(Protocol):
    """Reads what neighbours share as it was last heard; nobody is asked meanwhile."""

    def regions(self, session: Session, now: datetime) -> list[str]:
        """The names of those of which something can be shown."""
        ...

    def find(
        self, session: Session, wanted: PreparedCriteria, now: datetime, zone: str, kinds: Collection[str]
    ) -> list[NeighbourHit]:
        """What fits, of these kinds: the best first. Machines once each, with the hours that fit best."""
        ...


def get_neighbour_search(request: Request) -> NeighbourSearch:
    return cast("NeighbourSearch", request.app.state.neighbour_search)
