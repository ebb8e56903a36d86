"""Hours that a factory keeps for itself, and hours that its people offer by hand, beside what its server offers."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import ConflictError, NotFoundError
from sharing_platform.machines import service
from sharing_platform.machines.availability import lock_resource, recut_around, resource_of
from sharing_platform.machines.models import WITHDRAWN, KeptHours, Machine, Offer
from sharing_platform.machines.schemas import KeptHoursIn, KeptHoursOut, OfferIn
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.permissions import Actor

_MOST = 500


def keep_hours(context: PlatformContext, actor: Actor, wanted: KeptHoursIn) -> KeptHoursOut:
    """From now on they are not on offer, whatever the factory's server offers of them; what is booked or requested of them stays so. Raises NotFoundError for a machine that
    the factory does not have, ConflictError beyond five hundred."""
    now = context.now()
    with context.sessions.begin() as session:
        if session.get(Machine, (actor.organisation, wanted.machine)) is None:
            raise NotFoundError
        lock_resource(session, resource_of(actor.organisation, wanted.machine))
        if len(kept_hours(session, actor.organisation, now)) >= _MOST:
            raise ConflictError("too_many_kept")
        kept = KeptHours(
            id=str(uuid.uuid4()),
            factory=actor.organisation,
            machine=wanted.machine,
            start=wanted.start,
            end=wanted.end,
        )
        session.add(kept)
        session.flush()
        _recut(context, session, kept, now)
        log(session, now, actor, "machine.hours_kept", f"{kept.factory}/{kept.machine}")
        shown = kept_out(kept)
    _tell(context, actor)
    return shown


def release_hours(context: PlatformContext, actor: Actor, kept_id: str) -> None:
    """What is offered of them can be had again. Raises NotFoundError."""
    now = context.now()
    with context.sessions.begin() as session:
        kept = session.get(KeptHours, kept_id)
        if kept is None or kept.factory != actor.organisation:
            raise NotFoundError
        lock_resource(session, resource_of(kept.factory, kept.machine))
        session.delete(kept)
        session.flush()
        _recut(context, session, kept, now)
        log(session, now, actor, "machine.hours_released", f"{kept.factory}/{kept.machine}")
    _tell(context, actor)


def offer_by_hand(context: PlatformContext, actor: Actor, wanted: OfferIn) -> Offer:
    """Raises what `service.put_offer` raises, NotFoundError for a machine that the factory does not have."""
    with context.sessions() as session:
        if session.get(Machine, (wanted.factory, wanted.machine)) is None:
            raise NotFoundError
    offer, _ = service.put_offer(context, actor, str(uuid.uuid4()), wanted, None)
    with context.sessions.begin() as session:
        log(session, context.now(), actor, "machine.offered_by_hand", f"{wanted.factory}/{wanted.machine}")
    return offer


def kept_hours(session: Session, factory: str, now: datetime, machine: str | None = None) -> list[KeptHours]:
    """Those to come, in order of their start."""
    query = select(KeptHours).where(KeptHours.factory == factory, KeptHours.end > now)
    if machine is not None:
        query = query.where(KeptHours.machine == machine)
    return list(session.scalars(query.order_by(KeptHours.start, KeptHours.id)))


def offers_by_hand(session: Session, factory: str, machine: str, now: datetime) -> list[Offer]:
    """Those to come that were not taken back, in order of their start."""
    query = select(Offer).where(Offer.factory == factory, Offer.machine == machine, Offer.by_hand, Offer.end > now)
    return list(session.scalars(query.where(Offer.status != WITHDRAWN).order_by(Offer.start, Offer.id)))


def kept_out(kept: KeptHours) -> KeptHoursOut:
    return KeptHoursOut(id=kept.id, machine=kept.machine, start=kept.start, end=kept.end)


def _recut(context: PlatformContext, session: Session, kept: KeptHours, now: datetime) -> None:
    recut_around(session, kept.factory, kept.machine, kept.start, kept.end, context.occupancy, now)


def _tell(context: PlatformContext, actor: Actor) -> None:
    context.live.publish("offers", actor.organisation)
    context.wake_workers()
