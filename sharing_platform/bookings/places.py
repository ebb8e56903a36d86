"""Where a booking is."""

from __future__ import annotations

from sqlalchemy.orm import Session

from sharing_platform.bookings.lifecycle import AGREED
from sharing_platform.bookings.models import Booking
from sharing_platform.machines.models import Machine
from sharing_platform.organisations.models import Organisation


def address_of(session: Session, booking: Booking) -> str:
    """Of the machine, else of the organisation; for the provider, and for the seeker once it is agreed."""
    machine = session.get(Machine, (booking.provider, booking.machine)) if booking.machine else None
    address = str(machine.details.get("address", "")) if machine is not None else ""
    provider = session.get(Organisation, booking.provider)
    return address or (provider.address if provider is not None else "")


def place_of(session: Session, booking: Booking, for_seeker: bool) -> str:
    """Where it is, for one of its parties: the seeker knows once it is accepted. Empty where that is not known."""
    if for_seeker and booking.state not in AGREED:
        return ""
    machine = session.get(Machine, (booking.provider, booking.machine)) if booking.machine else None
    provider = session.get(Organisation, booking.provider)
    known = str(machine.details.get("place", "")) if machine is not None else ""
    return address_of(session, booking) or known or (provider.place if provider is not None else "")
