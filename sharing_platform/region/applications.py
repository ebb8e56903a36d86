"""What the region's administrator sees of an organisation before deciding on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.bookings.lifecycle import PENDING
from sharing_platform.bookings.models import Booking
from sharing_platform.listings.models import OPEN, Listing
from sharing_platform.machines.models import Machine
from sharing_platform.machines.region_map import Municipality, RegionMap, region_map
from sharing_platform.organisations import audit_log, directory
from sharing_platform.organisations.models import Account, AuditEntry, Membership, Organisation
from sharing_platform.wanted.matching import WANTED, searches_of

_SHOWN = 20


@dataclass(frozen=True)
class Application:
    """An organisation with its people, what of it waits, the names of others that are nearly the same, and whose number it gave (`same_number`). `municipality`: where it is drawn, None outside the region."""

    organisation: Organisation
    members: Sequence[tuple[Account, Membership]]
    resembling: Sequence[str]
    same_number: str | None
    region: RegionMap
    municipality: Municipality | None
    requests: Sequence[Booking]
    wanted: Sequence[str]
    listings: Sequence[str]
    machines: Sequence[str]
    history: Sequence[AuditEntry]

    @property
    def has_something(self) -> bool:
        return bool(self.requests or self.wanted or self.listings or self.machines)


def read_application(session: Session, organisation_id: str) -> Application:
    """Raises NotFoundError."""
    found = directory.find_listed(session, organisation_id)
    requests = select(Booking).where(Booking.seeker == found.id, Booking.state.in_(PENDING)).order_by(Booking.start)
    listings = select(Listing.title).where(Listing.organisation_id == found.id, Listing.status == OPEN)
    machines = select(Machine.title).where(Machine.factory == found.id).order_by(Machine.title)
    return Application(
        found,
        directory.members(session, found.id),
        directory.resembling_names(session, [found]).get(found.id, []),
        holder.name if (holder := directory.holder_of_claimed(session, found)) is not None else None,
        region_map(),
        region_map().nearest(found.degrees) if found.degrees is not None else None,
        list(session.scalars(requests.limit(_SHOWN))),
        [one.title for one in searches_of(session, found.id, WANTED)[:_SHOWN]],
        list(session.scalars(listings.order_by(Listing.title).limit(_SHOWN))),
        list(session.scalars(machines.limit(_SHOWN))),
        audit_log.of_subject(session, found.id, "organisation.", _SHOWN),
    )
