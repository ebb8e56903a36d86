"""One booking, for its two parties."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from sharing_platform.booking import asking, requests
from sharing_platform.booking.messages import MessageIn, StepIn
from sharing_platform.booking.states import LIVE, Party
from sharing_platform.database import reading
from sharing_platform.errors import PlatformError
from sharing_platform.finding.search import nearest
from sharing_platform.finding.tables import Offer
from sharing_platform.pages.shown import Filled, Form, Showing, Shown, parsed
from sharing_platform.people.access import Actor, Right, require
from sharing_platform.people.tables import Organisation

router = APIRouter(include_in_schema=False)


@router.get("/bookings/{booking_id}")
def get_booking(booking_id: str, show: Showing) -> HTMLResponse:
    return _page(show, require(show.actor, Right.READ), booking_id)


@router.post("/bookings/{booking_id}/state")
def post_state(booking_id: str, show: Showing, form: Filled) -> Response:
    actor = require(show.actor, Right.READ)
    step, problems = parsed(StepIn, {"state": form.get("state"), "message": form.get("message")})
    if step is None:
        return _page(show, actor, booking_id, None, problems, form)
    try:
        asking.act(show.context, actor, booking_id, step.state, step.message)
    except PlatformError as error:
        if error.status == 404:
            raise
        return _page(show, actor, booking_id, error, {}, form)
    return show.to(f"/bookings/{booking_id}", "saved")


@router.post("/bookings/{booking_id}/messages")
def post_message(booking_id: str, show: Showing, form: Filled) -> Response:
    actor = require(show.actor, Right.READ)
    wanted, problems = parsed(MessageIn, {"text": form.get("text")})
    if wanted is None:
        return _page(show, actor, booking_id, None, problems, form)
    try:
        asking.write(show.context, actor, booking_id, wanted.text)
    except PlatformError as error:
        if error.status == 404:
            raise
        return _page(show, actor, booking_id, error, {}, form)
    return show.to(f"/bookings/{booking_id}#messages")


def _page(
    show: Shown,
    actor: Actor,
    booking_id: str,
    error: PlatformError | None = None,
    problems: dict[str, str] | None = None,
    form: Form | None = None,
) -> HTMLResponse:
    with reading(show.context.sessions) as session:
        booking, party = asking.own_booking(session, booking_id, actor)
        offer = session.get(Offer, booking.offer_id) if booking.offer_id else None
        lost = party is Party.SEEKER and booking.state not in LIVE and offer is not None
        seeker = session.get(Organisation, booking.seeker) if booking.seeker else None
        provider = session.get(Organisation, booking.provider)
        values: dict[str, Any] = {
            "booking": asking.booking_out(session, booking, party, show.now),
            "party": party,
            "seeker": seeker,
            "provider_name": provider.name if provider else booking.provider,
            "events": asking.events_out(requests.history(session, booking)),
            "messages": asking.messages_out(session, booking),
            "alternatives": nearest(session, offer, show.now, show.viewer) if lost and offer is not None else [],
        }
    if error is None and not problems:
        return show.page("booking.html", **values)
    return show.again("booking.html", error, form or {}, problems or {}, **values)
