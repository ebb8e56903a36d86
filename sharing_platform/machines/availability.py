"""Keeps the free hours of offers up to date, in the transaction of each step of a booking."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sharing_platform.machines.free_hours import free_parts
from sharing_platform.machines.models import OPEN, WITHDRAWN, Offer
from sharing_platform.machines.offer_status import offer_status
from sharing_platform.occupancy import Occupancy

_WIDEST_BUFFER = timedelta(days=1)
_NAMESPACE = uuid.UUID("b3f3f6c2-7b1c-5f5e-8a45-3b7f0a7f6f10")


def resource_of(factory: str, machine: str) -> str:
    """The name under which a machine is locked and booked."""
    return f"{factory}/{machine}"


def lock_resource(session: Session, resource: str) -> None:
    """Serialise changes of a resource until the transaction ends: otherwise the second of two overlapping bookings would wait for the first and
    then fail in the database. Taken before any row is locked, which excludes deadlocks. SQLite serialises its writers anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtext(resource))))


def recut(session: Session, root: Offer, occupancy: Occupancy, now: datetime) -> None:
    """Bring an offer that is not a part of another, and its parts, up to date with the bookings beside it."""
    children = list(session.scalars(select(Offer).where(Offer.parent_id == root.id)))
    wanted: dict[str, tuple[datetime, datetime]] = {}
    if root.status != WITHDRAWN:
        buffer = timedelta(minutes=root.buffer_minutes)
        taken = occupancy.taken_hours(
            session, root.factory, root.machine, root.offered_start, root.offered_end + buffer
        )
        minimum = timedelta(hours=root.minimum_hours) if root.minimum_hours is not None else None
        spans = [(hours.start, hours.free_again) for hours in taken]
        parts = free_parts((root.offered_start, root.offered_end), spans, buffer, minimum)
        parts = [part for part in parts if root.windows_inside(part)]
        whole = (root.offered_start, root.offered_end)
        _set(root, parts[0] if parts else whole, offer_status(bool(parts), taken), now)
        wanted = {_part_id(root, part): part for part in parts[1:]}
    known = {child.id: child for child in children}
    for part_id, part in wanted.items():
        child = known.pop(part_id, None)
        if child is None:
            child = Offer(id=part_id, own_id=part_id, parent_id=root.id, factory=root.factory)
            name_for_others(session, child, root.alias)
            session.add(child)
        elif child.alias != root.alias:
            name_for_others(session, child, root.alias)
        _copy_terms(root, child)
        _set(child, part, OPEN, now)
    for gone in known.values():
        if gone.status != WITHDRAWN:
            gone.status, gone.changed = WITHDRAWN, now
    session.flush()


def name_for_others(session: Session, offer: Offer, alias: str | None) -> None:
    """Set the names by which everybody but its factory knows an offer: the factory's own id unless the machine is anonymous or the id is somebody
    else's, too."""
    offer.alias = alias
    with session.no_autoflush:
        taken = select(Offer.id).where(Offer.public_id == offer.own_id, Offer.id != offer.id)
        own = alias is None and session.scalar(taken) is None
    offer.public_id = offer.own_id if own else str(uuid.uuid4())


def separate_parts(session: Session, root: Offer) -> None:
    """Make every part of an offer one of its own. Needed before one of them is changed: the next booking would bring back what it was."""
    children = list(session.scalars(select(Offer).where(Offer.parent_id == root.id)))
    for offer in (root, *children):
        if offer.status == OPEN:
            offer.offered_start, offer.offered_end = offer.start, offer.end
        offer.parent_id = None
    session.flush()


def recut_around(
    session: Session, factory: str, machine: str, start: datetime, end: datetime, occupancy: Occupancy, now: datetime
) -> None:
    """Bring every offer of a machine up to date that touches these hours: several may offer the same hours."""
    roots = select(Offer).where(
        Offer.factory == factory,
        Offer.machine == machine,
        Offer.parent_id.is_(None),
        Offer.status != WITHDRAWN,
        Offer.offered_start < end + _WIDEST_BUFFER,
        Offer.offered_end > start - _WIDEST_BUFFER,
    )
    for root in session.scalars(roots.order_by(Offer.id)).all():
        recut(session, root, occupancy, now)


def _part_id(root: Offer, part: tuple[datetime, datetime]) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{root.id}/{part[0].isoformat()}"))


def _copy_terms(root: Offer, child: Offer) -> None:
    for name in (
        "factory", "machine", "offered_start", "offered_end", "probability", "by_hand", "checked", "broken", "operator", "price_per_hour",
        "price_minimum", "prices", "visibility", "partners", "booking", "windows", "minimum_hours", "maximum_hours", "buffer_minutes",
        "cancellation_hours",
    ):  # fmt: skip
        setattr(child, name, getattr(root, name))


def _set(offer: Offer, part: tuple[datetime, datetime], status: str, now: datetime) -> None:
    if (offer.start, offer.end, offer.status) != (*part, status):
        offer.start, offer.end, offer.status, offer.changed = *part, status, now
        set_bounds(offer)


def set_bounds(offer: Offer) -> None:
    """Keep what the search needs of its lengths and prices."""
    offer.length_s = int((offer.end - offer.start).total_seconds())
    windows = offer.windows_inside((offer.start, offer.end))
    length = max((window.length for window in windows), default=timedelta(0))
    if offer.maximum_hours is not None:
        length = min(length, timedelta(hours=offer.maximum_hours))
    offer.longest_s = int(length.total_seconds())
    others = [one.per_hour for one in offer.timed_prices]
    offer.lowest_per_hour = None if offer.price_per_hour is None else min([offer.price_per_hour, *others])
