"""The page of a booking, for its two parties."""

from __future__ import annotations

from itertools import groupby
from typing import Any, get_args

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from sharing_platform.agreements import thread
from sharing_platform.agreements.downloads import file_response
from sharing_platform.agreements.proposal_schemas import Unit, VatPercent
from sharing_platform.agreements.schemas import EntryOut, MessageIn, UploadIn
from sharing_platform.agreements.service import attachment, send_message
from sharing_platform.bookings import reviews, service
from sharing_platform.bookings.lifecycle import PENDING
from sharing_platform.bookings.schemas import ReviewIn, StepIn
from sharing_platform.database import read_session
from sharing_platform.errors import PlatformError
from sharing_platform.machines.index import get_machine_index
from sharing_platform.organisations.dependencies import Page, PageRequest, UploadFormData
from sharing_platform.organisations.models import Organisation
from sharing_platform.organisations.permissions import Actor, Right, require, require_to_write
from sharing_platform.pages import Form, FormData, validate_form

router = APIRouter(include_in_schema=False)


@router.get("/bookings/{booking_id}")
def get_booking(booking_id: str, page: Page) -> HTMLResponse:
    return booking_page(page, require(page.actor, Right.READ), booking_id)


@router.post("/bookings/{booking_id}/state")
def post_state(booking_id: str, page: Page, form: FormData) -> Response:
    actor = require_to_write(page.actor)
    step, problems = validate_form(StepIn, {name: form.get(name) for name in ("state", "message", "hours")})
    if step is None:
        return booking_page(page, actor, booking_id, None, problems, form)
    if step.state == "cancelled" and form.get("sure") != "yes":
        return _ask_whether_sure(page, actor, booking_id, step)
    try:
        service.change_state(page.context, actor, booking_id, step)
    except PlatformError as error:
        if error.status == 404:
            raise
        return booking_page(page, actor, booking_id, error, {}, form)
    return page.redirect("/desk" if form.get("back") == "desk" else f"/bookings/{booking_id}", "saved")


def _ask_whether_sure(page: PageRequest, actor: Actor, booking_id: str, step: StepIn) -> HTMLResponse:
    """A page that says what is given up. Changes nothing."""
    with read_session(page.context.sessions) as session:
        booking, party = service.own_booking(session, booking_id, actor)
        shown = service.booking_out(session, booking, party, page.now)
        # Until it is answered, a step of one part is one of all.
        together = [part for part in shown.parts if part.state in PENDING] if booking.state in PENDING else []
        return page.render("cancel.html", booking=shown, party=party, message=step.message, together=together)


@router.post("/bookings/{booking_id}/review")
def post_review(booking_id: str, page: Page, form: FormData) -> Response:
    actor = require_to_write(page.actor)
    wanted, problems = validate_form(ReviewIn, {name: form.get(name) for name in ("verdict", "text")})
    if wanted is None:
        return booking_page(page, actor, booking_id, None, problems, form)
    try:
        reviews.give(page.context, actor, booking_id, wanted)
    except PlatformError as error:
        if error.status == 404:
            raise
        return booking_page(page, actor, booking_id, error, {}, form)
    return page.redirect(f"/bookings/{booking_id}?done=reviewed#review")


@router.post("/bookings/{booking_id}/messages")
def post_message(booking_id: str, page: Page, upload: UploadFormData) -> Response:
    actor, form = require_to_write(page.actor), upload.fields
    fields = {name: form.get(name) for name in ("text", "quantity")}
    wanted, problems = validate_form(UploadIn if upload.files else MessageIn, fields)
    if wanted is None:
        return booking_page(page, actor, booking_id, None, problems, form)
    try:
        send_message(page.context, actor, booking_id, wanted.text, wanted.quantity, upload.files)
    except PlatformError as error:
        if error.status == 404:
            raise
        return booking_page(page, actor, booking_id, error, {}, form)
    return page.redirect(f"/bookings/{booking_id}#messages")


@router.get("/bookings/{booking_id}/attachments/{attachment_id}")
def get_attachment(booking_id: str, attachment_id: str, page: Page) -> Response:
    with read_session(page.context.sessions) as session:
        return file_response(*attachment(session, require(page.actor, Right.READ), booking_id, attachment_id))


def _by_day(page: PageRequest, entries: list[EntryOut]) -> list[tuple[str, list[EntryOut]]]:
    """Each day written out, and what happened on it."""
    return [(day, list(of_day)) for day, of_day in groupby(entries, lambda one: page.translator.written_day(one.at))]


def booking_page(
    page: PageRequest,
    actor: Actor,
    booking_id: str,
    error: PlatformError | None = None,
    problems: dict[str, str] | None = None,
    form: Form | None = None,
) -> HTMLResponse:
    """The page as one of the parties sees it, with what is wrong with a form on it."""
    with read_session(page.context.sessions) as session:
        booking, party = service.own_booking(session, booking_id, actor)
        seeker = session.get(Organisation, booking.seeker) if booking.seeker else None
        values: dict[str, Any] = {
            "booking": service.booking_out(session, booking, party, page.now),
            "party": party,
            "reviews": reviews.reviews_out(session, booking, party, page.now),
            "proposal": next((one for one in thread.proposals_out(session, booking, party) if one.answers), None),
            "units": list(Unit),
            "vat_rates": get_args(VatPercent),
            "seeker": seeker,
            "thread": _by_day(page, thread.thread_out(session, booking, party)),
            "alternatives": service.instead_of_booking(
                session, get_machine_index(page.request), booking, party, actor, page.now
            ),
        }
    return page.render_with_forms("booking.html", error, form, problems, **values)
