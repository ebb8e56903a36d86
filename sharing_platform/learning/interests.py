"""Training that organisations would like to have: others join, trainers are told once enough of them want it, and those who asked get places of the course first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session

from sharing_platform.bookings import waiting_list
from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from sharing_platform.learning.models import OPEN, Interest, LearningSettings, Post
from sharing_platform.learning.posts import courses_of, has_course, lock_post, locked_in_any_state, open_post
from sharing_platform.learning.schemas import InterestedOut
from sharing_platform.listings.models import OPEN as LISTING_OPEN
from sharing_platform.listings.models import Listing
from sharing_platform.listings.records import listing_of
from sharing_platform.machines.availability import lock_resource
from sharing_platform.notifications.mail import queue_mail
from sharing_platform.organisations.accounts import SignedIn
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.directory import members_with_roles
from sharing_platform.organisations.models import Account, Membership, Organisation
from sharing_platform.organisations.permissions import ANSWERING, APPROVED, Actor, Kind

KIND = "interest"
ENOUGH = 4
"""So many organisations have to want a training before trainers are told, where the region has set no other number."""
KEPT_FOR = timedelta(days=7)
"""So long places of the course are kept for those who asked for it."""
_ONLY = 1
_PORTION = 100


@dataclass(frozen=True)
class Wanted:
    """How many organisations want a training, for how many people."""

    organisations: int = 0
    people: int = 0


def put_own(session: Session, post: Post, actor: Actor, people: int, now: datetime) -> None:
    """That the actor's organisation wants it, for so many people. Somebody is told of the course, so that programs cannot ask. Raises ConflictError."""
    if actor.account is None:
        raise ConflictError("interest_is_for_people")
    own = session.get(Interest, (post.id, actor.organisation))
    if own is None:
        own = Interest(post_id=post.id, organisation_id=actor.organisation, joined=now)
        session.add(own)
    own.people, own.account_id = people, actor.account
    session.flush()


def join(context: PlatformContext, actor: Actor, person: SignedIn | None, post_id: str, people: int) -> InterestedOut:
    """Want it too, or for other people. Raises NotFoundError, NotAllowedError for whom the region has not approved, ConflictError for programs, and where it is a course
    already."""
    now = context.now()
    with context.sessions.begin() as session:
        post = open_post(session, post_id, actor.organisation, KIND)
        if not actor.approved:
            raise NotAllowedError("not_approved")
        if person is None:
            raise ConflictError("interest_is_for_people")
        if courses_of(session, [post.id]):
            raise ConflictError("interest_has_course")
        put_own(session, post, actor, people, now)
        log(session, now, actor, "learning.wanted", post.id)
        return InterestedOut(people=people)


def leave(context: PlatformContext, actor: Actor, post_id: str) -> None:
    """Want it no longer, whatever has become of it. Raises NotFoundError."""
    with context.sessions.begin() as session:
        post = locked_in_any_state(session, post_id, KIND)
        own = session.get(Interest, (post.id, actor.organisation))
        if own is None:
            raise NotFoundError
        session.delete(own)
        log(session, context.now(), actor, "learning.not_wanted", post.id)


def own_people(session: Session, post_id: str, organisation: str | None) -> int:
    """For how many people an organisation wants it; 0 where it does not."""
    own = session.get(Interest, (post_id, organisation)) if organisation is not None else None
    return own.people if own is not None else 0


def wanted_of(session: Session, posts: Collection[str]) -> dict[str, Wanted]:
    """By post; of organisations that the region has approved."""
    query = select(Interest.post_id, func.count(), func.sum(Interest.people)).join(
        Organisation, Organisation.id == Interest.organisation_id
    )
    rows = session.execute(
        query.where(Interest.post_id.in_(posts), Organisation.status == APPROVED).group_by(Interest.post_id)
    )
    return {post: Wanted(organisations, int(people)) for post, organisations, people in rows}


def enough(session: Session) -> int:
    """How many organisations have to want a training before trainers are told: as the region has set it."""
    found = session.get(LearningSettings, _ONLY)
    return found.enough if found is not None else ENOUGH


def set_enough(context: PlatformContext, actor: Actor, number: int) -> None:
    with context.sessions.begin() as session:
        lock_resource(session, "learning-settings")
        session.merge(LearningSettings(id=_ONLY, enough=number))
        log(session, context.now(), actor, "learning.enough", str(number))


def due(session: Session, now: datetime) -> Select[str]:
    """What enough organisations want, and trainers were not told of although there are some, or were told of before the course was withdrawn."""
    wanted = select(func.count()).select_from(Interest)
    wanted = wanted.join(Organisation, Organisation.id == Interest.organisation_id)
    wanted = wanted.where(Interest.post_id == Post.id, Organisation.status == APPROVED)
    open_ones = (Post.kind == KIND) & (Post.status == OPEN) & Post.taken_down.is_(None) & ~has_course()
    query = select(Post.id).where(open_ones, Post.told.is_(None) | Post.listing_id.is_not(None))
    query = query.where(select(Organisation.id).where(_trains(now)).correlate(Post).exists())
    return query.where(wanted.scalar_subquery() >= enough(session)).limit(_PORTION)


