"""For the region's administrator: neighbouring regions, their keys, and whether they are in touch."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from sharing_platform.errors import PlatformError
from sharing_platform.federation import neighbours
from sharing_platform.federation.feed import unshared
from sharing_platform.federation.keys import fingerprint, make_own_key
from sharing_platform.federation.models import AGREED, ENDED, Neighbour
from sharing_platform.federation.neighbours import NeighbourIn
from sharing_platform.federation.transport import own_address
from sharing_platform.organisations.dependencies import Page, PageRequest
from sharing_platform.organisations.permissions import Right, require
from sharing_platform.pages import Form, FormData, validate_form

router = APIRouter(include_in_schema=False)


@router.get("/region/neighbours")
def get_neighbours(page: Page) -> HTMLResponse:
    require(page.actor, Right.REGION)
    return _neighbours_page(page)


@router.post("/region/neighbours")
def post_neighbour(page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.REGION)
    wanted, problems = validate_form(NeighbourIn, {name: form.get(name) for name in NeighbourIn.model_fields})
    if wanted is None:
        return _neighbours_page(page, None, form, problems)
    try:
        made = neighbours.add(page.context, actor, wanted)
    except PlatformError as error:
        return _neighbours_page(page, error, form)
    return page.redirect(f"/region/neighbours/{made}")


@router.get("/region/neighbours/{neighbour_id}")
def get_neighbour(neighbour_id: str, page: Page) -> HTMLResponse:
    require(page.actor, Right.REGION)
    return _neighbour_page(page, neighbour_id)


@router.post("/region/neighbours/{neighbour_id}")
def post_neighbour_step(neighbour_id: str, page: Page, form: FormData) -> Response:
    """Agree once the fingerprint has been compared, or end the exchange."""
    actor = require(page.actor, Right.REGION)
    if form.get("end") == "yes":
        neighbours.end_here(page.context, actor, neighbour_id)
    elif form.get("compared") != "yes":
        return _neighbour_page(page, neighbour_id, {"compared": "compare_first"})
    else:
        neighbours.agree(page.context, actor, neighbour_id)
    return page.redirect(f"/region/neighbours/{neighbour_id}", "saved")


def _neighbours_page(
    page: PageRequest,
    error: PlatformError | None = None,
    form: Form | None = None,
    problems: dict[str, str] | None = None,
) -> HTMLResponse:
    with page.context.sessions.begin() as session:
        own, known = make_own_key(session), neighbours.all_neighbours(session)
        values: dict[str, Any] = {
            "own_address": own_address(page.context.url),
            "own_key": own.public_text,
            "own_fingerprint": fingerprint(own.public_text),
            "found": [(one, _status(one, page)) for one in known],
            "counts": neighbours.count_items(session),
            "unshared": unshared(session) if any(one.state == AGREED for one in known) else {},
        }
        return page.render_with_forms("region_neighbours.html", error, form, problems, **values)


def _neighbour_page(page: PageRequest, neighbour_id: str, problems: dict[str, str] | None = None) -> HTMLResponse:
    with page.context.sessions.begin() as session:
        neighbour = neighbours.find(session, neighbour_id)
        own = make_own_key(session)
        values: dict[str, Any] = {
            "neighbour": neighbour,
            "standing": _status(neighbour, page),
            "own_fingerprint": fingerprint(own.public_text),
            "fingerprint": fingerprint(neighbour.public_key),
            "count": neighbours.count_items(session).get(neighbour.id, 0),
        }
        return page.render_with_forms("region_neighbour.html", None, {}, problems, **values)


def _status(neighbour: Neighbour, page: PageRequest) -> str:
    """The end of a translation's name."""
    if neighbour.state == ENDED:
        return "ended_there" if neighbour.ended_there else "ended"
    if neighbour.state != AGREED:
        return "added"
    if neighbour.trouble:
        return neighbour.trouble
    return "in_touch" if neighbours.is_shown(neighbour, page.now) else "waiting"
