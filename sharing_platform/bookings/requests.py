"""Requests for hours of a machine, or for a listing. The database, not this code, makes sure that nothing is booked twice."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sharing_platform.bookings.lifecycle import Party, State, due_after
from sharing_platform.bookings.limits import Asked, check_pending
from sharing_platform.bookings.models import Booking
from sharing_platform.bookings.schemas import AskIn, Guest, PartIn
from sharing_platform.bookings.transitions import (
    Notify,
    add_message,
    apply_due_steps,
    apply_step,
    has_room,
    lock_seeker,
    record_event,
)
from sharing_platform.bookings.waiting_list import somebody_waits
from sharing_platform.bounds import Bounds
from sharing_platform.errors import ConflictError, InvalidError, NotFoundError, TakenError
from sharing_platform.listings.models import OPEN as LISTING_OPEN
from sharing_platform.listings.models import Listing
from sharing_platform.listings.records import is_exclusive, people_of
from sharing_platform.machines.availability import lock_resource, resource_of
from sharing_platform.machines.choices import price_of
from sharing_platform.machines.models import OPEN, Machine, Offer
from sharing_platform.machines.offers import find_offer
from sharing_platform.machines.windows import longest, surest
from sharing_platform.organisations.models import Account, Organisation
from sharing_platform.organisations.permissions import APPROVED

CONFIRM = timedelta(hours=24)
"""How long a guest has to confirm the address."""
LISTING_CANCELLATION_HOURS = 24
"""How long before its start a seeker may cancel a booking of a listing. Each offer has its own limit."""


@dataclass(frozen=True)
class Seeker:
    """Who asks: an organisation, or a guest, without one, whose address is still to be confirmed. `for_whom`: the organisation for which a neighbouring region asks."""

    organisation: Organisation | None
    account: Account | None = None
    guest: Guest | None = None
    for_whom: str = ""

    @property
    def id(self) -> str | None:
        return self.organisation.id if self.organisation else None

    @property
    def name(self) -> str:
        if self.organisation is not None:
            return self.for_whom or self.organisation.name
        return self.guest.organisation if self.guest else ""

    @property
    def email(self) -> str:
        if self.account is not None:
            return self.account.email
        return self.guest.email if self.guest else ""


def request_offer(
    session: Session,
    offer_id: str,
    seeker: Seeker,
    wanted: AskIn,
    now: datetime,
    notify: Notify,
    visible: Callable[[Offer], bool],
    bounds: Bounds,
    idempotency_key: str | None = None,
) -> Booking:
    """Request the offer's longest free window, or the part that `wanted` names; of an offer that has begun, the rest. With `wanted.more`, parts of
    other offers of the machine as well, all or none; the first part is returned. Repeating a request with the same key returns the booking
    that it made the first time.

    Raises NotFoundError where the offer does not exist or is over; TakenError where it is no longer free; InvalidError
    for a part that cannot be booked.
    """
    offer = find_offer(session, offer_id, seeker.id)
    if offer is None or not visible(offer):
        raise NotFoundError
    if seeker.organisation is not None:
        lock_seeker(session, seeker.organisation.id)
    lock_resource(session, resource_of(offer.factory, offer.machine))
    session.refresh(offer, with_for_update=True)
    request_key = _request_key(idempotency_key, offer_id, seeker, wanted)
    made = _find_repeated(session, request_key)
    if made is not None:
        return made
    _expire_overdue_holds(session, offer, now, notify)
    if offer.factory == seeker.id:
        raise ConflictError("own")
    _check_free(offer, now)
    _check_bounds(session, seeker, resource_of(offer.factory, offer.machine), 1 + len(wanted.more), bounds)
    # All parts are looked at before the first takes its hours, which cuts the offers of the others.
    parts = [
        (offer, *part_of(offer, wanted.start, wanted.end, now)),
        *(_further_part(session, offer, part, now, visible) for part in wanted.more),
    ]
    request_id = str(uuid.uuid4()) if len(parts) > 1 else None
    instant = all(of.booking == "instant" for of, _, _ in parts)
    first, *others = [_booking_of(session, *part, seeker, now, request_id) for part in parts]
    first.request_key = request_key
    _begin(session, [first, *others], wanted, seeker, instant, now, notify)
    return first


def _further_part(
    session: Session, first: Offer, part: PartIn, now: datetime, visible: Callable[[Offer], bool]
) -> tuple[Offer, datetime, datetime]:
    """Raises what `request_offer` raises, and InvalidError for another machine's offer."""
    offer = find_offer(session, part.offer_id, None)
    if offer is None or not visible(offer):
        raise NotFoundError
    session.refresh(offer, with_for_update=True)
    if (offer.factory, offer.machine) != (first.factory, first.machine):
        raise InvalidError("part_of_another", "more")
    _check_free(offer, now)
    return (offer, *part_of(offer, part.start, part.end, now))


