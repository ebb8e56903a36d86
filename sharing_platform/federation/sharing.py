"""What we share with neighbouring regions: what anybody may see here, and nothing else. Offers, listings and notices, as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.federation.merging import Key
from sharing_platform.federation.messages import (
    MOST_ITEMS,
    MOST_WINDOWS,
    Price,
    SharedListing,
    SharedNotice,
    SharedOffer,
    SharedWindow,
)
from sharing_platform.geography import place_named
from sharing_platform.listings import service as listing_service
from sharing_platform.listings.records import FoundListing, find_listings, listing_facts
from sharing_platform.listings.schemas import ListingOut
from sharing_platform.machines.index import IndexEntry, MachineIndex, entry_of
from sharing_platform.machines.models import Offer
from sharing_platform.machines.visibility import is_open
from sharing_platform.occupancy import Occupancy
from sharing_platform.organisations.models import Organisation
from sharing_platform.search.criteria import Wish
from sharing_platform.search.neighbours import EURO
from sharing_platform.search.ranking import prepare
from sharing_platform.wanted.matching import wanted_notices
from sharing_platform.wanted.models import Search

_MOST_NOTICES = 1000
_ANYBODY = None
_PORTION = 500


def price_of(amount: Decimal | None) -> Price | None:
    """None: to be agreed."""
    return Price(amount=f"{amount:f}", currency=EURO) if amount is not None else None


@dataclass(frozen=True)
class Sharer:
    """Reads what is shared. An offer that has not changed, of a machine that has not, is not written anew: with thousands of offers that is most of the work."""

    index: MachineIndex
    occupancy: Occupancy

    def shared(
        self, session: Session, now: datetime, before: Mapping[str, tuple[object, dict[str, Any]]]
    ) -> tuple[dict[Key, dict[str, Any]], dict[str, tuple[object, dict[str, Any]]]]:
        """By kind and id; with the offers as they are to be given back the next time as `before`."""
        offers = dict(self._offers(session, now, before))
        found: dict[Key, dict[str, Any]] = {("offer", id_): content for id_, (_, content) in offers.items()}
        for listing in _listings(session, self.occupancy, now):
            found["listing", listing.id] = _content(listing)
        for notice in _notices(session):
            found["notice", notice.id] = _content(notice)
        return found, offers

    def _offers(
        self, session: Session, now: datetime, before: Mapping[str, tuple[object, dict[str, Any]]]
    ) -> Iterator[tuple[str, tuple[object, dict[str, Any]]]]:
        entries = self.index.entries(session)
        query = select(Offer).where(is_open(now, _ANYBODY)).order_by(Offer.start, Offer.public_id).limit(MOST_ITEMS)
        for offer in session.scalars(query.execution_options(yield_per=_PORTION)):
            entry = entry_of(offer, entries, _ANYBODY)
            state = (offer.changed, offer.start, offer.end, offer.alias, entry.document)
            known = before.get(offer.public_id)
            if known is not None and known[0] == state:
                yield offer.public_id, known
            elif (shared := offer_shared(offer, entry)) is not None:
                yield offer.public_id, (state, _content(shared))


def offer_shared(offer: Offer, entry: IndexEntry) -> SharedOffer | None:
    """`entry`: what anybody may know of its machine. None where no window of it is left."""
    document = entry.document
    at = document.at or (None, None)
    windows = [
        SharedWindow(start=one.start, end=one.end, probability=one.probability)
        for one in offer.windows_inside((offer.start, offer.end))[:MOST_WINDOWS]
    ]
    if not windows:
        return None
    return SharedOffer(
        id=offer.public_id,
        machine=entry.key,
        title=document.title,
        process=document.process,
        factory_name=entry.factory_name,
        place=document.place,
        latitude=at[0],
        longitude=at[1],
        coarse=document.coarse,
        details=document.details.model_copy(update={"address": ""}),
        start=offer.start,
        end=offer.end,
        windows=windows,
        by_hand=offer.by_hand,
        # Of an anonymous machine they belong to the offer, as in the list at home.
        checked=offer.checked,
        broken=offer.broken,
        operator=offer.operator,
        price=price_of(offer.lowest_per_hour),
        minimum_hours=offer.minimum_hours,
        maximum_hours=offer.maximum_hours,
        cancellation_hours=offer.cancellation_hours,
    )


def _listings(session: Session, occupancy: Occupancy, now: datetime) -> Iterator[SharedListing]:
    found = find_listings(session, prepare(Wish(), None), now, "UTC")  # no days are asked for
    shown = listing_service.listings_out(session, occupancy, found)
    for one, out in zip(found, shown, strict=True):
        yield _listing(one, out)


def _listing(one: FoundListing, out: ListingOut) -> SharedListing:
    facts = listing_facts(one.listing, one.owner)
    at = facts.at or (None, None)
    return SharedListing(
        id=out.id,
        title=out.title,
        description=out.description,
        organisation_name=out.organisation_name,
        place=facts.place,
        latitude=at[0],
        longitude=at[1],
        start=out.start,
        end=out.end,
        price=price_of(out.price),
        price_unit=out.price_unit,
        places=out.places,
        places_left=out.places_left,
        listing_kind=out.kind,
        details=out.details.model_dump(mode="json"),
    )


def _notices(session: Session) -> Iterator[SharedNotice]:
    for search, seeker in wanted_notices(session, None, _MOST_NOTICES):
        yield _notice(search, seeker)


def _notice(search: Search, seeker: Organisation) -> SharedNotice:
    wish = Wish.model_validate(search.wish)
    near = place_named(wish.near) if wish.near else None
    at = (near.latitude, near.longitude) if near is not None else seeker.degrees or (None, None)
    return SharedNotice(
        id=search.id,
        title=search.title,
        text=search.text,
        organisation_name=seeker.name,
        place=wish.near or seeker.place,
        latitude=at[0],
        longitude=at[1],
        wish=wish.model_copy(update={"factory": None, "machine": None}),
    )


def _content(shared: SharedOffer | SharedListing | SharedNotice) -> dict[str, Any]:
    """Without what stands beside it in the feed."""
    return shared.model_dump(mode="json", exclude={"id", "kind"}, exclude_defaults=True)
