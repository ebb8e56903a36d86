"""Requests and answers of the HTTP API about bookings."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from sharing_platform.bookings.lifecycle import Party, State
from sharing_platform.machines.schemas import DescribedOffer
from sharing_platform.organisations.schemas import LinkIn
from sharing_platform.schemas import ApiModel, Email, LongText, Moment, OfferId, OrganisationName, Quantity

Step = Literal["accepted", "declined", "cancelled", "withdrawn"]


class Guest(ApiModel):
    """A seeker who is not signed in. The request counts once the address is confirmed: by the link in an e-mail, or signed in where the address has an
    account with a password."""

    organisation: OrganisationName
    name: OrganisationName
    email: Email
    language: Literal["nl", "fr", "en"] = "nl"


class PartIn(ApiModel):
    """A further part of a request: hours of an offer of the same machine."""

    offer_id: OfferId
    start: Moment
    end: Moment

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start >= self.end:
            raise ValueError("`end` must lie after `start`")
        return self


class AskIn(ApiModel):
    """A request. Without `start` and `end`, the longest free window is requested. `places`: for a training. `more`: further parts, of the same
    machine; either all parts are had or none."""

    start: Moment | None = None
    end: Moment | None = None
    more: Annotated[list[PartIn], Field(max_length=9)] = []  # noqa: RUF012 - pydantic copies it
    places: Annotated[int, Field(ge=1, le=100)] = 1
    message: LongText = ""
    quantity: Quantity | None = Field(None, description="How many pieces it is about.")
    guest: Guest | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError("`end` must lie after `start`")
        return self


class ConfirmIn(ApiModel):
    """`mine`: whether whoever reads the mail of the address made the request. One that is not theirs is cancelled."""

    mine: bool = True


class ConfirmByLinkIn(LinkIn, ConfirmIn):
    """The secret from the e-mail about a guest's request, and whether the request is theirs."""


class PartOut(ApiModel):
    """A part of a request."""

    id: str
    start: datetime
    end: datetime
    state: State
    price: Decimal | None


class ContactOut(ApiModel):
    """Who speaks for a party of an agreed booking. Name and address are empty where nobody is left."""

    party: Party
    organisation: str
    name: str
    email: str


class BookingOut(ApiModel):
    """A booking, for its two parties. `address` and `email` of the other party are included once it is accepted. `cancel_until`: how long
    the seeker may cancel. Of an anonymous machine, the seeker sees no `factory` and its alias as `machine` until it is accepted. `parts`: of a request with several parts, all of them; they are answered together, and once accepted they are
    bookings of their own."""

    id: str
    offer_id: str | None
    listing_id: str | None
    factory: str | None
    factory_name: str | None
    machine: str | None
    title: str
    start: datetime
    end: datetime
    places: int
    organisation: str
    email: str
    address: str
    contacts: list[ContactOut] = Field(description="Once it is agreed: whom to turn to, the other side's person first.")
    state: State
    due: datetime | None
    cancel_until: datetime
    price: Decimal | None = Field(description="Without VAT; null: to be agreed.")
    vat_percent: Decimal
    price_with_vat: Decimal | None
    booked: datetime
    steps: list[State] = Field(description="What the caller may bring it to now.")
    revision: int = Field(description="How often the parties have agreed on other terms since it was accepted.")
    hours_kept: bool = Field(
        description="Of a declined request, for its factory: whether it keeps the hours for itself."
    )
    awaits_region: bool = Field(
        description="Of a request that waits, for its factory: the seeker, not approved yet, bears nearly the name of an approved organisation. It can be "
        "declined, but accepted only once the region has approved the seeker. For the seeker always false."
    )
    parts: list[PartOut]


Said = Literal["as_agreed", "not_free", "no_show", "otherwise"]


class ReviewIn(ApiModel):
    """How it was. `text` is for the other party alone."""

    verdict: Said
    text: Annotated[LongText, StringConstraints(max_length=1000)] = ""


class ReviewOut(ApiModel):
    """What a party said. `taken_down`: the region has hidden it, and only who said it sees it."""

    verdict: Said
    text: str
    taken_down: bool = False


class ReviewsOut(ApiModel):
    """`other`: what the other party said, once the caller has said something, or can no longer; that a machine was not free, or nobody came, at once."""

    choices: list[Said] = Field(description="What the caller may say now.")
    own: ReviewOut | None
    other: ReviewOut | None


class BookingPage(ApiModel):
    """Bookings in order of their start. `next`, given as `cursor`, leads to what follows; null at the end."""

    bookings: list[BookingOut]
    next: str | None


class RequestsOut(ApiModel):
    """Requests in order of their start."""

    requests: list[BookingOut]


class StepIn(ApiModel):
    """Accept, decline, cancel or withdraw, with an optional message to the other party."""

    state: Step
    message: LongText = ""
    hours: Literal["keep", "release"] | None = Field(
        None,
        description="With `declined`, also of a request that is declined already: whether the factory keeps the hours for itself, "
        "as it does by default, or they are on offer again.",
    )


class AlternativeOut(DescribedOffer):
    """Hours that can be requested instead of those that somebody else has, or that were refused. `start` to `end` is all that is free of the offer, or what
    lies beside refused hours; `windows` and `prices` are those of these hours."""

    price: Decimal | None = Field(description="Of all these hours, without VAT; null: to be agreed.")


class AlternativesOut(ApiModel):
    """Those of the same machine before those of the same process, the nearest in time first."""

    alternatives: list[AlternativeOut]


class WaitIn(ApiModel):
    """Places that somebody waits for."""

    places: Annotated[int, Field(ge=1, le=100)] = 1


class WaitingOut(ApiModel):
    """A place on a waiting list. `number`: how manieth of those who wait; null once the places are kept, until `confirm_until`."""

    places: int
    joined: datetime
    number: int | None
    confirm_until: datetime | None


class FeedIn(ApiModel):
    """Which bookings the calendar shows: as provider, as seeker, or those of one machine."""

    subject: Annotated[str, StringConstraints(pattern=r"^(provider|seeker|machine:[a-z0-9][a-z0-9_-]{0,62})$")]


class FeedOut(ApiModel):
    """A calendar feed, without its address."""

    id: str
    subject: str
    created: datetime


class NewFeedOut(FeedOut):
    """`url` is shown this once."""

    url: str


class FeedsOut(ApiModel):
    """The oldest first."""

    feeds: list[FeedOut]