def _check_free(offer: Offer, now: datetime) -> None:
    """Raises NotFoundError where it is over, else TakenError where it is not free: whether somebody has it or the factory needs it is not said."""
    if offer.end <= now:
        raise NotFoundError
    if offer.status != OPEN:
        raise TakenError


def _booking_of(
    session: Session,
    offer: Offer,
    start: datetime,
    end: datetime,
    seeker: Seeker,
    now: datetime,
    request_id: str | None,
) -> Booking:
    machine = session.get(Machine, (offer.factory, offer.machine))
    return Booking(
        id=str(uuid.uuid4()),
        request_id=request_id,
        offer_id=offer.id,
        provider=offer.factory,
        machine=offer.machine,
        resource=resource_of(offer.factory, offer.machine),
        title=machine.title if machine else offer.machine,
        alias=offer.alias,
        start=start,
        end=end,
        free_again=end + timedelta(minutes=offer.buffer_minutes),
        seeker=seeker.id,
        account_id=seeker.account.id if seeker.account else None,
        organisation=seeker.name,
        email=seeker.email,
        state=State.REQUESTED,
        cancel_until=start - timedelta(hours=offer.cancellation_hours),
        price=price_of(offer, start, end),
        booked=now,
    )


def request_listing(
    session: Session,
    listing: Listing,
    seeker: Seeker,
    wanted: AskIn,
    now: datetime,
    notify: Notify,
    bounds: Bounds,
    idempotency_key: str | None = None,
    has_waited: bool = False,
) -> Booking:
    """Ask for an operator, equipment, know-how for a period, or for places in a training, which go to those first who have waited for them. The provider
    answers. Raises what `request_offer` raises."""
    if seeker.organisation is not None:
        lock_seeker(session, seeker.organisation.id)
    lock_resource(session, f"listing:{listing.id}")
    session.refresh(listing, with_for_update=True)
    request_key = _request_key(idempotency_key, listing.id, seeker, wanted)
    made = _find_repeated(session, request_key)
    if made is not None:
        return made
    if listing.organisation_id == seeker.id:
        raise ConflictError("own")
    if listing.status != LISTING_OPEN or listing.end <= now:
        raise NotFoundError
    if wanted.more:
        raise InvalidError("part_of_another", "more")
    resource = f"listing:{listing.id}" if is_exclusive(listing) else None
    _check_bounds(session, seeker, resource, 1, bounds)
    has_places = listing.places is not None
    start, end = (listing.start, listing.end) if has_places else period_in(listing, wanted.start, wanted.end, now)
    places = wanted.places if has_places or people_of(listing) > 1 else 1
    if not has_room(session, listing, places, start, end):
        raise TakenError("no_places")
    if has_places and not has_waited and somebody_waits(session, listing, places):
        raise TakenError("others_wait")
    booking = Booking(
        id=str(uuid.uuid4()),
        listing_id=listing.id,
        provider=listing.organisation_id,
        resource=resource,
        title=listing.title,
        start=start,
        end=end,
        free_again=end,
        places=places,
        seeker=seeker.id,
        account_id=seeker.account.id if seeker.account else None,
        organisation=seeker.name,
        email=seeker.email,
        state=State.REQUESTED,
        cancel_until=start - timedelta(hours=LISTING_CANCELLATION_HOURS),
        price=listing.price * places if has_places and listing.price is not None else None,
        booked=now,
        request_key=request_key,
    )
    _begin(session, [booking], wanted, seeker, False, now, notify)
    return booking


