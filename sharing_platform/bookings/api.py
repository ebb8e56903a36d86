"""Bookings, for their two parties."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from sharing_platform.bookings import service
from sharing_platform.bookings.lifecycle import FIRM, Party, State
from sharing_platform.bookings.schemas import (
    AlternativesOut,
    AskIn,
    BookingOut,
    BookingPage,
    StepIn,
)
from sharing_platform.dependencies import Context, ReadSession, client_address
from sharing_platform.errors import NotFoundError, TakenError
from sharing_platform.machines.index import Index
from sharing_platform.organisations.dependencies import MaybeActor, MaybePerson, Reader, Writer
from sharing_platform.organisations.permissions import organisation_of
from sharing_platform.parameters import Cursor, IdempotencyKey, Limit, OfferPath, Uuid
from sharing_platform.problems import problems
from sharing_platform.schemas import Name

router = APIRouter(prefix="/api/v1/bookings", tags=["bookings"])
offer_requests = APIRouter(prefix="/api/v1", tags=["offers"])
listing_requests = APIRouter(prefix="/api/v1/listings", tags=["listings"])
"""Requests for an offer or a listing: their addresses lie below those of what is requested."""

_TAKEN: dict[str, Any] = {
    "description": "It cannot be done as things stand now; where the hours are taken (`code` is `taken`), with `alternatives`",
    "content": {
        "application/problem+json": {
            "schema": {
                "allOf": [
                    {"$ref": "#/components/schemas/ProblemOut"},
                    {
                        "type": "object",
                        "properties": {
                            "alternatives": {
                                "type": "array",
                                "items": {"$ref": "#/components/schemas/AlternativeOut"},
                            }
                        },
                    },
                ]
            }
        }
    },
}


@router.get("", responses=problems(401, 403, 404, 422))
def get_bookings(
    session: ReadSession,
    actor: Reader,
    context: Context,
    factory: Annotated[Name | None, Query(description="One's own name, for those who want to be sure.")] = None,
    side: Annotated[
        Literal["provider", "seeker"], Query(description="What others have of us, or we of others.")
    ] = "provider",
    state: Annotated[list[State] | None, Query(description="Default: held, accepted, in use.")] = None,
    kept: Annotated[
        bool,
        Query(description="With `side` provider: also declined requests whose hours to come we keep for ourselves."),
    ] = False,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> BookingPage:
    """The bookings of the caller's organisation, in order of their start; without `state`, those that occupy hours and are not over."""
    if factory is not None and factory != actor.organisation:
        raise NotFoundError
    states = frozenset(state) if state else FIRM | {State.HELD}
    return service.list_bookings(session, actor, Party(side), states, limit, cursor, context.now(), kept)


@router.get("/{booking_id}", responses=problems(401, 403, 404))
def get_booking(booking_id: Uuid, session: ReadSession, actor: Reader, context: Context) -> BookingOut:
    """One booking."""
    booking, party = service.own_booking(session, booking_id, actor)
    return service.booking_out(session, booking, party, context.now())


@router.post("/{booking_id}/state", responses=problems(401, 403, 404, 409, 422))
def post_state(booking_id: Uuid, wanted: StepIn, actor: Writer, context: Context) -> BookingOut:
    """Accept, decline, cancel or withdraw. Repeating a step changes nothing; a step that is not open to the caller is
    answered with 409."""
    return service.change_state(context, actor, booking_id, wanted)


@router.get("/{booking_id}/alternatives", responses=problems(401, 403, 404))
def get_alternatives(
    booking_id: Uuid, session: ReadSession, actor: Reader, context: Context, index: Index
) -> AlternativesOut:
    """What else is free, for a seeker whose request was declined or expired, or whose booking was cancelled or withdrawn; otherwise nothing."""
    booking, party = service.own_booking(session, booking_id, actor)
    return AlternativesOut(
        alternatives=[
            service.alternative_out(one, entry, organisation_of(actor))
            for one, entry in service.instead_of_booking(session, index, booking, party, actor, context.now())
        ]
    )


@offer_requests.post(
    "/offers/{offer_id}/booking",
    status_code=201,
    responses={
        202: {"model": BookingOut, "description": "The e-mail address is to be confirmed first"},
        **problems(401, 403, 404, 422, 429),
        409: _TAKEN,
    },
)
def post_booking(
    offer_id: OfferPath,
    context: Context,
    index: Index,
    actor: MaybeActor,
    person: MaybePerson,
    request: Request,
    response: Response,
    wanted: AskIn | None = None,
    idempotency_key: IdempotencyKey = None,
) -> BookingOut:
    """Request an offer's hours, or a part of them. Where booking is instant and the organisation approved: `accepted` at once;
    else `held` until the factory answers. Without a token, `guest` names the seeker; the request counts once their address is confirmed.

    409 if the hours are taken, with `alternatives`: other open offers, the nearest first.
    """
    try:
        booking = service.request_booking(
            context,
            actor,
            person,
            wanted or AskIn(),
            offer_id=offer_id,
            key=idempotency_key,
            address=client_address(request),
        )
    except TakenError as problem:
        problem.members["alternatives"] = [
            service.alternative_out(one, entry, organisation_of(actor)).model_dump(mode="json")
            for one, entry in service.instead_of_offer(context, index, offer_id, actor)
        ]
        raise
    if actor is None:
        response.status_code = 202
    return booking


@listing_requests.post(
    "/{listing_id}/booking",
    name="post_booking",
    status_code=201,
    responses={
        202: {"model": BookingOut, "description": "The e-mail address is to be confirmed first"},
        **problems(401, 403, 404, 409, 422, 429),
    },
)
def post_listing_booking(
    listing_id: Uuid,
    wanted: AskIn,
    context: Context,
    actor: MaybeActor,
    person: MaybePerson,
    request: Request,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> BookingOut:
    """Request a listing for a period, or places in a training. Its owner answers."""
    booking = service.request_booking(
        context, actor, person, wanted, listing_id=listing_id, key=idempotency_key, address=client_address(request)
    )
    if actor is None:
        response.status_code = 202
    return booking
