"""Offers and machines."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import ValidationError
from sqlalchemy.exc import IntegrityError

from sharing_platform import offers
from sharing_platform.api.answers import (
    Cursor,
    IdempotencyKey,
    IfMatch,
    Limit,
    NamePath,
    OfferPath,
    check_match,
    problems,
    tagged,
)
from sharing_platform.booking import asking
from sharing_platform.booking.messages import AskIn, BookingOut
from sharing_platform.context import (
    Context,
    MaybeActor,
    MaybePerson,
    Offerer,
    PlatformContext,
    Reader,
    Reading,
    address_of,
)
from sharing_platform.errors import InvalidError, NotFoundError, TakenError
from sharing_platform.finding import search
from sharing_platform.finding.messages import MachineOut
from sharing_platform.finding.search import Found, Sort
from sharing_platform.finding.tables import Machine, Offer
from sharing_platform.finding.wish import MachineDetails, Wish
from sharing_platform.messages import Day, FoundOffer, LiveState, MachineIn, Name, OfferIn, OfferOut, OfferPage, Reason
from sharing_platform.people.audit import log

router = APIRouter(prefix="/api/v1", tags=["offers"])


def wish_of(
    q: Annotated[str, Query(max_length=200, description="Words, in Dutch, French or English; synonyms count.")] = "",
    factory: Name | None = None,
    machine: Name | None = None,
    process: Annotated[str, Query(max_length=100, description="Name or code, such as `milling`.")] = "",
    material: Annotated[list[str], Query(max_length=10)] = [],  # noqa: B006 - FastAPI copies defaults
    certificate: Annotated[list[str], Query(max_length=10)] = [],  # noqa: B006
    workpiece: Annotated[
        str | None,
        Query(pattern=r"^\d{1,5}(\.\d+)?x\d{1,5}(\.\d+)?x\d{1,5}(\.\d+)?$", description="mm: `400x300x200`."),
    ] = None,
    axes: Annotated[int | None, Query(ge=1, le=12)] = None,
    tolerance_mm: Annotated[float | None, Query(gt=0, le=10)] = None,
    load_kg: Annotated[float | None, Query(gt=0, le=1_000_000)] = None,
    operator: Literal["included", "own_allowed", "own_required"] | None = None,
    day: Annotated[Day | None, Query(description="That local day alone.")] = None,
    first_day: Day | None = None,
    last_day: Day | None = None,
    hours: Annotated[float | None, Query(gt=0, le=744)] = None,
    near: Annotated[str, Query(max_length=100, description="A town.")] = "",
    latitude: Annotated[float | None, Query(ge=-90, le=90)] = None,
    longitude: Annotated[float | None, Query(ge=-180, le=180)] = None,
    within_km: Annotated[float | None, Query(gt=0, le=2000)] = None,
    max_price: Annotated[Decimal | None, Query(ge=0, le=100_000, decimal_places=2)] = None,
) -> Wish:
    """What a search asks for. Raises InvalidError for a field that makes no sense."""
    sides = tuple(float(side) for side in workpiece.split("x")) if workpiece else None
    try:
        return Wish.model_validate(
            {
                "words": q, "factory": factory, "machine": machine, "process": process, "materials": material,
                "certificates": certificate, "workpiece_mm": sides, "axes": axes, "tolerance_mm": tolerance_mm,
                "load_kg": load_kg, "operator": operator, "first_day": day or first_day, "last_day": day or last_day,
                "hours": hours, "near": near, "latitude": latitude, "longitude": longitude, "within_km": within_km,
                "max_price_per_hour": max_price,
            }
        )  # fmt: skip
    except ValidationError as error:
        raise InvalidError("search", str(error.errors()[0]["loc"][0])) from None


SearchFor = Annotated[Wish, Depends(wish_of)]


@router.get("/offers", responses=problems(401, 422))
def get_offers(
    session: Reading,
    context: Context,
    actor: MaybeActor,
    wish: SearchFor,
    sort: Sort = "start",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> OfferPage:
    """Open offers that fit, in order of their start, or (`sort=fit`) of how well the soonest five hundred fit."""
    viewer = actor.viewer if actor else None
    page = search.find(
        session, context.catalogue, search.ready(wish), context.now(), context.zone, viewer, limit, sort, cursor
    )
    return OfferPage(offers=[found_out(one) for one in page.found], next=page.next)


@router.get("/offers/{offer_id}", responses=problems(401, 404))
def get_offer(offer_id: OfferPath, session: Reading, actor: MaybeActor, response: Response) -> OfferOut:
    """One offer, whatever its status."""
    offer = session.get(Offer, offer_id)
    if offer is None or not offers.visible_to(offer, actor.viewer if actor else None):
        raise NotFoundError
    shown = offer_out(offer)
    if actor is None or actor.organisation != offer.factory:
        shown.partners = []  # who else may see it is the factory's own affair
    tagged(response, shown)
    return shown


@router.put("/offers/{offer_id}", responses={201: {"model": OfferOut}, **problems(401, 403, 404, 409, 412, 422)})
def put_offer(
    offer_id: OfferPath, wanted: OfferIn, actor: Offerer, context: Context, response: Response, if_match: IfMatch = None
) -> OfferOut:
    """Create or change an offer; the same request again changes nothing. 409 where hours of it are booked or asked for."""
    if wanted.factory != actor.organisation:
        raise NotFoundError
    try:
        offer, new = _put(context, offer_id, wanted, if_match)
    except IntegrityError:
        offer, new = _put(
            context, offer_id, wanted, if_match
        )  # somebody else put the same new offer at the same moment
    context.hub.tell("offers")
    context.changed()
    response.status_code = 201 if new else 200
    shown = offer_out(offer)
    tagged(response, shown)
    return shown


@router.delete("/offers/{offer_id}", status_code=204, responses=problems(401, 403, 404, 409, 412))
def delete_offer(offer_id: OfferPath, actor: Offerer, context: Context, if_match: IfMatch = None) -> None:
    """Withdraw an offer; whoever is asking for its hours is told. 409 once they are booked."""
    with context.sessions.begin() as session:
        if if_match is not None:
            offer = session.get(Offer, offer_id)
            check_match(if_match, offer_out(offer) if offer is not None else None)
        offers.withdraw_offer(session, offer_id, actor.organisation, context.now(), context.told)
    context.hub.tell("offers")
    context.changed()


@router.post(
    "/offers/{offer_id}/booking",
    status_code=201,
    responses={
        202: {"model": BookingOut, "description": "The e-mail address is to be confirmed first"},
        **problems(401, 403, 404, 409, 422, 429),
    },
)
def post_booking(
    offer_id: OfferPath,
    context: Context,
    actor: MaybeActor,
    person: MaybePerson,
    request: Request,
    response: Response,
    wanted: AskIn | None = None,
    idempotency_key: IdempotencyKey = None,
) -> BookingOut:
    """Ask for an offer's hours, or a part of them. Where booking is instant and the organisation approved: `accepted` at once;
    else `held` until the factory answers. Without a token, `guest` says who asks; the request counts once their address is confirmed.

    409 where somebody was first, with `alternatives`: what else is free, nearest first.
    """
    try:
        booking = asking.ask(
            context,
            actor,
            person,
            wanted or AskIn(),
            offer_id=offer_id,
            key=idempotency_key,
            address=address_of(request),
        )
    except TakenError as problem:
        found = asking.alternatives(context, offer_id, actor)
        problem.members["alternatives"] = [offer_out(one).model_dump(mode="json") for one in found]
        raise
    if actor is None:
        response.status_code = 202
    return booking


@router.get("/machines/{factory}/{machine}", responses=problems(401, 404))
def get_machine(
    factory: NamePath, machine: NamePath, session: Reading, context: Context, actor: MaybeActor
) -> MachineOut:
    """What may be known of a machine."""
    return machine_out(context, session, factory, machine, actor.organisation if actor else None)


@router.put("/machines/{factory}/{machine}", status_code=204, responses=problems(401, 403, 404, 422))
def put_machine(factory: NamePath, machine: NamePath, card: MachineIn, actor: Offerer, context: Context) -> None:
    """Create or change what is shown of a machine, and how it is now."""
    if factory != actor.organisation:
        raise NotFoundError
    with context.sessions.begin() as session:
        offers.put_machine(session, factory, machine, card)
    context.hub.tell("machines")


@router.put("/machines/{factory}/{machine}/details", responses=problems(401, 403, 404, 412, 422))
def put_details(
    factory: NamePath,
    machine: NamePath,
    details: MachineDetails,
    actor: Offerer,
    context: Context,
    if_match: IfMatch = None,
) -> MachineDetails:
    """What the machine is and can do, and where it stands; analytics never overwrites that."""
    if factory != actor.organisation:
        raise NotFoundError
    with context.sessions.begin() as session:
        known = session.get(Machine, (factory, machine), with_for_update=True)
        check_match(if_match, MachineDetails.model_validate(known.details) if known is not None else None)
        put = offers.put_details(session, factory, machine, details)
        log(session, context.now(), actor, "machine.described", f"{factory}/{machine}")
    context.hub.tell("machines")
    context.changed()
    return put


@router.get("/machines/{factory}/{machine}/details", responses=problems(401, 403, 404))
def get_details(
    factory: NamePath, machine: NamePath, session: Reading, actor: Reader, response: Response
) -> MachineDetails:
    """All that the factory wrote of its machine, its address too: for itself."""
    known = session.get(Machine, (factory, machine)) if factory == actor.organisation else None
    if known is None:
        raise NotFoundError
    shown = MachineDetails.model_validate(known.details)
    tagged(response, shown)
    return shown


def machine_out(
    context: PlatformContext, session: Reading, factory: str, machine: str, viewer: str | None
) -> MachineOut:
    """Raises NotFoundError."""
    known = session.get(Machine, (factory, machine))
    entry = context.catalogue.entries(session).get((factory, machine))
    if known is None or entry is None:
        raise NotFoundError
    hidden = {} if viewer == factory else {"address": ""}
    kept, cancelled = asking.record_of(session, factory)
    now: LiveState = known.now  # type: ignore[assignment]  # what was put was one
    return MachineOut(
        factory=factory,
        factory_name=entry.factory_name,
        machine=machine,
        title=known.title,
        process=known.process,
        now=now,
        since=known.since,
        details=entry.facts.details.model_copy(update=hidden),
        kept=kept,
        cancelled=cancelled,
    )


def _put(context: PlatformContext, offer_id: str, wanted: OfferIn, if_match: str | None) -> tuple[Offer, bool]:
    with context.sessions.begin() as session:
        if if_match is not None:
            known = session.get(Offer, offer_id)
            check_match(if_match, offer_out(known) if known is not None else None)
        return offers.put_offer(session, offer_id, wanted, context.now())


def offer_out(offer: Offer) -> OfferOut:
    return OfferOut.model_validate({name: getattr(offer, name) for name in OfferOut.model_fields})


def found_out(one: Found) -> FoundOffer:
    """An offer with what is known of its machine."""
    shown = offer_out(one.offer).model_dump(exclude={"partners"})
    return FoundOffer(
        **shown,
        title=one.entry.facts.title if one.entry else one.offer.machine,
        process=one.entry.facts.process if one.entry else "",
        place=one.entry.facts.place if one.entry else "",
        distance_km=round(one.fit.distance, 1) if one.fit.distance is not None else None,
        score=round(one.fit.score, 4),
        reasons=[Reason(code=why.code, values=why.values) for why in one.fit.reasons],
    )
