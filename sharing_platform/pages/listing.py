"""Operators, equipment, know-how and training."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from sharing_platform.api import listings as doing
from sharing_platform.booking import asking
from sharing_platform.booking.requests import LISTING_CANCELLATION_HOURS
from sharing_platform.context import address_of
from sharing_platform.database import reading
from sharing_platform.errors import InvalidError, NotFoundError, PlatformError
from sharing_platform.finding import listings, search
from sharing_platform.finding.messages import ListingIn, ListingOut
from sharing_platform.finding.wish import Wish
from sharing_platform.pages.offer import ask_of
from sharing_platform.pages.shown import Filled, Form, Showing, Shown, lines, number, parsed
from sharing_platform.people.access import Right, require

router = APIRouter(include_in_schema=False)

KINDS = ("operator", "equipment", "know_how", "training")
_MAX_SHOWN = 200


@router.get("/listings")
def get_listings(show: Showing) -> HTMLResponse:
    asked = show.request.query_params
    fields: dict[str, Any] = {
        "words": asked.get("q"),
        "near": asked.get("near"),
        "within_km": number(asked.get("within_km")),
    }
    kind = asked.get("kind") if asked.get("kind") in KINDS else None
    wish, problems = parsed(Wish, {**fields, "subject": kind})
    found: list[ListingOut] = []
    with reading(show.context.sessions) as session:
        try:
            ready = search.ready(wish or Wish())
            found = doing.shown_all(session, listings.find_listings(session, ready, show.now)[:_MAX_SHOWN])
        except InvalidError as error:
            problems[error.field] = error.code
    return show.page(
        "listings.html",
        found=found,
        kinds=KINDS,
        kind=kind,
        given=asked,
        problems=problems,
        filtered=bool(wish and wish != Wish()),
    )


@router.get("/listings/new")
def get_new(show: Showing) -> HTMLResponse:
    require(show.actor, Right.LIST)
    asked = show.request.query_params.get("kind")
    kind = asked if asked in KINDS else "operator"
    return show.page("listing_edit.html", kind=kind, kinds=KINDS, listing=None)


@router.post("/listings/new")
def post_new(show: Showing, form: Filled) -> Response:
    return _put(show, form, None)


@router.get("/listings/{listing_id}")
def get_listing(listing_id: str, show: Showing) -> HTMLResponse:
    return show.page("listing.html", cancellation_hours=LISTING_CANCELLATION_HOURS, listing=_shown(show, listing_id))


@router.post("/listings/{listing_id}")
def post_listing(listing_id: str, show: Showing, form: Filled) -> Response:
    values = {"listing": _shown(show, listing_id), "cancellation_hours": LISTING_CANCELLATION_HOURS}
    wanted, problems = ask_of(show, form)
    if wanted is None:
        return show.again("listing.html", None, form, problems, **values)
    try:
        booking = asking.ask(
            show.context, show.actor, show.person, wanted, listing_id=listing_id, address=address_of(show.request)
        )
    except NotFoundError:
        raise
    except PlatformError as error:
        return show.again("listing.html", error, form, {}, **values)
    if show.actor is None:
        return show.page("asked.html", booking=booking, email=form.get("email", ""))
    return show.to(f"/bookings/{booking.id}", "asked")


@router.get("/listings/{listing_id}/edit")
def get_edit(listing_id: str, show: Showing) -> HTMLResponse:
    listing = _own(show, listing_id)
    return show.page(
        "listing_edit.html", kind=listing.kind, kinds=KINDS, listing=listing, given=_as_form(show, listing)
    )


@router.post("/listings/{listing_id}/edit")
def post_edit(listing_id: str, show: Showing, form: Filled) -> Response:
    return _put(show, form, _own(show, listing_id))


@router.post("/listings/{listing_id}/close")
def post_close(listing_id: str, show: Showing) -> Response:
    doing.close(show.context, require(show.actor, Right.LIST), listing_id)
    return show.to("/desk", "closed")


@router.post("/listings/{listing_id}/giving")
def post_giving(listing_id: str, show: Showing, form: Filled) -> Response:
    actor = require(show.actor, Right.LIST)
    doing.answer_giving(show.context, actor, listing_id, form.get("agreed") == "yes")
    return show.to("/desk", "saved")


def _put(show: Shown, form: Form, listing: ListingOut | None) -> Response:
    actor = require(show.actor, Right.LIST)
    kind = listing.kind if listing else form.get("kind", "")
    details = {
        "process": form.get("process", ""), "skills": lines(form.get("skills")), "place": form.get("place", ""),
        "certificates": lines(form.get("certificates")), "use": form.get("use") or None,
        "languages": lines(form.get("languages")), "hours_per_week": number(form.get("hours_per_week")),
        "sessions": [line.strip() for line in form.get("sessions", "").splitlines() if line.strip()],
    }  # fmt: skip
    fields = {
        "kind": kind, "title": form.get("title"), "description": form.get("description"), "price": number(form.get("price")),
        "price_unit": form.get("price_unit"), "places": form.get("places"), "given_with": lines(form.get("given_with")),
        "start": _moment(show, form.get("start"), time(0)), "end": _moment(show, form.get("end"), time(23, 59)),
        "details": details,
    }  # fmt: skip
    wanted, problems = parsed(ListingIn, fields)
    values = {"kind": kind if kind in KINDS else KINDS[0], "kinds": KINDS, "listing": listing}
    if wanted is None:
        return show.again("listing_edit.html", None, form, problems, **values)
    try:
        put = doing.put(show.context, actor, wanted, listing.id if listing else None, None)
    except PlatformError as error:
        return show.again("listing_edit.html", error, form, {}, **values)
    return show.to(f"/listings/{put.id}", "saved")


def _moment(show: Shown, text: str | None, otherwise: time) -> datetime | None:
    """A local day, or a local moment."""
    try:
        given = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    if len(text or "") <= len("2026-01-01"):
        given = datetime.combine(given.date(), otherwise)
    return given.replace(tzinfo=ZoneInfo(show.context.zone))


def _shown(show: Shown, listing_id: str) -> ListingOut:
    with reading(show.context.sessions) as session:
        viewer = show.organisation
        return doing.shown_all(session, [listings.shown_listing(session, listing_id, viewer)])[0]


def _own(show: Shown, listing_id: str) -> ListingOut:
    """Raises NotFoundError for another's."""
    actor = require(show.actor, Right.LIST)
    listing = _shown(show, listing_id)
    if listing.organisation != actor.organisation:
        raise NotFoundError
    return listing


def _as_form(show: Shown, listing: ListingOut) -> dict[str, str]:
    zone, details = ZoneInfo(show.context.zone), listing.details
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
