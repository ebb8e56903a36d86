"""Whom the parties of an agreed booking turn to on the other side."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.bookings.lifecycle import AGREED, Party, ProposalState, State
from sharing_platform.bookings.models import Booking, Proposal
from sharing_platform.bookings.transitions import history, parts_of
from sharing_platform.organisations.directory import members_with_roles
from sharing_platform.organisations.models import Account, Organisation
from sharing_platform.organisations.permissions import ANSWERING


@dataclass(frozen=True)
class Contact:
    """A person of an organisation; empty where nobody is left."""

    organisation: str
    name: str
    email: str


def contact_of(session: Session, booking: Booking, side: Party) -> Contact | None:
    """The seeker who asked; the provider's person who accepted, else the first of those who answer. None until it is agreed: only then do the parties know each other."""
    if booking.state not in AGREED:
        return None
    if side is Party.SEEKER:
        person = _known(session, booking.account_id)
        # A request of a program has no person, one of a neighbouring region an address alone; of somebody who has erased their account, none is left.
        return (
            Contact(booking.organisation, person.name, person.email)
            if person is not None
            else Contact(booking.organisation, "", booking.email if booking.account_id is None else "")
        )
    person = _known(session, _agreed_by(session, booking))
    if person is None:
        person = next(iter(members_with_roles(session, booking.provider, ANSWERING)), None)
    provider = session.get(Organisation, booking.provider)
    name = provider.name if provider is not None else booking.provider
    return Contact(name, person.name, person.email) if person is not None else Contact(name, "", "")


def _agreed_by(session: Session, booking: Booking) -> str | None:
    """Who of the provider's people accepted the request, or made the proposal that the seeker accepted."""
    for event in history(session, booking):
        if event.state == State.ACCEPTED and event.party == Party.PROVIDER:
            return event.account_id
    ids = [part.id for part in parts_of(session, booking)]
    made = (Proposal.state == ProposalState.ACCEPTED) & (Proposal.party == Party.PROVIDER)
    first = select(Proposal.account_id).where(Proposal.booking_id.in_(ids), made).order_by(Proposal.at)
    return session.scalars(first).first()


def _known(session: Session, account_id: str | None) -> Account | None:
    account = session.get(Account, account_id) if account_id is not None else None
    return account if account is not None and account.erased is None else None
