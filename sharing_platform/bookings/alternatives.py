"""What else somebody can have whose request came to nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists
from sqlalchemy.orm import Session

from sharing_platform.bookings.lifecycle import State
from sharing_platform.bookings.models import Booking, BookingEvent
from sharing_platform.machines.models import Offer
from sharing_platform.machines.offer_search import nearest_offers

_JUST_NOW = timedelta(minutes=15)
"""A factory's server takes back requests and offers one after the other: for as long, what was taken back is suggested to nobody, free or not."""


def alternatives(
    session: Session, offer: Offer, now: datetime, viewer: str | None, organisation: str | None
) -> list[Offer]:
    """Other open offers that `viewer` may see, the nearest first; without what its factory has just taken back, or has refused to `organisation`."""
    return nearest_offers(session, offer, now, viewer, without=_not_to_be_had(organisation, now))


def _not_to_be_had(organisation: str | None, now: datetime) -> ColumnElement[bool]:
    """Condition on offers: hours of them were."""
    taken_back = exists().where(
        BookingEvent.booking_id == Booking.id,
        BookingEvent.state == State.WITHDRAWN,
        BookingEvent.at > now - _JUST_NOW,
    )
    which = (Booking.state == State.WITHDRAWN) & taken_back
    if organisation is not None:
        which |= (Booking.state == State.DECLINED) & (Booking.seeker == organisation)
    return exists().where(
        Booking.provider == Offer.factory,
        Booking.machine == Offer.machine,
        Booking.start < Offer.end,
        Booking.end > Offer.start,
        Booking.end > now,
        which,
    )
