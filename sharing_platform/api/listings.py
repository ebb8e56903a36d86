"""Listings: operators, equipment, know-how, training."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from sharing_platform.api.answers import Cursor, IdempotencyKey, IfMatch, Limit, Uuid, check_match, problems, tagged
from sharing_platform.api.offers import SearchFor
from sharing_platform.booking import asking
from sharing_platform.booking.messages import AskIn, BookingOut
from sharing_platform.context import Context, Lister, MaybeActor, MaybePerson, PlatformContext, Reading, address_of
from sharing_platform.cursors import from_cursor, to_cursor
from sharing_platform.finding import listings
from sharing_platform.finding.listings import FoundListing
from sharing_platform.finding.messages import GiverOut, ListingDetails, ListingIn, ListingOut, ListingPage
from sharing_platform.finding.search import ready
from sharing_platform.finding.wish import ListingKind
from sharing_platform.messages import Reason
from sharing_platform.people.access import Actor
from sharing_platform.people.audit import log

router = APIRouter(prefix="/api/v1/listings", tags=["listings"])

_PLACE = TypeAdapter(tuple[int])


@router.get("", responses=problems(401, 422))
def get_listings(
    session: Reading,
    context: Context,
    wish: SearchFor,
    kind: Annotated[ListingKind | None, Query()] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> ListingPage:
    """Open listings that fit, the best first."""
    wanted = ready(wish.model_copy(update={"subject": kind or "machine"}))
    (begin,) = from_cursor(cursor, _PLACE) if cursor else (0,)
    found = listings.find_listings(session, wanted, context.now())
    shown = shown_all(session, found[max(0, begin) : begin + limit])
    return ListingPage(listings=shown, next=to_cursor(begin + limit) if begin + limit < len(found) else None)


@router.post("", status_code=201, responses=problems(401, 403, 409, 422))
def post_listing(wanted: ListingIn, actor: Lister, context: Context) -> ListingOut:
    """Share something."""
    return put(context, actor, wanted, None, None)


@router.get("/{listing_id}", responses=problems(401, 404))
def get_listing(listing_id: Uuid, session: Reading, actor: MaybeActor, response: Response) -> ListingOut:
    """One listing."""
    found = listings.shown_listing(session, listing_id, actor.organisation if actor else None)
    shown = shown_all(session, [found])[0]
    tagged(response, shown)
    return shown


@router.put("/{listing_id}", responses=problems(401, 403, 404, 409, 412, 422))
def put_listing(
    listing_id: Uuid, wanted: ListingIn, actor: Lister, context: Context, if_match: IfMatch = None
) -> ListingOut:
    """Change it. 409 where more places were given away than there would be."""
    return put(context, actor, wanted, listing_id, if_match)


@router.delete("/{listing_id}", status_code=204, responses=problems(401, 403, 404))
def delete_listing(listing_id: Uuid, actor: Lister, context: Context) -> None:
    """Close it: it is found no more; what was agreed stays agreed."""
    close(context, actor, listing_id)


@router.put("/{listing_id}/giving", status_code=204, responses=problems(401, 403, 404, 422))
def put_giving(listing_id: Uuid, agreed: Annotated[bool, Query()], actor: Lister, context: Context) -> None:
    """Agree, or not, to give a training together with the one that says so."""
    answer_giving(context, actor, listing_id, agreed)


@router.post(
    "/{listing_id}/booking",
    status_code=201,
    responses={
        202: {"model": BookingOut, "description": "The e-mail address is to be confirmed first"},
        **problems(401, 403, 404, 409, 422, 429),
    },
)
def post_booking(
    listing_id: Uuid,
    wanted: AskIn,
    context: Context,
    actor: MaybeActor,
    person: MaybePerson,
    request: Request,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> BookingOut:
    """Ask for it: for a period, or for places in a training. Its owner answers."""
    booking = asking.ask(
        context, actor, person, wanted, listing_id=listing_id, key=idempotency_key, address=address_of(request)
    )
    if actor is None:
        response.status_code = 202
    return booking


def put(
    context: PlatformContext, actor: Actor, wanted: ListingIn, listing_id: str | None, if_match: str | None
) -> ListingOut:
    """Create or change, for API and pages."""
    with context.sessions.begin() as session:
        if listing_id is not None and if_match is not None:
            known = listings.shown_listing(session, listing_id, actor.organisation)
            check_match(if_match, shown_all(session, [known])[0])
        listing = listings.put_listing(session, actor.organisation, wanted, context.now(), listing_id)
        log(session, context.now(), actor, "listing.put", listing.id)
        shown = shown_all(session, [listings.shown_listing(session, listing.id, actor.organisation)])[0]
    context.changed()
    return shown


def close(context: PlatformContext, actor: Actor, listing_id: str) -> None:
    with context.sessions.begin() as session:
        listings.close_listing(session, actor.organisation, listing_id, context.now())
        log(session, context.now(), actor, "listing.closed", listing_id)


def answer_giving(context: PlatformContext, actor: Actor, listing_id: str, agreed: bool) -> None:
    with context.sessions.begin() as session:
        listings.answer_giving(session, actor.organisation, listing_id, agreed, context.now())
        log(session, context.now(), actor, "listing.giving", listing_id, agreed=agreed)


def shown_all(session: Session, found: list[FoundListing]) -> list[ListingOut]:
    """As the API shows them."""
    taken = listings.places_taken(session, [one.listing.id for one in found])
    return [_shown(session, one, taken.get(one.listing.id, 0)) for one in found]


def _shown(session: Session, one: FoundListing, taken: int) -> ListingOut:
    listing = one.listing
    kind: ListingKind = listing.kind  # type: ignore[assignment]  # what was put was one
    status: Literal["open", "closed"] = listing.status  # type: ignore[assignment]
    givers = listings.givers(session, listing.id) if kind == "training" else []
    return ListingOut(
        id=listing.id,
        organisation=one.owner.id,
        organisation_name=one.owner.name,
        kind=kind,
        title=listing.title,
        description=listing.description,
        start=listing.start,
        end=listing.end,
        price=listing.price,
        price_unit=listing.price_unit,
        places=listing.places,
        places_left=max(0, listing.places - taken) if listing.places is not None else None,
        details=ListingDetails.model_validate(listing.details),
        given_with=[GiverOut(organisation=own.id, name=own.name, agreed=agreed) for own, agreed in givers if agreed],
        status=status,
        changed=listing.changed,
        distance_km=round(one.fit.distance, 1) if one.fit.distance is not None else None,
        score=round(one.fit.score, 4),
        reasons=[Reason(code=why.code, values=why.values) for why in one.fit.reasons],
    )
