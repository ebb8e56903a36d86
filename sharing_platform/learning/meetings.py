"""Signing up for plant visits and learning groups: seats, who waits for one, who is told what."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import ConflictError, NotAllowedError, NotFoundError
from sharing_platform.i18n import Span
from sharing_platform.learning.details import MeetingDetails
from sharing_platform.learning.models import OPEN, Post, Seat
from sharing_platform.learning.posts import lock_post, locked_in_any_state, locked_post, own_post
from sharing_platform.learning.schemas import AttendeeOut, AttendeesOut, SeatOut
from sharing_platform.learning.seating import SEATED, WAITING, Seating
from sharing_platform.notifications.mail import queue_mail
from sharing_platform.organisations.accounts import SignedIn
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.directory import members_with_roles
from sharing_platform.organisations.models import Account, Organisation
from sharing_platform.organisations.permissions import ANSWERING, APPROVED, Actor

KIND = "meeting"
BEFORE = timedelta(days=1)
"""So long before a session people are reminded of it."""
SEATS_KEPT = timedelta(days=90)
"""From the end of a meeting on; the privacy page says so."""
_LONGEST = 200
"""So many wait for a seat at most."""
_PORTION = 500


def details_of(post: Post) -> MeetingDetails:
    return MeetingDetails.model_validate(post.details)


def place_of(details: MeetingDetails) -> str:
    """As one line."""
    return f"{details.address}, {details.place}" if details.address else details.place


def join(context: PlatformContext, actor: Actor, person: SignedIn | None, post_id: str) -> SeatOut:
    """Take a seat, or wait for one; who has signed up already stays where they are. Somebody comes, so that programs cannot sign up. Raises NotFoundError, NotAllowedError for
    whom the region has not approved, ConflictError for one's own meeting, and where it is over or too many wait."""
    now = context.now()
    with context.sessions.begin() as session:
        post = locked_post(session, post_id, actor.organisation, KIND)
        if not actor.approved:
            raise NotAllowedError("not_approved")
        if post.organisation_id == actor.organisation:
            raise ConflictError("own")
        if person is None or actor.account is None:
            raise ConflictError("seat_is_for_people")
        account = person.account.id
        if _is_over(post, now):
            raise ConflictError("meeting_over")
        before = seating_of(session, post)
        after = before.joined(account)
        if len(after.waiting) > _LONGEST:
            raise ConflictError("waiting_list_full")
        if after != before:
            state = after.state_of(account) or WAITING
            session.add(
                Seat(
                    post_id=post.id, account_id=account, organisation_id=actor.organisation, state=state, joined=now
                )
            )  # fmt: skip
            session.flush()
            log(session, now, actor, "learning.joined", post.id)
        return _seat_out(session, _seat(session, post.id, account))


def leave(context: PlatformContext, actor: Actor, person: SignedIn | None, post_id: str) -> None:
    """Give the seat back, also of a meeting that was withdrawn: whoever has waited longest gets it, and is told. Raises NotFoundError for who has not signed up."""
    if person is None:
        raise NotFoundError
    now = context.now()
    with context.sessions.begin() as session:
        post = locked_in_any_state(session, post_id, KIND)
        free_seat(session, post, _seat(session, post.id, person.account.id), context.zone, context.url, now)
        log(session, now, actor, "learning.left", post.id)
    context.wake_workers()


def free_seat(session: Session, post: Post, seat: Seat, zone: str, url: str, now: datetime) -> None:
    """Whoever has waited longest gets it, and is told, unless the meeting is over."""
    after = seating_of(session, post).without(seat.account_id)
    session.delete(seat)
    session.flush()
    if post.status == OPEN and not _is_over(post, now):
        settle(session, post, after, zone, url, now)


def settle(session: Session, post: Post, after: Seating, zone: str, url: str, now: datetime) -> None:
    """Write who has a seat now, and tell those who have got one; not of a meeting that the region has hidden."""
    for seat, account in seats_of(session, post.id):
        if seat.state == WAITING and after.state_of(seat.account_id) == SEATED:
            seat.state = SEATED
            if post.taken_down is None:
                _tell(session, post, account, "meeting_seat", zone, url, now)
    session.flush()


def own_seat(session: Session, post_id: str, account: str | None) -> SeatOut | None:
    """That of a person; None where they have not signed up."""
    found = _find_seat(session, post_id, account) if account is not None else None
    return _seat_out(session, found) if found is not None else None


def attendees(session: Session, actor: Actor, post_id: str) -> AttendeesOut:
    """Who comes and who waits, for the organiser alone. Raises NotFoundError for others."""
    found = seats_of(session, own_post(session, actor.organisation, post_id, KIND).id)
    names = {
        one.id: one.name
        for one in session.scalars(
            select(Organisation).where(Organisation.id.in_({seat.organisation_id for seat, _ in found}))
        )
    }
    return AttendeesOut(
        attendees=[
            AttendeeOut.model_validate(
                {
                    "name": account.name, "email": account.email, "organisation": seat.organisation_id,
                    "organisation_name": names[seat.organisation_id], "state": seat.state, "joined": seat.joined,
                }
            )
            for seat, account in found
        ]
    )  # fmt: skip


def seats_of(session: Session, post_id: str) -> list[tuple[Seat, Account]]:
    """Those who have a seat first, both in the order in which they signed up."""
    query = select(Seat, Account).join(Account, Account.id == Seat.account_id).where(Seat.post_id == post_id)
    rows = session.execute(query.order_by(Seat.state, Seat.id))
    return [(seat, account) for seat, account in rows]


def seating_of(session: Session, post: Post) -> Seating:
    """As it stands."""
    return seatings_of(session, [post])[post.id]


