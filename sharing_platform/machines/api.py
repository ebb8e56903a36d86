"""Routes of the HTTP API: offers and machines."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from sharing_platform.dependencies import Context, ReadSession
from sharing_platform.errors import NotFoundError
from sharing_platform.etags import set_etag
from sharing_platform.machines import kept_hours, service
from sharing_platform.machines.index import Index
from sharing_platform.machines.models import Machine
from sharing_platform.machines.offer_order import Sort
from sharing_platform.machines.offer_search import find_offers
from sharing_platform.machines.offers import find_offer, visible_to
from sharing_platform.machines.relaxed_search import relaxed_searches
from sharing_platform.machines.schemas import (
    KeptHoursIn,
    KeptHoursList,
    KeptHoursOut,
    MachineIn,
    MachineOut,
    OfferIn,
    OfferOut,
    OfferPage,
)
from sharing_platform.organisations.dependencies import MaybeActor, Offerer, Reader, visitor_of
from sharing_platform.organisations.permissions import organisation_of, viewer_of
from sharing_platform.parameters import AliasPath, Cursor, IfMatch, Limit, NamePath, OfferPath, Uuid
from sharing_platform.problems import problems
from sharing_platform.search.events import SearchFoundNothing
from sharing_platform.search.machine_details import MachineDetails
from sharing_platform.search.parameters import SearchFor
from sharing_platform.search.ranking import prepare_criteria

offers_router = APIRouter(prefix="/api/v1", tags=["offers"])
machines_router = APIRouter(prefix="/api/v1", tags=["offers"])


@offers_router.get("/offers", responses=problems(401, 422))
def get_offers(
    session: ReadSession,
    context: Context,
    index: Index,
    actor: MaybeActor,
    wish: SearchFor,
    request: Request,
    sort: Sort = "start",
    limit: Limit = 100,
    cursor: Cursor = None,
    suggest: Annotated[
        bool, Query(description="Where nothing is found: also which parameters to leave out (`suggestions`).")
    ] = False,
) -> OfferPage:
    """Open offers that match, in order of their start or, with another `sort`, of their score, price, distance (which needs a place) or certainty, the best
    first and what is not known last. With `max_price`, those whose price is to be agreed come after all others."""
    viewer, criteria = viewer_of(actor), prepare_criteria(wish)
    results = find_offers(session, index, criteria, context.now(), context.zone, viewer, limit, sort, cursor)
    suggestions = []
    if suggest and cursor is None and not results.found:
        found = relaxed_searches(session, index, wish, context.now(), context.zone, viewer)
        suggestions = [service.suggestion_out(one, request.query_params) for one in found]
    if cursor is None and not results.found:
        session.close()  # what is counted needs a connection of its own, and no request waits for a second one
        context.events.publish(SearchFoundNothing(criteria, visitor_of(request, actor), context.now()))
    return OfferPage(
        offers=[service.found_out(ranked, viewer) for ranked in results.found],
        next=results.next,
        suggestions=suggestions,
    )


@offers_router.get("/offers/{offer_id}", responses=problems(401, 404))
def get_offer(offer_id: OfferPath, session: ReadSession, actor: MaybeActor, response: Response) -> OfferOut:
    """One offer, whatever its status."""
    offer = find_offer(session, offer_id, organisation_of(actor))
    if offer is None or not visible_to(offer, viewer_of(actor)):
        raise NotFoundError
    shown = service.offer_out(offer, organisation_of(actor))
    set_etag(response, shown)
    return shown


@offers_router.put("/offers/{offer_id}", responses={201: {"model": OfferOut}, **problems(401, 403, 404, 409, 412, 422)})
def put_offer(
    offer_id: OfferPath, wanted: OfferIn, actor: Offerer, context: Context, response: Response, if_match: IfMatch = None
) -> OfferOut:
    """Create or change an offer; the same request again changes nothing. 409 if hours of it are booked or requested."""
    offer, new = service.put_offer(context, actor, offer_id, wanted, if_match)
    response.status_code = 201 if new else 200
    shown = service.offer_out(offer, actor.organisation)
    set_etag(response, shown)
    return shown


@offers_router.delete("/offers/{offer_id}", status_code=204, responses=problems(401, 403, 404, 409, 412))
def delete_offer(offer_id: OfferPath, actor: Offerer, context: Context, if_match: IfMatch = None) -> None:
    """Withdraw an offer. Seekers with pending requests are notified. 409 if it is booked."""
    service.withdraw_offer(context, actor, offer_id, if_match)


@machines_router.get("/machines/{factory}/{machine}", responses=problems(401, 404))
def get_machine(
    factory: NamePath, machine: NamePath, session: ReadSession, context: Context, index: Index, actor: MaybeActor
) -> MachineOut:
    """The public description of a machine."""
    return service.machine_out(context, index, session, factory, machine, actor)


@machines_router.get("/machines/{alias}", responses=problems(401, 404))
def get_anonymous_machine(
    alias: AliasPath, session: ReadSession, context: Context, index: Index, actor: MaybeActor
) -> MachineOut:
    """The description of an anonymous machine, by the name that offers of it show."""
    return service.machine_with_alias(context, index, session, alias, actor)


@machines_router.put("/machines/{factory}/{machine}", status_code=204, responses=problems(401, 403, 404, 422))
def put_machine(factory: NamePath, machine: NamePath, card: MachineIn, actor: Offerer, context: Context) -> None:
    """Create or change the description and live state of a machine."""
    service.put_machine(context, actor, factory, machine, card)


@machines_router.put("/machines/{factory}/{machine}/details", responses=problems(401, 403, 404, 412, 422))
def put_details(
    factory: NamePath,
    machine: NamePath,
    details: MachineDetails,
    actor: Offerer,
    context: Context,
    if_match: IfMatch = None,
) -> MachineDetails:
    """Set the properties and the location of a machine. Analytics never overwrites them."""
    return service.put_details(context, actor, factory, machine, details, if_match)


@machines_router.get("/machines/{factory}/{machine}/details", responses=problems(401, 403, 404))
def get_details(
    factory: NamePath, machine: NamePath, session: ReadSession, actor: Reader, response: Response
) -> MachineDetails:
    """All properties of a machine including its address, for its own factory."""
    known = session.get(Machine, (factory, machine)) if factory == actor.organisation else None
    if known is None:
        raise NotFoundError
    shown = MachineDetails.model_validate(known.details)
    set_etag(response, shown)
    return shown


@machines_router.get("/kept-hours", responses=problems(401, 403))
def get_kept_hours(session: ReadSession, context: Context, actor: Reader) -> KeptHoursList:
    """Hours to come that one's own organisation keeps for itself."""
    found = kept_hours.kept_hours(session, actor.organisation, context.now())
    return KeptHoursList(kept=[kept_hours.kept_out(one) for one in found])


@machines_router.post("/kept-hours", status_code=201, responses=problems(401, 403, 404, 409, 422))
def post_kept_hours(wanted: KeptHoursIn, actor: Offerer, context: Context) -> KeptHoursOut:
    """Keep hours of a machine for oneself: they are not on offer, whatever is put. What is booked or requested of them stays so."""
    return kept_hours.keep_hours(context, actor, wanted)


@machines_router.delete("/kept-hours/{kept_id}", status_code=204, responses=problems(401, 403, 404))
def delete_kept_hours(kept_id: Uuid, actor: Offerer, context: Context) -> None:
    """Release them: what is offered of them can be had again."""
    kept_hours.release_hours(context, actor, kept_id)
