"""What API and pages do with posts, each as one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import ConflictError
from sharing_platform.etags import check_match
from sharing_platform.learning import interests, meetings, posts, questions
from sharing_platform.learning.files import files_of, subject_of
from sharing_platform.learning.models import OPEN, Answer, Post
from sharing_platform.learning.posts import NEEDED, FoundPost
from sharing_platform.learning.schemas import InterestIn, PostIn, PostOut
from sharing_platform.learning.seating import Seating
from sharing_platform.organisations import rate_limits
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.permissions import Actor, require
from sharing_platform.pictures.service import shown_pictures

_OUT: TypeAdapter[PostOut] = TypeAdapter(PostOut)


def put_post(
    context: PlatformContext, actor: Actor, wanted: PostIn, post_id: str | None, if_match: str | None
) -> PostOut:
    """Create or change, for API and pages. Raises NotAllowedError where the kind needs another right, and what `posts.put_post` and `meetings.changed` raise;
    TooManyError, as each change can be an e-mail to everybody who has signed up."""
    require(actor, NEEDED[wanted.kind])
    now = context.now()
    rate_limits.count_attempt(context.sessions, rate_limits.messages_of(context.bounds), actor.organisation, now)
    with context.sessions.begin() as session:
        before = None
        if post_id is not None:
            posts.lock_post(session, post_id)
            post = posts.own_post(session, actor.organisation, post_id)
            if if_match is not None:
                check_match(if_match, post_out(session, posts.shown_post(session, post_id, actor.organisation)))
            before = meetings.details_of(post) if post.kind == meetings.KIND else None
            if before is not None and post.status != OPEN:
                raise ConflictError("meeting_is_cancelled")  # who had a seat was told so
        post = posts.put_post(session, actor.organisation, actor.account, wanted, now, post_id)
        if before is not None:
            meetings.changed(session, post, before, context.zone, context.url, now)
        if isinstance(wanted, InterestIn):
            interests.put_own(session, post, actor, wanted.people, now)
        session.flush()
        log(session, now, actor, "learning.put", post.id)
        shown = post_out(session, posts.shown_post(session, post.id, actor.organisation))
    context.wake_workers()
    return shown


def close_post(context: PlatformContext, actor: Actor, post_id: str) -> None:
    """It is found no more; who has signed up is told. Raises NotFoundError, NotAllowedError."""
    now = context.now()
    with context.sessions.begin() as session:
        posts.lock_post(session, post_id)
        post = posts.own_post(session, actor.organisation, post_id)
        require(actor, NEEDED[post.kind])
        was_open = post.status == OPEN
        posts.close_post(post, now)
        if was_open and post.kind == meetings.KIND:
            meetings.cancelled(session, post, context.zone, context.url, now)
        log(session, now, actor, "learning.closed", post_id)
    context.wake_workers()


def post_out(session: Session, found: FoundPost) -> PostOut:
    """As the API shows it."""
    return posts_out(session, [found])[0]


def posts_out(session: Session, found: Sequence[FoundPost]) -> list[PostOut]:
    """As the API shows them."""
    particular: dict[str, dict[str, Any]] = {}
    for kind in {one.post.kind for one in found}:
        particular |= _particular(session, kind, [one.post for one in found if one.post.kind == kind])
    return [_OUT.validate_python(_common(one) | particular[one.post.id]) for one in found]


def _common(one: FoundPost) -> dict[str, Any]:
    post = one.post
    own = {name: getattr(post, name) for name in ("id", "kind", "title", "text", "details", "status", "created", "changed")}  # fmt: skip
    return own | {"organisation": one.owner.id, "organisation_name": one.owner.name}


def _particular(session: Session, kind: str, of_kind: Sequence[Post]) -> dict[str, dict[str, Any]]:
    """What is shown of posts of one kind alone, by post: nothing is read that other kinds show."""
    ids = [one.id for one in of_kind]
    match kind:
        case "story":
            pictures, files = shown_pictures(session, [subject_of(one) for one in ids]), files_of(session, ids)
            return {one: {"pictures": pictures.get(subject_of(one), []), "files": files.get(one, [])} for one in ids}
        case "meeting":
            seatings = meetings.seatings_of(session, of_kind)
            return {one.id: _of_meeting(one, seatings[one.id]) for one in of_kind}
        case "interest":
            wanted, enough = interests.wanted_of(session, ids), interests.enough(session)
            courses = posts.courses_of(session, ids)
            return {
                one.id: {
                    **asdict(wanted.get(one.id, interests.Wanted())), "enough": enough, "course": courses.get(one.id),
                    # Of a course that was withdrawn, trainers are told anew.
                    "trainers_told": one.told is not None and (one.listing_id is None or one.id in courses),
                }
                for one in of_kind
            }  # fmt: skip
        case _:
            answers = questions.answers_of(session, ids)
            return {one: _of_question(answers.get(one, ())) for one in ids}


def _of_meeting(post: Post, seating: Seating) -> dict[str, Any]:
    return {"start": post.start, "end": post.end, "seats_left": seating.left, "waiting": len(seating.waiting)}


def _of_question(answers: Sequence[Answer]) -> dict[str, Any]:
    return {"answers": len(answers), "solved": any(one.mark == questions.ACCEPTED for one in answers)}
