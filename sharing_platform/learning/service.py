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
from sharing_platform.learning.models import OPEN, Post
from sharing_platform.learning.posts import NEEDED, FoundPost
from sharing_platform.learning.schemas import InterestIn, PostIn, PostOut
from sharing_platform.learning.seating import Seating
from sharing_platform.machines.availability import lock_resource
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.permissions import Actor, require
from sharing_platform.pictures.service import shown_pictures

_OUT: TypeAdapter[PostOut] = TypeAdapter(PostOut)


def put_post(
    context: PlatformContext, actor: Actor, wanted: PostIn, post_id: str | None, if_match: str | None
) -> PostOut:
    """Create or change, for API and pages. Raises NotAllowedError where the kind needs another right, and what `posts.put_post` and `meetings.changed` raise."""
    require(actor, NEEDED[wanted.kind])
    now = context.now()
    with context.sessions.begin() as session:
        before = None
        if post_id is not None:
            lock_resource(session, f"learning:{post_id}")
            post = posts.own_post(session, actor.organisation, post_id)
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
        lock_resource(session, f"learning:{post_id}")
        post = posts.own_post(session, actor.organisation, post_id)
        require(actor, NEEDED[post.kind])
        was_open = post.status == OPEN
        posts.close_post(session, actor.organisation, post_id, now)
        if was_open and post.kind == meetings.KIND:
            meetings.cancelled(session, post, context.zone, context.url, now)
        log(session, now, actor, "learning.closed", post_id)
    context.wake_workers()


def post_out(session: Session, found: FoundPost) -> PostOut:
    """As the API shows it."""
    return posts_out(session, [found])[0]


def posts_out(session: Session, found: Sequence[FoundPost]) -> list[PostOut]:
    """As the API shows them."""
    ids = [one.post.id for one in found]
    pictures = shown_pictures(session, [subject_of(one) for one in ids])
    files = files_of(session, ids)
    seatings = meetings.seatings_of(session, [one.post for one in found if one.post.kind == meetings.KIND])
    wanted, answers = interests.wanted_of(session, ids), questions.answers_of(session, ids)
    enough = interests.enough(session)
    shown = []
    for one in found:
        values = _common(one)
        match one.post.kind:
            case "story":
                values |= {"pictures": pictures.get(subject_of(one.post.id), []), "files": files.get(one.post.id, [])}
            case "meeting":
                values |= _of_meeting(one.post, seatings[one.post.id])
            case "interest":
                values |= {**asdict(wanted.get(one.post.id, interests.Wanted())), "enough": enough, "course": one.post.listing_id}  # fmt: skip
            case _:
                given = answers.get(one.post.id, [])
                values |= {"answers": len(given), "solved": any(each.mark == questions.ACCEPTED for each in given)}
        shown.append(_OUT.validate_python(values))
    return shown


def _common(one: FoundPost) -> dict[str, Any]:
    post = one.post
    own = {name: getattr(post, name) for name in ("id", "kind", "title", "text", "details", "status", "created", "changed")}  # fmt: skip
    return own | {"organisation": one.owner.id, "organisation_name": one.owner.name}


def _of_meeting(post: Post, seating: Seating) -> dict[str, Any]:
    return {"start": post.start, "end": post.end, "seats_left": seating.left, "waiting": len(seating.waiting)}
