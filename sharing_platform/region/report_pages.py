"""Pages for the region's administrator: reports and appeals in the order in which they came, and the decisions on them."""

from __future__ import annotations

from typing import Any, get_args

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sharing_platform.agreements.downloads import download
from sharing_platform.database import read_session
from sharing_platform.errors import NotFoundError, PlatformError
from sharing_platform.moderation import kinds, service
from sharing_platform.moderation.models import LEFT, Decision, Report
from sharing_platform.moderation.schemas import AnswerIn, Ground, ModerationIn
from sharing_platform.organisations.dependencies import Page, PageRequest
from sharing_platform.organisations.directory import names_of
from sharing_platform.organisations.permissions import Right, require
from sharing_platform.pages import Form, FormData, validate_form

router = APIRouter(include_in_schema=False)

_SHOWN = 100
GROUNDS = tuple(one for one in get_args(Ground) if one != "none")


def waiting(session: Session) -> int:
    """How many reports and appeals there are to answer."""
    reports = session.scalar(select(func.count()).where(Report.decision_id.is_(None))) or 0
    return reports + (session.scalar(select(func.count()).where(*_APPEALED)) or 0)


_APPEALED = (Decision.appealed.is_not(None), Decision.answered.is_(None))


@router.get("/region/reports")
def get_reports(page: Page) -> HTMLResponse:
    require(page.actor, Right.REGION)
    with read_session(page.context.sessions) as session:
        open_ones = select(Report).where(Report.decision_id.is_(None)).order_by(Report.created, Report.id)
        appeals = select(Decision).where(*_APPEALED).order_by(Decision.appealed, Decision.id)
        decided = select(Decision).order_by(Decision.at.desc(), Decision.id).limit(_SHOWN)
        reports, others = list(session.scalars(open_ones.limit(_SHOWN))), list(session.scalars(decided))
        names = names_of(session, {one.owner for one in reports} | {one.owner for one in others})
        return page.render(
            "region_reports.html", reports=reports, appeals=list(session.scalars(appeals.limit(_SHOWN))), decided=others, names=names
        )  # fmt: skip


@router.get("/region/reports/{report_id}")
def get_report(report_id: str, page: Page) -> HTMLResponse:
    require(page.actor, Right.REGION)
    return _report_page(page, report_id)


@router.post("/region/reports/{report_id}")
def post_decision(report_id: str, page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.REGION)
    outcome = form.get("outcome")
    ground = "none" if outcome == LEFT else form.get("ground")
    wanted, problems = validate_form(ModerationIn, {"outcome": outcome, "ground": ground, "text": form.get("text")})
    if wanted is None:
        return _report_page(page, report_id, None, form, problems)
    try:
        made = service.decide(page.context, actor, report_id, wanted)
    except PlatformError as error:
        if isinstance(error, NotFoundError):
            raise
        return _report_page(page, report_id, error, form)
    return page.redirect(f"/region/decisions/{made.id}", "saved")


def _report_page(
    page: PageRequest,
    report_id: str,
    error: PlatformError | None = None,
    form: Form | None = None,
    problems: dict[str, str] | None = None,
) -> HTMLResponse:
    with read_session(page.context.sessions) as session:
        report = session.get(Report, report_id)
        if report is None:
            raise NotFoundError
        same = select(Report).where(
            Report.kind == report.kind, Report.subject == report.subject, Report.decision_id.is_(None)
        )
        values: dict[str, Any] = {
            "report": report,
            "reports": list(session.scalars(same.order_by(Report.created, Report.id))),
            "content": kinds.read(session, report.kind, report.subject),
            "owner": names_of(session, {report.owner}).get(report.owner, report.owner),
            "grounds": [(one, page.translator(f"ground_{one}")) for one in GROUNDS],
        }
    return page.render_with_forms("region_report.html", error, form, problems, **values)


@router.get("/region/reported/{kind}/{subject}")
def get_reported_file(kind: str, subject: str, page: Page) -> Response:
    """A picture or a file that somebody has reported."""
    require(page.actor, Right.REGION)
    with read_session(page.context.sessions) as session:
        found = kinds.read_file(session, kind, subject)
    if kind == "picture":
        return Response(found.content, media_type=found.media_type, headers={"Cache-Control": "private, no-store"})
    return download(found.content, found.media_type, found.name)


@router.get("/region/decisions/{decision_id}")
def get_decision(decision_id: str, page: Page) -> HTMLResponse:
    require(page.actor, Right.REGION)
    return _decision_page(page, decision_id)


@router.post("/region/decisions/{decision_id}")
def post_answer(decision_id: str, page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.REGION)
    fields = {"outcome": form.get("outcome"), "ground": form.get("ground"), "text": form.get("text")}
    wanted, problems = validate_form(AnswerIn, fields)
    if wanted is None:
        return _decision_page(page, decision_id, None, form, problems)
    try:
        service.answer(page.context, actor, decision_id, wanted)
    except PlatformError as error:
        if isinstance(error, NotFoundError):
            raise
        return _decision_page(page, decision_id, error, form)
    return page.redirect(f"/region/decisions/{decision_id}", "saved")


def _decision_page(
    page: PageRequest,
    decision_id: str,
    error: PlatformError | None = None,
    form: Form | None = None,
    problems: dict[str, str] | None = None,
) -> HTMLResponse:
    with read_session(page.context.sessions) as session:
        decision = session.get(Decision, decision_id)
        if decision is None:
            raise NotFoundError
        values: dict[str, Any] = {
            "decision": decision,
            "reports": service.reports_of(session, decision),
            "content": kinds.read(session, decision.kind, decision.subject),
            "owner": names_of(session, {decision.owner}).get(decision.owner, decision.owner),
            "grounds": [(one, page.translator(f"ground_{one}")) for one in GROUNDS],
        }
    return page.render_with_forms("region_decision.html", error, form, problems, **values)
