"""Pages: report something, follow one's report, read why something of one's own was taken down and appeal, and the counts."""

from __future__ import annotations

from typing import Any, get_args

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from sharing_platform.database import read_session
from sharing_platform.dependencies import client_address
from sharing_platform.errors import NotFoundError, PlatformError
from sharing_platform.moderation import kinds, service, transparency
from sharing_platform.moderation.models import TAKEN_DOWN, Decision, Report
from sharing_platform.moderation.schemas import AppealIn, Category, ReportIn
from sharing_platform.notifications.signed_links import LinkTo, value_of
from sharing_platform.organisations.dependencies import Page, PageRequest
from sharing_platform.organisations.permissions import Actor, Right, require
from sharing_platform.pages import Form, FormData, validate_form

router = APIRouter(include_in_schema=False)

_STATUS = "/report/status"
_FIELDS = ("page", "category", "text", "name", "email")


@router.get("/report")
def get_report(page: Page) -> HTMLResponse:
    asked = page.request.query_params.get("page", "")[:200]
    return page.render("report.html", given={"page": asked}, **_values(page, asked))


@router.post("/report")
def post_report(page: Page, form: FormData) -> Response:
    fields = {name: form.get(name) for name in _FIELDS}
    wanted, problems = validate_form(ReportIn, {**fields, "language": page.language})
    if wanted is None:
        return page.render_form("report.html", None, form, problems, **_values(page, form.get("page", "")))
    try:
        service.report(page.context, page.actor, page.person, wanted, client_address(page.request))
    except PlatformError as error:
        if isinstance(error, NotFoundError):
            raise
        return page.render_form("report.html", error, form, {}, **_values(page, wanted.page))
    about = _values(page, wanted.page)["about"]
    return page.render("report_sent.html", answered=bool(page.person or wanted.email), about=about)


def _values(page: PageRequest, path: str) -> dict[str, Any]:
    """`choices`: the whole page, and single things on it. Raises NotFoundError where nothing that can be reported stands there for this visitor."""
    with read_session(page.context.sessions) as session:
        about, choices = kinds.choices_on(session, path, page.actor, page.now)
    return {"about": about, "choices": choices, "categories": get_args(Category), "guest": page.person is None}


@router.get("/reports/{token}")
def get_report_link(token: str, page: Page) -> Response:
    return page.keep_link(token, _STATUS)


@router.get(_STATUS)
def get_status(page: Page) -> HTMLResponse:
    with read_session(page.context.sessions) as session:
        return _status_page(page, session)


@router.post(_STATUS)
def post_reporters_appeal(page: Page, form: FormData) -> Response:
    with read_session(page.context.sessions) as session:
        report = _followed(page, session)
        wanted, problems = validate_form(AppealIn, {"text": form.get("text")})
        if wanted is None:
            return _status_page(page, session, None, form, problems)
    try:
        service.appeal_as_reporter(page.context, report.id, wanted.text)
    except PlatformError as error:
        with read_session(page.context.sessions) as session:
            return _status_page(page, session, error, form)
    return page.redirect(_STATUS, "appealed")


def _followed(page: PageRequest, session: Session) -> Report:
    """Raises NotFoundError."""
    found = session.get(Report, value_of(session, LinkTo.REPORT, page.link))
    if found is None:
        raise NotFoundError("link")
    return found


def _status_page(
    page: PageRequest,
    session: Session,
    error: PlatformError | None = None,
    form: Form | None = None,
    problems: dict[str, str] | None = None,
) -> HTMLResponse:
    report = _followed(page, session)
    decision = session.get(Decision, report.decision_id) if report.decision_id is not None else None
    until = (
        service.appeal_until(decision, page.now) if decision is not None and decision.outcome != TAKEN_DOWN else None
    )
    about = kinds.page_of(report.page)
    values: dict[str, object] = {"report": report, "about": about, "decision": decision, "until": until}
    return page.render_with_forms("report_status.html", error, form, problems, **values)


@router.get("/decisions/{decision_id}")
def get_decision(decision_id: str, page: Page) -> HTMLResponse:
    return _decision_page(page, require(page.actor, Right.READ), decision_id)


@router.post("/decisions/{decision_id}")
def post_appeal(decision_id: str, page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.ASK)
    wanted, problems = validate_form(AppealIn, {"text": form.get("text")})
    if wanted is None:
        return _decision_page(page, actor, decision_id, None, form, problems)
    try:
        service.appeal(page.context, actor, decision_id, wanted.text)
    except PlatformError as error:
        if isinstance(error, NotFoundError):
            raise
        return _decision_page(page, actor, decision_id, error, form)
    return page.redirect(f"/decisions/{decision_id}", "appealed")


def _decision_page(
    page: PageRequest,
    actor: Actor,
    decision_id: str,
    error: PlatformError | None = None,
    form: Form | None = None,
    problems: dict[str, str] | None = None,
) -> HTMLResponse:
    """For the organisation whose content it is about."""
    with read_session(page.context.sessions) as session:
        decision = session.get(Decision, decision_id)
        if decision is None or decision.owner != actor.organisation or decision.outcome != TAKEN_DOWN:
            raise NotFoundError
        content = kinds.read(session, decision.kind, decision.subject)
        values: dict[str, object] = {
            "decision": decision, "until": service.appeal_until(decision, page.now), "content": content,
        }  # fmt: skip
    return page.render_with_forms("decision.html", error, form, problems, **values)


@router.get("/transparency")
def get_transparency(page: Page) -> HTMLResponse:
    asked = page.request.query_params.get("year", "")
    year = int(asked) if asked.isdecimal() and 2000 <= int(asked[:5]) <= 2200 else page.now.year
    with read_session(page.context.sessions) as session:
        return page.render("transparency.html", counts=transparency.counts(session, year, page.context.zone))
