"""Asking for hours of a machine, or for a listing, and every step after that. The database, not this code, makes sure that nothing is
booked twice."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sharing_platform.booking.availability import recut_around, resource_of, wait_for_turn
from sharing_platform.booking.messages import AskIn
from sharing_platform.booking.states import (
    LIVE,
    PENDING,
    Party,
    State,
    due_after,
    may_step,
    step_of_time,
    steps_open_to,
)
from sharing_platform.booking.tables import Booking, BookingEvent, BookingMessage
from sharing_platform.errors import ConflictError, InvalidError, NotFoundError, TakenError
from sharing_platform.finding.listings import places_taken
from sharing_platform.finding.tables import BOOKED, HELD, OPEN, Listing, Machine, Offer
from sharing_platform.people.access import APPROVED, Actor, Right
from sharing_platform.people.tables import Account, Organisation

HOLD = timedelta(hours=48)
"""So long a provider has to answer, and hours are kept for it."""
CONFIRM = timedelta(hours=24)
"""So long a guest has to confirm the address."""
LISTING_CANCELLATION_HOURS = 24
"""Until so long before its start may a seeker cancel what was agreed of a listing; an offer says so itself."""
_MAX_PENDING = 200

Told = Callable[[Session, Booking, State, Party, datetime], None]
"""Writes down what the parties are to be told of a step, in its transaction."""


@dataclass(frozen=True)
class Seeker:
    """Who asks; `confirmed`: whether their address is."""

    organisation: Organisation
    account: Account | None
    confirmed: bool = True

    @property
    def email(self) -> str:
        return self.account.email if self.account else ""


def ask_for_offer(
    session: Session,
    offer_id: str,
    seeker: Seeker,
    wanted: AskIn,
    now: datetime,
    told: Told,
    visible: Callable[[Offer], bool],
    idempotency_key: str | None = None,
) -> Booking:
    """Ask for the offer's free hours, or the part of them that `wanted` names. What has begun is what is left of it. The same request
    with the same key again gives the booking that it made before.

    Raises NotFoundError where it does not exist, was withdrawn or is over; TakenError where somebody was first; InvalidError for a
    part that cannot be had.
    """
    offer = session.get(Offer, offer_id)
    if offer is None or not visible(offer):
        raise NotFoundError
    wait_for_turn(session, resource_of(offer.factory, offer.machine))
    session.refresh(offer, with_for_update=True)
    request_key = _request_key(idempotency_key, offer_id, seeker, wanted)
    made = _made_before(session, request_key)
    if made is not None:
        return made
    _expire_in_the_way(session, offer, now, told)
    if offer.factory == seeker.organisation.id:
        raise ConflictError("own")
    if offer.status in (BOOKED, HELD):
        raise TakenError
    if offer.status != OPEN or offer.end <= now:
        raise NotFoundError
    _bound_pending(session, seeker)
    start, end = _part_of(offer, wanted, now)
    machine = session.get(Machine, (offer.factory, offer.machine))
    booking = Booking(
        id=str(uuid.uuid4()),
        offer_id=offer.id,
        provider=offer.factory,
        machine=offer.machine,
        resource=resource_of(offer.factory, offer.machine),
        title=machine.title if machine else offer.machine,
        start=start,
        end=end,
        free_again=end + timedelta(minutes=offer.buffer_minutes),
        seeker=seeker.organisation.id,
        account_id=seeker.account.id if seeker.account else None,
        organisation=seeker.organisation.name,
        email=seeker.email,
        state=State.REQUESTED,
        cancel_until=start - timedelta(hours=offer.cancellation_hours),
        price=_price(offer, end - start),
        booked=now,
        request_key=request_key,
    )
    _begin(session, booking, wanted, seeker, offer.booking == "instant", now, told)
    return booking


def ask_for_listing(
    session: Session,
    listing: Listing,
    seeker: Seeker,
    wanted: AskIn,
    now: datetime,
    told: Told,
    idempotency_key: str | None = None,
) -> Booking:
    """Ask for an operator, equipment, know-how for a period, or for places in a training. The provider answers. Raises what
    `ask_for_offer` raises."""
    wait_for_turn(session, f"listing:{listing.id}")
    session.refresh(listing, with_for_update=True)
    request_key = _request_key(idempotency_key, listing.id, seeker, wanted)
    made = _made_before(session, request_key)
    if made is not None:
        return made
    if listing.organisation_id == seeker.organisation.id:
        raise ConflictError("own")
    if listing.status != OPEN or listing.end <= now:
        raise NotFoundError
    _bound_pending(session, seeker)
    several = listing.places is not None
    start, end = (listing.start, listing.end) if several else _period_in(listing, wanted, now)
    if not _room(session, listing, wanted.places):
        raise TakenError("no_places")
    booking = Booking(
        id=str(uuid.uuid4()),
        listing_id=listing.id,
        provider=listing.organisation_id,
        resource=None if several else f"listing:{listing.id}",
        title=listing.title,
        start=start,
        end=end,
        free_again=end,
        places=wanted.places if several else 1,
        seeker=seeker.organisation.id,
        account_id=seeker.account.id if seeker.account else None,
        organisation=seeker.organisation.name,
        email=seeker.email,
        state=State.REQUESTED,
        cancel_until=start - timedelta(hours=LISTING_CANCELLATION_HOURS),
        price=listing.price * wanted.places if several and listing.price is not None else None,
        booked=now,
        request_key=request_key,
    )
    _begin(session, booking, wanted, seeker, False, now, told)
    return booking


def step(
    session: Session, booking: Booking, to: State, party: Party, actor: Actor | None, now: datetime, told: Told
) -> None:
    """Accept, decline, cancel or take back. The same step again changes nothing. Raises ConflictError where it is not open to the
    party now."""
    _lock(session, booking)
    if booking.due is not None and booking.due <= now and booking.state != State.ACCEPTED:
        _go_with_time(session, booking, now, told)
    if booking.state == to:
        return
    if to not in steps_open_to(party, State(booking.state), booking.cancel_until, now):
        raise ConflictError("step", state=booking.state)
    _step(session, booking, to, party, now, told, actor.account if actor else None)


def confirm_requests(session: Session, account: Account, now: datetime, told: Told) -> list[Booking]:
    """The account's address is confirmed: its requests now count. Hours that are gone meanwhile make them expire."""
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
                _step(session, booking, to, Party.PLATFORM, now, told, None)
        except IntegrityError:
            session.refresh(booking)
            _step(session, booking, State.EXPIRED, Party.PLATFORM, now, told, None)
        done.append(booking)
    return done


