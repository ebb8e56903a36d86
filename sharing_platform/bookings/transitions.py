"""Every step of a booking after the request, applied in the database. `lifecycle` says which steps there are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sharing_platform.bookings.lifecycle import (
    ENDED,
    HOLDS,
    LIVE,
    NEGOTIABLE,
    PENDING,
    Party,
    ProposalState,
    State,
    due_after,
    may_step,
    step_of_time,
    steps_open_to,
)
from sharing_platform.bookings.limits import Asked, check_pending
from sharing_platform.bookings.models import Booking, BookingEvent, BookingMessage, Proposal
from sharing_platform.bookings.occupancy import BookedHours
from sharing_platform.bounds import Bounds
from sharing_platform.errors import ConflictError, NotAllowedError, NotFoundError
from sharing_platform.listings.models import OPEN as LISTING_OPEN
from sharing_platform.listings.models import Listing
from sharing_platform.listings.records import people_of
from sharing_platform.machines.availability import lock_resource, recut_around
from sharing_platform.machines.models import OPEN, Offer
from sharing_platform.organisations.directory import awaits_region
from sharing_platform.organisations.models import Account, Organisation
from sharing_platform.organisations.permissions import APPROVED, REFUSED, Actor, Right

HOLD = timedelta(hours=48)
"""How long the provider has to answer; the hours are held for as long."""

Notify = Callable[[Session, Booking, State, Party, datetime], None]
"""Queues the notifications about a step, in its transaction."""

_OCCUPANCY = BookedHours()


def transition(
    session: Session, booking: Booking, to: State, party: Party, actor: Actor | None, now: datetime, notify: Notify,
    keep: bool | None = None,
) -> None:  # fmt: skip
    """Accept, decline, cancel or take back. The same step again changes nothing. What the region has to look into first cannot be accepted yet. `keep`: whether who declines keeps the hours, which can be said again
    later; None: as it is, at first kept. Raises ConflictError where it is not open to the party now."""
    lock(session, booking)
    if booking.due is not None and booking.due <= now and booking.state != State.ACCEPTED:
        apply_due_steps(session, booking, now, notify)
    if booking.state == to:
        if to is State.DECLINED and party is Party.PROVIDER and keep is not None:
            for part in parts_of(session, booking):
                _keep_hours(session, part, keep and part.state == State.DECLINED, now)
        return
    _require_open(session, booking, to, party, now)
    parts = _answered_together(session, booking)
    if to is State.DECLINED:
        # Known before the step, which would otherwise put the hours on offer. Most machines are declined because they are not free.
        for part in parts:
            part.hours_kept = keep is not False and part.machine is not None
    for part in parts:
        apply_step(session, part, to, party, now, notify, actor.account if actor else None)


def _require_open(session: Session, booking: Booking, to: State, party: Party, now: datetime) -> None:
    """Raises ConflictError."""
    proposed = open_proposal(session, booking) is not None
    if to not in steps_open_to(party, State(booking.state), booking.cancel_until, now, proposed):
        asked = to is State.ACCEPTED and booking.state == State.HELD and party is Party.PROVIDER
        raise ConflictError("proposal_open") if asked else ConflictError("step", state=booking.state)
    if to is State.ACCEPTED and seeker_awaits_region(session, booking):
        raise ConflictError("awaits_region")


def _keep_hours(session: Session, booking: Booking, keep: bool, now: datetime) -> None:
    """Of a declined request, from now on."""
    if booking.machine is None or booking.hours_kept == keep:
        return
    booking.hours_kept = keep
    session.flush()
    recut_around(session, booking.provider, booking.machine, booking.start, booking.free_again, _OCCUPANCY, now)


def confirm_request(
    session: Session, booking: Booking, organisation: Organisation, account: Account, now: datetime, notify: Notify,
    bounds: Bounds,
) -> list[Booking]:  # fmt: skip
    """A guest's request counts from now on, in the name of an organisation; if its hours are gone meanwhile, it expires. Returns its parts. Raises
    ConflictError where it waits for no confirmation, is for hours of the organisation's own, or is one too many; NotAllowedError for whom the region
    has refused."""
    if organisation.status == REFUSED:
        raise NotAllowedError("refused")
    lock_seeker(session, organisation.id)
    lock(session, booking)
    if booking.state != State.REQUESTED or (booking.due is not None and booking.due <= now):
        raise ConflictError("step", state=booking.state)
    if booking.provider == organisation.id:
        raise ConflictError("own")
    parts = _answered_together(session, booking)
    check_pending(session, Asked(organisation, account.id, booking.resource, len(parts)), bounds)
    for part in parts:
        part.seeker, part.organisation = organisation.id, organisation.name
        part.account_id, part.email = account.id, account.email
        own = update(BookingMessage).where(BookingMessage.booking_id == part.id)
        session.execute(own.values(organisation_id=organisation.id, account_id=account.id))
    session.flush()
    to = State.ACCEPTED if all(_is_instant(session, part) for part in parts) else State.HELD
    # Looked at before the first part takes its hours, which cuts the offer of the others.
    there = all(part.end > now and _still_there(session, part) for part in parts)
    try:
        with session.begin_nested():
            for part in parts:
                apply_step(session, part, to if there else State.EXPIRED, Party.PLATFORM, now, notify, None)
    except IntegrityError:
        for part in parts:
            session.refresh(part)
            apply_step(session, part, State.EXPIRED, Party.PLATFORM, now, notify, None)
    return parts


def disown_request(session: Session, booking: Booking, now: datetime, notify: Notify) -> None:
    """Whoever reads the mail of the address did not make this request. Raises ConflictError where it waits for no confirmation."""
    lock(session, booking)
    if booking.state != State.REQUESTED:
        raise ConflictError("step", state=booking.state)
    for part in _answered_together(session, booking):
        apply_step(session, part, State.CANCELLED, Party.SEEKER, now, notify, None)


def lock_seeker(session: Session, organisation: str) -> None:
    """Serialise what an organisation asks for until the transaction ends, so that no two requests count the same ones. Taken before any resource."""
    lock_resource(session, f"seeker:{organisation}")


def expire_requests(session: Session, organisation: str, now: datetime, notify: Notify) -> None:
    """An organisation may ask for nothing any more: end what it waits for. What is agreed stays agreed."""
    _end_pending(session, Booking.seeker == organisation, State.EXPIRED, Party.PLATFORM, now, notify)


def withdraw_all_requests(session: Session, provider: str, now: datetime, notify: Notify) -> None:
    """An organisation may offer nothing any more: end the requests that it has not answered. What is agreed stays agreed."""
    _end_pending(session, Booking.provider == provider, State.WITHDRAWN, Party.PROVIDER, now, notify)


def _end_pending(
    session: Session, which: ColumnElement[bool], to: State, party: Party, now: datetime, notify: Notify
) -> None:
    waiting = select(Booking).where(which, Booking.state.in_(PENDING))
    for booking in session.scalars(waiting.order_by(Booking.id)).all():
        lock(session, booking)
        if booking.state in PENDING:
            for part in _answered_together(session, booking):
                apply_step(session, part, to, party, now, notify, None)


def parts_of(session: Session, booking: Booking) -> list[Booking]:
    """All parts of the request that it belongs to, in order of their start; itself alone where it has no others."""
    if booking.request_id is None:
        return [booking]
    parts = select(Booking).where(Booking.request_id == booking.request_id)
    return list(session.scalars(parts.order_by(Booking.start, Booking.id)))


def negotiated_with(session: Session, booking: Booking) -> list[Booking]:
    """The parts of a request are negotiated together while it waits; afterwards each is a booking like any other."""
    return parts_of(session, booking) if booking.state in PENDING else [booking]


def open_proposal(session: Session, booking: Booking) -> Proposal | None:
    """The one that waits for an answer, if there is one."""
    ids = [part.id for part in negotiated_with(session, booking)]
    return session.scalars(
        select(Proposal).where(Proposal.booking_id.in_(ids), Proposal.state == ProposalState.OPEN)
    ).first()


def spans_of(session: Session, booking: Booking) -> list[tuple[datetime, datetime]]:
    """When the parts of a request with several begin and end; none for any other."""
    if booking.request_id is None:
        return []
    return [(part.start, part.end) for part in parts_of(session, booking)]


def _answered_together(session: Session, booking: Booking) -> list[Booking]:
    """Until it is answered, a step of one part is a step of all. They are of one machine, whose lock is held."""
    if booking.state not in PENDING:
        return [booking]
    return [part for part in parts_of(session, booking) if part.state in PENDING]


def seeker_awaits_region(session: Session, booking: Booking) -> bool:
    """Whether a request that waits for an answer is made under nearly the name of an approved organisation, perhaps by somebody else."""
    seeker = session.get(Organisation, booking.seeker) if booking.seeker is not None else None
    return booking.state == State.HELD and seeker is not None and awaits_region(session, seeker)


def _is_instant(session: Session, booking: Booking) -> bool:
    organisation = session.get_one(Organisation, booking.seeker)
    offer = session.get(Offer, booking.offer_id) if booking.offer_id else None
    return offer is not None and offer.booking == "instant" and organisation.status == APPROVED


def advance(session: Session, booking_id: str, now: datetime, notify: Notify) -> tuple[str | None, ...]:
    """Apply the steps of a booking that are due by time: it expires, begins, ends. Returns its parties if there was one, else nothing."""
    booking = session.get_one(Booking, booking_id)
    lock(session, booking)
    if booking.due is None or booking.due > now:
        return ()
    apply_due_steps(session, booking, now, notify)
    return booking.provider, booking.seeker


def withdraw_requests(session: Session, offer_id: str, was_held: bool, now: datetime, notify: Notify) -> None:
    """A factory has taken an offer back: end the requests for it and its parts that hold no hours yet and, where the whole of it was
    held, those that do."""
    family = select(Offer.id).where((Offer.id == offer_id) | (Offer.parent_id == offer_id))
    waiting = select(Booking).where(Booking.offer_id.in_(family), Booking.state.in_(PENDING)).with_for_update()
    for booking in session.scalars(waiting).all():
        if booking.state == State.REQUESTED or (booking.state == State.HELD and was_held):
            for part in _answered_together(session, booking):
                apply_step(session, part, State.WITHDRAWN, Party.PROVIDER, now, notify, None)


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
    session: Session, booking: Booking, organisation: str | None, account: str | None, text: str, now: datetime,
    quantity: int | None = None,
) -> BookingMessage:  # fmt: skip
    """A message of one party to the other. `organisation`: None for a guest, until the request is confirmed."""
    message = BookingMessage(
        booking_id=booking.id, at=now, organisation_id=organisation, account_id=account, text=text, quantity=quantity
    )
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
    if booking.seeker is None and to in ENDED:
        booking.email = ""  # nobody has shown that it is theirs, and it is of no more use
    if was in NEGOTIABLE:
        _close_proposal(session, booking, to, now)
    if to is State.ACCEPTED:
        booking.alias = None  # from now on both sides know each other
    booking.due = due_after(to, booking.start, booking.end, now, HOLD)
    session.flush()
    record_event(session, booking, party, account, now)
    if booking.machine is not None and HOLDS[was] is not HOLDS[to]:
        # Before the notification, which names what is free now.
        recut_around(session, booking.provider, booking.machine, booking.start, booking.free_again, _OCCUPANCY, now)
    notify(session, booking, to, party, now)


def _close_proposal(session: Session, booking: Booking, to: State, now: datetime) -> None:
    """What was proposed ends with the request, or once the hours begin."""
    closed = ProposalState.EXPIRED if to in (State.EXPIRED, State.IN_USE) else ProposalState.WITHDRAWN
    pending = update(Proposal).where(Proposal.booking_id == booking.id, Proposal.state == ProposalState.OPEN)
    session.execute(pending.values(state=closed, answered=now))


def lock(session: Session, booking: Booking) -> None:
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
        to = step_of_time(State(booking.state))
        for part in _answered_together(session, booking):
            apply_step(session, part, to, Party.PLATFORM, now, notify, None)


def _still_there(session: Session, booking: Booking) -> bool:
    if booking.listing_id is not None:
        listing = session.get_one(Listing, booking.listing_id)
        return listing.status == LISTING_OPEN and has_room(session, listing, booking.places, booking.start, booking.end)
    # What a booking left of the offer may be an offer of its own by now.
    offers = select(func.count()).where(
        Offer.factory == booking.provider,
        Offer.machine == booking.machine,
        Offer.status == OPEN,
        Offer.start <= booking.start,
        Offer.end >= booking.end,
    )
    return bool(session.scalar(offers))


def has_room(session: Session, listing: Listing, places: int, start: datetime, end: datetime) -> bool:
    """Whether a training has that many places left, or so many of the people are there at the time. What one at a time can have is kept by the database."""
    if listing.places is not None:
        return _OCCUPANCY.places_taken(session, [listing.id]).get(listing.id, 0) + places <= listing.places
    people = people_of(listing)
    if people == 1:
        return True
    meanwhile = select(func.sum(Booking.places)).where(
        Booking.listing_id == listing.id, Booking.state.in_(LIVE), Booking.start < end, Booking.end > start
    )
    return int(session.scalar(meanwhile) or 0) + places <= people
