"""For the region's administrator: organisations to approve, and what was done."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from sharing_platform.audit_sentences import write_sentences
from sharing_platform.database import read_session
from sharing_platform.errors import PlatformError
from sharing_platform.organisations import audit_log, directory, service
from sharing_platform.organisations.dependencies import Page, PageRequest
from sharing_platform.organisations.permissions import ASKED, Right, require
from sharing_platform.pages import FormData

router = APIRouter(include_in_schema=False)

_SHOWN = 500


@router.get("/region")
def get_region(page: Page) -> HTMLResponse:
    require(page.actor, Right.REGION)
    return _page(page)


@router.post("/region/organisations/{organisation_id}")
def post_decision(organisation_id: str, page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.REGION)
    try:
        service.decide(page.context, actor, organisation_id, form.get("approved") == "yes")
    except PlatformError as error:
        if error.status == 404:
            raise
        return _page(page, error)
    return page.redirect("/region", "saved")


def _page(page: PageRequest, error: PlatformError | None = None) -> HTMLResponse:
    with read_session(page.context.sessions) as session:
        found = directory.all_organisations(session, None, None, _SHOWN)
        waiting = [one for one in found if one.status == ASKED]
        values: dict[str, Any] = {
            "organisations": found,
            "resembling": directory.resembling_names(session, waiting),
            "audit": write_sentences(session, audit_log.entries(session, None, None, 50), page.translator),
        }
    return (
        page.render("region.html", **values)
        if error is None
        else page.render_form("region.html", error, {}, {}, **values)
    )
