"""Routes of the HTTP API: wanted notices, saved searches, and what matches them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from sharing_platform.dependencies import Context, ReadSession
from sharing_platform.machines.index import Index
from sharing_platform.organisations.dependencies import Asker, MaybeActor, MaybePerson, Reader
from sharing_platform.organisations.models import Organisation
from sharing_platform.organisations.permissions import organisation_of
from sharing_platform.parameters import Cursor, Limit, Uuid
from sharing_platform.problems import problems
from sharing_platform.wanted import answers, matching, service
from sharing_platform.wanted.matching import PART, SAVED, WANTED
from sharing_platform.wanted.schemas import (
    MatchesOut,
    NoticeAnswerIn,
    NoticeAnswerOut,
    NoticeAnswersOut,
    NoticeIn,
    NoticeOut,
    SearchIn,
    SearchOut,
    SearchPage,
)

router = APIRouter(prefix="/api/v1", tags=["searches"])


@router.get("/wanted", responses=problems(401, 404, 422))
def get_wanted(session: ReadSession, limit: Limit = 100, cursor: Cursor = None) -> SearchPage:
    """Wanted notices, the newest first."""
    found = matching.wanted_notices(session, cursor, limit + 1)
    following = found[limit - 1][0].id if len(found) > limit else None
    return SearchPage(searches=[service.search_out(*search) for search in found[:limit]], next=following)


@router.post("/wanted", status_code=201, responses=problems(401, 403, 409, 422))
def post_wanted(wanted: NoticeIn, actor: Asker, person: MaybePerson, context: Context, index: Index) -> SearchOut:
    """Post a wanted notice. It is matched at once, and again with new offers and listings; others see it once the organisation is approved."""
    return service.add(context, index, actor, person, WANTED, wanted)


@router.get("/wanted/{search_id}", responses=problems(401, 404))
def get_one_wanted(search_id: Uuid, session: ReadSession, actor: MaybeActor) -> NoticeOut:
    """One notice, with its parts."""
    return service.notice_out(session, *matching.wanted_notice(session, search_id, organisation_of(actor)))


@router.get("/wanted/{search_id}/answers", responses=problems(401, 403, 404))
def get_answers(search_id: Uuid, session: ReadSession, actor: Reader) -> NoticeAnswersOut:
    """The answers to a notice, or to a part of one: all of them for its owner, for others their own."""
    return answers.answers_out(session, actor, search_id)


@router.post("/wanted/{search_id}/answers", status_code=201, responses=problems(401, 403, 404, 409, 422, 429))
def post_answer(
    search_id: Uuid, wanted: NoticeAnswerIn, actor: Asker, person: MaybePerson, context: Context
) -> NoticeAnswerOut:
    """Answer a notice of another organisation, or a part of one; again, until its owner has said yes or no, to change the text."""
    return answers.answer(context, actor, person, search_id, wanted.text)


@router.put("/wanted/{search_id}/answers/{answer_id}", responses=problems(401, 403, 404, 409, 422))
def put_decision(
    search_id: Uuid, answer_id: Uuid, accepted: Annotated[bool, Query()], actor: Asker, context: Context
) -> NoticeAnswerOut:
    """Say yes or no to an answer. With a yes, both sides see each other's e-mail address."""
    return answers.decide(context, actor, search_id, answer_id, accepted)


@router.get("/wanted/{search_id}/matches", responses=problems(401, 403, 404))
def get_wanted_matches(search_id: Uuid, session: ReadSession, actor: Reader, index: Index) -> MatchesOut:
    """The matches of a notice of the caller's or of a part of one, the best first, with the reasons."""
    matching.own_search(session, actor.organisation, (WANTED, PART), search_id)
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
    matching.own_search(session, actor.organisation, (SAVED,), search_id)
    return service.matches_out(session, index, matching.matches(session, search_id), actor)


@router.delete("/searches/{search_id}", status_code=204, responses=problems(401, 403, 404))
def delete_search(search_id: Uuid, actor: Asker, context: Context) -> None:
    """Delete a saved search."""
    service.close(context, actor, SAVED, search_id)
