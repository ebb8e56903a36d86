"""What API and pages do with machines and offers, each as one transaction, and how the API shows them."""

from __future__ import annotations

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import NotFoundError
from sharing_platform.etags import check_match
from sharing_platform.machines import offers
from sharing_platform.machines.index import MachineIndex
from sharing_platform.machines.models import Machine, Offer
from sharing_platform.machines.offer_search import RankedOffer
from sharing_platform.machines.schemas import (
    FoundOffer,
    LiveState,
    MachineIn,
    MachineOut,
    OfferedWindow,
    OfferIn,
    OfferOut,
)
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.permissions import Actor
from sharing_platform.search.machine_details import MachineDetails
from sharing_platform.search.schemas import Reason


def put_offer(
    context: PlatformContext, actor: Actor, offer_id: str, wanted: OfferIn, if_match: str | None
) -> tuple[Offer, bool]:
    """Create or change; returns the offer and whether it is new. Raises what `offers.put_offer` raises, ChangedError."""
    if wanted.factory != actor.organisation:
        raise NotFoundError
    try:
        put = _put_offer(context, offer_id, wanted, if_match)
    except IntegrityError:
        # Another request created the same offer at the same moment; now it exists.
        put = _put_offer(context, offer_id, wanted, if_match)
    context.live.publish("offers")
    context.wake_workers()
    return put


def _put_offer(context: PlatformContext, offer_id: str, wanted: OfferIn, if_match: str | None) -> tuple[Offer, bool]:
    with context.sessions.begin() as session:
        _check_offer(session, offer_id, if_match)
        return offers.put_offer(session, offer_id, wanted, context.occupancy, context.now())


def withdraw_offer(context: PlatformContext, actor: Actor, offer_id: str, if_match: str | None) -> None:
    """Raises what `offers.withdraw_offer` raises, ChangedError."""
    with context.sessions.begin() as session:
        _check_offer(session, offer_id, if_match)
        offers.withdraw_offer(session, offer_id, actor.organisation, context.occupancy, context.events, context.now())
    context.live.publish("offers")
    context.wake_workers()


def _check_offer(session: Session, offer_id: str, if_match: str | None) -> None:
    if if_match is not None:
        known = session.get(Offer, offer_id)
        check_match(if_match, offer_out(known) if known is not None else None)


def put_machine(context: PlatformContext, actor: Actor, factory: str, machine: str, card: MachineIn) -> None:
    """Raises NotFoundError for another factory's."""
    if factory != actor.organisation:
        raise NotFoundError
    with context.sessions.begin() as session:
        offers.put_machine(session, factory, machine, card)
    context.live.publish("machines")


def put_details(
    context: PlatformContext, actor: Actor, factory: str, machine: str, details: MachineDetails, if_match: str | None
) -> MachineDetails:
    """Returns the details with the coordinates of their place. Raises NotFoundError for another factory's, ChangedError."""
    if factory != actor.organisation:
        raise NotFoundError
    with context.sessions.begin() as session:
        known = session.get(Machine, (factory, machine), with_for_update=True)
        check_match(if_match, MachineDetails.model_validate(known.details) if known is not None else None)
        put = offers.put_details(session, factory, machine, details)
        log(session, context.now(), actor, "machine.described", f"{factory}/{machine}")
    context.live.publish("machines")
    context.wake_workers()
    return put


def machine_out(
    context: PlatformContext, index: MachineIndex, session: Session, factory: str, machine: str, viewer: str | None
) -> MachineOut:
    """Raises NotFoundError."""
    known = session.get(Machine, (factory, machine))
    entry = index.entries(session).get((factory, machine))
    if known is None or entry is None:
        raise NotFoundError
    hidden = {} if viewer == factory else {"address": ""}
    kept, cancelled = context.occupancy.track_record(session, factory)
    now: LiveState = known.now  # type: ignore[assignment]  # what was put was one
    return MachineOut(
        factory=factory,
        factory_name=entry.factory_name,
        machine=machine,
        title=known.title,
        process=known.process,
        now=now,
        since=known.since,
        details=entry.document.details.model_copy(update=hidden),
        kept=kept,
        cancelled=cancelled,
    )


def offer_out(offer: Offer) -> OfferOut:
    shown = {name: getattr(offer, name) for name in OfferOut.model_fields}
    windows = offer.windows_inside((offer.start, offer.end))
    return OfferOut.model_validate(shown | {"windows": [window.as_row() for window in windows]})


def found_out(result: RankedOffer) -> FoundOffer:
    """An offer with what is known of its machine."""
    shown = offer_out(result.offer).model_dump(exclude={"partners"})
    return FoundOffer(
        **shown,
        title=result.entry.document.title if result.entry else result.offer.machine,
        process=result.entry.document.process if result.entry else "",
        place=result.entry.document.place if result.entry else "",
        distance_km=round(result.ranking.distance, 1) if result.ranking.distance is not None else None,
        window=OfferedWindow.model_validate(result.window.as_row()),
        score=round(result.ranking.score, 4),
        reasons=[Reason(code=why.code, values=why.values) for why in result.ranking.reasons],
    )
