"""Routes of the HTTP API: wanted notices, saved searches, and what matches them."""

from __future__ import annotations

from fastapi import APIRouter

from sharing_platform.dependencies import Context, ReadSession
from sharing_platform.machines.index import Index
from sharing_platform.organisations.dependencies import Asker, MaybeActor, MaybePerson, Reader
from sharing_platform.organisations.models import Organisation
from sharing_platform.organisations.permissions import organisation_of
from sharing_platform.parameters import Cursor, Limit, Uuid
from sharing_platform.problems import problems
from sharing_platform.wanted import matching, service
from sharing_platform.wanted.matching import SAVED, WANTED
from sharing_platform.wanted.schemas import MatchesOut, SearchIn, SearchOut, SearchPage

router = APIRouter(prefix="/api/v1", tags=["searches"])


@router.get("/wanted", responses=problems(401, 404, 422))
def get_wanted(session: ReadSession, limit: Limit = 100, cursor: Cursor = None) -> SearchPage:
    """Wanted notices, the newest first."""
    found = matching.wanted_notices(session, cursor, limit + 1)
    following = found[limit - 1][0].id if len(found) > limit else None
    return SearchPage(searches=[service.search_out(*search) for search in found[:limit]], next=following)


@router.post("/wanted", status_code=201, responses=problems(401, 403, 409, 422))
def post_wanted(wanted: SearchIn, actor: Asker, person: MaybePerson, context: Context, index: Index) -> SearchOut:
    """Post a wanted notice. It is matched at once, and again with new offers and listings; others see it once the organisation is approved."""
    return service.add(context, index, actor, person, WANTED, wanted)


@router.get("/wanted/{search_id}", responses=problems(401, 404))
def get_one_wanted(search_id: Uuid, session: ReadSession, actor: MaybeActor) -> SearchOut:
    """One notice."""
    return service.search_out(*matching.wanted_notice(session, search_id, organisation_of(actor)))


@router.get("/wanted/{search_id}/matches", responses=problems(401, 403, 404))
def get_wanted_matches(search_id: Uuid, session: ReadSession, actor: Reader, index: Index) -> MatchesOut:
    """The matches of a notice of the caller's, the best first, with the reasons."""
    matching.own_search(session, actor.organisation, WANTED, search_id)
    return service.matches_out(session, index, matching.matches(session, search_id), actor)


@router.delete("/wanted/{search_id}", status_code=204, responses=problems(401, 403, 404))
def delete_wanted(search_id: Uuid, actor: Asker, context: Context) -> None:
    """Close a notice of the caller's."""
    service.close(context, actor, WANTED, search_id)


@router.get("/searches", responses=problems(401, 403))
def get_searches(session: ReadSession, actor: Reader) -> SearchPage:
    """The saved searches of the caller's organisation."""
    organisation = session.get_one(Organisation, actor.organisation)
    found = matching.searches_of(session, actor.organisation, SAVED)
    return SearchPage(searches=[service.search_out(search, organisation) for search in found], next=None)


@router.post("/searches", status_code=201, responses=problems(401, 403, 409, 422))
def post_search(wanted: SearchIn, actor: Asker, person: MaybePerson, context: Context, index: Index) -> SearchOut:
    """Save a search. New matches are notified by e-mail or webhook."""
    return service.add(context, index, actor, person, SAVED, wanted)


@router.get("/searches/{search_id}/matches", responses=problems(401, 403, 404))
def get_search_matches(search_id: Uuid, session: ReadSession, actor: Reader, index: Index) -> MatchesOut:
    """The matches of a saved search, the best first."""
    matching.own_search(session, actor.organisation, SAVED, search_id)
    return service.matches_out(session, index, matching.matches(session, search_id), actor)


@router.delete("/searches/{search_id}", status_code=204, responses=problems(401, 403, 404))
def delete_search(search_id: Uuid, actor: Asker, context: Context) -> None:
    """Delete a saved search."""
    service.close(context, actor, SAVED, search_id)
