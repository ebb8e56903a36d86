"""How many requests may wait for an answer at the same time: of an organisation, of a person, and at a machine. Requests that wait hold their hours, so that
without bounds anybody could take a region's hours from all others for two days."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from sharing_platform.bookings.lifecycle import State
from sharing_platform.bookings.models import Booking
from sharing_platform.bounds import Bounds
from sharing_platform.errors import ConflictError
from sharing_platform.organisations.models import Organisation
from sharing_platform.organisations.permissions import APPROVED


@dataclass(frozen=True)
class Asked:
    """Who asks for how many parts, of which resource. `resource` None: of something with several places."""

    organisation: Organisation
    account: str | None
    resource: str | None
    parts: int = 1


def check_pending(session: Session, asked: Asked, bounds: Bounds) -> None:
    """To be called while the seeker is locked. Raises ConflictError. Requests that nobody has confirmed do not count: they hold nothing, and whoever types
    another's e-mail address would use up what they may ask for."""
    own = Booking.seeker == asked.organisation.id
    newcomer = asked.organisation.status != APPROVED
    most = bounds.pending_of_newcomer if newcomer else bounds.pending_of_organisation
    _check(session, own, most, asked.parts, "too_many_pending_newcomer" if newcomer else "too_many_pending")
    if asked.account is not None:
        by_them = Booking.account_id == asked.account
        _check(session, by_them, bounds.pending_of_account, asked.parts, "too_many_pending_account")
    if asked.resource is None:
        return
    here = Booking.resource == asked.resource
    _check(session, own & here, bounds.pending_at_machine_of_organisation, asked.parts, "too_many_pending_here")
    if newcomer:
        newcomers = select(Organisation.id).where(Organisation.status != APPROVED)
        theirs = here & Booking.seeker.in_(newcomers)
        _check(session, theirs, bounds.pending_at_machine_of_newcomers, asked.parts, "too_many_newcomers_here")


def _check(session: Session, whose: ColumnElement[bool], most: int, more: int, code: str) -> None:
    waiting = session.scalar(select(func.count()).where(whose, Booking.state == State.HELD)) or 0
    if waiting + more > most:
        raise ConflictError(code)
