"""Applying again, for an organisation that the region has refused."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from sharing_platform.database import read_session
from sharing_platform.errors import NotFoundError, PlatformError
from sharing_platform.organisations import particulars
from sharing_platform.organisations.api import organisation_out
from sharing_platform.organisations.dependencies import Page, PageRequest
from sharing_platform.organisations.models import Organisation
from sharing_platform.organisations.pages import COUNTRIES
from sharing_platform.organisations.permissions import Actor, Right, require
from sharing_platform.organisations.schemas import ApplicationIn
from sharing_platform.pages import Form, FormData, validate_form

router = APIRouter(include_in_schema=False)

_FIELDS = ("name", "country", "enterprise_number", "vat", "place", "address", "text")


@router.get("/organisation/application")
def get_application(page: Page) -> HTMLResponse:
    return _page(page, require(page.actor, Right.READ))


@router.post("/organisation/application")
def post_application(page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.READ)
    wanted, problems = validate_form(ApplicationIn, {name: form.get(name) for name in _FIELDS})
    if wanted is None:
        return _page(page, actor, None, form, problems)
    try:
        particulars.apply_again(page.context, actor, wanted)
    except PlatformError as error:
        return _page(page, actor, error, form)
    return page.redirect("/desk", "applied_again")


def _page(
    page: PageRequest,
    actor: Actor,
    error: PlatformError | None = None,
    form: Form | None = None,
    problems: dict[str, str] | None = None,
) -> HTMLResponse:
    """Filled in with what the region knows of it. Raises NotFoundError for an organisation that was not refused."""
    if not actor.refused:
        raise NotFoundError
    with read_session(page.context.sessions) as session:
        known = organisation_out(session.get_one(Organisation, actor.organisation))
    given = {name: str(value) for name, value in known.model_dump().items() if value is not None} | (form or {})
    values: dict[str, object] = {"organisation": known, "countries": COUNTRIES}
    return page.render_with_forms("application.html", error, given, problems, **values)
