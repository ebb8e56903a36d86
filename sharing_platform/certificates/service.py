"""Issuing, withdrawing and checking certificates of attendance."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.bookings.lifecycle import State
from sharing_platform.bookings.models import Booking
from sharing_platform.certificates.models import AttendanceCertificate
from sharing_platform.certificates.schemas import AttendanceOut, AttendancesOut, CertificateOut, CertificatesIn
from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import ConflictError, InvalidError, NotFoundError
from sharing_platform.i18n import Translator
from sharing_platform.listings.details import TrainingDetails
from sharing_platform.listings.models import Listing
from sharing_platform.listings.records import details_of, givers, listing_of
from sharing_platform.notifications.mail import queue_mail
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.models import Account, Organisation
from sharing_platform.organisations.permissions import Actor

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: none looks like another."""
_GROUPS, _GROUP = 3, 4


def issue(context: PlatformContext, actor: Actor, listing_id: str, wanted: CertificatesIn) -> AttendancesOut:
    """For people of a booking that is over. Who booked gets the numbers by e-mail. Raises NotFoundError for another's training, ConflictError where it gives none
    or is not over, InvalidError beyond the places."""
    now = context.now()
    with context.sessions.begin() as session:
        listing = _own(session, actor, listing_id)
        booking = session.get(Booking, wanted.booking_id, with_for_update=True)
        if booking is None or booking.listing_id != listing_id:
            raise NotFoundError
        if booking.state != State.COMPLETED:
            raise ConflictError("training_not_over")
        held = [one for one in _certificates(session, [booking.id]) if one.withdrawn is None]
        if len(held) + len(wanted.names) > booking.places:
            raise InvalidError("more_than_places", "names")
        made = [
            AttendanceCertificate(number=_number(), listing_id=listing.id, booking_id=booking.id, name=name, issued=now)
            for name in wanted.names
        ]
        session.add_all(made)
        session.flush()
        account = session.get(Account, booking.account_id) if booking.account_id else None
        if account is not None:
            colon = Translator(account.language, context.zone).colon
            links = "\n".join(f"{one.name}{colon}{context.url}/certificates/{one.number}" for one in made)
            queue_mail(session, account, "certificates", context.zone, now, (), title=listing.title, links=links)
        log(session, now, actor, "certificates.issued", listing.id)
        shown = _attendances(session, listing)
    context.wake_workers()
    return shown


def withdraw(context: PlatformContext, actor: Actor, listing_id: str, number: str) -> AttendancesOut:
    """It does not hold any more, and the name is forgotten. Raises NotFoundError."""
    with context.sessions.begin() as session:
        listing = _own(session, actor, listing_id)
        found = session.get(AttendanceCertificate, number)
        if found is None or found.listing_id != listing_id:
            raise NotFoundError
        if found.withdrawn is None:
            found.withdrawn, found.name = context.now(), ""
            log(session, context.now(), actor, "certificates.withdrawn", listing_id)
        return _attendances(session, listing)


def attendances(session: Session, actor: Actor, listing_id: str) -> AttendancesOut:
    """The bookings of one's own training that are over. Raises NotFoundError, ConflictError."""
    return _attendances(session, _own(session, actor, listing_id))


def certificate(session: Session, number: str) -> CertificateOut:
    """Raises NotFoundError for a number that was not given."""
    found = session.get(AttendanceCertificate, plain_number(number))
    if found is None:
        raise NotFoundError("no_such_certificate")
    return _certificate_out(session, found, session.get_one(Listing, found.listing_id))


def plain_number(written: str) -> str:
    """As people type it: small letters, blanks, an O for a zero."""
    letters = re.sub(r"[^0-9A-Z]", "", written.upper())
    letters = letters.removeprefix("VC") if len(letters) > _GROUPS * _GROUP else letters
    letters = letters[: _GROUPS * _GROUP].translate(str.maketrans("OIL", "011"))
    return "-".join(["VC", *(letters[at : at + _GROUP] for at in range(0, _GROUPS * _GROUP, _GROUP))])


def _number() -> str:
    """Sixty bits, which nobody guesses: whoever has the number was given it."""
    return "-".join(["VC", *("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))])


def _own(session: Session, actor: Actor, listing_id: str) -> Listing:
    listing = listing_of(session, actor.organisation, listing_id)
    details = details_of(listing)
    if not isinstance(details, TrainingDetails) or not details.attendance_certificate:
        raise ConflictError("no_certificates")
    return listing


def _certificates(session: Session, bookings: Sequence[str]) -> list[AttendanceCertificate]:
    query = select(AttendanceCertificate).where(AttendanceCertificate.booking_id.in_(bookings))
    return list(session.scalars(query.order_by(AttendanceCertificate.issued, AttendanceCertificate.number)))


def _attendances(session: Session, listing: Listing) -> AttendancesOut:
    over = select(Booking).where(Booking.listing_id == listing.id, Booking.state == State.COMPLETED)
    bookings = list(session.scalars(over.order_by(Booking.booked, Booking.id)))
    made = _certificates(session, [one.id for one in bookings])
    return AttendancesOut(
        bookings=[
            AttendanceOut(
                booking_id=booking.id,
                organisation=booking.organisation,
                places=booking.places,
                certificates=[_certificate_out(session, one, listing) for one in made if one.booking_id == booking.id],
            )
            for booking in bookings
        ]
    )


def _certificate_out(session: Session, found: AttendanceCertificate, listing: Listing) -> CertificateOut:
    booking = session.get_one(Booking, found.booking_id)
    details = details_of(listing)
    sessions = details.sessions if isinstance(details, TrainingDetails) else []
    total = sum((one.end - one.start for one in sessions), timedelta(0))
    owner = session.get_one(Organisation, listing.organisation_id)
    together = [organisation.name for organisation, agreed in givers(session, listing.id) if agreed]
    return CertificateOut(
        number=found.number,
        name=found.name,
        title=booking.title,
        start=booking.start,
        end=booking.end,
        hours=total / timedelta(hours=1) if sessions else None,
        given_by=[owner.name, *together],
        issued=found.issued,
        withdrawn=found.withdrawn is not None,
    )
