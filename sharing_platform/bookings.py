"""Booking an offer. The database, not this code, makes sure that no hour is booked twice."""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sharing_platform.database import BOOKED, OPEN, Booking, Offer
from sharing_platform.messages import BookingIn
from sharing_platform.offers import NotFoundError, TakenError, visible_to


def book_offer(
    session: Session,
    offer_id: str,
    who: BookingIn,
    now: datetime,
    viewer: str | None = None,
    idempotency_key: str | None = None,
) -> Booking:
    """Book the whole offer, or what is left of it if it has begun. The same request with the same key again gives the booking
    that it made before.

    Raises NotFoundError where it does not exist, was withdrawn or is over; TakenError where somebody was first.
    """
    request_key = _request_key(idempotency_key, offer_id, who) if idempotency_key is not None else None
    offer = session.get(Offer, offer_id, with_for_update=True)
    if request_key is not None:
        made = session.scalars(select(Booking).where(Booking.request_key == request_key)).first()
        if made is not None:
            return made
    if offer is None or offer.end <= now or not visible_to(offer, viewer):
        raise NotFoundError
    if offer.status == BOOKED:
        raise TakenError
    if offer.status != OPEN:
        raise NotFoundError
    _wait_for_turn(session, offer)
    offer.status, offer.changed = BOOKED, now
    booking = Booking(
        id=str(uuid.uuid4()),
        offer_id=offer.id,
        factory=offer.factory,
        machine=offer.machine,
        start=max(offer.start, now),
        end=offer.end,
        organisation=who.organisation,
        email=who.email,
        booked=now,
        request_key=request_key,
    )
    session.add(booking)
    try:
        session.flush()
    except IntegrityError as error:
        raise TakenError from error
    return booking


def _request_key(idempotency_key: str, offer_id: str, who: BookingIn) -> str:
    """Of the whole request: with a key that somebody else has chosen too, nobody gets at another's booking."""
    request = json.dumps([idempotency_key, offer_id, who.organisation, who.email])
    return hashlib.sha256(request.encode()).hexdigest()


def _wait_for_turn(session: Session, offer: Offer) -> None:
    """One booking of a machine at a time: two that overlap would else wait for each other until the database ends one of them
    with an error of its own. SQLite's writers take turns anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"{offer.factory}/{offer.machine}"))))


def bookings_of(session: Session, factory: str, now: datetime) -> list[Booking]:
    """The factory's bookings that are not yet over, in order of their start."""
    query = select(Booking).where(Booking.factory == factory, Booking.end > now).order_by(Booking.start)
    return list(session.scalars(query))
