"""Listings: operators, equipment, know-how, training. Functions over a session and the present moment."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from sharing_platform.errors import ConflictError, InvalidError, NotFoundError
from sharing_platform.geography import place_named
from sharing_platform.listings.details import DETAILS, ListingDetails, OperatorDetails, processes_in, texts_in
from sharing_platform.listings.filters import ListingFilter
from sharing_platform.listings.models import CLOSED, OPEN, Listing, ListingGiver
from sharing_platform.listings.schemas import ListingIn, TrainingIn
from sharing_platform.occupancy import Occupancy
from sharing_platform.organisations.models import Organisation
from sharing_platform.organisations.permissions import APPROVED
from sharing_platform.search.criteria import is_on_days
from sharing_platform.search.machine_details import MachineDetails
from sharing_platform.search.ranking import PreparedCriteria, Ranking, SearchDocument, document_of, rank

_MAX_LISTINGS = 500
_COMPARED = 2000
"""So many open listings are compared with a wish; a region has fewer."""


@dataclass(frozen=True)
class FoundListing:
    """A listing, whose it is, and how well it fits."""

    listing: Listing
    owner: Organisation
    ranking: Ranking


def put_listing(
    session: Session,
    owner: str,
    wanted: ListingIn,
    occupancy: Occupancy,
    now: datetime,
    listing_id: str | None = None,
) -> Listing:
    """Create or change. Raises NotFoundError for somebody else's, InvalidError where a giver is not known, ConflictError where
    places were given away already or there are too many."""
    known = listing_of(session, owner, listing_id) if listing_id is not None else None
    if known is None or known.status != OPEN:
        count = select(func.count()).where(Listing.organisation_id == owner, Listing.status == OPEN)
        if (session.scalar(count) or 0) >= _MAX_LISTINGS:
            raise ConflictError("too_many_listings")
    if known is None:
        listing = Listing(id=str(uuid.uuid4()), organisation_id=owner, kind=wanted.kind)
        session.add(listing)
    else:
        listing = known
        if listing.kind != wanted.kind:
            raise InvalidError("kind_stays", "kind")
        if isinstance(wanted, TrainingIn) and (
            wanted.places < occupancy.places_taken(session, [listing.id]).get(listing.id, 0)
        ):
            raise ConflictError("places_taken")
    for name in ("title", "description", "start", "end", "price", "price_unit"):
        setattr(listing, name, getattr(wanted, name))
    listing.places = wanted.places if isinstance(wanted, TrainingIn) else None
    listing.details = wanted.details.model_dump(mode="json")
    listing.status, listing.changed = OPEN, now
    session.flush()
    _set_givers(session, listing, wanted.given_with if isinstance(wanted, TrainingIn) else [])
    return listing


def close_listing(session: Session, owner: str, listing_id: str, now: datetime) -> None:
    """It is found no more; what was agreed stays agreed. Raises NotFoundError."""
    listing = listing_of(session, owner, listing_id)
    listing.status, listing.changed = CLOSED, now


def listing_of(session: Session, owner: str, listing_id: str) -> Listing:
    """Raises NotFoundError."""
    listing = session.get(Listing, listing_id, with_for_update=True)
    if listing is None or listing.organisation_id != owner:
        raise NotFoundError
    return listing


def shown_listing(session: Session, listing_id: str, viewer: str | None) -> FoundListing:
    """One that is open, or one's own. Raises NotFoundError."""
    listing = session.get(Listing, listing_id)
    if listing is None:
        raise NotFoundError
    owner = session.get_one(Organisation, listing.organisation_id)
    hidden = listing.status != OPEN or listing.taken_down is not None or owner.status != APPROVED
    if listing.organisation_id != viewer and hidden:
        raise NotFoundError
    return FoundListing(listing, owner, Ranking(1.0))


def details_of(listing: Listing) -> ListingDetails:
    """What is particular to its kind."""
    return DETAILS[listing.kind].model_validate(listing.details)


def people_of(listing: Listing) -> int:
    """How many people a listing of people is of; 1 of anything else."""
    return int(listing.details.get("people", 1))


def is_exclusive(listing: Listing) -> bool:
    """Whether one at a time can have it: not a training, which has places, nor several people, nor know-how, of which several can ask at once."""
    return listing.places is None and listing.kind != "know_how" and people_of(listing) == 1


