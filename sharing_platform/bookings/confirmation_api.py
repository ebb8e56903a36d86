"""Requests of guests that wait for confirmation."""

from __future__ import annotations

from fastapi import APIRouter, Response

from sharing_platform.bookings import confirmation, service
from sharing_platform.bookings.lifecycle import Party
from sharing_platform.bookings.schemas import BookingOut, ConfirmByLinkIn, ConfirmIn, RequestsOut
from sharing_platform.dependencies import Context, ReadSession
from sharing_platform.organisations.accounts_api import keep_session
from sharing_platform.organisations.dependencies import Device, Person
from sharing_platform.organisations.schemas import LinkIn
from sharing_platform.parameters import Uuid
from sharing_platform.problems import problems

router = APIRouter(prefix="/api/v1/requests", tags=["bookings"])


@router.post("/link", responses=problems(404, 422))
def post_link(wanted: LinkIn, context: Context, session: ReadSession) -> BookingOut:
    """The request that the link of an e-mail is for. Changes nothing."""
    booking, _ = confirmation.request_of_link(session, wanted.link, context.now())
    return service.booking_out(session, booking, Party.SEEKER, context.now())


@router.post("/confirmation", responses=problems(404, 409, 422, 429))
def post_confirmation(wanted: ConfirmByLinkIn, context: Context, device: Device, response: Response) -> BookingOut:
    """Use the link of an e-mail: the request counts from now on and, if its hours are still free, holds them. Signs in, with an account that may choose a
    password later. With `mine` false, the request is cancelled instead."""
    opened, shown = confirmation.confirm_by_link(context, wanted.link, wanted.mine, device)
    if opened is not None:
        keep_session(response, context, opened)
    return shown


@router.get("", responses=problems(401))
def get_requests(person: Person, session: ReadSession, context: Context) -> RequestsOut:
    """Requests that somebody made with the caller's address without being signed in. They count once the caller confirms them."""
    found = confirmation.waiting_requests(session, person)
    return RequestsOut(requests=[service.booking_out(session, one, Party.SEEKER, context.now()) for one in found])


@router.post("/{booking_id}/confirmation", responses=problems(401, 404, 409, 422, 429))
def post_own_confirmation(booking_id: Uuid, wanted: ConfirmIn, person: Person, context: Context) -> BookingOut:
    """Confirm such a request in the name of the organisation that the session speaks for or, with `mine` false, cancel it."""
    return confirmation.confirm_signed_in(context, person, booking_id, wanted.mine)
