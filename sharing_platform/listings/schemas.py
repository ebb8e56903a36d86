"""Requests and answers of the HTTP API about listings. What they say depends on their kind."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sharing_platform.listings.details import EquipmentDetails, KnowHowDetails, OperatorDetails, TrainingDetails
from sharing_platform.pictures.schemas import PictureOut
from sharing_platform.schemas import ApiModel, Euros, LongText, Moment, Name, Title
from sharing_platform.search.schemas import Reason

PriceUnit = Literal["hour", "day", "piece", "place", "free"]


class _ListingIn(ApiModel):
    title: Title
    description: LongText = ""
    start: Moment
    end: Moment
    price: Annotated[Euros | None, Field(description="Without VAT; null: to be agreed.")] = None
    price_unit: PriceUnit = "day"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end <= self.start:
            raise ValueError("`end` must lie after `start`")
        return self


class OperatorIn(_ListingIn):
    """People who are without work from `start` to `end`, and whom their employer lends."""

    kind: Literal["operator"]
    details: OperatorDetails = OperatorDetails()


class EquipmentIn(_ListingIn):
    """Equipment to use, to borrow, or to take over, until `end`. What is given costs nothing."""

    kind: Literal["equipment"]
    details: EquipmentDetails

    @model_validator(mode="after")
    def _gift_is_free(self) -> Self:
        if self.details.use == "gift" and self.price_unit != "free":
            raise ValueError("what is given is free")
        return self


class KnowHowIn(_ListingIn):
    """What somebody knows, or can make for others."""

    kind: Literal["know_how"]
    details: KnowHowDetails = KnowHowDetails()


class TrainingIn(_ListingIn):
    """A training with so many places. `given_with`: organisations that give it together with this one. Its sessions lie between `start` and `end`."""

    kind: Literal["training"]
    places: Annotated[int, Field(ge=1, le=1000)]
    details: TrainingDetails = TrainingDetails()
    given_with: Annotated[list[Name], Field(max_length=20)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _sessions_inside(self) -> Self:
        if any(one.start < self.start or one.end > self.end for one in self.details.sessions):
            raise ValueError("sessions must lie between `start` and `end`")
        return self


ListingIn = Annotated[OperatorIn | EquipmentIn | KnowHowIn | TrainingIn, Field(discriminator="kind")]

REQUESTS: dict[str, type[OperatorIn | EquipmentIn | KnowHowIn | TrainingIn]] = {
    "operator": OperatorIn,
    "equipment": EquipmentIn,
    "know_how": KnowHowIn,
    "training": TrainingIn,
}
"""The request of each kind."""


class GiverOut(ApiModel):
    """Who else gives a training; `agreed` says whether they said so themselves."""

    organisation: str
    name: str
    agreed: bool


class _ListingOut(ApiModel):
    id: str
    organisation: str
    organisation_name: str
    title: str
    description: str
    start: datetime
    end: datetime
    price: Euros | None
    price_unit: str
    places: int | None
    places_left: int | None
    given_with: list[GiverOut]
    pictures: Annotated[list[PictureOut], Field(description="Of equipment.")]
    status: Literal["open", "closed"]
    changed: datetime
    distance_km: float | None = None
    score: float = 1.0
    reasons: list[Reason] = Field(default_factory=list)


class OperatorOut(_ListingOut):
    """People, as they stand."""

    kind: Literal["operator"]
    details: OperatorDetails


class EquipmentOut(_ListingOut):
    """Equipment, as it stands."""

    kind: Literal["equipment"]
    details: EquipmentDetails


class KnowHowOut(_ListingOut):
    """Know-how, as it stands."""

    kind: Literal["know_how"]
    details: KnowHowDetails


class TrainingOut(_ListingOut):
    """A training, as it stands."""

    kind: Literal["training"]
    details: TrainingDetails


ListingOut = Annotated[OperatorOut | EquipmentOut | KnowHowOut | TrainingOut, Field(discriminator="kind")]


class ListingPage(ApiModel):
    """Listings; those that fit best first, else in order of their start."""

    listings: list[ListingOut]
    next: str | None
