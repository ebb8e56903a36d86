"""Handlers for events of the domains below. `app.py` subscribes them."""

from __future__ import annotations

from sqlalchemy import delete, func, select, update

from sharing_platform.attachments.models import Attachment
from sharing_platform.attachments.service import erase_files_of
from sharing_platform.bookings import transitions
from sharing_platform.bookings.lifecycle import FIRM, PENDING, Party
from sharing_platform.bookings.models import Booking, BookingMessage, BookingReview, Proposal, WaitingPlace
from sharing_platform.bookings.transitions import Notify
from sharing_platform.errors import ConflictError
from sharing_platform.machines.events import OfferWithdrawn
from sharing_platform.organisations.events import AccountErasing, OrganisationRefused, PersonalDataRequested
from sharing_platform.organisations.personal_data import ERASED_NAME, columns_of, erased_address, rows_of


class BookingHandlers:
    """`notify` queues the notifications of each step."""

    def __init__(self, notify: Notify) -> None:
        self._notify = notify

    def end_requests(self, event: OrganisationRefused) -> None:
        """What a refused organisation asks for expires; what it was asked for is withdrawn."""
        transitions.expire_requests(event.session, event.organisation.id, event.now, self._notify)
        transitions.withdraw_all_requests(event.session, event.organisation.id, event.now, self._notify)

    def withdraw_requests(self, event: OfferWithdrawn) -> None:
        transitions.withdraw_requests(event.session, event.offer_id, event.was_held, event.now, self._notify)


def erase_person(event: AccountErasing) -> None:
    """Anonymise the person in bookings and messages. Raises ConflictError while a booking is pending or still to come, on which the other
    party relies."""
    account = event.account
    pending = select(func.count()).where(Booking.account_id == account.id, Booking.state.in_(FIRM | PENDING))
    if event.session.scalar(pending):
        raise ConflictError("bookings_open")
    # Requests that somebody made with the address without being signed in, and that nobody confirmed, are no reason to refuse.
    bookings = update(Booking).where((Booking.account_id == account.id) | (Booking.email == account.email))
    event.session.execute(bookings.values(email=erased_address(account.id)))
    event.session.execute(delete(WaitingPlace).where(WaitingPlace.account_id == account.id))
    messages = update(BookingMessage).where(BookingMessage.account_id == account.id)
    event.session.execute(messages.values(text=ERASED_NAME))
    reviews = update(BookingReview).where(BookingReview.account_id == account.id, BookingReview.text != "")
    event.session.execute(reviews.values(text=ERASED_NAME))
    erase_files_of(event.session, account.id)


def export_person(event: PersonalDataRequested) -> None:
    session, account = event.session, event.account
    bookings = select(Booking).where((Booking.account_id == account.id) | (Booking.email == account.email))
    event.sections["bookings"] = [
        columns_of(booking, "id", "start", "end", "state", "booked", "organisation", "email")
        | {"title": booking.title_for(Party.SEEKER)}
        for booking in session.scalars(bookings)
    ]
    event.sections["waiting"] = rows_of(session, WaitingPlace, account, "listing_id", "places", "joined", "state")
    event.sections["messages"] = rows_of(session, BookingMessage, account, "booking_id", "at", "text", "quantity")
    event.sections["proposals"] = rows_of(session, Proposal, account, "booking_id", "at", "start", "end", "state")
    event.sections["reviews"] = rows_of(session, BookingReview, account, "booking_id", "at", "verdict", "text")
    event.sections["attachments"] = rows_of(session, Attachment, account, "booking_id", "name", "kind", "size")
