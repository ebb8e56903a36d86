"""Answers of the HTTP API: what a search over everything finds."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from pydantic import Field

from sharing_platform.learning.schemas import PostOut
from sharing_platform.listings.schemas import ListingOut
from sharing_platform.schemas import ApiModel
from sharing_platform.wanted.schemas import SearchOut


class MachineHit(ApiModel):
    """A machine with free hours, and those of them that fit best. Of an anonymous one: no `factory`, and `machine` is its alias."""

    factory: str | None
    factory_name: str | None
    machine: str
    title: str
    process: str
    place: str
    distance_km: float | None
    offer_id: str
    start: datetime
    end: datetime
    probability: float
    price_per_hour: Decimal | None = Field(description="The lowest, without VAT; null: to be agreed.")


class _Section(ApiModel):
    """`count`: of all that is found; `more`: there may be more than that."""

    count: int
    more: bool = False
    by_process: str | None = Field(
        None,
        description="Where nothing has all the words: the process among them, by which these were found instead.",
    )


class MachineSection(_Section):
    """Machines, those that fit best first."""

    found: list[MachineHit]


class ListingSection(_Section):
    """Listings of one kind, those that fit best first."""

    found: list[ListingOut]


class NoticeSection(_Section):
    """Wanted notices, those that fit best first."""

    found: list[SearchOut]


class PostSection(_Section):
    """What organisations post of one kind to learn from each other, what fits best first."""

    found: list[PostOut]


class NeighbourItemOut(ApiModel):
    """What a neighbouring region shares. `region`: its name; `heard`: when it last answered, where that is longer ago. `kind`: `machine`, `notice`, or that of a listing. `path`: of
    its page here, where it can be asked for. `amount` in `currency` for each `unit`, without VAT; null: to be agreed."""

    region: str
    heard: datetime | None
    kind: str
    path: str
    title: str
    process: str
    organisation: str | None
    place: str
    distance_km: float | None
    start: datetime | None
    end: datetime | None
    probability: float | None
    amount: str | None
    currency: str
    unit: str


class NeighbourSection(_Section):
    """What fits in neighbouring regions, the best first; nothing where that is not asked for."""

    found: list[NeighbourItemOut]


class SearchResults(ApiModel):
    """What is found of each kind, the first of it; the lists of each kind have the rest."""

    machines: MachineSection
    operators: ListingSection
    equipment: ListingSection
    know_how: ListingSection
    trainings: ListingSection
    notices: NoticeSection
    stories: PostSection
    meetings: PostSection
    wanted_training: PostSection
    questions: PostSection
    neighbours: NeighbourSection
