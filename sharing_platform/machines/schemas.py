"""Requests and answers of the HTTP API about offers and machines."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sharing_platform.machines.public_state import PublicState
from sharing_platform.pictures.schemas import PictureOut
from sharing_platform.schemas import ApiModel, Euros, Moment, Name, OneLine
from sharing_platform.search.machine_details import MachineDetails
from sharing_platform.search.schemas import Reason

LiveState = Literal["in_use", "standing_still", "out_of_service", "unknown", "not_shown"]
MAX_SLOT = timedelta(days=31)
_ANONYMOUS = "Whether others learn whose the machine is only once a booking is accepted; null: as it was."


class OfferedWindow(ApiModel):
    """Hours that are free throughout with a probability. Any part of them can be booked, and is at least as sure."""

    start: Moment
    end: Moment
    probability: Annotated[float, Field(ge=0, le=1)]


class OfferedPrice(ApiModel):
    """Hours that cost another price than the rest of the offer."""

    start: Moment
    end: Moment
    price_per_hour: Euros


class OfferTerms(ApiModel):
    """Hours of a machine, how sure they are, and the record behind that: of `checked` such slots `broken` were not free."""

    start: Moment
    end: Moment
    probability: Annotated[float, Field(ge=0, le=1)]
    checked: Annotated[int, Field(ge=0, le=2**31 - 1)]
    broken: Annotated[int, Field(ge=0, le=2**31 - 1)]
    by_hand: Annotated[
        bool,
        Field(description="People promise these hours: nothing was forecast, and `probability` is 0 and says nothing."),
    ] = False
    operator: Literal["included", "own_allowed", "own_required"] = "included"
    price_per_hour: Annotated[Euros | None, Field(description="Without VAT; null: to be agreed.")] = None
    price_minimum: Euros | None = None
    prices: Annotated[
        list[OfferedPrice],
        Field(max_length=1000, description="Hours that cost another price than `price_per_hour`, in order."),
    ] = []  # noqa: RUF012 - pydantic copies it
    visibility: Literal["public", "members", "partners"] = "public"
    partners: Annotated[list[Name], Field(max_length=200, description="Who may see it, where only they may.")] = []  # noqa: RUF012 - pydantic copies it
    booking: Annotated[
        Literal["instant", "on_request"],
        Field(description="Whether an approved organisation has the hours at once, or the factory answers."),
    ] = "instant"
    minimum_hours: Annotated[
        float | None, Field(gt=0, le=744, description="The shortest part that can be had; null: only the whole.")
    ] = None
    maximum_hours: Annotated[float | None, Field(gt=0, le=744, description="The longest booking; null: any.")] = None
    windows: Annotated[
        list[OfferedWindow],
        Field(max_length=1000, description="What can be booked, which may overlap; empty: the whole is one window."),
    ] = []  # noqa: RUF012 - pydantic copies it
    buffer_minutes: Annotated[int, Field(ge=0, le=1440, description="Between two bookings.")] = 0
    cancellation_hours: Annotated[
        int, Field(ge=0, le=744, description="Until so long before its start may a seeker cancel.")
    ] = 24


class OfferIn(OfferTerms):
    """An offer as its factory puts it."""

    factory: Name
    machine: Name
    anonymous: Annotated[bool | None, Field(description=_ANONYMOUS)] = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not timedelta(0) < self.end - self.start <= MAX_SLOT:
            raise ValueError(f"`end` must lie after `start`, by at most {MAX_SLOT.days} days")
        if not all(self.start <= window.start < window.end <= self.end for window in self.windows):
            raise ValueError("`windows` must lie between `start` and `end`, and end after they start")
        if self.prices and self.price_per_hour is None:
            raise ValueError("`prices` differ from `price_per_hour`, which is missing")
        edges = [self.start, *(edge for one in self.prices for edge in (one.start, one.end)), self.end]
        if any(before > after for before, after in pairwise(edges)) or any(one.start == one.end for one in self.prices):
            raise ValueError("`prices` must lie between `start` and `end`, in order, and not overlap")
        if None not in (self.minimum_hours, self.maximum_hours) and self.maximum_hours < self.minimum_hours:  # type: ignore[operator]
            raise ValueError("`maximum_hours` cannot be less than `minimum_hours`")
        if self.by_hand and (self.probability or self.checked or self.windows):
            raise ValueError("what is offered `by_hand` has no `windows`, and its `probability` and `checked` are 0")
        if self.broken > self.checked:
            raise ValueError("`broken` cannot be more than `checked`")
        return self


class OfferOut(OfferTerms):
    """An offer in its present state; `start` and `end` are what is free of it, `windows` which of that can be booked. Of an anonymous machine, others see
    no `factory`, and its alias as `machine`. `partners` are shown to the factory alone."""

    id: str
    factory: Name | None
    machine: Name
    anonymous: bool
    status: Literal["open", "held", "booked", "withdrawn", "not_free"] = Field(
        description="Others than its factory see whether it is open or `not_free`."
    )
    changed: datetime


class DescribedOffer(OfferOut):
    """An offer with what the reader may know of its machine. Of an anonymous one, others see no `factory_name` and no `place`, and a `title` made of its
    alias."""

    factory_name: str | None
    title: str
    process: str
    place: str


class FoundOffer(DescribedOffer):
    """An offer found by a search. `score`: how well it matches, 0 to 1, with the reasons. `window`: the surest one in which the hours asked for can
    begin on the days asked for; without hours, the longest."""

    distance_km: float | None
    window: OfferedWindow
    score: float
    reasons: list[Reason]


class SuggestionOut(ApiModel):
    """What would be found without some of the search's parameters. `more`: there are more than `count`."""

    without: list[str] = Field(description="Query parameters to leave out, as they were given.")
    count: int
    more: bool