def seatings_of(session: Session, posts: Collection[Post]) -> dict[str, Seating]:
    """By post."""
    found: dict[str, dict[str, list[str]]] = {one.id: {SEATED: [], WAITING: []} for one in posts}
    query = select(Seat).where(Seat.post_id.in_(found)).order_by(Seat.id)
    for seat in session.scalars(query):
        found[seat.post_id][seat.state].append(seat.account_id)
    return {
        one.id: Seating(details_of(one).seats, tuple(found[one.id][SEATED]), tuple(found[one.id][WAITING]))
        for one in posts
    }


def changed(session: Session, post: Post, before: MeetingDetails, zone: str, url: str, now: datetime) -> None:
    """After a meeting was changed: nobody loses a seat, those who get one are told, and everybody of another time or place; of what is over, nobody. Raises ConflictError
    where more seats are taken than there would be."""
    after = details_of(post)
    seating = seating_of(session, post)
    try:
        moved = seating.with_seats(after.seats)
    except ValueError:
        raise ConflictError("seats_taken") from None
    moves = (before.sessions, before.place, before.address) != (after.sessions, after.place, after.address)
    if moves:
        post.revision += 1
        post.told = None
    if _is_over(post, now):
        return
    if moves:
        tell_everybody(session, post, "meeting_changed", zone, url, now)
    settle(session, post, moved, zone, url, now)


def cancelled(session: Session, post: Post, zone: str, url: str, now: datetime) -> None:
    """After a meeting was withdrawn: those who have signed up are told, unless it is over."""
    if not _is_over(post, now):
        tell_everybody(session, post, "meeting_cancelled", zone, url, now)


def tell_everybody(session: Session, post: Post, key: str, zone: str, url: str, now: datetime) -> None:
    for _, account in seats_of(session, post.id):
        _tell(session, post, account, key, zone, url, now)


def _is_over(post: Post, now: datetime) -> bool:
    return post.end is None or post.end <= now


def due(now: datetime) -> Select[str]:
    """Meetings that go on or begin within a day."""
    soon = (Post.kind == KIND) & (Post.status == OPEN) & (Post.start <= now + BEFORE) & (Post.end > now)
    return select(Post.id).where(soon, Post.taken_down.is_(None)).order_by(Post.start).limit(_PORTION)


def remind(session: Session, post_id: str, now: datetime, zone: str, url: str) -> bool:
    """Those who have a seat, and the organiser, a day before each session, once. Not who has signed up since: they have just read when it is. Returns whether there was anybody to
    remind."""
    lock_post(session, post_id)
    post = session.get_one(Post, post_id, with_for_update=True)
    coming = min((one.start for one in details_of(post).sessions if one.start > now), default=None)
    if coming is None or coming - BEFORE > now or (post.told is not None and post.told >= coming - BEFORE):
        return False
    post.told = now
    if session.get_one(Organisation, post.organisation_id).status != APPROVED:
        return False
    found = [(seat, account) for seat, account in seats_of(session, post_id) if seat.state == SEATED]
    for seat, account in found:
        if seat.joined <= coming - BEFORE:
            _tell(session, post, account, "meeting_reminder", zone, url, now)
    if found and post.created <= coming - BEFORE:
        for account in members_with_roles(session, post.organisation_id, ANSWERING):
            _tell(session, post, account, "meeting_reminder_organiser", zone, url, now, count=len(found))
    return bool(found)


def leave_everything(session: Session, seats: Iterable[Seat], zone: str, url: str, now: datetime) -> None:
    """Give back all these seats, of people who are gone."""
    for seat in sorted(seats, key=lambda seat: seat.post_id):  # one order for all excludes deadlocks
        lock_post(session, seat.post_id)
        free_seat(session, session.get_one(Post, seat.post_id), seat, zone, url, now)


def _tell(
    session: Session, post: Post, account: Account, key: str, zone: str, url: str, now: datetime, **more: object
) -> None:
    details = details_of(post)
    first = next((one for one in details.sessions if one.start > now), details.sessions[0])
    queue_mail(
        session, account, key, zone, now, (), title=post.title, when=Span(first.start, first.end, False),
        where=place_of(details), link=f"{url}/learning/{post.id}", **more,
    )  # fmt: skip


def _find_seat(session: Session, post_id: str, account: str) -> Seat | None:
    return session.scalars(select(Seat).where(Seat.post_id == post_id, Seat.account_id == account)).first()


def _seat(session: Session, post_id: str, account: str) -> Seat:
    found = _find_seat(session, post_id, account)
    if found is None:
        raise NotFoundError
    return found


def _seat_out(session: Session, seat: Seat) -> SeatOut:
    number = None
    if seat.state == WAITING:
        seating = seating_of(session, session.get_one(Post, seat.post_id))
        number = seating.waiting.index(seat.account_id) + 1
    return SeatOut.model_validate({"state": seat.state, "joined": seat.joined, "number": number})


def forget(session: Session, now: datetime) -> None:
    """Who came is forgotten some time after the end."""
    over = select(Post.id).where(Post.kind == KIND, Post.end <= now - SEATS_KEPT)
    session.execute(delete(Seat).where(Seat.post_id.in_(over)))


def own_meetings(session: Session, organisation: str, account: str, now: datetime) -> list[tuple[Seat, Post]]:
    """What a person of an organisation has signed up for and is not over, the earliest first."""
    query = select(Seat, Post).join(Post, Post.id == Seat.post_id)
    query = query.where(Seat.account_id == account, Seat.organisation_id == organisation)
    query = query.where(Post.status == OPEN, Post.taken_down.is_(None), Post.end > now)
    rows = session.execute(query.order_by(Post.start, Post.id))
    return [(seat, post) for seat, post in rows]
