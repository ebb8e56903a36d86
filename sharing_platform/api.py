"""The HTTP API, `/api/v1`. Errors are problem details (RFC 9457)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, HTTPException, Path, Query, Response
from pydantic import AwareDatetime, TypeAdapter
from sqlalchemy.exc import IntegrityError

from sharing_platform import bookings, offers
from sharing_platform.context import Context, OwnFactory, PlatformContext, Reading, Viewer
from sharing_platform.database import Booking, Offer
from sharing_platform.messages import (
    BookingIn,
    BookingOut,
    BookingPage,
    MachineIn,
    Name,
    OfferId,
    OfferIn,
    OfferOut,
    OfferPage,
)

router = APIRouter(prefix="/api/v1")

_PROBLEM: dict[str, Any] = {"content": {"application/problem+json": {}}}
_NOT_FOUND = "There is no such offer."
_NO_FACTORY = "There is no such factory."

_CURSOR = TypeAdapter(tuple[AwareDatetime, str])

IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=200)]
Id = Annotated[OfferId, Path()]
FactoryPath = Annotated[Name, Path()]


@router.get("/offers")
def get_offers(
    session: Reading,
    context: Context,
    viewer: Viewer,
    factory: Name | None = None,
    machine: Name | None = None,
    process: str | None = None,
    day: date | None = None,
    hours: Annotated[float | None, Query(gt=0, le=744)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(max_length=200, description="`next` of the answer before.")] = None,
) -> OfferPage:
    """Open offers, in order of their start."""
    wanted = offers.OfferFilter(factory, machine, process, day, hours, context.zone, viewer)
    after = _from_cursor(cursor) if cursor is not None else None
    found = offers.find_offers(session, wanted, context.now(), limit + 1, after)
    following = _to_cursor(found[limit - 1]) if len(found) > limit else None
    return OfferPage(offers=[offer_out(one) for one in found[:limit]], next=following)


@router.get("/offers/{offer_id}", responses={404: _PROBLEM})
def get_offer(offer_id: Id, session: Reading, viewer: Viewer) -> OfferOut:
    """One offer, whatever its status."""
    offer = session.get(Offer, offer_id)
    if offer is None or not offers.visible_to(offer, viewer):
        raise HTTPException(404, _NOT_FOUND)
    return offer_out(offer)


@router.put("/offers/{offer_id}", responses={201: {}, 401: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM})
def put_offer(offer_id: Id, wanted: OfferIn, own: OwnFactory, context: Context, response: Response) -> OfferOut:
    """Create or change an offer; the same request again changes nothing. 409 once its hours are booked."""
    if wanted.factory != own:
        raise HTTPException(404, _NOT_FOUND)
    try:
        offer, new = _put(context, offer_id, wanted)
    except IntegrityError:
        offer, new = _put(context, offer_id, wanted)  # somebody else put the same new offer at the same moment
    context.hub.tell("offers")
    response.status_code = 201 if new else 200
    return offer_out(offer)


@router.delete("/offers/{offer_id}", status_code=204, responses={401: _PROBLEM, 404: _PROBLEM, 409: _PROBLEM})
def delete_offer(offer_id: Id, own: OwnFactory, context: Context) -> None:
    """Withdraw an offer. 409 once its hours are booked."""
    with _problems_as_answers(), context.sessions.begin() as session:
        offers.withdraw_offer(session, offer_id, own, context.now())
    context.hub.tell("offers")


@router.post("/offers/{offer_id}/booking", status_code=201, responses={404: _PROBLEM, 409: _PROBLEM})
def post_booking(
    offer_id: Id, who: BookingIn, context: Context, viewer: Viewer, idempotency_key: IdempotencyKey = None
) -> BookingOut:
    """Book an offer. 409 where somebody was first, with `alternatives`: what else is free, nearest first. The same request with
    the same `Idempotency-Key` again gives the booking that it made."""
    try:
        with _problems_as_answers(), context.sessions.begin() as session:
            booking = bookings.book_offer(session, offer_id, who, context.now(), viewer, idempotency_key)
    except HTTPException as problem:
        if problem.status_code == 409:
            raise ProblemError(
                409, str(problem.detail), alternatives=_alternatives(context, offer_id, viewer)
            ) from None
        raise
    context.hub.tell("offers")
    context.booked(booking.factory)
    return booking_out(booking)


@router.get("/bookings", responses={401: _PROBLEM, 404: _PROBLEM})
def get_bookings(session: Reading, own: OwnFactory, context: Context, factory: Name | None = None) -> BookingPage:
    """The factory's own bookings that are not yet over."""
    if factory is not None and factory != own:
        raise HTTPException(404, _NO_FACTORY)
    return BookingPage(bookings=[booking_out(one) for one in bookings.bookings_of(session, own, context.now())])


@router.put("/machines/{factory}/{machine}", status_code=204, responses={401: _PROBLEM, 404: _PROBLEM})
def put_machine(
    factory: FactoryPath, machine: Annotated[Name, Path()], card: MachineIn, own: OwnFactory, context: Context
) -> None:
    """Create or change what is shown of a machine."""
    if factory != own:
        raise HTTPException(404, _NO_FACTORY)
    with context.sessions.begin() as session:
        offers.put_machine(session, factory, machine, card)
    context.hub.tell("machines")


def _to_cursor(offer: Offer) -> str:
    return base64.urlsafe_b64encode(json.dumps([offer.start.isoformat(), offer.id]).encode()).decode()


def _from_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        return _CURSOR.validate_python(place)
    except ValueError:
        raise HTTPException(422, "`cursor` is none that this API gave out.") from None


def _alternatives(context: PlatformContext, offer_id: str, viewer: str | None) -> list[dict[str, Any]]:
    with context.sessions() as session:
        offer = session.get(Offer, offer_id)
        found = offers.nearest(session, offer, context.now(), viewer) if offer is not None else []
        return [offer_out(one).model_dump(mode="json") for one in found]


def _put(context: PlatformContext, offer_id: str, wanted: OfferIn) -> tuple[Offer, bool]:
    with _problems_as_answers(), context.sessions.begin() as session:
        return offers.put_offer(session, offer_id, wanted, context.now())


class ProblemError(HTTPException):
    """A problem with members of its own beside the standard ones (RFC 9457, section 3.2)."""

    def __init__(self, status: int, detail: str, **members: object) -> None:
        super().__init__(status, detail)
        self.members = members


@contextmanager
def _problems_as_answers() -> Iterator[None]:
    try:
        yield
    except offers.TakenError:
        raise HTTPException(409, "These hours are booked.") from None
    except offers.NotFoundError:
        raise HTTPException(404, _NOT_FOUND) from None


def offer_out(offer: Offer) -> OfferOut:
    return OfferOut.model_validate({name: getattr(offer, name) for name in OfferOut.model_fields})


def booking_out(booking: Booking) -> BookingOut:
    return BookingOut.model_validate({name: getattr(booking, name) for name in BookingOut.model_fields})
