"""Answers to wanted notices and their parts: who can help says so, the notice's owner says yes or no, and only then do both sides see how to reach each other."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import ConflictError, NotAllowedError, NotFoundError
from sharing_platform.notifications import webhooks
from sharing_platform.notifications.mail import queue_mail
from sharing_platform.organisations import rate_limits
from sharing_platform.organisations.accounts import SignedIn
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.models import Account, Organisation
from sharing_platform.organisations.permissions import Actor
from sharing_platform.wanted.matching import PART, WANTED, wanted_notice
from sharing_platform.wanted.models import NoticeAnswer, Search
from sharing_platform.wanted.schemas import NoticeAnswerOut, NoticeAnswersOut

ANSWER_OPEN, ACCEPTED, DECLINED = "open", "accepted", "declined"
"""What `NoticeAnswer.state` can be."""


@dataclass(frozen=True)
class Count:
    """How many have answered a notice or a part, and whether its owner has said yes to one."""

    answers: int
    filled: bool


def answer(
    context: PlatformContext, actor: Actor, person: SignedIn | None, search_id: str, text: str
) -> NoticeAnswerOut:
    """Raises NotFoundError, NotAllowedError for whom the region has not approved, ConflictError for one's own notice and where it was decided already,
    TooManyError."""
    now = context.now()
    rate_limits.count_attempt(context.sessions, rate_limits.messages_of(context.bounds), actor.organisation, now)
    with context.sessions.begin() as session:
        search, notice = _wanted(session, search_id, actor.organisation)
        if not actor.approved:
            raise NotAllowedError("not_approved")
        if notice.organisation_id == actor.organisation:
            raise ConflictError("own")
        known = _of(session, search_id, actor.organisation)
        if known is not None and known.state != ANSWER_OPEN:
            raise ConflictError("answer_decided")
        given = known or NoticeAnswer(
            id=str(uuid.uuid4()), search_id=search_id, organisation_id=actor.organisation, state=ANSWER_OPEN
        )
        given.account_id = person.account.id if person is not None and actor.account is not None else None
        given.text, given.answered = text, now
        session.add(given)
        session.flush()
        if known is None:
            _tell_owner(session, context, notice, search, actor, now)
        log(session, now, actor, "notice.answered", notice.id)
        shown = _answer_out(session, given, notice, actor.organisation)
    context.wake_workers()
    return shown


def decide(context: PlatformContext, actor: Actor, search_id: str, answer_id: str, accepted: bool) -> NoticeAnswerOut:
    """Raises NotFoundError for whoever's notice it is not, ConflictError where the other was said already."""
    now = context.now()
    with context.sessions.begin() as session:
        given = session.get(NoticeAnswer, answer_id, with_for_update=True)
        if given is None or given.search_id != search_id:
            raise NotFoundError
        search, notice = _wanted(session, search_id, actor.organisation)
        if notice.organisation_id != actor.organisation:
            raise NotFoundError
        state = ACCEPTED if accepted else DECLINED
        if given.state not in (ANSWER_OPEN, state):
            raise ConflictError("answer_decided")
        if given.state != state:
            given.state = state
            account = session.get(Account, given.account_id) if given.account_id else None
            if account is not None:
                link = f"{context.url}/wanted/{notice.id}"
                queue_mail(session, account, f"notice_answer_{state}", context.zone, now, title=search.title, link=link)
            log(session, now, actor, "notice.accepted" if accepted else "notice.declined", notice.id)
        shown = _answer_out(session, given, notice, actor.organisation)
    context.wake_workers()
    return shown


def answers_out(session: Session, actor: Actor, search_id: str) -> NoticeAnswersOut:
    """All for the notice's owner, one's own for others. Raises NotFoundError."""
    _, notice = _wanted(session, search_id, actor.organisation)
    query = select(NoticeAnswer).where(NoticeAnswer.search_id == search_id)
    if notice.organisation_id != actor.organisation:
        query = query.where(NoticeAnswer.organisation_id == actor.organisation)
    found = session.scalars(query.order_by(NoticeAnswer.answered, NoticeAnswer.id))
    return NoticeAnswersOut(answers=[_answer_out(session, one, notice, actor.organisation) for one in found])


def counts(session: Session, search_ids: Collection[str]) -> dict[str, Count]:
    """Of each notice or part that has answers."""
    found: dict[str, Count] = {}
    rows = session.execute(
        select(NoticeAnswer.search_id, NoticeAnswer.state).where(NoticeAnswer.search_id.in_(search_ids))
    )
    for search_id, state in rows:
        before = found.get(search_id, Count(0, False))
        found[search_id] = Count(before.answers + 1, before.filled or state == ACCEPTED)
    return found


def _wanted(session: Session, search_id: str, viewer: str) -> tuple[Search, Search]:
    """A notice or a part of one, and the notice. Raises NotFoundError where the viewer may not see it."""
    search = session.get(Search, search_id)
    if search is None or search.kind not in (WANTED, PART):
        raise NotFoundError
    notice, _ = wanted_notice(session, search.parent_id or search.id, viewer)
    return search, notice


def _of(session: Session, search_id: str, organisation: str) -> NoticeAnswer | None:
    own = select(NoticeAnswer).where(NoticeAnswer.search_id == search_id, NoticeAnswer.organisation_id == organisation)
    return session.scalars(own.with_for_update()).first()


def _tell_owner(
    session: Session, context: PlatformContext, notice: Search, search: Search, actor: Actor, now: datetime
) -> None:
    account = session.get(Account, notice.account_id) if notice.account_id else None
    if account is not None and account.confirmed is not None:
        who = session.get_one(Organisation, actor.organisation).name
        link = f"{context.url}/wanted/{notice.id}"
        queue_mail(session, account, "notice_answered", context.zone, now, who=who, title=search.title, link=link)
    webhooks.queue_event(session, (notice.organisation_id,), "wanted.answered", {"search": search.id}, now)


def _answer_out(session: Session, given: NoticeAnswer, notice: Search, viewer: str) -> NoticeAnswerOut:
    """E-mail addresses are seen once the owner has said yes: each side sees the other's."""
    other = notice.account_id if viewer == given.organisation_id else given.account_id
    account = session.get(Account, other) if given.state == ACCEPTED and other is not None else None
    return NoticeAnswerOut.model_validate(
        {
            "id": given.id, "organisation": given.organisation_id, "organisation_name": session.get_one(Organisation, given.organisation_id).name,
            "text": given.text, "state": given.state, "answered": given.answered,
            "email": account.email if account is not None and account.erased is None else "",
        }
    )  # fmt: skip
