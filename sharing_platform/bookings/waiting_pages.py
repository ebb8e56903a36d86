"""What the page of a training that is full does: wait, wait no longer, confirm."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from sharing_platform.bookings import waiting_service
from sharing_platform.bookings.pages import listing_page_again
from sharing_platform.bookings.schemas import WaitIn
from sharing_platform.errors import NotFoundError, PlatformError
from sharing_platform.organisations.dependencies import Page
from sharing_platform.organisations.permissions import Right, require
from sharing_platform.pages import FormData, validate_form

router = APIRouter(include_in_schema=False)


@router.post("/listings/{listing_id}/waiting")
def post_waiting(listing_id: str, page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.ASK)
    wanted, problems = validate_form(WaitIn, {"places": form.get("places")})
    if wanted is None:
        return listing_page_again(page, listing_id, None, form, problems)
    try:
        waiting_service.join(page.context, actor, page.person, listing_id, wanted.places)
    except NotFoundError:
        raise
    except PlatformError as error:
        return listing_page_again(page, listing_id, error, form, {})
    return page.redirect(f"/listings/{listing_id}", "waiting")


@router.post("/listings/{listing_id}/waiting/leave")
def post_leave(listing_id: str, page: Page) -> Response:
    waiting_service.leave(page.context, require(page.actor, Right.ASK), listing_id)
    return page.redirect(f"/listings/{listing_id}", "left_waiting")


@router.post("/listings/{listing_id}/waiting/confirm")
def post_confirm(listing_id: str, page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.ASK)
    try:
        booking = waiting_service.confirm(page.context, actor, page.person, listing_id)
    except NotFoundError:
        raise
    except PlatformError as error:
        return listing_page_again(page, listing_id, error, form, {})
    return page.redirect(f"/bookings/{booking.id}", "asked")
