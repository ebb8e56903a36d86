"""What we share with neighbouring regions: what anybody may see here, and nothing else. Offers, listings and notices, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.federation.feed_items import Written, write
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


def rounded(at: tuple[float, float] | None) -> tuple[float | None, float | None]:
    """To a kilometre: enough for a search by distance, and it leads to nobody's door."""
    return (round(at[0], 2), round(at[1], 2)) if at is not None else (None, None)


@dataclass(frozen=True)
class Sharer:
    """Reads what is shared. An offer that has not changed, of a machine that has not, is neither read nor written anew: with thousands of offers that is most of the work."""

    index: MachineIndex
    occupancy: Occupancy

    def shared(self, session: Session, now: datetime, before: Mapping[Key, Written]) -> dict[Key, Written]:
        """By kind and id. `before`: what this returned the last time."""
        found = self._offers(session, now, before)
        listings = find_listings(session, prepare(Wish(), None), now, "UTC")  # no days are asked for
        for one, out in zip(listings, listing_service.listings_out(session, self.occupancy, listings), strict=True):
            found["listing", out.id] = write(out.title, partial(_listing, one, out))
        for search, seeker in wanted_notices(session, None, _MOST_NOTICES):
            found["notice", search.id] = write(search.title, partial(_notice, search, seeker))
        return found

    def _offers(self, session: Session, now: datetime, before: Mapping[Key, Written]) -> dict[Key, Written]:
        entries = self.index.entries(session)
        columns = (Offer.id, Offer.public_id, Offer.factory, Offer.machine, Offer.alias, Offer.changed, Offer.start, Offer.end)  # fmt: skip
        query = select(*columns).where(is_open(now, _ANYBODY)).order_by(Offer.start, Offer.public_id).limit(MOST_ITEMS)
        found: dict[Key, Written] = {}
        new: dict[str, object] = {}
        for id_, public_id, factory, machine, *own in session.execute(query):
            known_as = entries.get((factory, machine))
            state = (*own, known_as.shown_to(_ANYBODY).document if known_as is not None else None)
            known = before.get(("offer", public_id))
            if known is not None and known.state == state:
                found["offer", public_id] = known
            else:
                new[id_] = state
        ids = list(new)
        for first in range(0, len(ids), _PORTION):
            for offer in session.scalars(select(Offer).where(Offer.id.in_(ids[first : first + _PORTION]))):
                entry = entry_of(offer, entries, _ANYBODY)
                one = write(entry.document.title, partial(offer_shared, offer, entry), new[offer.id])
                found["offer", offer.public_id] = one
        return found


def offer_shared(offer: Offer, entry: IndexEntry) -> SharedOffer | None:
    """`entry`: what anybody may know of its machine. None where no window of it is left."""
    document = entry.document
    at = rounded(document.at)
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
        details=document.details.model_copy(update={"address": "", "latitude": None, "longitude": None}),
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


def _listing(one: FoundListing, out: ListingOut) -> SharedListing:
    facts = listing_facts(one.listing, one.owner)
    at = rounded(facts.at)
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


def _notice(search: Search, seeker: Organisation) -> SharedNotice:
    wish = Wish.model_validate(search.wish)
    near = place_named(wish.near) if wish.near else None
    at = rounded((near.latitude, near.longitude) if near is not None else seeker.degrees)
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