def advance(session: Session, booking_id: str, now: datetime, told: Told) -> int:
    """Make the steps that time alone makes of one booking: it expires, begins, ends. Returns 1 where it did, else 0."""
    booking = session.get_one(Booking, booking_id)
    _lock(session, booking)
    if booking.due is None or booking.due > now:
        return 0
    _go_with_time(session, booking, now, told)
    return 1


def pending_on(session: Session, offer: Offer) -> list[Booking]:
    """The requests for an offer that is to be taken back: those that hold nothing yet, and where it is held whole, those that do."""
    family = select(Offer.id).where((Offer.id == offer.id) | (Offer.parent_id == offer.id))
    waiting = select(Booking).where(Booking.offer_id.in_(family), Booking.state.in_(PENDING)).with_for_update()
    return [one for one in session.scalars(waiting) if one.state == State.REQUESTED or offer.status == HELD]


def withdraw_pending(session: Session, pending: list[Booking], now: datetime, told: Told) -> None:
    """The factory takes the hours back: whoever asked for them is told."""
    for booking in pending:
        _step(session, booking, State.WITHDRAWN, Party.PROVIDER, now, told, None)


def party_of(booking: Booking, actor: Actor) -> Party:
    """Which side the caller is on. Raises NotFoundError for everybody else: they may not know of it."""
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


def write(
    session: Session, booking: Booking, organisation: str, account: str | None, text: str, now: datetime
) -> BookingMessage:
    """A message of one party to the other."""
    message = BookingMessage(booking_id=booking.id, at=now, organisation_id=organisation, account_id=account, text=text)
    session.add(message)
    session.flush()
    return message


def _begin(
    session: Session, booking: Booking, wanted: AskIn, seeker: Seeker, instant: bool, now: datetime, told: Told
) -> None:
    booking.due = due_after(State.REQUESTED, booking.start, booking.end, now + CONFIRM)
    session.add(booking)
    session.flush()
    account = seeker.account.id if seeker.account else None
    _note(session, booking, Party.SEEKER, account, now)
    if wanted.message:
        write(session, booking, seeker.organisation.id, account, wanted.message, now)
    if not seeker.confirmed:
        return
    accepted = instant and seeker.organisation.status == APPROVED
    try:
        _step(session, booking, State.ACCEPTED if accepted else State.HELD, Party.PLATFORM, now, told, None)
    except IntegrityError as error:
        raise TakenError from error


