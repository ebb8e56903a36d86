"""Forms on the page of a booking: quotes, other hours and other prices."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import Response

from sharing_platform.agreements import negotiation
from sharing_platform.agreements.pages import booking_page
from sharing_platform.agreements.proposal_schemas import ProposalAnswerIn, ProposalIn, QuoteIn
from sharing_platform.bookings.service import own_booking
from sharing_platform.database import read_session
from sharing_platform.errors import PlatformError
from sharing_platform.organisations.dependencies import Page, PageRequest
from sharing_platform.organisations.permissions import Actor, Right, require, require_to_write
from sharing_platform.pages import Form, FormData, decimal_point, local_moment, validate_form

router = APIRouter(include_in_schema=False)

LINES = 6
"""That the form of a quote has room for; the API takes more."""


@router.post("/bookings/{booking_id}/proposals")
def post_proposal(booking_id: str, page: Page, form: FormData) -> Response:
    actor = require_to_write(page.actor)
    start, end = (_moment(page, form.get(f"proposed_{name}")) for name in ("start", "end"))
    with read_session(page.context.sessions) as session:
        booking, _ = own_booking(session, booking_id, actor)
        if (start, end) == (booking.start, booking.end):
            start = end = None  # the form begins with the hours as they are
    fields = {"start": start, "end": end, "price": decimal_point(form.get("price")), "message": form.get("why")}
    wanted, problems = validate_form(ProposalIn, fields)
    problems = {
        {"start": "proposed_start", "end": "proposed_end"}.get(name, name): code for name, code in problems.items()
    }
    if wanted is None:
        return booking_page(page, actor, booking_id, None, problems, form)
    return _done(page, actor, booking_id, form, lambda: negotiation.propose(page.context, actor, booking_id, wanted))


@router.post("/bookings/{booking_id}/quotes")
def post_quote(booking_id: str, page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.ANSWER)
    fields = {"lines": _lines(form), "vat_percent": form.get("vat_percent"), "valid_until": _end_of(page, form.get("valid_until")), "message": form.get("note")}  # fmt: skip
    wanted, problems = validate_form(QuoteIn, fields)
    if wanted is None:
        problems = {"lines" if name == "form" else name: code for name, code in problems.items()}
        return booking_page(page, actor, booking_id, None, problems, form)
    return _done(page, actor, booking_id, form, lambda: negotiation.quote(page.context, actor, booking_id, wanted))


@router.post("/bookings/{booking_id}/proposals/{proposal_id}/state")
def post_answer(booking_id: str, proposal_id: str, page: Page, form: FormData) -> Response:
    actor = require_to_write(page.actor)
    wanted, problems = validate_form(ProposalAnswerIn, {"state": form.get("state")})
    if wanted is None:
        return booking_page(page, actor, booking_id, None, problems, form)
    return _done(
        page, actor, booking_id, form, lambda: negotiation.answer(page.context, actor, booking_id, proposal_id, wanted)
    )


def _done(page: PageRequest, actor: Actor, booking_id: str, form: Form, do: Callable[[], object]) -> Response:
    try:
        do()
    except PlatformError as error:
        if error.status == 404:
            raise
        return booking_page(page, actor, booking_id, error, {}, form)
    return page.redirect(f"/bookings/{booking_id}", "saved")


def _lines(form: Form) -> list[dict[str, str | None]]:
    """Those that were filled in."""
    lines = []
    for number in range(LINES):
        text, price = form.get(f"text-{number}", "").strip(), decimal_point(form.get(f"unit_price-{number}"))
        if text or price:
            quantity = decimal_point(form.get(f"quantity-{number}")) or "1"
            unit = form.get(f"unit-{number}") or "flat"
            lines.append({"text": text, "quantity": quantity, "unit": unit, "unit_price": price})
    return lines


def _moment(page: PageRequest, text: str | None) -> datetime | str | None:
    """In the region's time; what is none is left to the validation."""
    try:
        return local_moment(text, page.context.zone) if text else None
    except ValueError:
        return text


def _end_of(page: PageRequest, day: str | None) -> datetime | str | None:
    """Up to and including a day."""
    try:
        found = date.fromisoformat(day) if day else None
    except ValueError:
        return day
    return datetime.combine(found, time(23, 59), ZoneInfo(page.context.zone)) if found is not None else None
