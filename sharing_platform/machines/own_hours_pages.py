"""The page on which a factory's people keep hours of a machine for themselves, or offer some by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from sharing_platform.database import read_session
from sharing_platform.errors import NotFoundError, PlatformError
from sharing_platform.machines import kept_hours, service
from sharing_platform.machines.models import Machine
from sharing_platform.machines.schemas import KeptHoursIn, OfferIn
from sharing_platform.organisations.dependencies import Page, PageRequest
from sharing_platform.organisations.permissions import Actor, Right, require
from sharing_platform.pages import Form, FormData, decimal_point, local_moment, validate_form

router = APIRouter(include_in_schema=False)

_TERMS = ("operator", "booking", "visibility")


@router.get("/machines/{factory}/{machine}/hours")
def get_own_hours(factory: str, machine: str, page: Page) -> HTMLResponse:
    return _page(page, require(page.actor, Right.OFFER), factory, machine)


@router.post("/machines/{factory}/{machine}/hours/keep")
def post_kept(factory: str, machine: str, page: Page, form: FormData) -> Response:
    actor = _own(page, factory, machine)
    wanted, problems = validate_form(KeptHoursIn, {"machine": machine, **_span(page, form)})
    if wanted is None:
        return _page(
            page, actor, factory, machine, None, {f"kept_{name}": code for name, code in problems.items()}, form
        )
    try:
        kept_hours.keep_hours(page.context, actor, wanted)
    except PlatformError as error:
        return _page(page, actor, factory, machine, error, {}, form)
    return page.redirect(f"/machines/{factory}/{machine}/hours", "saved")


@router.post("/machines/{factory}/{machine}/hours/offer")
def post_offered(factory: str, machine: str, page: Page, form: FormData) -> Response:
    actor = _own(page, factory, machine)
    fields: dict[str, Any] = {name: form.get(name) for name in _TERMS}
    fields |= {name: decimal_point(form.get(name)) for name in ("price_per_hour", "price_minimum", "minimum_hours")}
    fields |= {"factory": factory, "machine": machine, "by_hand": True, "probability": 0, "checked": 0, "broken": 0}
    wanted, problems = validate_form(OfferIn, fields | _span(page, form))
    if wanted is None:
        return _page(page, actor, factory, machine, None, problems, form)
    try:
        kept_hours.offer_by_hand(page.context, actor, wanted)
    except PlatformError as error:
        return _page(page, actor, factory, machine, error, {}, form)
    return page.redirect(f"/machines/{factory}/{machine}/hours", "saved")


@router.post("/machines/{factory}/{machine}/hours/release")
def post_released(factory: str, machine: str, page: Page, form: FormData) -> Response:
    kept_hours.release_hours(page.context, _own(page, factory, machine), form.get("id", ""))
    return page.redirect(f"/machines/{factory}/{machine}/hours", "saved")


@router.post("/machines/{factory}/{machine}/hours/withdraw")
def post_withdrawn(factory: str, machine: str, page: Page, form: FormData) -> Response:
    actor = _own(page, factory, machine)
    try:
        service.withdraw_offer(page.context, actor, form.get("id", ""), None)
    except NotFoundError:
        raise
    except PlatformError as error:
        return _page(page, actor, factory, machine, error, {}, form)
    return page.redirect(f"/machines/{factory}/{machine}/hours", "saved")


def _own(page: PageRequest, factory: str, machine: str) -> Actor:
    """Raises NotFoundError for another's machine, NotAllowedError for a member who may not."""
    actor = require(page.actor, Right.OFFER)
    with read_session(page.context.sessions) as session:
        _machine(session, actor, factory, machine)
    return actor


def _machine(session: Session, actor: Actor, factory: str, machine: str) -> Machine:
    known = session.get(Machine, (factory, machine))
    if known is None or factory != actor.organisation:
        raise NotFoundError
    return known


def _span(page: PageRequest, form: Form) -> dict[str, datetime | str]:
    """The start and the end of a form, which are local times; what is no time, as it is."""
    found: dict[str, datetime | str] = {}
    for name in ("start", "end"):
        given = form.get(name, "")
        try:
            found[name] = local_moment(given, page.context.zone)
        except ValueError:
            found[name] = given or "-"
    return found


def _page(
    page: PageRequest,
    actor: Actor,
    factory: str,
    machine: str,
    error: PlatformError | None = None,
    problems: dict[str, str] | None = None,
    form: Form | None = None,
) -> HTMLResponse:
    with read_session(page.context.sessions) as session:
        values: dict[str, Any] = {
            "machine": _machine(session, actor, factory, machine),
            "kept": kept_hours.kept_hours(session, factory, page.now, machine),
            "offered": kept_hours.offers_by_hand(session, factory, machine, page.now),
        }
    return page.render_with_forms(
        "own_hours.html", error, {"booking": "on_request"} if form is None else form, problems, **values
    )
