"""Putting and withdrawing offers, and describing machines. Functions over a session and the present moment."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.errors import NotFoundError, TakenError
from sharing_platform.events import Events
from sharing_platform.geography import place_named
from sharing_platform.machines.availability import lock_resource, recut, resource_of, separate_parts, set_lengths
from sharing_platform.machines.events import OfferWithdrawn
from sharing_platform.machines.models import BOOKED, HELD, OPEN, WITHDRAWN, Machine, Offer
from sharing_platform.machines.schemas import MachineIn, OfferIn
from sharing_platform.machines.windows import Window
from sharing_platform.occupancy import Occupancy
from sharing_platform.search.index import mark_index_changed
from sharing_platform.search.machine_details import MachineDetails


def visible_to(offer: Offer, viewer: str | None) -> bool:
    """Whether this member, or anybody, may know of the offer."""
    if offer.visibility == "public" or viewer == offer.factory:
        return True
    return viewer is not None and (offer.visibility == "members" or viewer in offer.partners)


def put_offer(
    session: Session, offer_id: str, wanted: OfferIn, occupancy: Occupancy, now: datetime
) -> tuple[Offer, bool]:
    """Create or change; returns the offer and whether it is new.

    Raises NotFoundError where the id belongs to another factory, TakenError where hours of it are booked or requested.
    """
    lock_resource(session, resource_of(wanted.factory, wanted.machine))
    offer = session.get(Offer, offer_id, with_for_update=True)
    if offer is not None and offer.factory != wanted.factory:
        raise NotFoundError
    if occupancy.taken_hours(session, wanted.factory, wanted.machine, wanted.start, wanted.end):
        raise TakenError
    new = offer is None
    if offer is None:
        offer = Offer(id=offer_id)
    elif offer.parent_id is not None:
        separate_parts(session, session.get_one(Offer, offer.parent_id, with_for_update=True))
    for name in type(wanted).model_fields:
        setattr(offer, name, getattr(wanted, name))
    offer.windows = [Window(window.start, window.end, window.probability).as_row() for window in wanted.windows]
    offer.offered_start, offer.offered_end = wanted.start, wanted.end
    set_lengths(offer)
    offer.status, offer.changed = OPEN, now
    session.add(offer)
    session.flush()
    recut(session, offer, occupancy, now)
    return offer, new


def withdraw_offer(
    session: Session, offer_id: str, factory: str, occupancy: Occupancy, events: Events, now: datetime
) -> None:
    """Publishes `OfferWithdrawn`, which ends the requests for it. Raises NotFoundError where this factory has no such offer, TakenError
    where it is booked."""
    offer = session.get(Offer, offer_id)
    if offer is None or offer.factory != factory:
        raise NotFoundError
    lock_resource(session, resource_of(offer.factory, offer.machine))
    session.refresh(offer, with_for_update=True)
    if offer.status == BOOKED:
        raise TakenError
    if offer.status == WITHDRAWN:
        return  # a repeated request changes nothing, above all nothing that was put since
    was_held = offer.status == HELD
    if offer.parent_id is not None:
        separate_parts(session, session.get_one(Offer, offer.parent_id, with_for_update=True))
    offer.status, offer.changed = WITHDRAWN, now
    recut(session, offer, occupancy, now)
    # After the offer is gone, so that the seekers are not told of it as an alternative.
    events.publish(OfferWithdrawn(session, offer_id, was_held, now))


def withdraw_all(session: Session, factory: str, occupancy: Occupancy, events: Events, now: datetime) -> None:
    """Withdraw everything that a factory has on offer, and end the requests for it. What is agreed stays agreed."""
    roots = select(Offer.id).where(
        Offer.factory == factory, Offer.parent_id.is_(None), Offer.status.in_((OPEN, HELD)), Offer.end > now
    )
    for offer_id in session.scalars(roots.order_by(Offer.id)).all():
        withdraw_offer(session, offer_id, factory, occupancy, events, now)


def put_machine(session: Session, factory: str, machine: str, card: MachineIn) -> None:
    """Create or change what the factory's server reports of a machine; what people wrote of it stays."""
    known = session.get(Machine, (factory, machine))
    index_changes = known is None or (known.title, known.process) != (card.title, card.process)
    if known is None:
        known = Machine(factory=factory, machine=machine, details={})
        session.add(known)
    known.title, known.process, known.now, known.since = card.title, card.process, card.now, card.since
    session.flush()
    if index_changes:
        mark_index_changed(session)


def put_details(session: Session, factory: str, machine: str, details: MachineDetails) -> MachineDetails:
    """What people write of a machine; returned with the coordinates of its place. Raises NotFoundError where the factory has no such machine."""
    known = session.get(Machine, (factory, machine))
    if known is None:
        raise NotFoundError
    located = _located(details)
    known.details = located.model_dump(mode="json")
    mark_index_changed(session)
    return located


def _located(details: MachineDetails) -> MachineDetails:
    """With the coordinates of its place, where that is known and no coordinates were given."""
    if details.latitude is not None or not details.place:
        return details
    place = place_named(details.place)
    if place is None:
        return details
    return details.model_copy(update={"latitude": place.latitude, "longitude": place.longitude})
