"""Pages of operators, equipment, know-how and training. The page of one listing, with its request form, is among those of bookings."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from sharing_platform.database import read_session
from sharing_platform.errors import InvalidError, NotFoundError, PlatformError
from sharing_platform.listings import service
from sharing_platform.listings.records import find_listings, shown_listing
from sharing_platform.listings.schemas import ListingIn, ListingOut
from sharing_platform.organisations.dependencies import Page, PageRequest
from sharing_platform.organisations.permissions import Right, require
from sharing_platform.pages import Form, FormData, decimal_point, split_lines, validate_form
from sharing_platform.search.criteria import Wish
from sharing_platform.search.ranking import prepare_criteria

router = APIRouter(include_in_schema=False)

KINDS = ("operator", "equipment", "know_how", "training")
_MAX_SHOWN = 200


@router.get("/listings")
def get_listings(page: Page) -> HTMLResponse:
    asked = page.request.query_params
    fields: dict[str, Any] = {
        "words": asked.get("q"),
        "near": asked.get("near"),
        "within_km": decimal_point(asked.get("within_km")),
    }
    kind = asked.get("kind") if asked.get("kind") in KINDS else None
    wish, problems = validate_form(Wish, {**fields, "subject": kind})
    found: list[ListingOut] = []
    with read_session(page.context.sessions) as session:
        try:
            criteria = prepare_criteria(wish or Wish())
            found = service.listings_out(
                session, page.context.occupancy, find_listings(session, criteria, page.now)[:_MAX_SHOWN]
            )
        except InvalidError as error:
            problems[error.field] = error.code
    return page.render(
        "listings.html",
        found=found,
        kinds=KINDS,
        kind=kind,
        given=asked,
        problems=problems,
        filtered=bool(wish and wish != Wish()),
    )


@router.get("/listings/new")
def get_new(page: Page) -> HTMLResponse:
    require(page.actor, Right.LIST)
    asked = page.request.query_params.get("kind")
    kind = asked if asked in KINDS else "operator"
    return page.render("listing_edit.html", kind=kind, kinds=KINDS, listing=None)


@router.post("/listings/new")
def post_new(page: Page, form: FormData) -> Response:
    return _put(page, form, None)


@router.get("/listings/{listing_id}/edit")
def get_edit(listing_id: str, page: Page) -> HTMLResponse:
    listing = _own(page, listing_id)
    return page.render(
        "listing_edit.html", kind=listing.kind, kinds=KINDS, listing=listing, given=_as_form(page, listing)
    )


@router.post("/listings/{listing_id}/edit")
def post_edit(listing_id: str, page: Page, form: FormData) -> Response:
    return _put(page, form, _own(page, listing_id))


@router.post("/listings/{listing_id}/close")
def post_close(listing_id: str, page: Page) -> Response:
    service.close_listing(page.context, require(page.actor, Right.LIST), listing_id)
    return page.redirect("/desk", "closed")


@router.post("/listings/{listing_id}/giving")
def post_giving(listing_id: str, page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.LIST)
    service.answer_giving(page.context, actor, listing_id, form.get("agreed") == "yes")
    return page.redirect("/desk", "saved")


def _put(page: PageRequest, form: Form, listing: ListingOut | None) -> Response:
    actor = require(page.actor, Right.LIST)
    kind = listing.kind if listing else form.get("kind", "")
    details = {
        "process": form.get("process", ""), "skills": split_lines(form.get("skills")), "place": form.get("place", ""),
        "certificates": split_lines(form.get("certificates")), "use": form.get("use") or None,
        "languages": split_lines(form.get("languages")), "hours_per_week": decimal_point(form.get("hours_per_week")),
        "sessions": [line.strip() for line in form.get("sessions", "").splitlines() if line.strip()],
    }  # fmt: skip
    fields = {
        "kind": kind, "title": form.get("title"), "description": form.get("description"), "price": decimal_point(form.get("price")),
        "price_unit": form.get("price_unit"), "places": form.get("places"), "given_with": split_lines(form.get("given_with")),
        "start": _moment(page, form.get("start"), time(0)), "end": _moment(page, form.get("end"), time(23, 59)),
        "details": details,
    }  # fmt: skip
    wanted, problems = validate_form(ListingIn, fields)
    values = {"kind": kind if kind in KINDS else KINDS[0], "kinds": KINDS, "listing": listing}
    if wanted is None:
        return page.render_form("listing_edit.html", None, form, problems, **values)
    try:
        put = service.put_listing(page.context, actor, wanted, listing.id if listing else None, None)
    except PlatformError as error:
        return page.render_form("listing_edit.html", error, form, {}, **values)
    return page.redirect(f"/listings/{put.id}", "saved")


def _moment(page: PageRequest, text: str | None, otherwise: time) -> datetime | None:
    """A local day, or a local moment."""
    try:
        given = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    if len(text or "") <= len("2026-01-01"):
        given = datetime.combine(given.date(), otherwise)
    return given.replace(tzinfo=ZoneInfo(page.context.zone))


def find_shown(page: PageRequest, listing_id: str) -> ListingOut:
    with read_session(page.context.sessions) as session:
        viewer = page.organisation
        return service.listing_out(session, page.context.occupancy, shown_listing(session, listing_id, viewer))


def _own(page: PageRequest, listing_id: str) -> ListingOut:
    """Raises NotFoundError for another's."""
    actor = require(page.actor, Right.LIST)
    listing = find_shown(page, listing_id)
    if listing.organisation != actor.organisation:
        raise NotFoundError
    return listing


def _as_form(page: PageRequest, listing: ListingOut) -> dict[str, str]:
    zone, details = ZoneInfo(page.context.zone), listing.details
    return {
        "title": listing.title, "description": listing.description, "price": str(listing.price or ""),
        "price_unit": listing.price_unit, "places": str(listing.places or ""),
        "start": f"{listing.start.astimezone(zone):%Y-%m-%d}", "end": f"{listing.end.astimezone(zone):%Y-%m-%d}",
        "process": details.process, "place": details.place, "skills": "\n".join(details.skills),
        "certificates": "\n".join(details.certificates), "use": details.use or "",
        "languages": "\n".join(details.languages), "sessions": "\n".join(details.sessions),
        "hours_per_week": f"{details.hours_per_week:g}" if details.hours_per_week else "",
        "given_with": "\n".join(one.organisation for one in listing.given_with),
    }  # fmt: skip
