"""Pages on which people look at a guest's request and confirm it: with the link in the e-mail, or signed in."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from sharing_platform.bookings import confirmation, guests, service
from sharing_platform.bookings.lifecycle import Party, State
from sharing_platform.bookings.models import Booking
from sharing_platform.database import read_session
from sharing_platform.errors import ConflictError, TooManyError
from sharing_platform.organisations.accounts_api import keep_session
from sharing_platform.organisations.dependencies import Page, PageRequest, require_person
from sharing_platform.organisations.models import Organisation
from sharing_platform.pages import FormData

router = APIRouter(include_in_schema=False)

_BY_LINK = "/confirm"


@router.get("/confirm/{secret}")
def get_confirm_link(secret: str, page: Page) -> Response:
    return page.keep_link(secret, _BY_LINK)


@router.get("/confirm")
def get_confirm(page: Page) -> HTMLResponse:
    """What the link is for. Changes nothing: mail scanners open links, too."""
    return _of_link(page)


@router.post("/confirm")
def post_confirm(page: Page, form: FormData) -> Response:
    mine = form.get("mine") == "yes"
    try:
        opened, booking = confirmation.confirm_by_link(page.context, page.link, mine, page.device)
    except (ConflictError, TooManyError) as error:
        return _of_link(page, error)
    answer = page.redirect(f"/bookings/{booking.id}" if mine else "/", "confirmed" if mine else "disowned")
    if opened is not None:
        keep_session(answer, page.context, opened)
    page.forget_link(answer, _BY_LINK)
    return answer


@router.get("/requests/{booking_id}")
def get_request(booking_id: str, page: Page) -> Response:
    person = require_person(page.person)
    with read_session(page.context.sessions) as session:
        booking = session.get(Booking, booking_id)
        if booking is not None and booking.account_id == person.account.id and booking.state != State.REQUESTED:
            return page.redirect(f"/bookings/{booking_id}")  # confirmed before, and the mail is opened again
    return _of_person(page, booking_id)


@router.post("/requests/{booking_id}")
def post_request(booking_id: str, page: Page, form: FormData) -> Response:
    mine = form.get("mine") == "yes"
    try:
        booking = confirmation.confirm_signed_in(page.context, require_person(page.person), booking_id, mine)
    except (ConflictError, TooManyError) as error:
        return _of_person(page, booking_id, error)
    return page.redirect(f"/bookings/{booking.id}" if mine else "/desk", "confirmed" if mine else "disowned")


def _of_link(page: PageRequest, error: ConflictError | TooManyError | None = None) -> HTMLResponse:
    """Raises NotFoundError."""
    with read_session(page.context.sessions) as session:
        booking, organisation = confirmation.request_of_link(session, page.link, page.now)
        return _render(page, session, booking, organisation, error)


def _of_person(page: PageRequest, booking_id: str, error: ConflictError | TooManyError | None = None) -> HTMLResponse:
    """Raises NotFoundError, NotSignedInError."""
    person = require_person(page.person)
    with read_session(page.context.sessions) as session:
        booking = confirmation.waiting_request(session, person, booking_id)
        return _render(page, session, booking, person.organisation, error)


def _render(
    page: PageRequest,
    session: Session,
    booking: Booking,
    organisation: Organisation | None,
    error: ConflictError | TooManyError | None,
) -> HTMLResponse:
    """`organisation`: in whose name it would be; None for the one that was typed."""
    return page.render(
        "confirm.html",
        error.status if error is not None else 200,
        notice=error.code if error is not None else None,
        booking=service.booking_out(session, booking, Party.SEEKER, page.now),
        seeker_name=organisation.name if organisation else booking.organisation,
        messages=guests.typed_messages(session, booking),
    )
