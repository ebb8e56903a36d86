"""Confirming what a guest requested: with the link in the e-mail, or signed in. Each function that changes something is one transaction."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.bookings import service, transitions
from sharing_platform.bookings.lifecycle import Party, State
from sharing_platform.bookings.models import Booking
from sharing_platform.bookings.schemas import BookingOut
from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import NotFoundError
from sharing_platform.organisations import accounts, directory, rate_limits
from sharing_platform.organisations.accounts import NewSession, SignedIn
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.mailed_links import Purpose, find_link, use_link
from sharing_platform.organisations.models import Account, MailedLink, Organisation
from sharing_platform.organisations.permissions import Kind


def request_of_link(session: Session, secret: str, now: datetime) -> tuple[Booking, Organisation | None]:
    """The request that a mailed link is for, and the organisation in whose name it would be; None for one that is made of what was typed. Raises
    NotFoundError."""
    link = find_link(session, secret, now, Purpose.REQUEST)
    return _booking_of(session, link), _organisation_of(session, link)


def confirm_by_link(
    context: PlatformContext, secret: str, mine: bool, device: str
) -> tuple[NewSession | None, BookingOut]:
    """Confirm the request of a mailed link, or cancel it if it is not `mine`. An account without a password is made if there is none. Returns a new
    session for who confirmed. `device`: the secret that the browser presented. Raises NotFoundError, ConflictError."""
    now = context.now()
    with context.sessions.begin() as session:
        link = use_link(session, secret, now, Purpose.REQUEST)
        booking = _booking_of(session, link)
        if not mine:
            return None, _disown(context, session, booking, None, now)
        given = link.details
        account = accounts.make_account(session, link.email, given["name"], given["language"], now)
        organisation = _organisation_of(session, link) or directory.found_organisation(
            session, given["organisation"], Kind.SEEKER, now, account
        )
        log(session, now, None, "account.confirmed", account.id)
        shown = _confirm(context, session, booking, organisation, account, now)
        opened = accounts.start_session(session, account, device, now)
    service.tell_parties(context, booking)
    return opened, shown


def waiting_requests(session: Session, person: SignedIn) -> list[Booking]:
    """Requests that somebody made with the person's address without being signed in. Of a request with several parts, the first."""
    query = select(Booking).where(Booking.email == person.account.email, Booking.state == State.REQUESTED)
    found = session.scalars(query.order_by(Booking.start, Booking.id)).all()
    return [booking for booking in found if transitions.parts_of(session, booking)[0] is booking]


def waiting_request(session: Session, person: SignedIn, booking_id: str) -> Booking:
    """Raises NotFoundError for what does not wait for this person's confirmation."""
    booking = session.get(Booking, booking_id)
    if booking is None or booking.state != State.REQUESTED or booking.email != person.account.email:
        raise NotFoundError
    return booking


def confirm_signed_in(context: PlatformContext, person: SignedIn, booking_id: str, mine: bool) -> BookingOut:
    """Confirm a request in the name of the organisation that the person speaks for, or cancel it if it is not `mine`. Who is in no organisation
    founds the one that was typed. Raises NotFoundError, ConflictError, TooManyError."""
    now = context.now()
    with context.sessions.begin() as session:
        booking = waiting_request(session, person, booking_id)
        if not mine:
            return _disown(context, session, booking, person, now)
        account = session.get_one(Account, person.account.id)
        if person.organisation is not None:
            organisation = session.get_one(Organisation, person.organisation.id)
        else:
            organisation = directory.found_organisation(session, booking.organisation, Kind.SEEKER, now, account)
            accounts.speak_for_first(session, account, organisation)
        shown = _confirm(context, session, booking, organisation, account, now)
    service.tell_parties(context, booking)
    return shown


def _booking_of(session: Session, link: MailedLink) -> Booking:
    """Raises NotFoundError: whoever has a password or a passkey by now confirms signed in."""
    booking = session.get(Booking, link.subject)
    if booking is None or accounts.can_sign_in(session, accounts.confirmed_account(session, link.email)):
        raise NotFoundError("link")
    return booking


def _organisation_of(session: Session, link: MailedLink) -> Organisation | None:
    account = accounts.confirmed_account(session, link.email)
    first = directory.first_organisation(session, account.id) if account is not None else None
    return session.get(Organisation, first) if first is not None else None


def _confirm(
    context: PlatformContext,
    session: Session,
    booking: Booking,
    organisation: Organisation,
    account: Account,
    now: datetime,
) -> BookingOut:
    rate_limits.count_requests(session, context.bounds, organisation.id, account.id, now)
    notify = service.notifier(context)
    for part in transitions.confirm_request(session, booking, organisation, account, now, notify, context.bounds):
        log(session, now, None, f"booking.{part.state}", part.id, organisation=organisation.id)
    return service.booking_out(session, booking, Party.SEEKER, now)


def _disown(
    context: PlatformContext, session: Session, booking: Booking, person: SignedIn | None, now: datetime
) -> BookingOut:
    transitions.disown_request(session, booking, now, service.notifier(context))
    log(session, now, person.actor() if person is not None else None, "booking.disowned", booking.id)
    return service.booking_out(session, booking, Party.SEEKER, now)
