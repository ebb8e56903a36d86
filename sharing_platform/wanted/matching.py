"""Wanted notices and saved searches, and their matches. Matching runs periodically; each match is notified once."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from sharing_platform.errors import ConflictError, NotFoundError
from sharing_platform.i18n import Translator
from sharing_platform.listings.records import find_listings
from sharing_platform.machines.index import MachineIndex
from sharing_platform.machines.offer_search import find_offers
from sharing_platform.notifications import webhooks
from sharing_platform.notifications.mail import queue_mail
from sharing_platform.organisations.models import Account, Organisation
from sharing_platform.organisations.permissions import APPROVED
from sharing_platform.search.criteria import Wish
from sharing_platform.search.ranking import Ranking, prepare_criteria
from sharing_platform.wanted.models import CLOSED, OPEN, Match, Search
from sharing_platform.wanted.schemas import NoticePartIn, SearchIn

WANTED, SAVED, PART = "wanted", "saved", "part"
"""What `Search.kind` can be."""
_MAX_SEARCHES = 100
_MOST_MATCHES = 50
_TOLD_IN_A_MAIL = 10


@dataclass(frozen=True)
class _Found:
    """What an e-mail says of a match."""

    ranking: Ranking
    title: str
    start: datetime
    end: datetime


def add_search(
    session: Session, organisation: str, account: str | None, kind: str, given: SearchIn, now: datetime
) -> Search:
    """Raises ConflictError beyond a hundred, InvalidError where its place is not known."""
    prepare_criteria(given.wish)
    count = select(func.count()).where(Search.organisation_id == organisation, Search.status == OPEN)
    if (session.scalar(count) or 0) >= _MAX_SEARCHES:
        raise ConflictError("too_many_searches")
    search = Search(
        id=str(uuid.uuid4()), organisation_id=organisation, account_id=account, kind=kind, created=now,
        title=given.title, text=given.text, wish=given.wish.model_dump(mode="json", exclude_defaults=True),
        notify=given.notify,
    )  # fmt: skip
    session.add(search)
    session.flush()
    return search


def add_part(session: Session, notice: Search, given: NoticePartIn, position: int) -> Search:
    """Raises what `add_search` raises."""
    wanted = SearchIn(title=given.title, wish=given.wish, notify="none")
    part = add_search(session, notice.organisation_id, notice.account_id, PART, wanted, notice.created)
    part.parent_id, part.position = notice.id, position
    return part


def to_match() -> Select[str]:
    """The ids of what is matched: of a notice with parts, these."""
    with_parts = select(Search.parent_id).where(Search.parent_id.is_not(None))
    return select(Search.id).where(Search.status == OPEN, Search.id.not_in(with_parts)).order_by(Search.id)


def own_search(session: Session, organisation: str, kinds: Collection[str], search_id: str) -> Search:
    """Raises NotFoundError."""
    search = session.get(Search, search_id)
    if search is None or search.organisation_id != organisation or search.kind not in kinds:
        raise NotFoundError
    return search


def close(search: Search) -> None:
    """With its parts."""
    for one in (search, *search.parts):
        one.status = CLOSED


def wanted_notice(session: Session, search_id: str, viewer: str | None) -> tuple[Search, Organisation]:
    """A notice that is visible to the viewer. Raises NotFoundError."""
    search = session.get(Search, search_id)
    if search is None or search.kind != WANTED:
        raise NotFoundError
    organisation = session.get_one(Organisation, search.organisation_id)
    hidden = search.status != OPEN or search.taken_down is not None or organisation.status != APPROVED
    if organisation.id != viewer and hidden:
        raise NotFoundError
    return search, organisation


def wanted_notices(session: Session, after: str | None, limit: int) -> list[tuple[Search, Organisation]]:
    """Open notices of approved organisations, the newest first."""
    query = select(Search, Organisation).join(Organisation, Organisation.id == Search.organisation_id)
    query = query.where(Search.kind == WANTED, Search.status == OPEN, Organisation.status == APPROVED)
    query = query.where(Search.taken_down.is_(None))
    if after is not None:
        last = session.get(Search, after)
        if last is None:
            raise NotFoundError
        older = (Search.created < last.created) | ((Search.created == last.created) & (Search.id > last.id))
        query = query.where(older)
    rows = session.execute(query.order_by(Search.created.desc(), Search.id).limit(limit))
    return [(search, organisation) for search, organisation in rows]


def searches_of(session: Session, organisation: str, kind: str) -> list[Search]:
    """Open ones, the newest first."""
    query = select(Search).where(Search.organisation_id == organisation, Search.kind == kind, Search.status == OPEN)
    return list(session.scalars(query.order_by(Search.created.desc(), Search.id)))


def matches(session: Session, search_id: str) -> list[Match]:
    """The best first."""
    query = select(Match).where(Match.search_id == search_id)
    return list(session.scalars(query.order_by(Match.score.desc(), Match.found, Match.subject)))


def match_one(session: Session, index: MachineIndex, search: Search, now: datetime, zone: str, url: str) -> int:
    """Update the matches of one search, and notify its owner of all new ones in one message. Returns how many are new."""
    criteria = prepare_criteria(Wish.model_validate(search.wish))
    organisation = session.get_one(Organisation, search.organisation_id)
    viewer = organisation.id if organisation.status == APPROVED else None
    found: dict[str, _Found] = {}
    if criteria.wish.subject == "machine":
        results = find_offers(session, index, criteria, now, zone, viewer, _MOST_MATCHES, "fit")
        found = {
            f"offer:{result.offer.public_id}": _Found(
                result.ranking, result.entry.document.title, result.offer.start, result.offer.end
            )
            for result in results.found
            if result.offer.factory != organisation.id
        }
    else:
        listings = [
            result for result in find_listings(session, criteria, now, zone) if result.owner.id != organisation.id
        ]
        found = {
            f"listing:{one.listing.id}": _Found(one.ranking, one.listing.title, one.listing.start, one.listing.end)
            for one in listings[:_MOST_MATCHES]
        }
    known = {match.subject: match for match in session.scalars(select(Match).where(Match.search_id == search.id))}
    fresh = [subject for subject in found if subject not in known]
    for subject in fresh:
        ranking = found[subject].ranking
        reasons = [{"code": why.code, "values": why.values} for why in ranking.reasons]
        session.add(Match(search_id=search.id, subject=subject, score=ranking.score, reasons=reasons, found=now))
    for subject in known.keys() - found.keys():
        session.delete(known[subject])
    if fresh:
        _notify(session, search, {subject: found[subject] for subject in fresh}, now, zone, url)
    return len(fresh)


def _notify(session: Session, search: Search, fresh: dict[str, _Found], now: datetime, zone: str, url: str) -> None:
    account = session.get(Account, search.account_id) if search.account_id else None
    if search.notify in ("mail", "both") and account is not None and account.confirmed is not None:
        t = Translator(account.language, zone)
        said = t.period if Wish.model_validate(search.wish).subject == "machine" else t.days
        links = "\n".join(
            f"{one.title}, {said(one.start, one.end)}{t.colon}{url}/{subject.replace(':', 's/', 1)}"
            for subject, one in list(fresh.items())[:_TOLD_IN_A_MAIL]
        )
        link = f"{url}/{'searches' if search.kind == SAVED else 'wanted'}/{search.parent_id or search.id}"
        queue_mail(session, account, "match", zone, now, title=search.title, count=len(fresh), links=links, link=link)
    if search.notify in ("webhook", "both"):
        data = {"search": search.id, "matches": list(fresh)}
        webhooks.queue_event(session, (search.organisation_id,), "search.matched", data, now)
