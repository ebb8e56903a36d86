"""Routes of the HTTP API: what the region's administrators decide about reports and appeals."""

from __future__ import annotations

from fastapi import APIRouter
from sqlalchemy import select

from sharing_platform.dependencies import Context, ReadSession
from sharing_platform.errors import NotFoundError
from sharing_platform.moderation import service
from sharing_platform.moderation.api import decision_out
from sharing_platform.moderation.models import Report
from sharing_platform.moderation.schemas import AnswerIn, DecisionOut, ModerationIn, ReportOut, ReportPage
from sharing_platform.organisations.dependencies import Regional
from sharing_platform.parameters import Cursor, Limit, Uuid
from sharing_platform.problems import problems

router = APIRouter(prefix="/api/v1/region", tags=["moderation"])


@router.get("/reports", responses=problems(401, 403, 404, 422))
def get_reports(
    _: Regional, session: ReadSession, decided: bool = False, limit: Limit = 100, cursor: Cursor = None
) -> ReportPage:
    """Reports that wait, or those that are decided, the oldest first. `cursor`: the id of the last one."""
    query = select(Report).where(Report.decision_id.is_not(None) if decided else Report.decision_id.is_(None))
    if cursor is not None:
        last = session.get(Report, cursor)
        if last is None:
            raise NotFoundError
        query = query.where(
            (Report.created > last.created) | ((Report.created == last.created) & (Report.id > last.id))
        )
    found = list(session.scalars(query.order_by(Report.created, Report.id).limit(limit + 1)))
    shown = [report_out(one) for one in found[:limit]]
    return ReportPage(reports=shown, next=found[limit - 1].id if len(found) > limit else None)


@router.post("/reports/{report_id}/decision", status_code=201, responses=problems(401, 403, 404, 409, 422))
def post_decision(report_id: Uuid, wanted: ModerationIn, actor: Regional, context: Context) -> DecisionOut:
    """Take down what was reported, or leave it, with the reasons; answers all reports of it."""
    return decision_out(service.decide(context, actor, report_id, wanted), context.now())


@router.post("/decisions/{decision_id}/answer", responses=problems(401, 403, 404, 409, 422))
def post_answer(decision_id: Uuid, wanted: AnswerIn, actor: Regional, context: Context) -> DecisionOut:
    """Answer the appeal against a decision."""
    return decision_out(service.answer(context, actor, decision_id, wanted), context.now())


def report_out(report: Report) -> ReportOut:
    return ReportOut.model_validate(
        {
            "id": report.id, "kind": report.kind, "subject": report.subject, "page": report.page, "title": report.title, "organisation": report.owner,
            "category": report.category, "text": report.text, "reporter": report.email, "created": report.created, "decision": report.decision_id,
        }
    )  # fmt: skip
