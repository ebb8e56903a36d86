"""What API and pages do with wanted notices and saved searches, each as one transaction, and how the API shows them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import NotFoundError
from sharing_platform.listings.records import listing_facts, shown_listing
from sharing_platform.machines.index import MachineIndex, entry_of
from sharing_platform.machines.offers import find_offer, visible_to
from sharing_platform.organisations.accounts import SignedIn
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.models import Organisation
from sharing_platform.organisations.permissions import Actor
from sharing_platform.search.criteria import Wish
from sharing_platform.search.schemas import Reason
from sharing_platform.wanted import answers, matching
from sharing_platform.wanted.models import Match, Search
from sharing_platform.wanted.schemas import (
    MatchedOut,
    MatchesOut,
    MatchOut,
    NoticeIn,
    NoticeOut,
    NoticePartOut,
    SearchIn,
    SearchOut,
)


def add(
    context: PlatformContext,
    index: MachineIndex,
    actor: Actor,
    person: SignedIn | None,
    kind: str,
    wanted: SearchIn,
) -> SearchOut:
    """Raises ConflictError, InvalidError."""
    now = context.now()
    with context.sessions.begin() as session:
        account = person.account.id if person is not None and actor.account is not None else None
        search = matching.add_search(session, actor.organisation, account, kind, wanted, now)
        parts = wanted.parts if isinstance(wanted, NoticeIn) else []
        made = [matching.add_part(session, search, part, position) for position, part in enumerate(parts)]
        # Matches that exist already are shown on its page; only later ones are notified.
        search.notify = "none"
        for one in made or [search]:
            matching.match_one(session, index, one, now, context.zone, context.url)
        for one in (search, *made):
            one.notify = wanted.notify
        log(session, now, actor, f"search.{kind}", search.id)
        return search_out(search, session.get_one(Organisation, actor.organisation))


def close(context: PlatformContext, actor: Actor, kind: str, search_id: str) -> None:
    """Raises NotFoundError."""
    with context.sessions.begin() as session:
        matching.close(matching.own_search(session, actor.organisation, (kind,), search_id))
        log(session, context.now(), actor, "search.closed", search_id)


def search_out(search: Search, organisation: Organisation) -> SearchOut:
    return SearchOut.model_validate(
        {
            "id": search.id, "organisation": organisation.id, "organisation_name": organisation.name,
            "title": search.title, "text": search.text, "wish": search.wish, "notify": search.notify,
            "status": search.status, "created": search.created, "part_count": len(search.parts),
        }
    )  # fmt: skip


def notice_out(session: Session, search: Search, organisation: Organisation) -> NoticeOut:
    """With its parts, and how many have answered each."""
    counted = answers.counts(session, [search.id, *(part.id for part in search.parts)])
    nobody = answers.Count(0, False)
    parts = [
        NoticePartOut(
            id=part.id,
            title=part.title,
            wish=Wish.model_validate(part.wish),
            answers=counted.get(part.id, nobody).answers,
            filled=counted.get(part.id, nobody).filled,
        )
        for part in search.parts
    ]
    shown = search_out(search, organisation).model_dump()
    return NoticeOut(**shown, answers=counted.get(search.id, nobody).answers, parts=parts)


def matches_out(session: Session, index: MachineIndex, found: list[Match], actor: Actor) -> MatchesOut:
    return MatchesOut(
        matches=[
            MatchOut(
                subject=match.subject,
                what=matched_out(session, index, match, actor),
                score=round(match.score, 4),
                reasons=[Reason.model_validate(why) for why in match.reasons],
                found=match.found,
            )
            for match in found
        ]
    )


def matched_out(session: Session, index: MachineIndex, match: Match, actor: Actor) -> MatchedOut | None:
    """None where it is gone, or no longer what the actor may see: matches of a closed search are kept as they were."""
    kind, _, public_id = match.subject.partition(":")
    if kind == "listing":
        return _listing_out(session, public_id, actor)
    offer = find_offer(session, public_id, None)
    if offer is None or not visible_to(offer, actor.viewer):
        return None
    entry = entry_of(offer, index.entries(session), actor.organisation)
    return MatchedOut(
        kind="machine",
        title=entry.document.title,
        machine=entry.machine,
        organisation=entry.factory,
        organisation_name=entry.factory_name,
        place=entry.document.place,
        start=offer.start,
        end=offer.end,
        price=offer.lowest_per_hour,
        price_unit="hour",
    )


def _listing_out(session: Session, listing_id: str, actor: Actor) -> MatchedOut | None:
    try:
        found = shown_listing(session, listing_id, actor.viewer)
    except NotFoundError:
        return None
    listing = found.listing
    return MatchedOut(
        kind=listing.kind,
        title=listing.title,
        machine=None,
        organisation=found.owner.id,
        organisation_name=found.owner.name,
        place=listing_facts(listing, found.owner).place,
        start=listing.start,
        end=listing.end,
        price=listing.price,
        price_unit=listing.price_unit,
    )
