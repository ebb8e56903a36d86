"""Wanted notices and saved searches, and what fits them."""

from __future__ import annotations

from fastapi import APIRouter

from sharing_platform.api.answers import Cursor, Limit, Uuid, problems
from sharing_platform.context import Asker, Context, MaybeActor, MaybePerson, PlatformContext, Reader, Reading
from sharing_platform.finding import searches
from sharing_platform.finding.messages import MatchesOut, MatchOut, SearchIn, SearchOut, SearchPage
from sharing_platform.finding.searches import SAVED, WANTED
from sharing_platform.finding.tables import Match, Search
from sharing_platform.messages import Reason
from sharing_platform.people.access import Actor
from sharing_platform.people.accounts import SignedIn
from sharing_platform.people.audit import log
from sharing_platform.people.tables import Organisation

router = APIRouter(prefix="/api/v1", tags=["searches"])


@router.get("/wanted", responses=problems(401, 404, 422))
def get_wanted(session: Reading, limit: Limit = 100, cursor: Cursor = None) -> SearchPage:
    """What others look for, the newest first."""
    found = searches.wanted_notices(session, cursor, limit + 1)
    following = found[limit - 1][0].id if len(found) > limit else None
    return SearchPage(searches=[search_out(*one) for one in found[:limit]], next=following)


@router.post("/wanted", status_code=201, responses=problems(401, 403, 409, 422))
def post_wanted(wanted: SearchIn, actor: Asker, person: MaybePerson, context: Context) -> SearchOut:
    """Say what is needed. It is matched at once, and again with everything new; others see it once the organisation is approved."""
    return add(context, actor, person, WANTED, wanted)


@router.get("/wanted/{search_id}", responses=problems(401, 404))
def get_one_wanted(search_id: Uuid, session: Reading, actor: MaybeActor) -> SearchOut:
    """One notice."""
    return search_out(*searches.wanted_notice(session, search_id, actor.organisation if actor else None))


@router.get("/wanted/{search_id}/matches", responses=problems(401, 403, 404))
def get_wanted_matches(search_id: Uuid, session: Reading, actor: Reader) -> MatchesOut:
    """What fits one's own notice, the best first, and why."""
    searches.own_search(session, actor.organisation, WANTED, search_id)
    return matches_out(searches.matches(session, search_id))


@router.delete("/wanted/{search_id}", status_code=204, responses=problems(401, 403, 404))
def delete_wanted(search_id: Uuid, actor: Asker, context: Context) -> None:
    """Take one's notice back."""
    close(context, actor, WANTED, search_id)


@router.get("/searches", responses=problems(401, 403))
def get_searches(session: Reading, actor: Reader) -> SearchPage:
    """One's saved searches."""
    own = session.get_one(Organisation, actor.organisation)
    found = searches.searches_of(session, actor.organisation, SAVED)
    return SearchPage(searches=[search_out(one, own) for one in found], next=None)


@router.post("/searches", status_code=201, responses=problems(401, 403, 409, 422))
def post_search(wanted: SearchIn, actor: Asker, person: MaybePerson, context: Context) -> SearchOut:
    """Save a search: what is new is told by e-mail or webhook."""
    return add(context, actor, person, SAVED, wanted)


@router.get("/searches/{search_id}/matches", responses=problems(401, 403, 404))
def get_search_matches(search_id: Uuid, session: Reading, actor: Reader) -> MatchesOut:
    """What it found."""
    searches.own_search(session, actor.organisation, SAVED, search_id)
    return matches_out(searches.matches(session, search_id))


@router.delete("/searches/{search_id}", status_code=204, responses=problems(401, 403, 404))
def delete_search(search_id: Uuid, actor: Asker, context: Context) -> None:
    """Forget it."""
    close(context, actor, SAVED, search_id)


def add(context: PlatformContext, actor: Actor, person: SignedIn | None, kind: str, wanted: SearchIn) -> SearchOut:
    """Raises ConflictError, InvalidError."""
    now = context.now()
    with context.sessions.begin() as session:
        account = person.account.id if person is not None and actor.account is not None else None
        search = searches.add_search(session, actor.organisation, account, kind, wanted, now)
        # What is there already is shown on its page; a message is for what comes later.
        told, search.notify = search.notify, "none"
        searches.match_one(session, context.catalogue, search, now, context.zone, context.url)
        search.notify = told
        log(session, now, actor, f"search.{kind}", search.id)
        return search_out(search, session.get_one(Organisation, actor.organisation))


def close(context: PlatformContext, actor: Actor, kind: str, search_id: str) -> None:
    """Raises NotFoundError."""
    with context.sessions.begin() as session:
        searches.close(searches.own_search(session, actor.organisation, kind, search_id))
        log(session, context.now(), actor, "search.closed", search_id)


def search_out(search: Search, organisation: Organisation) -> SearchOut:
    return SearchOut.model_validate(
        {
            "id": search.id, "organisation": organisation.id, "organisation_name": organisation.name,
            "title": search.title, "text": search.text, "wish": search.wish, "notify": search.notify,
            "status": search.status, "created": search.created,
        }
    )  # fmt: skip


def matches_out(found: list[Match]) -> MatchesOut:
    return MatchesOut(
        matches=[
            MatchOut(
                subject=one.subject,
                score=round(one.score, 4),
                reasons=[Reason.model_validate(why) for why in one.reasons],
                found=one.found,
            )
            for one in found
        ]
    )
