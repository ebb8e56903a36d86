"""What is told of bookings of neighbours' organisations, read for all of them at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sharing_platform.bookings.contacts import Contact
from sharing_platform.bookings.lifecycle import AGREED, Party, State
from sharing_platform.bookings.models import Booking, BookingEvent, BookingMessage
from sharing_platform.machines.models import Machine
from sharing_platform.organisations.directory import members_with_roles
from sharing_platform.organisations.models import Account, Organisation
from sharing_platform.organisations.permissions import ANSWERING

_PORTION = 500


@dataclass(frozen=True)
class Facts:
    """By booking: how many steps it has taken, the latest that the provider wrote and, of those that are agreed, whom the seeker turns to and where it is."""

    steps: dict[str, int] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    contacts: dict[str, Contact] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)


def facts_of(session: Session, bookings: Sequence[Booking]) -> Facts:
    found = Facts()
    for first in range(0, len(bookings), _PORTION):
        _read(session, bookings[first : first + _PORTION], found)
    return found


def _read(session: Session, bookings: Sequence[Booking], found: Facts) -> None:
    ids = [one.id for one in bookings]
    steps = select(BookingEvent.booking_id, func.count()).where(BookingEvent.booking_id.in_(ids))
    found.steps.update((booking, count) for booking, count in session.execute(steps.group_by(BookingEvent.booking_id)))
    found.said.update(_said(session, ids))
    agreed = [one for one in bookings if one.state in AGREED]
    providers = {one.provider for one in agreed}
    organisations = {one.id: one for one in session.scalars(select(Organisation).where(Organisation.id.in_(providers)))}
    found.contacts.update(_contacts(session, agreed, organisations))
    machines = {
        (one.factory, one.machine): one
        for one in session.scalars(
            select(Machine).where(
                Machine.factory.in_(providers), Machine.machine.in_({one.machine for one in agreed if one.machine})
            )
        )
    }
    for one in agreed:
        machine = machines.get((one.provider, one.machine)) if one.machine else None
        address = str(machine.details.get("address", "")) if machine is not None else ""
        provider = organisations.get(one.provider)
        found.addresses[one.id] = address or (provider.address if provider is not None else "")


def _said(session: Session, ids: Collection[str]) -> list[tuple[str, str]]:
    latest = (
        select(func.max(BookingMessage.id))
        .join(Booking, Booking.id == BookingMessage.booking_id)
        .where(
            Booking.id.in_(ids), BookingMessage.organisation_id == Booking.provider, BookingMessage.taken_down.is_(None)
        )
        .group_by(Booking.id)
    )
    query = select(BookingMessage.booking_id, BookingMessage.text).where(BookingMessage.id.in_(latest))
    return [(booking, text) for booking, text in session.execute(query)]


def _contacts(
    session: Session, agreed: Collection[Booking], organisations: dict[str, Organisation]
) -> dict[str, Contact]:
    """As `bookings.contacts.contact_of`: who accepted, else the first of those who answer. There are no proposals between regions, so that who accepted is in the steps."""
    accepted = (
        select(BookingEvent.booking_id, Account)
        .join(Account, Account.id == BookingEvent.account_id)
        .where(BookingEvent.booking_id.in_([one.id for one in agreed]))
        .where(BookingEvent.state == State.ACCEPTED, BookingEvent.party == Party.PROVIDER, Account.erased.is_(None))
    )
    people: dict[str, Account] = {}
    for booking, account in session.execute(accepted.order_by(BookingEvent.id)):
        people.setdefault(booking, account)
    others: dict[str, Account | None] = {}
    found = {}
    for one in agreed:
        person = people.get(one.id)
        if person is None and one.provider not in others:
            others[one.provider] = next(iter(members_with_roles(session, one.provider, ANSWERING)), None)
        person = person or others.get(one.provider)
        provider = organisations.get(one.provider)
        name = provider.name if provider is not None else one.provider
        found[one.id] = Contact(name, person.name if person else "", person.email if person else "")
    return found