def find_listings(
    session: Session, wanted: PreparedCriteria, now: datetime, zone: str, chosen: ListingFilter | None = None
) -> list[FoundListing]:
    """Open ones of approved organisations that fit: the best first, then the soonest. People who do not go so far to work do not fit."""
    wish = wanted.wish
    query = (
        select(Listing, Organisation)
        .join(Organisation, Organisation.id == Listing.organisation_id)
        .where(Listing.status == OPEN, Listing.end > now, Listing.taken_down.is_(None), Organisation.status == APPROVED)
    )
    if wish.subject != "machine":
        query = query.where(Listing.kind == wish.subject)
    if wish.factory is not None:
        query = query.where(Listing.organisation_id == wish.factory)
    found = []
    for listing, owner in session.execute(query.order_by(Listing.start, Listing.id).limit(_COMPARED)):
        if not is_on_days(listing.start, listing.end, wish, zone):
            continue
        details = details_of(listing)
        if chosen is not None and not chosen.fits(details):
            continue
        ranking = rank(wanted, listing_facts(listing, owner, details))
        if ranking is not None and _within_reach(details, ranking):
            found.append(FoundListing(listing, owner, ranking))
    return sorted(found, key=lambda result: (-result.ranking.score, result.listing.start, result.listing.id))


def own_listings(session: Session, owner: str) -> list[Listing]:
    """Open ones first, then the newest."""
    query = select(Listing).where(Listing.organisation_id == owner)
    return list(session.scalars(query.order_by(Listing.status.desc(), Listing.changed.desc(), Listing.id)))


def listing_facts(listing: Listing, owner: Organisation, details: ListingDetails | None = None) -> SearchDocument:
    """What can be found of it."""
    details = details or details_of(listing)
    first, *others = processes_in(details) or [""]
    place = place_named(details.place) if details.place else None
    return document_of(
        listing.title,
        first,
        MachineDetails(certificates=details.certificates, processes=others),
        texts=(listing.description, *texts_in(details), owner.name),
        at=(place.latitude, place.longitude) if place else owner.degrees,
        place=details.place or owner.place,
    )


def _within_reach(details: ListingDetails, ranking: Ranking) -> bool:
    if not isinstance(details, OperatorDetails) or details.reach_km is None or ranking.distance is None:
        return True
    return ranking.distance <= details.reach_km


def givers(session: Session, listing_id: str) -> list[tuple[Organisation, bool]]:
    """Who gives it too, and whether they agreed."""
    query = select(Organisation, ListingGiver.agreed).join(
        ListingGiver, ListingGiver.organisation_id == Organisation.id
    )
    rows = session.execute(query.where(ListingGiver.listing_id == listing_id).order_by(Organisation.id))
    return [(organisation, agreed is not None) for organisation, agreed in rows]


def asked_to_give(session: Session, organisation: str) -> list[Listing]:
    """Trainings that others say this organisation gives with them, and that it has not answered."""
    query = select(Listing).join(ListingGiver, ListingGiver.listing_id == Listing.id)
    query = query.where(
        ListingGiver.organisation_id == organisation, ListingGiver.agreed.is_(None), Listing.status == OPEN
    )
    return list(session.scalars(query.order_by(Listing.start)))


def answer_giving(session: Session, organisation: str, listing_id: str, agreed: bool, now: datetime) -> None:
    """Raises NotFoundError where nobody asked."""
    giver = session.get(ListingGiver, (listing_id, organisation))
    if giver is None:
        raise NotFoundError
    if agreed:
        giver.agreed = giver.agreed or now
    else:
        session.delete(giver)


def _set_givers(session: Session, listing: Listing, wanted: list[str]) -> None:
    names = set(wanted) - {listing.organisation_id}
    known = set(
        session.scalars(select(Organisation.id).where(Organisation.id.in_(names), Organisation.status == APPROVED))
    )
    if names - known:
        raise InvalidError("no_such_organisation", "given_with")
    gone = (ListingGiver.listing_id == listing.id) & ListingGiver.organisation_id.not_in(names)
    session.execute(delete(ListingGiver).where(gone))
    for name in names:
        if session.get(ListingGiver, (listing.id, name)) is None:
            session.add(ListingGiver(listing_id=listing.id, organisation_id=name))
