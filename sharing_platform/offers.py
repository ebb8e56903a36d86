"""Offers: put, find, withdraw. Functions over a session and the present moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, String, cast, func, select
from sqlalchemy.orm import Session

from sharing_platform.database import BOOKED, OPEN, WITHDRAWN, Booking, Machine, Offer
from sharing_platform.messages import MachineIn, OfferIn


class NotFoundError(Exception):
    """There is no such thing, or the caller may not know of it."""


class TakenError(Exception):
    """The hours are booked."""


@dataclass(frozen=True)
class OfferFilter:
    """What somebody looks for; None means any. `day` is a local day of `zone`."""

    factory: str | None = None
    machine: str | None = None
    process: str | None = None
    day: date | None = None
    hours: float | None = None
    zone: str = "Europe/Brussels"
    viewer: str | None = None
    """Whose token came with the request; None is anybody."""


def visible_to(offer: Offer, viewer: str | None) -> bool:
    """Whether this member, or anybody, may know of the offer."""
    if offer.visibility == "public" or viewer == offer.factory:
        return True
    return viewer is not None and (offer.visibility == "members" or viewer in offer.partners)


def put_offer(session: Session, offer_id: str, wanted: OfferIn, now: datetime) -> tuple[Offer, bool]:
    """Create or change; returns the offer and whether it is new.

    Raises NotFoundError where the id belongs to another factory, TakenError where the hours are booked.
    """
    offer = session.get(Offer, offer_id, with_for_update=True)
    if offer is not None and offer.factory != wanted.factory:
        raise NotFoundError
    if offer is not None and offer.status == BOOKED:
        raise TakenError
    if _booked(session, wanted.factory, wanted.machine, wanted.start, wanted.end):
        raise TakenError
    new = offer is None
    if offer is None:
        offer = Offer(id=offer_id)
        session.add(offer)
    for name in type(wanted).model_fields:
        setattr(offer, name, getattr(wanted, name))
    offer.length_s = int((wanted.end - wanted.start).total_seconds())
    offer.status, offer.changed = OPEN, now
    return offer, new


def withdraw_offer(session: Session, offer_id: str, factory: str, now: datetime) -> None:
    """Raises NotFoundError where this factory has no such offer, TakenError where it is booked."""
    offer = session.get(Offer, offer_id, with_for_update=True)
    if offer is None or offer.factory != factory:
        raise NotFoundError
    if offer.status == BOOKED:
        raise TakenError
    offer.status, offer.changed = WITHDRAWN, now


def find_offers(
    session: Session, wanted: OfferFilter, now: datetime, limit: int, after: tuple[datetime, str] | None = None
) -> list[Offer]:
    """Open offers that are not over, in order of their start; those after (start, id)."""
    query = select(Offer).where(Offer.status == OPEN, Offer.end > now)
    if after is not None:
        query = query.where((Offer.start > after[0]) | ((Offer.start == after[0]) & (Offer.id > after[1])))
    if wanted.factory is not None:
        query = query.where(Offer.factory == wanted.factory)
    if wanted.machine is not None:
        query = query.where(Offer.machine == wanted.machine)
    if wanted.process is not None:
        query = query.join(Machine, (Machine.factory == Offer.factory) & (Machine.machine == Offer.machine))
        query = query.where(Machine.process == wanted.process)
    if wanted.day is not None:
        midnight = datetime.combine(wanted.day, time(0), ZoneInfo(wanted.zone))
        next_midnight = datetime.combine(wanted.day + timedelta(days=1), time(0), ZoneInfo(wanted.zone))
        # What ended before that day began well before it: with the longest offer known, the index finds where to begin.
        longest = session.scalar(select(func.max(Offer.length_s)).where(Offer.status == OPEN)) or 0
        earliest = midnight - timedelta(seconds=longest)
        query = query.where(Offer.start >= earliest, Offer.start < next_midnight, Offer.end > midnight)
    if wanted.hours is not None:
        shortest = timedelta(hours=wanted.hours)
        query = query.where(Offer.length_s >= shortest.total_seconds(), Offer.end >= now + shortest)
    query = query.where(_visible(wanted.viewer)).order_by(Offer.start, Offer.id).limit(limit)
    return list(session.scalars(query))


def nearest(session: Session, offer: Offer, now: datetime, viewer: str | None, count: int = 3) -> list[Offer]:
    """What else is free: of the same machine, then of the same process, nearest in time first."""
    found: dict[str, Offer] = {}
    machine = session.get(Machine, (offer.factory, offer.machine))
    own = select(Offer).where(Offer.factory == offer.factory, Offer.machine == offer.machine)
    queries = [own]
    if machine is not None and machine.process:
        same = (Machine.factory == Offer.factory) & (Machine.machine == Offer.machine)
        queries.append(select(Offer).join(Machine, same).where(Machine.process == machine.process))
    for query in queries:
        free = query.where(Offer.status == OPEN, Offer.end > now, _visible(viewer))
        later = free.where(Offer.start >= offer.start).order_by(Offer.start, Offer.id)
        earlier = free.where(Offer.start < offer.start).order_by(Offer.start.desc(), Offer.id)
        near = [one for side in (later, earlier) for one in session.scalars(side.limit(count))]
        for one in sorted(near, key=lambda one: (abs(one.start - offer.start), one.id)):
            found.setdefault(one.id, one)
    return list(found.values())[:count]


def _visible(viewer: str | None) -> ColumnElement[bool]:
    """`visible_to`, for the database."""
    if viewer is None:
        return Offer.visibility == "public"
    named = cast(Offer.partners, String).contains(f'"{viewer}"', autoescape=True)
    partner = (Offer.visibility == "partners") & named
    return Offer.visibility.in_(["public", "members"]) | (Offer.factory == viewer) | partner


def put_machine(session: Session, factory: str, machine: str, card: MachineIn) -> None:
    """Create or change what is shown of a machine."""
    session.merge(
        Machine(
            factory=factory, machine=machine, title=card.title, process=card.process, now=card.now, since=card.since
        )
    )


def all_machines(session: Session) -> list[Machine]:
    """In order of factory and title."""
    return list(session.scalars(select(Machine).order_by(Machine.factory, Machine.title)))


def _booked(session: Session, factory: str, machine: str, start: datetime, end: datetime) -> bool:
    query = select(Booking.id).where(
        Booking.factory == factory, Booking.machine == machine, Booking.start < end, Booking.end > start
    )
    return session.scalars(query.limit(1)).first() is not None
