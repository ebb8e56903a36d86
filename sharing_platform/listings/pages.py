"""Pages of operators, equipment, know-how and training. The page of one listing, with its request form, is among those of bookings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from starlette.datastructures import QueryParams

from sharing_platform.database import read_session
from sharing_platform.errors import InvalidError, NotFoundError, PlatformError
from sharing_platform.listings import service
from sharing_platform.listings.details import Condition, KnowHowForm, Language, Use
from sharing_platform.listings.filters import ListingFilter
from sharing_platform.listings.form import form_of_listing, listing_of_form, session_rows
from sharing_platform.listings.records import shown_listing
from sharing_platform.listings.schemas import ListingOut, PriceUnit
from sharing_platform.organisations.dependencies import Page, PageRequest
from sharing_platform.organisations.permissions import Right, require
from sharing_platform.pages import Form, FormData
from sharing_platform.search.events import SearchFoundNothing
from sharing_platform.search.form import fields_of, wish_of_form
from sharing_platform.search.neighbours import INCLUDED, NeighbourHit, get_neighbour_search
from sharing_platform.search.ranking import PreparedCriteria, prepare_criteria
from sharing_platform.search.vocabulary import process_choices

router = APIRouter(include_in_schema=False)

KINDS = ("operator", "equipment", "know_how", "training")
USES, CONDITIONS, FORMS, LANGUAGES = (get_args(one) for one in (Use, Condition, KnowHowForm, Language))
_MAX_SHOWN = 200
_OF_A_KIND = {
    "operator": ("control",), "equipment": ("use", "condition"), "know_how": ("form", "language"), "training": ("language", "has_places"),
}  # fmt: skip
"""The filters that only one kind has."""
_OF_ALL = ("q", "near", "within_km", "day", "last_day", "process", "certificate")


@router.get("/listings")
def get_listings(page: Page) -> HTMLResponse:
    asked = fields_of(page)
    kind = asked.get("kind") if asked.get("kind") in KINDS else None
    kept = {name: asked[name] for name in (*_OF_ALL, *_OF_A_KIND.get(kind or "", ())) if asked.get(name)}
    wish, problems = wish_of_form(QueryParams(kept))
    found: list[ListingOut] = []
    beyond: list[NeighbourHit] | None = None
    found_nothing: PreparedCriteria | None = None
    neighbours = get_neighbour_search(page.request)
    with read_session(page.context.sessions) as session:
        regions = neighbours.regions(session, page.now)
        try:
            criteria = prepare_criteria(wish.model_copy(update={"subject": kind or "machine"}))
            chosen = _filter_of(kept)
            if regions and asked.get(INCLUDED) == "yes":
                kinds = (kind,) if kind else KINDS
                beyond = neighbours.find(session, criteria, page.now, page.context.zone, kinds)
            results = service.search(session, page.context.occupancy, criteria, page.now, page.context.zone, chosen)
            found = service.listings_out(session, page.context.occupancy, results[:_MAX_SHOWN])
            if not results:
                found_nothing = service.sought_in_vain(
                    session, page.context.occupancy, criteria.wish, page.now, page.context.zone, chosen
                )
        except InvalidError as error:
            problems[error.field] = error.code
    if found_nothing is not None:
        page.context.events.publish(SearchFoundNothing(found_nothing, page.visitor, page.now))
    of_all = [(name, value) for name, value in kept.items() if name in _OF_ALL]
    return page.render(
        "listings.html",
        found=found,
        regions=regions,
        beyond=beyond,
        kind=kind,
        tabs=[(one, urlencode([*([("kind", one)] if one else []), *of_all])) for one in (None, *KINDS)],
        given=asked,
        problems=problems,
        filtered=bool(kept),
        **_choices(page),
    )


def _filter_of(asked: dict[str, str]) -> ListingFilter:
    """What is none of the choices counts for nothing."""

    def chosen(name: str, among: tuple[Any, ...]) -> Any:
        return asked.get(name) if asked.get(name) in among else None

    return ListingFilter(
        control=asked.get("control", "")[:60],
        use=chosen("use", USES),
        condition=chosen("condition", CONDITIONS),
        form=chosen("form", FORMS),
        language=chosen("language", LANGUAGES),
        has_places="has_places" in asked,
    )


_UNITS = {
    "operator": ("hour", "day", "free"), "equipment": ("day", "hour", "piece", "free"), "know_how": ("hour", "day", "piece", "free"),
    "training": ("place", "free"),
}  # fmt: skip


def _choices(page: PageRequest) -> dict[str, Any]:
    """What can be chosen in the forms, with its names."""
    t = page.translator

    def named(what: str, among: Iterable[str]) -> list[tuple[str, str]]:
        return [(one, t(f"{what}_{one}")) for one in among]

    return {
        "kinds": KINDS,
        "uses_named": named("use", USES),
        "conditions_named": named("condition", CONDITIONS),
        "forms_named": named("form", FORMS),
        "spoken_named": named("language", LANGUAGES),
        "processes_named": process_choices(t.language),
    }


@router.get("/listings/new")
def get_new(page: Page) -> HTMLResponse:
    require(page.actor, Right.LIST)
    asked = page.request.query_params.get("kind")
    given = {"waiting_list": "yes", "people": "1"}
    return page.render("listing_edit.html", listing=None, given=given, **_of_form(page, asked or "", given))


@router.post("/listings/new")
def post_new(page: Page, form: FormData) -> Response:
    return _put(page, form, None)


@router.get("/listings/{listing_id}/edit")
def get_edit(listing_id: str, page: Page) -> HTMLResponse:
    listing = _own(page, listing_id)
    given = form_of_listing(listing, ZoneInfo(page.context.zone))
    return page.render("listing_edit.html", listing=listing, given=given, **_of_form(page, listing.kind, given))


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


def _of_form(page: PageRequest, asked: str, given: Form) -> dict[str, Any]:
    """What the form of a kind shows beside its fields. `rows`: of sessions, with some to add."""
    kind = asked if asked in KINDS else KINDS[0]
    units = dict.fromkeys((*_UNITS[kind], given.get("price_unit") or _UNITS[kind][0]))
    known = set(get_args(PriceUnit))
    return {
        "kind": kind,
        "preview": None,
        "rows": session_rows(given),
        "units_named": [(one, page.translator(f"unit_{one}")) for one in units if one in known],
        **_choices(page),
    }


def _put(page: PageRequest, form: Form, listing: ListingOut | None) -> Response:
    actor = require(page.actor, Right.LIST)
    asked = listing.kind if listing else form.get("kind", "")
    values = {"listing": listing, **_of_form(page, asked, form)}
    wanted, problems = listing_of_form(values["kind"], form, ZoneInfo(page.context.zone))
    if wanted is None:
        return page.render_form("listing_edit.html", None, form, problems, **values)
    try:
        if form.get("preview"):
            preview = service.preview_listing(page.context, actor, wanted, listing.id if listing else None)
            return page.render("listing_edit.html", given=form, **{**values, "preview": preview})
        put = service.put_listing(page.context, actor, wanted, listing.id if listing else None, None)
    except PlatformError as error:
        return page.render_form("listing_edit.html", error, form, {}, **values)
    return page.redirect(f"/listings/{put.id}", "saved")


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
