"""What organisations post to learn from each other. Functions over a session and the present moment."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, aliased

from sharing_platform.errors import ConflictError, InvalidError, NotFoundError
from sharing_platform.geography import place_named
from sharing_platform.learning.details import (
    DETAILS,
    InterestDetails,
    MeetingDetails,
    PostDetails,
    Transformation,
    texts_in,
)
from sharing_platform.learning.models import CLOSED, OPEN, Answer, Post
from sharing_platform.learning.schemas import PostIn
from sharing_platform.listings.models import OPEN as LISTING_OPEN
from sharing_platform.listings.models import Listing
from sharing_platform.machines.availability import lock_resource
from sharing_platform.organisations.models import Organisation
from sharing_platform.organisations.permissions import APPROVED, Right
from sharing_platform.search.criteria import Wish
from sharing_platform.search.machine_details import MachineDetails
from sharing_platform.search.ranking import PreparedCriteria, SearchDocument, document_of, prepare_criteria, rank

NEEDED = {"story": Right.LIST, "meeting": Right.LIST, "interest": Right.ASK, "question": Right.ASK}
"""The right that posting something of a kind needs."""
_MOST_POSTS = 500
_COMPARED = 2000
"""So many open posts of a kind are compared with criteria; a region has fewer."""


@dataclass(frozen=True)
class FoundPost:
    """A post, and whose it is."""

    post: Post
    owner: Organisation


def put_post(
    session: Session, owner: str, account: str | None, wanted: PostIn, now: datetime, post_id: str | None = None
) -> Post:
    """Create, change or open again. Raises NotFoundError for somebody else's, InvalidError for another kind, ConflictError where there are too many."""
    known = own_post(session, owner, post_id) if post_id is not None else None
    if known is not None and known.kind != wanted.kind:
        raise InvalidError("kind_stays", "kind")
    if known is None or known.status != OPEN:
        count = select(func.count()).where(Post.organisation_id == owner, Post.status == OPEN)
        if (session.scalar(count) or 0) >= _MOST_POSTS:
            raise ConflictError("too_many_posts")
    post = known or Post(
        id=str(uuid.uuid4()), organisation_id=owner, account_id=account, kind=wanted.kind, created=now, revision=0
    )
    session.add(post)
    post.title, post.text = wanted.title, wanted.text
    post.details = wanted.details.model_dump(mode="json")
    post.start, post.end = _dates_of(wanted.details)
    post.status, post.changed = OPEN, now
    session.flush()
    return post


def _dates_of(details: PostDetails) -> tuple[datetime | None, datetime | None]:
    if not isinstance(details, MeetingDetails):
        return None, None
    return min(one.start for one in details.sessions), max(one.end for one in details.sessions)


def close_post(post: Post, now: datetime) -> None:
    """It is found no more."""
    post.status, post.changed = CLOSED, now


def own_post(session: Session, owner: str, post_id: str, kind: str | None = None) -> Post:
    """Raises NotFoundError for another's, or for one of another kind."""
    post = session.get(Post, post_id)
    if post is None or post.organisation_id != owner or kind not in (None, post.kind):
        raise NotFoundError
    return post


def shown_post(session: Session, post_id: str, viewer: str | None, kind: str | None = None) -> FoundPost:
    """One that is open, or one's own. Raises NotFoundError."""
    found = _found(session, post_id)
    if found is None or kind not in (None, found.post.kind) or not _may_see(found, viewer):
        raise NotFoundError
    return found


def is_shown(session: Session, post_id: str, viewer: str | None) -> bool:
    """Whether there is one that the viewer may see."""
    found = _found(session, post_id)
    return found is not None and _may_see(found, viewer)


def _found(session: Session, post_id: str) -> FoundPost | None:
    post = session.get(Post, post_id)
    return FoundPost(post, session.get_one(Organisation, post.organisation_id)) if post is not None else None


def _may_see(found: FoundPost, viewer: str | None) -> bool:
    post = found.post
    open_to_all = post.status == OPEN and post.taken_down is None and found.owner.status == APPROVED
    return open_to_all or post.organisation_id == viewer


def lock_post(session: Session, post_id: str) -> None:
    """Until the transaction ends, nobody else changes it or who takes part in it."""
    lock_resource(session, f"learning:{post_id}")


def locked_post(session: Session, post_id: str, viewer: str, kind: str) -> Post:
    """As `shown_post`, locked."""
    lock_post(session, post_id)
    post = shown_post(session, post_id, viewer, kind).post
    session.refresh(post)
    return post


def open_post(session: Session, post_id: str, viewer: str, kind: str) -> Post:
    """As `locked_post`. Raises NotFoundError for what was withdrawn, too, whosever it is."""
    post = locked_post(session, post_id, viewer, kind)
    if post.status != OPEN:
        raise NotFoundError
    return post


