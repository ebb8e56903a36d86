"""Putting and withdrawing offers, and describing machines. Functions over a session and the present moment."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, object_session

from sharing_platform.errors import NotFoundError, TakenError
from sharing_platform.events import Events
from sharing_platform.geography import place_named
from sharing_platform.machines.anonymity import new_alias
from sharing_platform.machines.availability import (
    lock_resource,
    name_for_others,
    recut,
    resource_of,
    separate_parts,
    set_bounds,
)
from sharing_platform.machines.events import OfferWithdrawn
from sharing_platform.machines.models import BOOKED, HELD, OPEN, WITHDRAWN, Machine, Offer
from sharing_platform.machines.prices import TimedPrice
from sharing_platform.machines.public_state import report
from sharing_platform.machines.schemas import MachineIn, OfferIn
from sharing_platform.machines.windows import Window
from sharing_platform.occupancy import Occupancy
from sharing_platform.search.index import mark_index_changed
from sharing_platform.search.machine_details import MachineDetails


def visible_to(offer: Offer, viewer: str | None) -> bool:
    """Whether this member, or anybody, may know of the offer."""
    if viewer == offer.factory:
        return True
    session = object_session(offer)
    if session is None or session.execute(_is_taken_down(offer)).first() is not None:
        return False
    if offer.visibility == "public":
        return True
    return viewer is not None and (offer.visibility == "members" or viewer in offer.partners)


def taken_down_machines() -> Select[str, str]:
    """Machines that the region has hidden from all but their factories: few at any time."""
    return select(Machine.factory, Machine.machine).where(Machine.taken_down.is_not(None))


def _is_taken_down(offer: Offer) -> Select[str, str]:
    return taken_down_machines().where(Machine.factory == offer.factory, Machine.machine == offer.machine)


def find_offer(session: Session, offer_id: str, organisation: str | None) -> Offer | None:
    """By the id that its factory gave it, or by the one that everybody else knows."""
    if organisation is not None and (offer := session.scalars(_own(organisation, offer_id)).first()) is not None:
        return offer
    return session.scalars(select(Offer).where(Offer.public_id == offer_id)).first()


def _own(factory: str, offer_id: str) -> Select[Offer]:
    return select(Offer).where(Offer.factory == factory, Offer.own_id == offer_id)


def put_offer(
    session: Session, offer_id: str, wanted: OfferIn, occupancy: Occupancy, now: datetime
) -> tuple[Offer, bool]:
    """Create or change; returns the offer and whether it is new.

    Hours that the factory keeps for itself are left out. Raises TakenError where hours of it are booked or requested.
    """
    lock_resource(session, resource_of(wanted.factory, wanted.machine))
    offer = session.scalars(_own(wanted.factory, offer_id).with_for_update()).first()
    taken = occupancy.taken_hours(session, wanted.factory, wanted.machine, wanted.start, wanted.end)
    if any(not hours.kept for hours in taken):
        raise TakenError
    new = offer is None
    alias = _alias_of(session, wanted, now)
    if offer is None:
        offer = Offer(id=str(uuid.uuid4()), own_id=offer_id, factory=wanted.factory)
        name_for_others(session, offer, alias)
    elif offer.parent_id is not None:
        separate_parts(session, session.get_one(Offer, offer.parent_id, with_for_update=True))
    if offer.alias != alias:
        name_for_others(session, offer, alias)
    for name in type(wanted).model_fields.keys() - {"anonymous"}:
        setattr(offer, name, getattr(wanted, name))
    offer.windows = [Window(window.start, window.end, window.probability).as_row() for window in wanted.windows]
    offer.prices = [TimedPrice(one.start, one.end, one.price_per_hour).as_row() for one in wanted.prices]
    offer.offered_start, offer.offered_end = wanted.start, wanted.end
    set_bounds(offer)
    offer.status, offer.changed = OPEN, now
    session.add(offer)
    session.flush()
    recut(session, offer, occupancy, now)
    return offer, new


def withdraw_offer(
    session: Session, offer_id: str, factory: str, occupancy: Occupancy, events: Events, now: datetime
) -> None:
    """Take back what is free of an offer or only held as a whole; what is booked of it stays booked. Publishes `OfferWithdrawn`, which ends the
    requests for it. Raises NotFoundError where this factory has no such offer, TakenError where nothing but booked hours is left of it."""
    offer = session.scalars(_own(factory, offer_id)).first()
    if offer is None:
        raise NotFoundError
    lock_resource(session, resource_of(offer.factory, offer.machine))
    session.refresh(offer, with_for_update=True)
    # Not what is stored: earlier versions called offers held that were booked.
    root = session.get_one(Offer, offer.parent_id, with_for_update=True) if offer.parent_id is not None else offer
    recut(session, root, occupancy, now)
    if offer.status == BOOKED:
        raise TakenError
    if offer.status == WITHDRAWN:
        return  # a repeated request changes nothing, above all nothing that was put since
    was_held = offer.status == HELD
    if root is not offer:
        separate_parts(session, root)
    offer.status, offer.changed = WITHDRAWN, now
    recut(session, offer, occupancy, now)
    # After the offer is gone, so that the seekers are not told of it as an alternative.
    events.publish(OfferWithdrawn(session, offer.id, was_held, now))


def withdraw_all(session: Session, factory: str, occupancy: Occupancy, events: Events, now: datetime) -> None:
    """Withdraw everything that a factory has on offer, and end the requests for it. What is agreed stays agreed."""
    roots = select(Offer.own_id).where(
        Offer.factory == factory, Offer.parent_id.is_(None), Offer.status.in_((OPEN, HELD)), Offer.end > now
    )
    for offer_id in session.scalars(roots.order_by(Offer.id)).all():
        withdraw_offer(session, offer_id, factory, occupancy, events, now)


def put_machine(session: Session, factory: str, machine: str, card: MachineIn, now: datetime) -> None:
    """Create or change what the factory's server reports of a machine; what people wrote of it stays."""
    if card.anonymous is not None:
        lock_resource(session, resource_of(factory, machine))
    known = session.get(Machine, (factory, machine))
    index_changes = known is None or (known.title, known.process) != (card.title, card.process)
    reported = report(known.reported if known is not None else None, card.now, now)
    if known is None:
        known = Machine(factory=factory, machine=machine, details={})
        session.add(known)
    known.title, known.process, known.since = card.title, card.process, card.since
    known.now, known.quarter, known.quarter_now = reported.now, reported.quarter, reported.then
    _set_anonymous(session, known, card.anonymous, now)
    session.flush()
    if index_changes:
        mark_index_changed(session)


def _alias_of(session: Session, wanted: OfferIn, now: datetime) -> str | None:
    """The alias of the machine of an offer, which says itself whether that is anonymous, or leaves it as it is."""
    known = session.get(Machine, (wanted.factory, wanted.machine))
    if known is None:
        if not wanted.anonymous:
            return None
        known = Machine(
            factory=wanted.factory,
            machine=wanted.machine,
            title=wanted.machine,
            process="",
            now="not_shown",
            details={},
        )
        session.add(known)
    _set_anonymous(session, known, wanted.anonymous, now)
    return known.alias


def _set_anonymous(session: Session, machine: Machine, anonymous: bool | None, now: datetime) -> None:
    """None: as it was. Otherwise the machine and what it offers get other names for others; those who knew the old ones do not learn the new
    ones."""
    if anonymous is None or anonymous == (machine.alias is not None):
        return
    machine.alias = new_alias() if anonymous else None
    session.flush()
    offered = select(Offer).where(
        Offer.factory == machine.factory, Offer.machine == machine.machine, Offer.status != WITHDRAWN, Offer.end > now
    )
    for offer in session.scalars(offered).all():
        name_for_others(session, offer, machine.alias)
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
