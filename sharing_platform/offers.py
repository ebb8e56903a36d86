"""Offers and machines: put and withdraw. Functions over a session and the present moment."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.booking.availability import live_bookings, recut, resource_of, wait_for_turn
from sharing_platform.booking.requests import Told, pending_on, withdraw_pending
from sharing_platform.booking.tables import Booking
from sharing_platform.errors import NotFoundError, TakenError
from sharing_platform.finding.catalogue import catalogue_changed, located
from sharing_platform.finding.tables import BOOKED, HELD, OPEN, WITHDRAWN, Machine, Offer
from sharing_platform.finding.wish import MachineDetails
from sharing_platform.messages import MachineIn, OfferIn


def visible_to(offer: Offer, viewer: str | None) -> bool:
    """Whether this member, or anybody, may know of the offer."""
    if offer.visibility == "public" or viewer == offer.factory:
        return True
    return viewer is not None and (offer.visibility == "members" or viewer in offer.partners)


def put_offer(session: Session, offer_id: str, wanted: OfferIn, now: datetime) -> tuple[Offer, bool]:
    """Create or change; returns the offer and whether it is new.

    Raises NotFoundError where the id belongs to another factory, TakenError where hours of it are booked or being asked for.
    """
    wait_for_turn(session, resource_of(wanted.factory, wanted.machine))
    offer = session.get(Offer, offer_id, with_for_update=True)
    if offer is not None and offer.factory != wanted.factory:
        raise NotFoundError
    if live_bookings(session, resource_of(wanted.factory, wanted.machine), wanted.start, wanted.end):
        raise TakenError
    new = offer is None
    if offer is None:
        offer = Offer(id=offer_id)
    for name in type(wanted).model_fields:
        setattr(offer, name, getattr(wanted, name))
    # What was a part that bookings had left of another offer stands for itself from now on.
    offer.parent_id = None
    offer.offered_start, offer.offered_end = wanted.start, wanted.end
    offer.length_s = int((wanted.end - wanted.start).total_seconds())
    offer.status, offer.changed = OPEN, now
    session.add(offer)
    session.flush()
    recut(session, offer, now)
    return offer, new


def withdraw_offer(session: Session, offer_id: str, factory: str, now: datetime, told: Told) -> list[Booking]:
    """Returns the requests that it ends. Raises NotFoundError where this factory has no such offer, TakenError where it is booked."""
    offer = session.get(Offer, offer_id)
    if offer is None or offer.factory != factory:
        raise NotFoundError
    wait_for_turn(session, resource_of(offer.factory, offer.machine))
    session.refresh(offer, with_for_update=True)
    if offer.status == BOOKED:
        raise TakenError
    if offer.status == WITHDRAWN:
        return []  # again: nothing changes, above all not what has been put since
    pending = pending_on(session, offer)
    if offer.parent_id is None:
        offer.status, offer.changed = WITHDRAWN, now
        recut(session, offer, now)
    else:
        # A part alone: what is offered ends there, or the next booking would bring it back.
        root = session.get_one(Offer, offer.parent_id, with_for_update=True)
        root.offered_end = min(root.offered_end, offer.start)
        recut(session, root, now)
    # The offer is gone before anybody is told what else is free.
    withdraw_pending(session, pending, now, told)
    return pending


def withdraw_all(session: Session, factory: str, now: datetime, told: Told) -> None:
    """Everything that a factory has on offer, and what is being asked for; what is agreed stays agreed."""
    roots = select(Offer.id).where(
        Offer.factory == factory, Offer.parent_id.is_(None), Offer.status.in_((OPEN, HELD)), Offer.end > now
    )
    for offer_id in session.scalars(roots.order_by(Offer.id)).all():
        withdraw_offer(session, offer_id, factory, now, told)


def put_machine(session: Session, factory: str, machine: str, card: MachineIn) -> None:
    """Create or change what is shown of a machine; what people wrote of it stays."""
    known = session.get(Machine, (factory, machine))
    found_anew = known is None or (known.title, known.process) != (card.title, card.process)
    if known is None:
        known = Machine(factory=factory, machine=machine, details={})
        session.add(known)
    known.title, known.process, known.now, known.since = card.title, card.process, card.now, card.since
    session.flush()
    if found_anew:
        catalogue_changed(session)


def put_details(session: Session, factory: str, machine: str, details: MachineDetails) -> MachineDetails:
    """What people say of a machine. Raises NotFoundError where the factory has shown no such machine."""
    known = session.get(Machine, (factory, machine))
    if known is None:
        raise NotFoundError
    placed = located(details)
    known.details = placed.model_dump(mode="json")
    catalogue_changed(session)
    return placed
