"""What goes over the HTTP API about listings, wanted notices and saved searches."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sharing_platform.schemas import ApiModel, Euros, LongText, Moment, Name, OneLine, Term, Title
from sharing_platform.search.criteria import ListingKind
from sharing_platform.search.schemas import Reason

Language = Literal["nl", "fr", "en", "de"]


class ListingDetails(ApiModel):
    """What is particular to a kind. An operator: `skills`, `certificates`, `hours_per_week`; no name. Equipment: `use` (on the spot,
    on loan, to take over). Training: `languages`, and `sessions`, a line each as people write them."""

    process: Annotated[OneLine, Field(max_length=100)] = ""
    skills: Annotated[list[Term], Field(max_length=30)] = Field(default_factory=list)
    certificates: Annotated[list[Term], Field(max_length=30)] = Field(default_factory=list)
    hours_per_week: Annotated[float | None, Field(gt=0, le=168)] = None
    use: Literal["on_the_spot", "loan", "take_over"] | None = None
    languages: Annotated[list[Language], Field(max_length=4)] = Field(default_factory=list)
    sessions: Annotated[list[Annotated[OneLine, Field(max_length=120)]], Field(max_length=50)] = Field(
        default_factory=list
    )
    place: Annotated[OneLine, Field(max_length=100)] = ""


class ListingIn(ApiModel):
    """Something shared other than machine hours, from `start` to `end`. `places`: of a training, which needs them."""

    kind: ListingKind
    title: Title
    description: LongText = ""
    start: Moment
    end: Moment
    price: Annotated[Euros | None, Field(description="Without VAT; null: to be agreed.")] = None
    price_unit: Literal["hour", "day", "piece", "place", "free"] = "day"
    places: Annotated[int | None, Field(ge=1, le=1000)] = None
    details: ListingDetails = ListingDetails()
    given_with: Annotated[
        list[Name], Field(max_length=20, description="Organisations that give a training together with this one.")
    ] = Field(default_factory=list)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.end <= self.start:
            raise ValueError("`end` must lie after `start`")
        if (self.kind == "training") != (self.places is not None):
            raise ValueError("`places` belong to a training, and every training has them")
        if self.kind == "equipment" and self.details.use is None:
            raise ValueError("`details.use` says whether equipment is used on the spot, lent, or to take over")
        return self


class GiverOut(ApiModel):
    """Who else gives a training; `agreed` says whether they said so themselves."""

    organisation: str
    name: str
    agreed: bool


class ListingOut(ApiModel):
    """A listing as it stands. `places_left`: of a training."""

    id: str
    organisation: str
    organisation_name: str
    kind: ListingKind
    title: str
    description: str
    start: datetime
    end: datetime
    price: Euros | None
    price_unit: str
    places: int | None
    places_left: int | None
    details: ListingDetails
    given_with: list[GiverOut]
    status: Literal["open", "closed"]
    changed: datetime
    distance_km: float | None = None
    score: float = 1.0
    reasons: list[Reason] = Field(default_factory=list)


class ListingPage(ApiModel):
    """Listings; those that fit best first, else in order of their start."""

    listings: list[ListingOut]
    next: str | None
