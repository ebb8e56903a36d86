"""After a booking both parties say how it was. A machine that was not free on arrival is a broken promise, and counts in its factory's record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.orm import Session

from sharing_platform.bookings.lifecycle import Party, State
from sharing_platform.bookings.models import Booking, BookingReview
from sharing_platform.bookings.notifier import BookingNotifier
from sharing_platform.bookings.schemas import ReviewIn, ReviewOut, ReviewsOut
from sharing_platform.bookings.service import own_booking
from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import ConflictError, NotAllowedError
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.permissions import Actor, Right

OPEN_FOR = timedelta(days=30)
"""So long after its end, the parties may say how it was, and change what they said."""


class Verdict(StrEnum):
    """How it was."""

    AS_AGREED = "as_agreed"
    NOT_FREE = "not_free"
    NO_SHOW = "no_show"
    OTHERWISE = "otherwise"


CHOICES: Mapping[Party, tuple[Verdict, ...]] = {
    Party.SEEKER: (Verdict.AS_AGREED, Verdict.NOT_FREE, Verdict.OTHERWISE),
    Party.PROVIDER: (Verdict.AS_AGREED, Verdict.NO_SHOW, Verdict.OTHERWISE),
}
_BEFORE_THE_END = frozenset({Verdict.NOT_FREE, Verdict.NO_SHOW})
"""What somebody can know who stands there in vain."""


def choices_now(party: Party, booking: Booking, now: datetime) -> tuple[Verdict, ...]:
    """What a party may say at this moment. Of a listing, nobody finds the machine taken."""
    of_party = tuple(one for one in CHOICES[party] if booking.machine is not None or one is not Verdict.NOT_FREE)
    if booking.state == State.COMPLETED and now < booking.end + OPEN_FOR:
        return of_party
    if booking.state == State.IN_USE:
        return tuple(one for one in of_party if one in _BEFORE_THE_END)
    return ()


def is_shown(own: ReviewOut | None, others: ReviewOut, booking: Booking, now: datetime) -> bool:
    """Whether a party sees what the other said: once it has said something itself, or can no longer, so that nobody answers in kind. That the machine was not free, or
    that nobody came, is shown at once: it is about a fact, and the other may have something to say to it."""
    return own is not None or others.verdict in _BEFORE_THE_END or now >= booking.end + OPEN_FOR


def reviews_out(session: Session, booking: Booking, party: Party, now: datetime) -> ReviewsOut:
    own, others = (_said_by(session, booking, side) for side in (party, party.other))
    return ReviewsOut(
        choices=list(choices_now(party, booking, now)),
        own=own,
        other=others if others is not None and not others.taken_down and is_shown(own, others, booking, now) else None,
    )


def give(context: PlatformContext, actor: Actor, booking_id: str, wanted: ReviewIn) -> ReviewsOut:
    """Say how it was, or say it again otherwise. Raises NotFoundError, NotAllowedError, ConflictError where that cannot be said now."""
    now = context.now()
    with context.sessions.begin() as session:
        booking, party = own_booking(session, booking_id, actor)
        if not actor.may(Right.ANSWER if party is Party.PROVIDER else Right.ASK):
            raise NotAllowedError
        verdict = Verdict(wanted.verdict)
        if verdict not in choices_now(party, booking, now):
            raise ConflictError("review")
        kept = session.get(BookingReview, (booking_id, party))
        before = kept.verdict if kept is not None else None
        if kept is None:
            kept = BookingReview(booking_id=booking_id, party=party)
            session.add(kept)
        kept.account_id = actor.account
        kept.at, kept.verdict, kept.text = now, verdict, wanted.text
        session.flush()
        log(session, now, actor, "booking.reviewed", booking.id, party=party, verdict=verdict)
        if verdict in _BEFORE_THE_END and before != verdict:
            BookingNotifier(context.url, context.zone).tell_of_review(session, booking, party, now)
        shown = reviews_out(session, booking, party, now)
    context.wake_workers()
    return shown


def _said_by(session: Session, booking: Booking, party: Party) -> ReviewOut | None:
    kept = session.get(BookingReview, (booking.id, party))
    if kept is None:
        return None
    return ReviewOut.model_validate(
        {"verdict": kept.verdict, "text": kept.text, "taken_down": kept.taken_down is not None}
    )
