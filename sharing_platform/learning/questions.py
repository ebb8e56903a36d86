"""Questions of organisations, the answers of others, and what the asker says of them."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import ConflictError, NotAllowedError, NotFoundError
from sharing_platform.learning.models import Answer, Post
from sharing_platform.learning.posts import lock_post, locked_in_any_state, open_post, own_post, shown_post
from sharing_platform.learning.schemas import AnswerOut, AnswersOut, Mark
from sharing_platform.notifications.mail import queue_mail
from sharing_platform.organisations import rate_limits
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.directory import members_with_roles
from sharing_platform.organisations.models import Account, Membership, Organisation
from sharing_platform.organisations.permissions import ANSWERING, APPROVED, Actor

KIND = "question"
NONE, HELPFUL, ACCEPTED = "none", "helpful", "accepted"
"""What `Answer.mark` can be."""
_MOST_ANSWERS = 200


def answer(context: PlatformContext, actor: Actor, post_id: str, text: str) -> AnswerOut:
    """The asker is told. Raises NotFoundError, NotAllowedError for whom the region has not approved, ConflictError for one's own question and beyond two hundred answers,
    TooManyError."""
    now = context.now()
    rate_limits.count_attempt(context.sessions, rate_limits.messages_of(context.bounds), actor.organisation, now)
    with context.sessions.begin() as session:
        post = open_post(session, post_id, actor.organisation, KIND)
        if not actor.approved:
            raise NotAllowedError("not_approved")
        if post.organisation_id == actor.organisation:
            raise ConflictError("own")
        if (session.scalar(select(func.count()).where(Answer.post_id == post.id)) or 0) >= _MOST_ANSWERS:
            raise ConflictError("too_many_answers")
        given = Answer(
            id=str(uuid.uuid4()), post_id=post.id, organisation_id=actor.organisation, account_id=actor.account,
            text=text, mark=NONE, answered=now,
        )  # fmt: skip
        session.add(given)
        session.flush()
        organisation = session.get_one(Organisation, actor.organisation)
        asker = _still_there(session, post.account_id, post.organisation_id)
        for account in [asker] if asker else members_with_roles(session, post.organisation_id, ANSWERING):
            queue_mail(
                session, account, "question_answered", context.zone, now, who=organisation.name, title=post.title,
                link=f"{context.url}/learning/{post.id}",
            )  # fmt: skip
        log(session, now, actor, "learning.answered", post.id)
        shown = _out(given, organisation.name)
    context.wake_workers()
    return shown


def mark(context: PlatformContext, actor: Actor, post_id: str, answer_id: str, said: Mark) -> AnswerOut:
    """What the asker says of an answer. One is accepted at a time: the one before stays helpful. Who answered is told once. Raises NotFoundError for others than the asker."""
    now = context.now()
    with context.sessions.begin() as session:
        lock_post(session, post_id)
        post = own_post(session, actor.organisation, post_id, KIND)
        given = _visible(session, post, answer_id)
        if said == ACCEPTED:
            for other in session.scalars(select(Answer).where(Answer.post_id == post.id, Answer.mark == ACCEPTED)):
                other.mark = HELPFUL
        given.mark = said
        if said != NONE and given.told is None:
            given.told = now
            account = _still_there(session, given.account_id, given.organisation_id)
            if account is not None:
                link = f"{context.url}/learning/{post.id}"
                queue_mail(session, account, f"answer_{said}", context.zone, now, title=post.title, link=link)
        log(session, now, actor, "learning.marked", post.id)
        shown = _out(given, session.get_one(Organisation, given.organisation_id).name)
    context.wake_workers()
    return shown


def withdraw(context: PlatformContext, actor: Actor, post_id: str, answer_id: str) -> None:
    """One's own answer, whatever has become of the question. Raises NotFoundError."""
    with context.sessions.begin() as session:
        post = locked_in_any_state(session, post_id, KIND)
        given = session.get(Answer, answer_id)
        if given is None or given.post_id != post.id or given.organisation_id != actor.organisation:
            raise NotFoundError
        session.delete(given)
        log(session, context.now(), actor, "learning.answer_withdrawn", post.id)


def answers_out(session: Session, post_id: str, viewer: str | None) -> AnswersOut:
    """Those that the viewer may see: what is accepted first, then what is helpful, then in the order in which they came. Raises NotFoundError."""
    post = shown_post(session, post_id, viewer, KIND).post
    rank = {ACCEPTED: 0, HELPFUL: 1, NONE: 2}
    found = [(one, name) for one, name, own in _rows(session, [post.id]) if own or one.organisation_id == viewer]
    found.sort(key=lambda row: (rank[row[0].mark], row[0].answered, row[0].id))
    return AnswersOut(answers=[_out(one, name) for one, name in found])


def answers_of(session: Session, posts: Collection[str]) -> dict[str, list[Answer]]:
    """By question, those that everybody may see."""
    found: dict[str, list[Answer]] = {}
    for one, _, public in _rows(session, posts):
        if public:
            found.setdefault(one.post_id, []).append(one)
    return found


def shown_answer(session: Session, post_id: str, answer_id: str, viewer: str | None) -> Answer:
    """Raises NotFoundError for one that others than its owner do not see."""
    return _visible(session, shown_post(session, post_id, viewer, KIND).post, answer_id)


def _visible(session: Session, post: Post, answer_id: str) -> Answer:
    for one, _, public in _rows(session, [post.id]):
        if one.id == answer_id and public:
            return one
    raise NotFoundError


def _rows(session: Session, posts: Collection[str]) -> list[tuple[Answer, str, bool]]:
    """Answers, who gave them, and whether everybody may see them."""
    query = select(Answer, Organisation).join(Organisation, Organisation.id == Answer.organisation_id)
    rows = session.execute(query.where(Answer.post_id.in_(posts)).order_by(Answer.answered, Answer.id))
    return [(one, by.name, one.taken_down is None and by.status == APPROVED) for one, by in rows]


def _still_there(session: Session, account_id: str | None, organisation: str) -> Account | None:
    """Who wrote something, while they are in the organisation: whoever was removed from it is told nothing of it."""
    if account_id is None or session.get(Membership, (account_id, organisation)) is None:
        return None
    return session.get(Account, account_id)


def _out(given: Answer, name: str) -> AnswerOut:
    return AnswerOut.model_validate(
        {
            "id": given.id, "organisation": given.organisation_id, "organisation_name": name, "text": given.text,
            "mark": given.mark, "answered": given.answered,
        }
    )  # fmt: skip