def locked_in_any_state(session: Session, post_id: str, kind: str) -> Post:
    """For who takes back what they had there, also once nobody sees it any more. Raises NotFoundError."""
    lock_post(session, post_id)
    post = session.get(Post, post_id, populate_existing=True)
    if post is None or post.kind != kind:
        raise NotFoundError
    return post


def has_course() -> ColumnElement[bool]:
    """Whether the training that was chosen for a post stands, or has taken place: not one that was withdrawn or hidden, or whose organisation was refused, before it was over."""
    trainer = aliased(Organisation)
    stands = (
        (Listing.status == LISTING_OPEN) | (Listing.changed >= Listing.end),
        Listing.taken_down.is_(None) | (Listing.taken_down >= Listing.end),
        (trainer.status == APPROVED) | (trainer.decided >= Listing.end),
    )
    chosen = select(Listing.id).join(trainer, trainer.id == Listing.organisation_id)
    return chosen.where(Listing.id == Post.listing_id, *stands).correlate(Post).exists()


def courses_of(session: Session, posts: Collection[str]) -> dict[str, str]:
    """The listings that wanted trainings have become, by post."""
    query = select(Post.id, Post.listing_id).where(Post.id.in_(posts), has_course())
    return {post: listing for post, listing in session.execute(query) if listing is not None}


def details_of(post: Post) -> PostDetails:
    """What is particular to its kind."""
    return DETAILS[post.kind].model_validate(post.details)


def criteria_of(wish: Wish) -> PreparedCriteria:
    """What of a search posts are compared with: its words, its process and its place. Materials and certificates count as words. Raises InvalidError as `prepare_criteria`."""
    words = " ".join((wish.words, *wish.materials, *wish.certificates)).strip()[:200]
    compared = {name: getattr(wish, name) for name in ("process", "near", "latitude", "longitude", "within_km")}
    return prepare_criteria(Wish(words=words, factory=wish.factory, **compared))


def find_posts(
    session: Session, wanted: PreparedCriteria, now: datetime, kind: str, transformation: Transformation | None = None
) -> list[FoundPost]:
    """Open ones of approved organisations that fit, the best first; of meetings those to come, the earliest first, of others the newest. What was wanted and has become
    a course is found among trainings."""
    wish = wanted.wish
    query = (
        select(Post, Organisation)
        .join(Organisation, Organisation.id == Post.organisation_id)
        .where(
            Post.status == OPEN, Post.kind == kind, Post.taken_down.is_(None), Organisation.status == APPROVED,
            Post.end.is_(None) | (Post.end > now), ~has_course(),
        )
    )  # fmt: skip
    if wish.factory is not None:
        query = query.where(Post.organisation_id == wish.factory)
    found = []
    rows = session.execute(query.order_by(Post.start, Post.created.desc(), Post.id).limit(_COMPARED)).all()
    answered = _answers_to(session, [post.id for post, _ in rows]) if kind == "question" and wish.words else {}
    for post, owner in rows:
        details = details_of(post)
        if transformation is not None and details.transformation != transformation:
            continue
        ranking = rank(wanted, _document_of(post, owner, details, answered.get(post.id, ())))
        if ranking is not None:
            found.append((ranking.score, FoundPost(post, owner)))
    return [one for _, one in sorted(found, key=lambda scored: -scored[0])]


def own_posts(session: Session, owner: str) -> list[Post]:
    """Open ones first, then the newest."""
    query = select(Post).where(Post.organisation_id == owner)
    return list(session.scalars(query.order_by(Post.status.desc(), Post.changed.desc(), Post.id)))


def _answers_to(session: Session, questions: Collection[str]) -> dict[str, list[str]]:
    """The texts of the answers that everybody may see, by question."""
    found: dict[str, list[str]] = {}
    query = select(Answer.post_id, Answer.text).join(Organisation, Organisation.id == Answer.organisation_id)
    public = Answer.taken_down.is_(None) & (Organisation.status == APPROVED)
    for post_id, text in session.execute(query.where(Answer.post_id.in_(questions), public)):
        found.setdefault(post_id, []).append(text)
    return found


def _document_of(post: Post, owner: Organisation, details: PostDetails, answers: Iterable[str]) -> SearchDocument:
    """What can be found of it, also by its answers. What has a place of its own is found there."""
    said = details.place if isinstance(details, MeetingDetails | InterestDetails) else ""
    place = place_named(said) if said else None
    return document_of(
        post.title,
        details.process,
        MachineDetails(),
        texts=(post.text, *texts_in(details), *answers, owner.name),
        at=(place.latitude, place.longitude) if place else owner.degrees,
        place=said or owner.place,
    )
