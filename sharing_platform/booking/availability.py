"""What of an offer is free: kept true with each step of a booking, in its transaction."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sharing_platform.booking.parts import free_parts
from sharing_platform.booking.states import FIRM, LIVE
from sharing_platform.booking.tables import Booking
from sharing_platform.finding.tables import BOOKED, HELD, OPEN, WITHDRAWN, Offer

_WIDEST_BUFFER = timedelta(days=1)
_NAMESPACE = uuid.UUID("b3f3f6c2-7b1c-5f5e-8a45-3b7f0a7f6f10")


def resource_of(factory: str, machine: str) -> str:
    """What a machine is called among the things that one can have at a time."""
    return f"{factory}/{machine}"


def wait_for_turn(session: Session, resource: str) -> None:
    """One change of a resource at a time: of two bookings that overlap, one would else wait for the other's end and then fail in the
    database. Taken before any row is locked, so nobody waits in a circle. SQLite's writers take turns anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtext(resource))))


def live_bookings(session: Session, resource: str, start: datetime, end: datetime) -> list[Booking]:
    """Those that keep any of these hours, in order of their start."""
    query = select(Booking).where(
        Booking.resource == resource, Booking.state.in_(LIVE), Booking.start < end, Booking.free_again > start
    )
    return list(session.scalars(query.order_by(Booking.start)))


def recut(session: Session, root: Offer, now: datetime) -> None:
    """Bring an offer that is no part of another, and its parts, up to date with the bookings beside it."""
    children = list(session.scalars(select(Offer).where(Offer.parent_id == root.id)))
    wanted: dict[str, tuple[datetime, datetime]] = {}
    if root.status != WITHDRAWN:
        buffer = timedelta(minutes=root.buffer_minutes)
        resource = resource_of(root.factory, root.machine)
        live = live_bookings(session, resource, root.offered_start, root.offered_end + buffer)
        minimum = timedelta(hours=root.minimum_hours) if root.minimum_hours is not None else None
        taken = [(one.start, one.free_again) for one in live]
        parts = free_parts((root.offered_start, root.offered_end), taken, buffer, minimum)
        if parts:
            _set(root, parts[0], OPEN, now)
            wanted = {_part_id(root, part): part for part in parts[1:]}
        else:
            firm = any(one.state in FIRM for one in live)
            _set(root, (root.offered_start, root.offered_end), BOOKED if firm else HELD, now)
    known = {one.id: one for one in children}
    for part_id, part in wanted.items():
        child = known.pop(part_id, None)
        if child is None:
            child = Offer(id=part_id, parent_id=root.id)
            session.add(child)
        _copy_terms(root, child)
        _set(child, part, OPEN, now)
    for gone in known.values():
        if gone.status != WITHDRAWN:
            gone.status, gone.changed = WITHDRAWN, now
    session.flush()


def recut_around(session: Session, factory: str, machine: str, start: datetime, end: datetime, now: datetime) -> None:
    """Bring every offer of a machine up to date that touches these hours: several may offer the same ones."""
    roots = select(Offer).where(
        Offer.factory == factory,
        Offer.machine == machine,
        Offer.parent_id.is_(None),
        Offer.status != WITHDRAWN,
        Offer.offered_start < end + _WIDEST_BUFFER,
        Offer.offered_end > start - _WIDEST_BUFFER,
    )
    for root in session.scalars(roots.order_by(Offer.id)).all():
        recut(session, root, now)


def _part_id(root: Offer, part: tuple[datetime, datetime]) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{root.id}/{part[0].isoformat()}"))


def _copy_terms(root: Offer, child: Offer) -> None:
    for name in (
        "factory", "machine", "offered_start", "offered_end", "probability", "checked", "broken", "operator", "price_per_hour",
        "price_minimum", "visibility", "partners", "booking", "minimum_hours", "buffer_minutes", "cancellation_hours",
    ):  # fmt: skip
        setattr(child, name, getattr(root, name))


def _set(offer: Offer, part: tuple[datetime, datetime], status: str, now: datetime) -> None:
    if (offer.start, offer.end, offer.status) != (*part, status):
        offer.start, offer.end, offer.status, offer.changed = *part, status, now
        offer.length_s = int((part[1] - part[0]).total_seconds())
