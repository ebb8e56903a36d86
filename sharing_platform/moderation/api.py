"""Routes of the HTTP API: reports by anybody, decisions on one's own content, and the counts that anybody may read."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from sqlalchemy import select

from sharing_platform.dependencies import Context, ReadSession, client_address
from sharing_platform.moderation import service, transparency
from sharing_platform.moderation.models import TAKEN_DOWN, Decision
from sharing_platform.moderation.schemas import AppealIn, DecisionOut, DecisionsOut, ReportIn, TransparencyOut
from sharing_platform.organisations.dependencies import Asker, MaybeActor, MaybePerson, Reader
from sharing_platform.parameters import Uuid
from sharing_platform.problems import problems

router = APIRouter(prefix="/api/v1", tags=["moderation"])

_SHOWN = 100


@router.post("/reports", status_code=202, responses=problems(401, 404, 409, 422, 429))
def post_report(wanted: ReportIn, actor: MaybeActor, person: MaybePerson, context: Context, request: Request) -> None:
    """Report what stands on a page. Who gave an address is told what becomes of it."""
    service.report(context, actor, person if actor and actor.account else None, wanted, client_address(request))


@router.get("/decisions", responses=problems(401, 403))
def get_decisions(actor: Reader, session: ReadSession, context: Context) -> DecisionsOut:
    """What of one's organisation was taken down, with the reasons."""
    query = select(Decision).where(Decision.owner == actor.organisation, Decision.outcome == TAKEN_DOWN)
    found = session.scalars(query.order_by(Decision.at.desc(), Decision.id).limit(_SHOWN))
    return DecisionsOut(decisions=[decision_out(one, context.now()) for one in found])


@router.post("/decisions/{decision_id}/appeal", responses=problems(401, 403, 404, 409, 422))
def post_appeal(decision_id: Uuid, wanted: AppealIn, actor: Asker, context: Context) -> DecisionOut:
    """Say why it is wrong: once, within six months."""
    return decision_out(service.appeal(context, actor, decision_id, wanted.text), context.now())


@router.get("/transparency", responses=problems(422))
def get_transparency(
    session: ReadSession, context: Context, year: Annotated[int | None, Query(ge=2000, le=2200)] = None
) -> TransparencyOut:
    """How many reports, decisions and appeals there were, and how long they took; of this year, where none is given."""
    return transparency.counts(session, year or context.now().year, context.zone)


def decision_out(decision: Decision, now: datetime) -> DecisionOut:
    given = {name: getattr(decision, name) for name in DecisionOut.model_fields if name != "appeal_until"}
    return DecisionOut.model_validate({**given, "appeal_until": service.appeal_until(decision, now)})
