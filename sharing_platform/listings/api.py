"""Routes of the HTTP API: listings of operators, equipment, know-how and training."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import TypeAdapter

from sharing_platform.dependencies import Context, ReadSession
from sharing_platform.etags import set_etag
from sharing_platform.listings import service
from sharing_platform.listings.filters import ChosenListings
from sharing_platform.listings.records import shown_listing
from sharing_platform.listings.schemas import ListingIn, ListingOut, ListingPage
from sharing_platform.organisations.dependencies import Lister, MaybeActor, visitor_of
from sharing_platform.organisations.permissions import organisation_of
from sharing_platform.pagination import from_cursor, to_cursor
from sharing_platform.parameters import Cursor, IfMatch, Limit, Uuid
from sharing_platform.problems import problems
from sharing_platform.search.criteria import ListingKind
from sharing_platform.search.events import SearchFoundNothing
from sharing_platform.search.parameters import SearchFor
from sharing_platform.search.ranking import prepare_criteria

router = APIRouter(prefix="/api/v1/listings", tags=["listings"])

_PLACE = TypeAdapter(tuple[int])


@router.get("", responses=problems(401, 422))
def get_listings(
    session: ReadSession,
    context: Context,
    wish: SearchFor,
    chosen: ChosenListings,
    actor: MaybeActor,
    request: Request,
    kind: Annotated[ListingKind | None, Query()] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> ListingPage:
    """Open listings that fit, the best first."""
    criteria = prepare_criteria(wish.model_copy(update={"subject": kind or "machine"}))
    (begin,) = from_cursor(cursor, _PLACE) if cursor else (0,)
    found = service.search(session, context.occupancy, criteria, context.now(), context.zone, chosen)
    shown = service.listings_out(session, context.occupancy, found[max(0, begin) : begin + limit])
    if cursor is None and not found:
        in_vain = service.sought_in_vain(session, context.occupancy, criteria.wish, context.now(), context.zone, chosen)
        session.close()  # what is counted needs a connection of its own, and no request waits for a second one
        if in_vain is not None:
            context.events.publish(SearchFoundNothing(in_vain, visitor_of(request, actor), context.now()))
    return ListingPage(listings=shown, next=to_cursor(begin + limit) if begin + limit < len(found) else None)


@router.post("", status_code=201, responses=problems(401, 403, 409, 422))
def post_listing(wanted: ListingIn, actor: Lister, context: Context) -> ListingOut:
    """Share something."""
    return service.put_listing(context, actor, wanted, None, None)


@router.get("/{listing_id}", responses=problems(401, 404))
def get_listing(
    listing_id: Uuid, session: ReadSession, actor: MaybeActor, context: Context, response: Response
) -> ListingOut:
    """One listing."""
    found = shown_listing(session, listing_id, organisation_of(actor))
    shown = service.listings_out(session, context.occupancy, [found])[0]
    set_etag(response, shown)
    return shown


@router.put("/{listing_id}", responses=problems(401, 403, 404, 409, 412, 422))
def put_listing(
    listing_id: Uuid, wanted: ListingIn, actor: Lister, context: Context, if_match: IfMatch = None
) -> ListingOut:
    """Change it. 409 where more places were given away than there would be."""
    return service.put_listing(context, actor, wanted, listing_id, if_match)


@router.delete("/{listing_id}", status_code=204, responses=problems(401, 403, 404))
def delete_listing(listing_id: Uuid, actor: Lister, context: Context) -> None:
    """Close it: it is found no more; what was agreed stays agreed."""
    service.close_listing(context, actor, listing_id)


@router.put("/{listing_id}/giving", status_code=204, responses=problems(401, 403, 404, 422))
def put_giving(listing_id: Uuid, agreed: Annotated[bool, Query()], actor: Lister, context: Context) -> None:
    """Agree, or not, to give a training together with the one that says so."""
    service.answer_giving(context, actor, listing_id, agreed)
