"""What platforms say to each other. A newer one may say more: what is not known is left out, so that neighbours need not be upgraded together.

Amounts are texts with their currency beside them: they are shown as they come, and never computed with.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError, model_validator

from sharing_platform.listings.details import DETAILS
from sharing_platform.listings.schemas import PriceUnit
from sharing_platform.schemas import (
    Latitude,
    Longitude,
    LongText,
    Moment,
    OfferId,
    OneLine,
    OrganisationName,
    Title,
)
from sharing_platform.search.criteria import Wish
from sharing_platform.search.machine_details import MachineDetails

Kind = Literal["offer", "listing", "notice", "request"]
Asked = Literal["offer", "listing"]
"""What can be asked for in another region."""
HomeState = Literal[
    "held", "accepted", "in_use", "completed", "declined", "cancelled", "expired", "withdrawn", "refused", "unknown"
]
ITEMS_PER_PAGE = 200
MOST_ITEMS = 20_000
"""Of a kind, that a platform shares: the soonest."""
MOST_WINDOWS = 50
"""Of an offer."""

Amount = Annotated[str, StringConstraints(pattern=r"^\d{1,9}(\.\d{1,4})?$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
_Short = Annotated[OneLine, StringConstraints(max_length=200)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Price(_Message):
    """Without VAT."""

    amount: Amount
    currency: Currency


class SharedWindow(_Message):
    """Hours that are free throughout with a probability."""

    start: Moment
    end: Moment
    probability: Annotated[float, Field(ge=0, le=1)]

    @model_validator(mode="after")
    def _in_order(self) -> SharedWindow:
        if self.end <= self.start:
            raise ValueError("`end` must lie after `start`")
        return self


class SharedOffer(_Message):
    """Free hours as anybody may see them at home. `machine` names the machine among those of its region; of an anonymous one, its alias. `coarse`: the coordinates are of
    its surroundings."""

    kind: Literal["offer"] = "offer"
    id: OfferId
    machine: Annotated[OneLine, StringConstraints(min_length=1, max_length=140)]
    title: Title
    process: Annotated[OneLine, StringConstraints(max_length=100)] = ""
    factory_name: _Short | None = None
    place: Annotated[OneLine, StringConstraints(max_length=100)] = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    coarse: bool = False
    details: MachineDetails = MachineDetails()
    start: Moment
    end: Moment
    windows: Annotated[list[SharedWindow], Field(min_length=1, max_length=MOST_WINDOWS)]
    by_hand: bool = False
    checked: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    broken: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    operator: Literal["included", "own_allowed", "own_required"] = "included"
    price: Price | None = None
    minimum_hours: Annotated[float, Field(gt=0, le=744)] | None = None
    maximum_hours: Annotated[float, Field(gt=0, le=744)] | None = None
    cancellation_hours: Annotated[int, Field(ge=0, le=744)] = 24


class SharedListing(_Message):
    """People, equipment, know-how or training as anybody may see it at home."""

    kind: Literal["listing"] = "listing"
    id: OfferId
    title: Title
    description: LongText = ""
    organisation_name: _Short
    place: Annotated[OneLine, StringConstraints(max_length=100)] = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    start: Moment
    end: Moment
    price: Price | None = None
    price_unit: PriceUnit
    places: Annotated[int, Field(ge=1, le=1000)] | None = None
    places_left: Annotated[int, Field(ge=0, le=1000)] | None = None
    listing_kind: Literal["operator", "equipment", "know_how", "training"]
    details: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _of_its_kind(self) -> SharedListing:
        self.details = DETAILS[self.listing_kind].model_validate(self.details).model_dump(mode="json")
        return self


class SharedNotice(_Message):
    """An open wanted notice as anybody may see it at home."""

    kind: Literal["notice"] = "notice"
    id: OfferId
    title: Title
    text: LongText = ""
    organisation_name: _Short
    place: Annotated[OneLine, StringConstraints(max_length=100)] = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    wish: Wish


class HomeRequest(_Message):
    """How a request stands at home; `unknown` (with `version` 0) where nothing is known of it, as after a restored backup. `version` grows with each step; `cancellable`: whether the seeker may still cancel. Who gives it, and whom to turn to, is said once it is
    accepted. `said`: the latest that the provider wrote."""

    kind: Literal["request"] = "request"
    id: OfferId
    state: HomeState
    version: Annotated[int, Field(ge=0, le=2**31 - 1)]
    cancellable: bool
    reason: Annotated[str, StringConstraints(pattern=r"^[a-z_]{0,40}$")] = ""
    title: Title | None = None
    start: Moment | None = None
    end: Moment | None = None
    due: Moment | None = None
    cancel_until: Moment | None = None
    price: Price | None = None
    said: LongText = ""
    organisation_name: _Short = ""
    address: Annotated[LongText, StringConstraints(max_length=300)] = ""
    contact_name: _Short = ""
    contact_email: Annotated[OneLine, StringConstraints(max_length=254)] = ""


Shared: TypeAlias = SharedOffer | SharedListing | SharedNotice
Item: TypeAlias = SharedOffer | SharedListing | SharedNotice | HomeRequest
_ITEM: TypeAdapter[Item] = TypeAdapter(
    Annotated[SharedOffer | SharedListing | SharedNotice | HomeRequest, Field(discriminator="kind")]
)


class Change(_Message):
    """Something that is shared, or (`content` null) no longer is."""

    kind: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,10}$")]
    id: OfferId
    content: dict[str, Any] | None = None


class FeedPage(_Message):
    """Changes since the mark that was given, the oldest first; all that is shared where none was given, or (`reset`) one that this platform does not know: what is not among it is
    no longer shared. `mark` leads to what follows; `more`: at once."""

    zone: Annotated[str, StringConstraints(max_length=60)] = Field(description="The region's time zone.")
    changes: Annotated[list[Change], Field(max_length=1000)]
    mark: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{1,16}-\d{1,18}$")]
    more: bool
    reset: bool


class AskForItem(_Message):
    """A request of an organisation that the sending platform's region has approved. Repeated, it changes nothing. `valid_until`: later it makes no booking."""

    kind: Asked
    item: OfferId
    start: Moment | None = None
    end: Moment | None = None
    places: Annotated[int, Field(ge=1, le=100)] = 1
    message: LongText = ""
    organisation: OrganisationName
    valid_until: Moment

    @model_validator(mode="after")
    def _in_order(self) -> AskForItem:
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError("`end` must lie after `start`")
        return self


class SeekersContact(_Message):
    """Where the provider turns to, once it has accepted; empty where nobody is left."""

    email: Annotated[OneLine, StringConstraints(max_length=254)]


class EndedOut(_Message):
    """The answer to a neighbour with which we have ended the exchange."""

    ended: Literal[True] = True
    at: Moment


def read_item(change: Change) -> Item | None:
    """What a change says; None where that is no longer shared, or nothing that we understand: one such thing must not keep the others away."""
    if change.content is None:
        return None
    try:
        item = _ITEM.validate_python(change.content | {"kind": change.kind, "id": change.id})
    except ValidationError:
        return None
    return item


def item_from(content: dict[str, Any]) -> Item:
    """As we have kept it."""
    return _ITEM.validate_python(content)