def announce(session: Session, post_id: str, now: datetime, zone: str, url: str) -> bool:
    """Tell the trainers, once. Returns whether there were any to tell."""
    lock_post(session, post_id)
    post = session.get_one(Post, post_id, with_for_update=True)
    wanted = wanted_of(session, [post.id]).get(post.id, Wanted())
    if courses_of(session, [post.id]) or wanted.organisations < enough(session):
        return False
    if post.listing_id is not None:
        post.listing_id = post.told = None  # the course was withdrawn: it is wanted as before
        session.flush()
    if post.told is not None:
        return False
    told: set[str] = set()
    trainers = select(Organisation.id).join(Post, Post.id == post.id).where(_trains(now))
    for trainer in session.scalars(trainers.order_by(Organisation.id)).all():
        for account in members_with_roles(session, trainer, ANSWERING):
            if account.id not in told:
                told.add(account.id)
                queue_mail(
                    session, account, "interest_enough", zone, now, title=post.title, count=wanted.organisations,
                    people=wanted.people, link=f"{url}/learning/{post.id}",
                )  # fmt: skip
    post.told = now if told else None
    return bool(told)


def _trains(now: datetime) -> ColumnElement[bool]:
    """Of `Organisation` and `Post`: a training centre, or who offers a training in the same process, with somebody who can be told."""
    process = Post.details["process"].as_string()
    same = (
        select(Listing.id)
        .where(Listing.organisation_id == Organisation.id, Listing.kind == "training", Listing.status == LISTING_OPEN)
        .where(Listing.end > now, Listing.taken_down.is_(None))
        .where(process != "", Listing.details["process"].as_string() == process)
    )
    told = (
        select(Membership.account_id)
        .join(Account, Account.id == Membership.account_id)
        .where(Membership.organisation_id == Organisation.id)
        .where(Membership.role.in_(ANSWERING), Account.confirmed.is_not(None))
    )
    trains = (Organisation.kind == Kind.TRAINING_CENTRE) | same.correlate(Organisation, Post).exists()
    return (Organisation.status == APPROVED) & trains & told.correlate(Organisation).exists()


def own_trainings(session: Session, organisation: str, now: datetime) -> list[Listing]:
    """What an organisation can make the course of an interest: its open trainings, the earliest first."""
    own = (Listing.organisation_id == organisation) & (Listing.kind == "training") & (Listing.status == LISTING_OPEN)
    taken = exists().where(Post.listing_id == Listing.id)
    query = select(Listing).where(own, Listing.end > now, Listing.taken_down.is_(None), ~taken)
    return list(session.scalars(query.order_by(Listing.start, Listing.id)))


def make_course(context: PlatformContext, actor: Actor, post_id: str, listing_id: str) -> None:
    """One's own training becomes the course of an interest: places are kept for a week for those who asked, in the order in which they did, as far as there are any; the others
    wait. Each is told once. Raises NotFoundError, NotAllowedError for whom the region has not approved, ConflictError where it is a course already, InvalidError for a
    training that is over or has no waiting list."""
    now = context.now()
    with context.sessions.begin() as session:
        post = open_post(session, post_id, actor.organisation, KIND)
        if not actor.approved:
            raise NotAllowedError("not_approved")
        if courses_of(session, [post.id]):
            raise ConflictError("interest_has_course")
        lock_resource(session, f"listing:{listing_id}")
        listing = listing_of(session, actor.organisation, listing_id)
        if listing not in own_trainings(session, actor.organisation, now):
            raise InvalidError("no_such_training", "listing")
        if not listing.details.get("waiting_list", True):
            raise InvalidError("course_without_waiting_list", "listing")
        post.listing_id, post.changed = listing.id, now
        for own in _in_order(session, post.id):
            if own.organisation_id != actor.organisation:
                _invite(session, context, post, listing, own, now)
        log(session, now, actor, "learning.course", post.id)
    context.wake_workers()


def _in_order(session: Session, post_id: str) -> list[Interest]:
    query = select(Interest).join(Organisation, Organisation.id == Interest.organisation_id)
    query = query.where(Interest.post_id == post_id, Organisation.status == APPROVED)
    return list(session.scalars(query.order_by(Interest.joined, Interest.organisation_id)))


def _invite(
    session: Session, context: PlatformContext, post: Post, listing: Listing, own: Interest, now: datetime
) -> None:
    place = waiting_list.invite(session, listing, own.organisation_id, own.account_id, own.people, now, KEPT_FOR)
    if place is None:
        return
    account = session.get_one(Account, own.account_id)
    values = {"title": post.title, "course": listing.title, "places": place.places, "link": f"{context.url}/listings/{listing.id}"}  # fmt: skip
    if place.confirm_until is not None:
        queue_mail(session, account, "interest_kept", context.zone, now, (), until=place.confirm_until, **values)
    else:
        number = waiting_list.number_of(session, place)
        queue_mail(session, account, "interest_waits", context.zone, now, (), number=number, **values)