def _begin(
    session: Session,
    parts: list[Booking],
    wanted: AskIn,
    seeker: Seeker,
    instant: bool,
    now: datetime,
    notify: Notify,
) -> None:
    account = seeker.account.id if seeker.account else None
    for booking in parts:
        booking.due = due_after(State.REQUESTED, booking.start, booking.end, now, CONFIRM)
        session.add(booking)
        session.flush()
        record_event(session, booking, Party.SEEKER, account, now)
        if wanted.message or wanted.quantity is not None:
            add_message(session, booking, seeker.id, account, wanted.message, now, wanted.quantity)
    if seeker.organisation is None:
        return
    # Whom another region has approved, this one does not know: the factory answers.
    at_once = instant and seeker.organisation.status == APPROVED and not seeker.for_whom
    to = State.ACCEPTED if at_once else State.HELD
    try:
        for booking in parts:
            apply_step(session, booking, to, Party.PLATFORM, now, notify, None)
    except IntegrityError as error:
        raise TakenError from error


def _expire_overdue_holds(session: Session, offer: Offer, now: datetime, notify: Notify) -> None:
    """A hold that has run out does not block its hours, also before the scheduler has processed it."""
    late = select(Booking).where(
        Booking.resource == resource_of(offer.factory, offer.machine), Booking.state == State.HELD, Booking.due <= now
    )
    for booking in session.scalars(late).all():
        apply_due_steps(session, booking, now, notify)


def _check_bounds(session: Session, seeker: Seeker, resource: str | None, parts: int, bounds: Bounds) -> None:
    """A guest's request holds nothing before the address is confirmed, and is checked then: the answer must not tell whether the address is known."""
    if seeker.organisation is not None:
        account = seeker.account.id if seeker.account else None
        check_pending(session, Asked(seeker.organisation, account, resource, parts), bounds)


def part_of(
    offer: Offer, wanted_start: datetime | None, wanted_end: datetime | None, now: datetime
) -> tuple[datetime, datetime]:
    """Without a start and an end, the longest window. Raises NotFoundError where nothing of it can be booked any more."""
    windows = offer.free_windows(now)
    if not windows:
        raise NotFoundError
    whole = longest(windows)
    at_most = timedelta(hours=offer.maximum_hours) if offer.maximum_hours is not None else None
    if wanted_start is None and wanted_end is None:
        return whole.start, whole.end if at_most is None else min(whole.end, whole.start + at_most)
    start, end = wanted_start or max(offer.start, now), wanted_end or offer.end
    if start < max(offer.start, now) or end > offer.end or end <= start:
        raise InvalidError("part_outside", "start")
    if at_most is not None and end - start > at_most:
        raise InvalidError("part_too_long", "end")
    if any((window.start, window.end) == (start, end) for window in windows):
        return start, end
    if offer.minimum_hours is None:
        raise InvalidError("whole_only", "start")
    if end - start < timedelta(hours=offer.minimum_hours):
        raise InvalidError("part_too_short", "end")
    if surest(windows, start, end) is None:
        raise InvalidError("part_not_sure", "end")
    return start, end


def period_in(
    listing: Listing, wanted_start: datetime | None, wanted_end: datetime | None, now: datetime
) -> tuple[datetime, datetime]:
    """Raises InvalidError for what does not lie within the listing's period."""
    start, end = wanted_start or max(listing.start, now), wanted_end or listing.end
    if start < max(listing.start, now) or end > listing.end or end <= start:
        raise InvalidError("part_outside", "start")
    return start, end


def repeated(session: Session, key: str | None, subject: str, seeker: Seeker, wanted: AskIn) -> Booking | None:
    """The booking that the same request with the same key made the first time, also where nobody could make it now."""
    return _find_repeated(session, _request_key(key, subject, seeker, wanted))


def _find_repeated(session: Session, request_key: str | None) -> Booking | None:
    """The booking that the same request made the first time."""
    if request_key is None:
        return None
    return session.scalars(select(Booking).where(Booking.request_key == request_key)).first()


def _request_key(idempotency_key: str | None, subject: str, seeker: Seeker, wanted: AskIn) -> str | None:
    """A digest of the whole request, so that two callers who choose the same key do not see each other's booking."""
    if idempotency_key is None:
        return None
    request = json.dumps([idempotency_key, subject, seeker.id, wanted.model_dump(mode="json")])
    return hashlib.sha256(request.encode()).hexdigest()
