"""One booking, for its two parties."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from sharing_platform.bookings import service as asking
from sharing_platform.bookings import requests
from sharing_platform.bookings.schemas import MessageIn, StepIn
from sharing_platform.bookings.lifecycle import LIVE, Party
from sharing_platform.database import read_session
from sharing_platform.errors import PlatformError
from sharing_platform.machines.offer_search import nearest_offers
from sharing_platform.machines.models import Offer
from sharing_platform.pages import FormData, Form, Page, PageRequest, parsed
from sharing_platform.organisations.permissions import Actor, Right, require
from sharing_platform.organisations.models import Organisation

router = APIRouter(include_in_schema=False)


@router.get("/bookings/{booking_id}")
def get_booking(booking_id: str, page: Page) -> HTMLResponse:
    return _page(page, require(page.actor, Right.READ), booking_id)


@router.post("/bookings/{booking_id}/state")
def post_state(booking_id: str, page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.READ)
    step, problems = validate_form(StepIn, {"state": form.get("state"), "message": form.get("message")})
    if step is None:
        return _page(page, actor, booking_id, None, problems, form)
    try:
        asking.act(page.context, actor, booking_id, step.state, step.message)
    except PlatformError as error:
        if error.status == 404:
            raise
        return _page(page, actor, booking_id, error, {}, form)
    return page.redirect(f"/bookings/{booking_id}", "saved")


@router.post("/bookings/{booking_id}/messages")
def post_message(booking_id: str, page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.READ)
    wanted, problems = validate_form(MessageIn, {"text": form.get("text")})
    if wanted is None:
        return _page(page, actor, booking_id, None, problems, form)
    try:
        asking.write(page.context, actor, booking_id, wanted.text)
    except PlatformError as error:
        if error.status == 404:
            raise
        return _page(page, actor, booking_id, error, {}, form)
    return page.redirect(f"/bookings/{booking_id}#messages")


def _page(
    page: PageRequest,
    actor: Actor,
    booking_id: str,
    error: PlatformError | None = None,
    problems: dict[str, str] | None = None,
    form: Form | None = None,
) -> HTMLResponse:
    with read_session(page.context.sessions) as session:
        booking, party = asking.own_booking(session, booking_id, actor)
        offer = session.get(Offer, booking.offer_id) if booking.offer_id else None
        lost = party is Party.SEEKER and booking.state not in LIVE and offer is not None
        seeker = session.get(Organisation, booking.seeker) if booking.seeker else None
        provider = session.get(Organisation, booking.provider)
        values: dict[str, Any] = {
            "booking": asking.booking_out(session, booking, party, page.now),
            "party": party,
            "seeker": seeker,
            "provider_name": provider.name if provider else booking.provider,
            "events": asking.events_out(requests.history(session, booking)),
            "messages": asking.messages_out(session, booking),
            "alternatives": nearest_offers(session, offer, page.now, page.viewer) if lost and offer is not None else [],
        }
    if error is None and not problems:
        return page.render("booking.html", **values)
    return page.render_form("booking.html", error, form or {}, problems or {}, **values)
