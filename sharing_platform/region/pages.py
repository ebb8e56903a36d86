"""For the region's administrator: applications to decide on, all organisations, and the log."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from sharing_platform.audit_sentences import write_sentences
from sharing_platform.database import read_session
from sharing_platform.errors import PlatformError
from sharing_platform.organisations import audit_log, directory, service
from sharing_platform.organisations.audit_log import LogFilter
from sharing_platform.organisations.dependencies import Page, PageRequest
from sharing_platform.organisations.permissions import APPROVED, ASKED, REFUSED, Right, require
from sharing_platform.organisations.schemas import DecisionIn
from sharing_platform.pages import Form, FormData, validate_form
from sharing_platform.region.applications import read_application
from sharing_platform.region.exports import EXPORTS
from sharing_platform.region.report_pages import waiting as waiting_reports

router = APIRouter(include_in_schema=False)

STATUSES = (ASKED, APPROVED, REFUSED)
LOG_KINDS = (
    "account", "organisation", "member", "invitation", "booking", "machine", "listing", "search", "token", "webhook", "feed", "passkey", "identity", "region", "content", "appeal", "page", "waiting",
    "learning", "neighbour",
)  # fmt: skip
"""The first parts of the names of actions."""
_WAITING_SHOWN = 200
_SHOWN = 50
_NEWEST = 20


@router.get("/region/administration")
def get_region(page: Page) -> HTMLResponse:
    require(page.actor, Right.REGION)
    with read_session(page.context.sessions) as session:
        waiting = directory.all_organisations(session, ASKED, None, _WAITING_SHOWN)
        newest = audit_log.entries(session, None, _NEWEST)
        return page.render(
            "region.html",
            waiting=sorted(waiting, key=lambda one: (one.created, one.id)),
            resembling=directory.resembling_names(session, waiting),
            reports=waiting_reports(session),
            exports=EXPORTS,
            this_year=page.now.year,
            audit=write_sentences(session, newest, page.translator),
        )


@router.get("/region/organisations")
def get_organisations(page: Page) -> HTMLResponse:
    require(page.actor, Right.REGION)
    asked = page.request.query_params
    status = asked.get("status") if asked.get("status") in STATUSES else None
    words = asked.get("q", "")[:200]
    with read_session(page.context.sessions) as session:
        found = directory.all_organisations(session, status, asked.get("after") or None, _SHOWN + 1, words)
        resembling = directory.resembling_names(session, [one for one in found if one.status == ASKED])
    following = {"q": words, "status": status or "", "after": found[_SHOWN - 1].id} if len(found) > _SHOWN else None
    return page.render(
        "region_organisations.html",
        found=found[:_SHOWN],
        resembling=resembling,
        statuses=STATUSES,
        given={"q": words, "status": status or ""},
        following=urlencode(following) if following else None,
    )


@router.get("/region/organisations/{organisation_id}")
def get_organisation(organisation_id: str, page: Page) -> HTMLResponse:
    require(page.actor, Right.REGION)
    return _organisation_page(page, organisation_id)


@router.post("/region/organisations/{organisation_id}")
def post_decision(organisation_id: str, page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.REGION)
    fields = {"approved": form.get("approved") == "yes", "reason": form.get("reason")}
    wanted, problems = validate_form(DecisionIn, fields)
    if wanted is None:
        return _organisation_page(page, organisation_id, None, form, problems)
    try:
        service.decide(page.context, actor, organisation_id, wanted)
    except PlatformError as error:
        if error.status == 404:
            raise
        return _organisation_page(page, organisation_id, error, form)
    return page.redirect(f"/region/organisations/{organisation_id}", "saved")


def _organisation_page(
    page: PageRequest,
    organisation_id: str,
    error: PlatformError | None = None,
    form: Form | None = None,
    problems: dict[str, str] | None = None,
) -> HTMLResponse:
    with read_session(page.context.sessions) as session:
        application = read_application(session, organisation_id)
        history = write_sentences(session, application.history, page.translator)
        values: dict[str, Any] = {
            "application": application, "organisation": application.organisation, "history": history,
        }  # fmt: skip
        return page.render_with_forms("region_organisation.html", error, form, problems, **values)


@router.get("/region/log")
def get_log(page: Page) -> HTMLResponse:
    require(page.actor, Right.REGION)
    asked = page.request.query_params
    words, kind = asked.get("q", "")[:200], asked.get("kind") if asked.get("kind") in LOG_KINDS else None
    first, last = _day(asked.get("first_day")), _day(asked.get("last_day"))
    zone = ZoneInfo(page.context.zone)
    wanted = LogFilter(words, kind, _begin(first, zone), _begin(last + timedelta(days=1), zone) if last else None)
    before = asked.get("before", "")
    with read_session(page.context.sessions) as session:
        number = int(before) if before.isdecimal() and len(before) < 10 else None
        found = audit_log.search(session, wanted, number, _SHOWN + 1)
        audit = write_sentences(session, found[:_SHOWN], page.translator)
    given = {
        "q": words, "kind": kind or "", "first_day": first.isoformat() if first else "", "last_day": last.isoformat() if last else "",
    }  # fmt: skip
    following = urlencode({**given, "before": found[_SHOWN - 1].id}) if len(found) > _SHOWN else None
    return page.render("region_log.html", audit=audit, kinds=LOG_KINDS, given=given, following=following)


def _day(text: str | None) -> date | None:
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return None
    return day if 2000 <= day.year <= 2200 else None


def _begin(day: date | None, zone: ZoneInfo) -> datetime | None:
    return datetime.combine(day, time(0), zone) if day is not None else None
