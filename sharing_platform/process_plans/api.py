"""Route of the HTTP API: how a product can be made in the region."""

from __future__ import annotations

from fastapi import APIRouter, Request

from sharing_platform.dependencies import Context, ReadSession
from sharing_platform.machines.index import Index
from sharing_platform.organisations.dependencies import MaybeActor, visitor_of
from sharing_platform.organisations.permissions import viewer_of
from sharing_platform.problems import problems
from sharing_platform.process_plans import service
from sharing_platform.process_plans.schemas import ProcessPlanOut, ProductIn
from sharing_platform.search.events import SearchFoundNothing
from sharing_platform.unified_search.service import Searched

router = APIRouter(prefix="/api/v1/process-plans", tags=["searches"])


@router.post("", responses=problems(401, 422))
def post_process_plan(
    product: ProductIn, session: ReadSession, context: Context, index: Index, actor: MaybeActor, request: Request
) -> ProcessPlanOut:
    """For each step of a product the machines with free hours, the people, the courses and the know-how, and what is missing. Nothing is kept; a wanted notice
    with parts (`POST /api/v1/wanted`) says it to everybody."""
    searched = Searched(session, index, context.occupancy, context.now(), context.zone, viewer_of(actor))
    plan = service.propose(searched, product)
    session.close()  # what is counted needs a connection of its own, and no request waits for a second one
    for criteria in service.steps_in_vain(plan):
        context.events.publish(SearchFoundNothing(criteria, visitor_of(request, actor), searched.now))
    return plan
