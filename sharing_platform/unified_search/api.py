"""Route of the HTTP API: a search over everything."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from sharing_platform.dependencies import Context, ReadSession
from sharing_platform.machines.index import Index
from sharing_platform.organisations.dependencies import MaybeActor, visitor_of
from sharing_platform.organisations.permissions import viewer_of
from sharing_platform.problems import problems
from sharing_platform.search.events import SearchFoundNothing
from sharing_platform.search.neighbours import MOST, get_neighbour_search
from sharing_platform.search.parameters import SearchFor
from sharing_platform.search.ranking import prepare_criteria
from sharing_platform.unified_search import service
from sharing_platform.unified_search.schemas import NeighbourSection, SearchResults

router = APIRouter(prefix="/api/v1/search", tags=["searches"])


@router.get("", responses=problems(401, 422))
def get_search(
    session: ReadSession,
    context: Context,
    index: Index,
    actor: MaybeActor,
    wish: SearchFor,
    request: Request,
    limit: Annotated[int, Query(ge=0, le=50, description="Of each kind.")] = 10,
    neighbours: Annotated[bool, Query(description="Also in neighbouring regions.")] = False,
) -> SearchResults:
    """Machines with free hours, people, equipment, know-how, training, wanted notices, success stories, meetings, wanted training and questions that fit, with how many there are of each."""
    searched = service.Searched(session, index, context.occupancy, context.now(), context.zone, viewer_of(actor))
    found = service.search_everything(searched, wish, limit)
    if neighbours:
        hits = get_neighbour_search(request).find(
            session, prepare_criteria(wish), searched.now, searched.zone, service.EVERY_KIND
        )
        shown = [service.neighbour_out(hit) for hit in hits[:limit]]
        found.neighbours = NeighbourSection(count=len(hits), more=len(hits) == MOST, found=shown)
    criteria = service.sought_in_vain(searched, found, wish)
    if criteria is not None:
        session.close()  # what is counted needs a connection of its own, and no request waits for a second one
        context.events.publish(SearchFoundNothing(criteria, visitor_of(request, actor), searched.now))
    return found
