"""For the region's administrator: organisations to approve, and what was done."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from sharing_platform.database import reading
from sharing_platform.errors import PlatformError
from sharing_platform.pages.shown import Filled, Showing, Shown
from sharing_platform.people import acting, audit, organisations
from sharing_platform.people.access import Right, require

router = APIRouter(include_in_schema=False)

_SHOWN = 500


@router.get("/region")
def get_region(show: Showing) -> HTMLResponse:
    require(show.actor, Right.REGION)
    return _page(show)


@router.post("/region/organisations/{organisation_id}")
def post_decision(organisation_id: str, show: Showing, form: Filled) -> Response:
    actor = require(show.actor, Right.REGION)
    try:
        acting.decide(show.context, actor, organisation_id, form.get("approved") == "yes")
    except PlatformError as error:
        if error.status == 404:
            raise
        return _page(show, error)
    return show.to("/region", "saved")


def _page(show: Shown, error: PlatformError | None = None) -> HTMLResponse:
    with reading(show.context.sessions) as session:
        found = organisations.all_organisations(session, None, None, _SHOWN)
        values: dict[str, Any] = {"organisations": found, "audit": audit.entries(session, None, None, 50)}
    return show.page("region.html", **values) if error is None else show.again("region.html", error, {}, {}, **values)
