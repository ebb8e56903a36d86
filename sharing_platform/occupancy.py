"""Which hours and places are taken, for the domains below bookings. Implemented by `bookings.occupancy`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session


@dataclass(frozen=True)
class TakenHours:
    """Hours of a machine that a booking holds. `free_again`: its end plus the buffer after it. `firm`: agreed, also once they were used, not only held.
    `kept`: nobody has them, the factory keeps them for itself since it declined a request."""

    start: datetime
    free_again: datetime
    firm: bool
    kept: bool = False


@dataclass(frozen=True)
class TrackRecord:
    """Bookings that a provider had accepted: how many were completed as agreed, how many it cancelled itself, and of how many the machine was not free on
    arrival, as the seeker says."""

    kept: int
    cancelled: int
    not_free: int


class Occupancy(Protocol):
    """Reads run in the caller's session and see what its transaction has changed."""

    def taken_hours(
        self, session: Session, factory: str, machine: str, start: datetime, end: datetime
    ) -> list[TakenHours]:
        """Everything that overlaps `start` to `end`, in order of start."""
        ...

    def places_taken(self, session: Session, listing_ids: list[str]) -> dict[str, int]:
        """Places of trainings that are held, given away, or kept for somebody who waited, by listing; a listing without any is left out."""
        ...

    def track_record(self, session: Session, provider: str) -> TrackRecord: ...