def _step(
    session: Session, booking: Booking, to: State, party: Party, now: datetime, told: Told, account: str | None
) -> None:
    was = State(booking.state)
    if not may_step(was, to, party):
        raise ConflictError("step", state=booking.state)
    booking.state = to
    booking.due = due_after(to, booking.start, booking.end, now + HOLD)
    session.flush()
    _note(session, booking, party, account, now)
    if booking.machine is not None and (was in LIVE) != (to in LIVE):
        # Before anybody is told: what is free now is what they are told of.
        recut_around(session, booking.provider, booking.machine, booking.start, booking.free_again, now)
    told(session, booking, to, party, now)


def _lock(session: Session, booking: Booking) -> None:
    """Nobody else changes it, or what it keeps, until the transaction ends; read as it is then."""
    if booking.resource is not None:
        wait_for_turn(session, booking.resource)
    session.refresh(booking, with_for_update=True)


def _note(session: Session, booking: Booking, party: Party, account: str | None, now: datetime) -> None:
    session.add(BookingEvent(booking_id=booking.id, at=now, state=booking.state, party=party, account_id=account))
    session.flush()


def _go_with_time(session: Session, booking: Booking, now: datetime, told: Told) -> None:
    # A platform that was away makes up for every step that it missed.
    while booking.due is not None and booking.due <= now:
        _step(session, booking, step_of_time(State(booking.state)), Party.PLATFORM, now, told, None)


def _expire_in_the_way(session: Session, offer: Offer, now: datetime, told: Told) -> None:
    """A hold that has run out keeps nobody from the hours, also before the platform's clockwork has come by."""
    late = select(Booking).where(
        Booking.resource == resource_of(offer.factory, offer.machine), Booking.state == State.HELD, Booking.due <= now
    )
    for booking in session.scalars(late).all():
        _go_with_time(session, booking, now, told)


def _still_there(session: Session, booking: Booking) -> bool:
    if booking.listing_id is not None:
        listing = session.get_one(Listing, booking.listing_id)
        return listing.status == OPEN and _room(session, listing, booking.places)
    root = session.get_one(Offer, booking.offer_id)
    family = select(func.count()).where(
        (Offer.id == root.id) | (Offer.parent_id == (root.parent_id or root.id)) | (Offer.id == root.parent_id),
        Offer.status == OPEN,
        Offer.start <= booking.start,
        Offer.end >= booking.end,
    )
    return bool(session.scalar(family))


def _room(session: Session, listing: Listing, places: int) -> bool:
    """Whether a training has so many places left; what has no places is kept apart by its hours."""
    return listing.places is None or places_taken(session, [listing.id]).get(listing.id, 0) + places <= listing.places


def _bound_pending(session: Session, seeker: Seeker) -> None:
    """Nobody keeps a region's hours from others by asking for all of them."""
    waiting = select(func.count()).where(Booking.seeker == seeker.organisation.id, Booking.state.in_(PENDING))
    if (session.scalar(waiting) or 0) >= _MAX_PENDING:
        raise ConflictError("too_many_pending")


def _part_of(offer: Offer, wanted: AskIn, now: datetime) -> tuple[datetime, datetime]:
    whole = (max(offer.start, now), offer.end)
    start, end = wanted.start or whole[0], wanted.end or whole[1]
    if start < whole[0] or end > whole[1] or end <= start:
        raise InvalidError("part_outside", "start")
    if (start, end) == whole:
        return whole
    if offer.minimum_hours is None:
        raise InvalidError("whole_only", "start")
    if end - start < timedelta(hours=offer.minimum_hours):
        raise InvalidError("part_too_short", "end")
    return start, end


def _period_in(listing: Listing, wanted: AskIn, now: datetime) -> tuple[datetime, datetime]:
    start, end = wanted.start or max(listing.start, now), wanted.end or listing.end
    if start < max(listing.start, now) or end > listing.end or end <= start:
        raise InvalidError("part_outside", "start")
    return start, end


def _price(offer: Offer, length: timedelta) -> Decimal | None:
    if offer.price_per_hour is None:
        return None
    hours = Decimal(int(length.total_seconds())) / 3600
    price = (offer.price_per_hour * hours).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return max(price, offer.price_minimum or Decimal(0))


def _made_before(session: Session, request_key: str | None) -> Booking | None:
    """What the same request made when it came the first time."""
    if request_key is None:
        return None
    return session.scalars(select(Booking).where(Booking.request_key == request_key)).first()


def _request_key(idempotency_key: str | None, subject: str, seeker: Seeker, wanted: AskIn) -> str | None:
    """Of the whole request: with a key that somebody else has chosen too, nobody gets at another's booking."""
    if idempotency_key is None:
        return None
    request = json.dumps([idempotency_key, subject, seeker.organisation.id, wanted.model_dump(mode="json")])
    return hashlib.sha256(request.encode()).hexdigest()
