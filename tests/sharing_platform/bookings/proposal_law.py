"""What always holds of proposals."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.bookings import transitions
from sharing_platform.bookings.lifecycle import Party, ProposalState, State
from sharing_platform.bookings.models import Booking, BookingEvent, Proposal


def proposals_follow_their_requests(session: Session) -> None:
    made = session.scalars(select(Proposal)).all()
    waiting = {one.id for one in session.scalars(select(Booking).where(Booking.state == State.HELD))}
    about = [one.booking_id for one in made if one.state == ProposalState.OPEN]
    assert set(about) <= waiting, "what no longer waits is still proposed"
    assert len(about) == len(set(about)), "two proposals are open"
    offered = {one.booking_id for one in made if (one.state, one.party) == (ProposalState.ACCEPTED, Party.PROVIDER)}
    by_seeker = select(BookingEvent).where(BookingEvent.state == State.ACCEPTED, BookingEvent.party == Party.SEEKER)
    for event in session.scalars(by_seeker):
        booking = session.get_one(Booking, event.booking_id)
        together = {one.id for one in transitions.parts_of(session, booking)}
        assert together & offered, "a seeker accepts what nobody proposed"
