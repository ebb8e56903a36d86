"""Who makes bookings where laws are tried."""

from __future__ import annotations

from sqlalchemy.orm import Session

from sharing_platform.bookings.lifecycle import Party
from sharing_platform.bookings.requests import Seeker
from sharing_platform.bookings.schemas import Guest
from sharing_platform.bounds import Bounds
from sharing_platform.organisations.models import Account, Organisation

WIDE = Bounds(pending_of_newcomer=1000, pending_of_organisation=1000, pending_of_account=1000, pending_at_machine_of_organisation=1000, pending_at_machine_of_newcomers=1000)  # fmt: skip
"""Bounds have tests of their own."""

GUEST = Guest(organisation="New", name="New", email="new@new.be")


def seeker_named(session: Session, who: str, confirmed: bool) -> Seeker:
    """`new` asks signed in (`confirmed`) or as a guest."""
    if who == "new" and not confirmed:
        return Seeker(None, guest=GUEST)
    return Seeker(session.get_one(Organisation, who), session.get(Account, "new") if who == "new" else None)


def other_than(party: Party) -> Party:
    return Party.SEEKER if party is Party.PROVIDER else Party.PROVIDER


def notify_nobody(*_: object) -> None:
    pass
