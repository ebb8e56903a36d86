"""A reminder to both sides, a day before a booking begins."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from sharing_platform.bookings.lifecycle import Party, State
from sharing_platform.bookings.models import Booking
from sharing_platform.bookings.notifier import contact_line
from sharing_platform.bookings.places import address_of
from sharing_platform.bookings.proposals import agreed_at
from sharing_platform.bookings.transitions import lock
from sharing_platform.dependencies import PlatformContext
from sharing_platform.i18n import Span, Translator
from sharing_platform.notifications.mail import queue_mail
from sharing_platform.organisations.directory import members_with_roles
from sharing_platform.organisations.models import Account
from sharing_platform.organisations.permissions import ANSWERING

BEFORE = timedelta(days=1)
_PORTION = 500


def is_wanted(start: datetime, agreed: datetime, now: datetime) -> bool:
    """Not by those who agreed less than a day before: they have just had an e-mail about it."""
    return agreed <= start - BEFORE <= now < start


def due(now: datetime) -> Select[str]:
    """Bookings that begin within a day, and of which nobody was reminded."""
    soon = (Booking.state == State.ACCEPTED) & (Booking.start > now) & (Booking.start <= now + BEFORE)
    return select(Booking.id).where(soon, Booking.reminded.is_(None)).order_by(Booking.start).limit(_PORTION)


def remind(session: Session, booking_id: str, now: datetime, context: PlatformContext) -> bool:
    """Both sides, each in their language, once. Returns whether there was anything to remind of."""
    booking = session.get_one(Booking, booking_id)
    lock(session, booking)
    if booking.state != State.ACCEPTED or booking.reminded is not None:
        return False
    booking.reminded = now
    if not is_wanted(booking.start, agreed_at(session, booking), now):
        return False
    account = session.get(Account, booking.account_id) if booking.account_id is not None else None
    people = [(one, Party.PROVIDER) for one in members_with_roles(session, booking.provider, ANSWERING)]
    if account is not None:
        people.append((account, Party.SEEKER))
    for recipient, side in people:
        words = Translator(recipient.language, context.zone)
        queue_mail(
            session, recipient, f"reminder_{side}", context.zone, now,
            title=booking.title, link=f"{context.url}/bookings/{booking.id}", seeker=booking.organisation,
            when=Span(booking.start, booking.end, booking.listing_id is not None),
            address=address_of(session, booking) or words("address_unknown"), contact=contact_line(session, booking, side, words),
        )  # fmt: skip
    return True
