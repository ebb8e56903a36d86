"""What API and pages do with listings, each as one transaction."""

from __future__ import annotations

from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from sharing_platform.dependencies import PlatformContext
from sharing_platform.etags import check_match
from sharing_platform.listings import records
from sharing_platform.listings.filters import ListingFilter
from sharing_platform.listings.records import FoundListing
from sharing_platform.listings.schemas import GiverOut, ListingIn, ListingOut
from sharing_platform.occupancy import Occupancy
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.permissions import Actor
from sharing_platform.pictures.schemas import PictureOut
from sharing_platform.pictures.service import shown_pictures
from sharing_platform.search.criteria import Wish
from sharing_platform.search.product_words import with_kind
from sharing_platform.search.ranking import PreparedCriteria, prepare_criteria
from sharing_platform.search.schemas import Reason

_OUT: TypeAdapter[ListingOut] = TypeAdapter(ListingOut)


def put_listing(
    context: PlatformContext, actor: Actor, wanted: ListingIn, listing_id: str | None, if_match: str | None
) -> ListingOut:
    """Create or change, for API and pages."""
    with context.sessions.begin() as session:
        if listing_id is not None and if_match is not None:
            known = records.shown_listing(session, listing_id, actor.organisation)
            check_match(if_match, listing_out(session, context.occupancy, known))
        listing = records.put_listing(session, actor.organisation, wanted, context.occupancy, context.now(), listing_id)
        log(session, context.now(), actor, "listing.put", listing.id)
        shown = listing_out(session, context.occupancy, records.shown_listing(session, listing.id, actor.organisation))
    context.wake_workers()
    return shown


def preview_listing(context: PlatformContext, actor: Actor, wanted: ListingIn, listing_id: str | None) -> ListingOut:
    """What others would see of it; nothing is kept. Raises what `put_listing` raises."""
    with context.sessions() as session:
        listing = records.put_listing(session, actor.organisation, wanted, context.occupancy, context.now(), listing_id)
        shown = listing_out(session, context.occupancy, records.shown_listing(session, listing.id, actor.organisation))
        session.rollback()
    return shown


def close_listing(context: PlatformContext, actor: Actor, listing_id: str) -> None:
    with context.sessions.begin() as session:
        records.close_listing(session, actor.organisation, listing_id, context.now())
        log(session, context.now(), actor, "listing.closed", listing_id)


def answer_giving(context: PlatformContext, actor: Actor, listing_id: str, agreed: bool) -> None:
    with context.sessions.begin() as session:
        records.answer_giving(session, actor.organisation, listing_id, agreed, context.now())
        log(session, context.now(), actor, "listing.giving", listing_id, agreed=agreed)


def listings_out(session: Session, occupancy: Occupancy, found: list[FoundListing]) -> list[ListingOut]:
    """As the API shows them."""
    taken = occupancy.places_taken(session, [one.listing.id for one in found])
    pictures = shown_pictures(session, [one.listing.id for one in found])
    return [_listing_out(session, one, taken.get(one.listing.id, 0), pictures.get(one.listing.id, [])) for one in found]


def listing_out(session: Session, occupancy: Occupancy, found: FoundListing) -> ListingOut:
    """As the API shows it."""
    return listings_out(session, occupancy, [found])[0]


def search(
    session: Session, occupancy: Occupancy, wanted: PreparedCriteria, now: datetime, zone: str, chosen: ListingFilter
) -> list[FoundListing]:
    """What fits criteria and filter, the best first."""
    found = records.find_listings(session, wanted, now, zone, chosen)
    if not chosen.has_places:
        return found
    taken = occupancy.places_taken(session, [one.listing.id for one in found])
    return [one for one in found if _places_left(one, taken.get(one.listing.id, 0)) != 0]


def sought_in_vain(
    session: Session, occupancy: Occupancy, wish: Wish, now: datetime, zone: str, chosen: ListingFilter
) -> PreparedCriteria | None:
    """A search that found nothing, as one for the kind that is chosen or that its words name: a course need not call itself one. None where that finds something, or there is no kind."""
    criteria = prepare_criteria(with_kind(wish))
    of_kind = criteria.wish.subject != "machine"
    return criteria if of_kind and not search(session, occupancy, criteria, now, zone, chosen) else None


def _places_left(one: FoundListing, taken: int) -> int | None:
    return max(0, one.listing.places - taken) if one.listing.places is not None else None


def _listing_out(session: Session, one: FoundListing, taken: int, pictures: list[PictureOut]) -> ListingOut:
    listing = one.listing
    givers = records.givers(session, listing.id) if listing.kind == "training" else []
    return _OUT.validate_python(
        {
            "id": listing.id, "organisation": one.owner.id, "organisation_name": one.owner.name, "kind": listing.kind,
            "title": listing.title, "description": listing.description, "start": listing.start, "end": listing.end,
            "price": listing.price, "price_unit": listing.price_unit, "places": listing.places,
            "places_left": _places_left(one, taken), "details": listing.details, "pictures": pictures, "status": listing.status, "changed": listing.changed,
            "given_with": [
                GiverOut(organisation=own.id, name=own.name, agreed=agreed) for own, agreed in givers if agreed
            ],
            "distance_km": round(one.ranking.distance, 1) if one.ranking.distance is not None else None,
            "score": round(one.ranking.score, 4),
            "reasons": [Reason(code=why.code, values=why.values) for why in one.ranking.reasons],
        }
    )  # fmt: skip
