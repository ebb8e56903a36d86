"""What always holds of proposals."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.bookings import transitions
from sharing_platform.bookings.lifecycle import Party, ProposalState, State
from sharing_platform.bookings.models import Booking, BookingEvent, Proposal


def proposals_follow_their_requests(session: Session) -> None:
    made = session.scalars(select(Proposal)).all()
    states = {one.id: one.state for one in session.scalars(select(Booking))}
    about = [one.booking_id for one in made if one.state == ProposalState.OPEN]
    for one in made:
        if one.state == ProposalState.OPEN:
            wanted = State.ACCEPTED if one.of_agreed else State.HELD
            assert states[one.booking_id] == wanted, "what can no longer be answered is still proposed"
    assert len(about) == len(set(about)), "two proposals are open"
    for booking in session.scalars(select(Booking).where(Booking.revision > 0)):
        changes = [
            one
            for one in made
            if one.booking_id == booking.id and one.of_agreed and one.state == ProposalState.ACCEPTED
        ]
        assert len(changes) == booking.revision
        last = max(one.answered for one in changes if one.answered is not None)
        newest = [(one.start, one.end, one.price) for one in changes if one.answered == last]
        assert (booking.start, booking.end, booking.price) in newest, "it is at other terms than those last agreed on"
    offered = {one.booking_id for one in made if (one.state, one.party) == (ProposalState.ACCEPTED, Party.PROVIDER)}
    by_seeker = select(BookingEvent).where(BookingEvent.state == State.ACCEPTED, BookingEvent.party == Party.SEEKER)
    for event in session.scalars(by_seeker):
        booking = session.get_one(Booking, event.booking_id)
        together = {one.id for one in transitions.parts_of(session, booking)}
        assert together & offered, "a seeker accepts what nobody proposed"