class OfferPage(ApiModel):
    """Offers in the order that was asked for. `next`, given as `cursor`, leads to what follows; null at the end. `suggestions`: where nothing is found and they
    are asked for, which parameters to leave out, one at a time or, where none alone helps, two; most results first."""

    offers: list[FoundOffer]
    next: str | None
    suggestions: list[SuggestionOut] = Field(default_factory=list)


class MachineIn(ApiModel):
    """What a machine is, and its live state if the factory allows it to be shown."""

    title: Annotated[OneLine, Field(max_length=200)]
    process: Annotated[OneLine, Field(max_length=100)] = ""
    now: LiveState = "not_shown"
    since: Moment | None = None
    anonymous: Annotated[bool | None, Field(description=_ANONYMOUS)] = None


class MachineOut(ApiModel):
    """The public description of a machine. Of an anonymous one, others see no factory and none of its records, and an alias as `machine`."""

    factory: Name | None
    factory_name: str | None
    machine: Name
    anonymous: bool
    title: str
    process: str
    now: LiveState | PublicState = Field(
        description="Its factory sees the live state; others, whether it was free at `as_of`."
    )
    since: datetime | None
    as_of: datetime | None = Field(description="The quarter of an hour that `now` is of; null: it is live.")
    details: MachineDetails
    pictures: list[PictureOut] = Field(default_factory=list)
    kept: int | None = Field(description="Of its factory's accepted bookings that are over: how many went as agreed.")
    cancelled: int | None = Field(description="How many the factory cancelled.")
    not_free: int | None = Field(description="Of how many the machine was not free on arrival, as the seeker says.")


class KeptHoursIn(ApiModel):
    """Hours of a machine that its factory keeps for itself."""

    machine: Name
    start: Moment
    end: Moment

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not timedelta(0) < self.end - self.start <= MAX_SLOT:
            raise ValueError(f"`end` must lie after `start`, by at most {MAX_SLOT.days} days")
        return self


class KeptHoursOut(KeptHoursIn):
    """They are not on offer until they are released."""

    id: str


class KeptHoursList(ApiModel):
    """In order of their start."""

    kept: list[KeptHoursOut]
