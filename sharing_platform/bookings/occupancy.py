"""What bookings have taken: the `Occupancy` that machines and listings ask for."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sharing_platform.bookings.lifecycle import AGREED, LIVE, Party, State
from sharing_platform.bookings.models import Booking, BookingEvent, BookingReview, WaitingPlace
from sharing_platform.machines.availability import resource_of
from sharing_platform.machines.models import KeptHours
from sharing_platform.occupancy import TakenHours, TrackRecord


class BookedHours:
    """Implements `Occupancy` over the tables of bookings and of kept hours."""

    def taken_hours(
        self, session: Session, factory: str, machine: str, start: datetime, end: datetime
    ) -> list[TakenHours]:
        query = select(Booking.start, Booking.free_again, Booking.state, Booking.hours_kept).where(
            Booking.resource == resource_of(factory, machine),
            Booking.state.in_(LIVE) | Booking.hours_kept,
            Booking.start < end,
            Booking.free_again > start,
        )
        booked = [
            TakenHours(first, free_again, state in AGREED, hours_kept)
            for first, free_again, state, hours_kept in session.execute(query)
        ]
        kept = select(KeptHours.start, KeptHours.end).where(
            KeptHours.factory == factory, KeptHours.machine == machine, KeptHours.start < end, KeptHours.end > start
        )
        own = [TakenHours(first, last, firm=False, kept=True) for first, last in session.execute(kept)]
        return sorted((*booked, *own), key=lambda hours: hours.start)

    def places_taken(self, session: Session, listing_ids: list[str]) -> dict[str, int]:
        query = select(Booking.listing_id, func.sum(Booking.places)).where(
            Booking.listing_id.in_(listing_ids), Booking.state.in_(LIVE)
        )
        kept = select(WaitingPlace.listing_id, func.sum(WaitingPlace.places)).where(
            WaitingPlace.listing_id.in_(listing_ids), WaitingPlace.state == "offered"
        )
        found: dict[str, int] = {}
        for counted in (query.group_by(Booking.listing_id), kept.group_by(WaitingPlace.listing_id)):
            for listing, taken in session.execute(counted):
                if listing is not None:
                    found[listing] = found.get(listing, 0) + int(taken)
        return found

    def track_record(self, session: Session, provider: str) -> TrackRecord:
        completed = select(func.count()).where(Booking.provider == provider, Booking.state == State.COMPLETED)
        cancelled = (
            select(func.count())
            .select_from(Booking)
            .join(BookingEvent, BookingEvent.booking_id == Booking.id)
            .where(
                Booking.provider == provider,
                Booking.state == State.CANCELLED,
                BookingEvent.state == State.CANCELLED,
                BookingEvent.party == Party.PROVIDER,
            )
        )
        in_vain = (
            select(func.count())
            .select_from(BookingReview)
            .join(Booking, BookingReview.booking_id == Booking.id)
            .where(
                Booking.provider == provider,
                Booking.state == State.COMPLETED,
                BookingReview.party == Party.SEEKER,
                BookingReview.verdict == "not_free",
                BookingReview.taken_down.is_(None),
            )
        )
        not_free = session.scalar(in_vain) or 0
        return TrackRecord((session.scalar(completed) or 0) - not_free, session.scalar(cancelled) or 0, not_free)
