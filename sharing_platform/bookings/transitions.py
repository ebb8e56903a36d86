"""Every step of a booking after the request, applied in the database. `lifecycle` says which steps there are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sharing_platform.bookings.lifecycle import (
    LIVE,
    PENDING,
    Party,
    State,
    due_after,
    may_step,
    step_of_time,
    steps_open_to,
)
from sharing_platform.bookings.models import Booking, BookingEvent, BookingMessage
from sharing_platform.bookings.occupancy import BookedHours
from sharing_platform.errors import ConflictError, NotFoundError
from sharing_platform.listings.models import OPEN as LISTING_OPEN
from sharing_platform.listings.models import Listing
from sharing_platform.machines.availability import lock_resource, recut_around
from sharing_platform.machines.models import OPEN, Offer
from sharing_platform.organisations.models import Account, Organisation
from sharing_platform.organisations.permissions import APPROVED, Actor, Right

HOLD = timedelta(hours=48)
"""How long the provider has to answer; the hours are held for as long."""

Notify = Callable[[Session, Booking, State, Party, datetime], None]
"""Queues the notifications about a step, in its transaction."""

_OCCUPANCY = BookedHours()


def transition(
    session: Session, booking: Booking, to: State, party: Party, actor: Actor | None, now: datetime, notify: Notify
) -> None:
    """Accept, decline, cancel or take back. The same step again changes nothing. Raises ConflictError where it is not open to the
    party now."""
    _lock(session, booking)
    if booking.due is not None and booking.due <= now and booking.state != State.ACCEPTED:
        apply_due_steps(session, booking, now, notify)
    if booking.state == to:
        return
    if to not in steps_open_to(party, State(booking.state), booking.cancel_until, now):
        raise ConflictError("step", state=booking.state)
    apply_step(session, booking, to, party, now, notify, actor.account if actor else None)


def confirm_requests(session: Session, account: Account, now: datetime, notify: Notify) -> list[Booking]:
    """Make the requests of an account count whose address is confirmed now. Those whose hours are gone meanwhile expire."""
    waiting = select(Booking).where(Booking.account_id == account.id, Booking.state == State.REQUESTED)
    done = []
    for booking in session.scalars(waiting.order_by(Booking.booked, Booking.id)).all():
        _lock(session, booking)
        if booking.state != State.REQUESTED:
            continue
        organisation = session.get_one(Organisation, booking.seeker)
        offer = session.get(Offer, booking.offer_id) if booking.offer_id else None
        instant = offer is not None and offer.booking == "instant" and organisation.status == APPROVED
        try:
            with session.begin_nested():
                there = booking.end > now and _still_there(session, booking)
                to = (State.ACCEPTED if instant else State.HELD) if there else State.EXPIRED
                apply_step(session, booking, to, Party.PLATFORM, now, notify, None)
        except IntegrityError:
            session.refresh(booking)
            apply_step(session, booking, State.EXPIRED, Party.PLATFORM, now, notify, None)
        done.append(booking)
    return done


def advance(session: Session, booking_id: str, now: datetime, notify: Notify) -> int:
    """Apply the steps of a booking that are due by time: it expires, begins, ends. Returns 1 if there was one, else 0."""
    booking = session.get_one(Booking, booking_id)
    _lock(session, booking)
    if booking.due is None or booking.due > now:
        return 0
    apply_due_steps(session, booking, now, notify)
    return 1


def withdraw_requests(session: Session, offer_id: str, was_held: bool, now: datetime, notify: Notify) -> None:
    """A factory has taken an offer back: end the requests for it and its parts that hold no hours yet and, where the whole of it was
    held, those that do."""
    family = select(Offer.id).where((Offer.id == offer_id) | (Offer.parent_id == offer_id))
    waiting = select(Booking).where(Booking.offer_id.in_(family), Booking.state.in_(PENDING)).with_for_update()
    for booking in session.scalars(waiting).all():
        if booking.state == State.REQUESTED or was_held:
            apply_step(session, booking, State.WITHDRAWN, Party.PROVIDER, now, notify, None)


def party_of(booking: Booking, actor: Actor) -> Party:
    """Which side the caller is on. Raises NotFoundError for everybody else, who may not know of the booking."""
    if actor.may(Right.READ):
        if booking.provider == actor.organisation and actor.approved:
            return Party.PROVIDER
        if booking.seeker == actor.organisation:
            return Party.SEEKER
    raise NotFoundError


def history(session: Session, booking: Booking) -> list[BookingEvent]:
    return list(
        session.scalars(select(BookingEvent).where(BookingEvent.booking_id == booking.id).order_by(BookingEvent.id))
    )


def add_message(
    session: Session, booking: Booking, organisation: str, account: str | None, text: str, now: datetime
) -> BookingMessage:
    """A message of one party to the other."""
    message = BookingMessage(booking_id=booking.id, at=now, organisation_id=organisation, account_id=account, text=text)
    session.add(message)
    session.flush()
    return message


def apply_step(
    session: Session, booking: Booking, to: State, party: Party, now: datetime, notify: Notify, account: str | None
) -> None:
    was = State(booking.state)
    if not may_step(was, to, party):
        raise ConflictError("step", state=booking.state)
    booking.state = to
    booking.due = due_after(to, booking.start, booking.end, now + HOLD)
    session.flush()
    record_event(session, booking, party, account, now)
    if booking.machine is not None and (was in LIVE) != (to in LIVE):
        # Before the notification, which names what is free now.
        recut_around(session, booking.provider, booking.machine, booking.start, booking.free_again, _OCCUPANCY, now)
    notify(session, booking, to, party, now)


def _lock(session: Session, booking: Booking) -> None:
    """Lock the booking and its resource until the transaction ends, and read it again."""
    if booking.resource is not None:
        lock_resource(session, booking.resource)
    session.refresh(booking, with_for_update=True)


def record_event(session: Session, booking: Booking, party: Party, account: str | None, now: datetime) -> None:
    session.add(BookingEvent(booking_id=booking.id, at=now, state=booking.state, party=party, account_id=account))
    session.flush()


def apply_due_steps(session: Session, booking: Booking, now: datetime, notify: Notify) -> None:
    # Several steps may be due after the platform was down.
    while booking.due is not None and booking.due <= now:
        apply_step(session, booking, step_of_time(State(booking.state)), Party.PLATFORM, now, notify, None)


def _still_there(session: Session, booking: Booking) -> bool:
    if booking.listing_id is not None:
        listing = session.get_one(Listing, booking.listing_id)
        return listing.status == LISTING_OPEN and has_room(session, listing, booking.places)
    root = session.get_one(Offer, booking.offer_id)
    family = select(func.count()).where(
        (Offer.id == root.id) | (Offer.parent_id == (root.parent_id or root.id)) | (Offer.id == root.parent_id),
        Offer.status == OPEN,
        Offer.start <= booking.start,
        Offer.end >= booking.end,
    )
    return bool(session.scalar(family))


def has_room(session: Session, listing: Listing, places: int) -> bool:
    """Whether a training has that many places left. Listings without places are booked by their hours."""
    if listing.places is None:
        return True
    return _OCCUPANCY.places_taken(session, [listing.id]).get(listing.id, 0) + places <= listing.places
