"""Pages that request an offer or a listing, and the page of one booking for its two parties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from pydantic import ValidationError

from sharing_platform.attachments.contents import CheckedFile
from sharing_platform.attachments.service import read_uploads
from sharing_platform.bookings import service, waiting_list, waiting_service
from sharing_platform.bookings.requests import LISTING_CANCELLATION_HOURS
from sharing_platform.bookings.schemas import AskIn
from sharing_platform.database import read_session
from sharing_platform.dependencies import client_address
from sharing_platform.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    PlatformError,
    TakenError,
    UnavailableError,
)
from sharing_platform.listings.pages import find_shown
from sharing_platform.machines.choices import FurtherChoice
from sharing_platform.machines.pages import choice_asked, chosen_of, shown_offer, start_and_length
from sharing_platform.machines.search_pages import ListInstead, page_or_list
from sharing_platform.organisations.dependencies import Page, PageRequest, UploadFormData
from sharing_platform.organisations.permissions import Right, require
from sharing_platform.pages import Form, UploadForm, local_moment

router = APIRouter(include_in_schema=False)


@router.post("/offers/{offer_id}")
async def post_offer(offer_id: str, page: Page, upload: UploadFormData) -> Response:
    return await page_or_list(page, lambda: _request_offer(page, offer_id, upload))


def _request_offer(page: PageRequest, offer_id: str, upload: UploadForm) -> Response | ListInstead:
    form = upload.fields
    shown = shown_offer(page, offer_id)
    if shown is None:
        return ListInstead("missing")
    choice = choice_asked(page, shown.offer, form)
    if choice is None:
        return ListInstead("taken")
    chosen = chosen_of(page, shown.offer, choice, form)
    values = {"offer": shown.offer, "machine": shown.machine, "entry": shown.entry, "markup": None, **chosen}
    wanted, problems = _request_of(page, _with_end(page, form), _further_parts(page, form, chosen["further"]))
    if wanted is None:
        return page.render_form("offer.html", None, form, problems, **values)
    try:
        booking = service.request_booking(
            page.context,
            page.actor,
            page.person,
            wanted,
            offer_id=offer_id,
            address=client_address(page.request),
            files=_read_files(page, upload),
        )
    except (TakenError, NotFoundError) as error:
        return ListInstead("taken", error.status)
    except (InvalidError, ConflictError, UnavailableError) as error:
        return page.render_form("offer.html", error, form, {}, **values)
    if page.actor is None:
        return page.render("asked.html", booking=booking, email=form.get("email", ""))
    return page.redirect(f"/bookings/{booking.id}", "asked")


def _read_files(page: PageRequest, upload: UploadForm) -> list[CheckedFile]:
    """Raises InvalidError, UnavailableError, NotAllowedError for whom may not ask."""
    if upload.files:
        require(page.actor, Right.ASK)
    return read_uploads(upload.files, page.context.scanner)


def _with_end(page: PageRequest, form: Form) -> Form:
    """The form with the end that the chosen start and hours make."""
    start, length = start_and_length(form, page.context.zone)
    if start is None or length is None:
        return form
    return {**form, "start": start.isoformat(), "end": (start + length).isoformat()}


def _further_parts(page: PageRequest, form: Form, further: list[FurtherChoice]) -> list[dict[str, Any]]:
    """The further parts that a form asks for; where it names no hours, those that were shown."""
    parts: list[dict[str, Any]] = []
    shown = {one.offer.public_id: one.choice for one in further}
    for offer_id in (name.removeprefix("more-") for name, value in form.items() if name.startswith("more-") and value):
        start, length = start_and_length(form, page.context.zone, f"-{offer_id}")
        if start is not None and length is not None:
            parts.append({"offer_id": offer_id, "start": start, "end": start + length})
        elif offer_id in shown:
            parts.append({"offer_id": offer_id, "start": shown[offer_id].start, "end": shown[offer_id].end})
    return parts


def _request_of(
    page: PageRequest, form: Form, more: Sequence[dict[str, Any]] = ()
) -> tuple[AskIn | None, dict[str, str]]:
    """The request that a form makes, or the fields that are wrong. Times are the region's."""
    problems: dict[str, str] = {}
    fields: dict[str, Any] = {
        "message": form.get("message", ""),
        "places": form.get("places") or 1,
        "quantity": form.get("quantity") or None,
        "more": list(more),
    }
    for name in ("start", "end"):
        if form.get(name):
            try:
                fields[name] = local_moment(form[name], page.context.zone)
            except ValueError:
                problems[name] = "field"
    if page.actor is None:
        who = {name: form.get(name, "") for name in ("organisation", "name", "email")}
        fields["guest"] = {**who, "language": page.language}
    try:
        wanted = AskIn.model_validate(fields)
    except ValidationError as error:
        problems |= {str(detail["loc"][-1] if detail["loc"] else "start"): "field" for detail in error.errors()}
        return None, problems
    return (None, problems) if problems else (wanted, {})


@router.get("/listings/{listing_id}")
def get_listing(listing_id: str, page: Page) -> HTMLResponse:
    return page.render("listing.html", **_of_listing(page, listing_id))


def _of_listing(page: PageRequest, listing_id: str) -> dict[str, Any]:
    """What the page of a listing shows. `waiting`: the visitor's own place on the waiting list; `queue`: how many wait, for its owner."""
    listing = find_shown(page, listing_id)
    own = page.organisation
    with read_session(page.context.sessions) as session:
        place = waiting_list.own_place(session, listing_id, own) if own is not None else None
        return {
            "listing": listing,
            "cancellation_hours": LISTING_CANCELLATION_HOURS,
            "waiting": waiting_service.waiting_out(session, place) if place is not None else None,
            "queue": waiting_list.waiting_count(session, listing_id) if own == listing.organisation else 0,
        }


def listing_page_again(
    page: PageRequest, listing_id: str, error: PlatformError | None, form: Form, problems: dict[str, str]
) -> HTMLResponse:
    """The page of a listing, with what is wrong with what was sent from it."""
    return page.render_form("listing.html", error, form, problems, **_of_listing(page, listing_id))


@router.post("/listings/{listing_id}")
def post_listing(listing_id: str, page: Page, upload: UploadFormData) -> Response:
    form = upload.fields
    find_shown(page, listing_id)
    wanted, problems = _request_of(page, form)
    if wanted is None:
        return listing_page_again(page, listing_id, None, form, problems)
    try:
        booking = service.request_booking(
            page.context,
            page.actor,
            page.person,
            wanted,
            listing_id=listing_id,
            address=client_address(page.request),
            files=_read_files(page, upload),
        )
    except NotFoundError:
        raise
    except PlatformError as error:
        return listing_page_again(page, listing_id, error, form, {})
    if page.actor is None:
        return page.render("asked.html", booking=booking, email=form.get("email", ""))
    return page.redirect(f"/bookings/{booking.id}", "asked")
