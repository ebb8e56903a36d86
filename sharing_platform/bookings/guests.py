"""Requests of guests: what they are answered, and the e-mail that asks for confirmation. Neither tells the guest whether the address has an account."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.bookings.lifecycle import Party, State, due_after
from sharing_platform.bookings.models import Booking, BookingMessage
from sharing_platform.bookings.requests import CONFIRM
from sharing_platform.bookings.schemas import BookingOut, Guest
from sharing_platform.bookings.transitions import spans_of
from sharing_platform.dependencies import PlatformContext
from sharing_platform.i18n import Span
from sharing_platform.notifications.mail import Mailbox, queue_mail
from sharing_platform.organisations import accounts
from sharing_platform.organisations.mailed_links import Purpose, create_link


def receipt(shown: BookingOut, guest: Guest) -> BookingOut:
    """The request as the guest typed it, also when it is repeated after somebody has confirmed it."""
    due = due_after(State.REQUESTED, shown.start, shown.end, shown.booked, CONFIRM)
    parts = [part.model_copy(update={"state": State.REQUESTED}) for part in shown.parts]
    typed = {"organisation": guest.organisation, "email": guest.email, "address": "", "contacts": []}
    return shown.model_copy(update={**typed, "parts": parts, "state": State.REQUESTED, "steps": [], "due": due})


def typed_messages(session: Session, booking: Booking) -> list[str]:
    """What the guest wrote with the request."""
    query = select(BookingMessage.text).where(BookingMessage.booking_id == booking.id)
    return list(session.scalars(query.order_by(BookingMessage.id)))


def ask_to_confirm(context: PlatformContext, session: Session, booking: Booking, guest: Guest, now: datetime) -> None:
    """Send an e-mail with a link to confirm the request. Who has a password or a passkey signs in to do that; a mailbox alone is not enough then."""
    if booking.state != State.REQUESTED or booking.seeker is not None:
        return
    account = accounts.confirmed_account(session, guest.email)
    if accounts.can_sign_in(session, account):
        key, link = "known_request", f"{context.url}/requests/{booking.id}"
    else:
        typed = {"name": guest.name, "organisation": guest.organisation, "language": guest.language}
        secret = create_link(session, Purpose.REQUEST, guest.email, now, booking.id, typed)
        key, link = "confirm_request", f"{context.url}/confirm/{secret}"
    when = Span(booking.start, booking.end, booking.listing_id is not None)
    values = {"title": booking.title_for(Party.SEEKER), "when": when, "link": link}
    recipient = account or Mailbox(guest.email, guest.language)
    queue_mail(session, recipient, key, context.zone, now, spans_of(session, booking), **values)
