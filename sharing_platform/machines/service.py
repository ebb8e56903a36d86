"""What API and pages do with machines and offers, each as one transaction, and how the API shows them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import NotFoundError
from sharing_platform.etags import check_match
from sharing_platform.machines import offers
from sharing_platform.machines.index import IndexEntry, MachineIndex
from sharing_platform.machines.models import OPEN, Machine, Offer
from sharing_platform.machines.offer_order import RankedOffer
from sharing_platform.machines.public_state import PublicState, ReportedState, public_state
from sharing_platform.machines.relaxed_search import Relaxed
from sharing_platform.machines.schemas import (
    DescribedOffer,
    FoundOffer,
    LiveState,
    MachineIn,
    MachineOut,
    OfferedWindow,
    OfferIn,
    OfferOut,
    OfferTerms,
    SuggestionOut,
)
from sharing_platform.machines.visibility import machine_visible
from sharing_platform.machines.windows import quarter_of
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.permissions import Actor, organisation_of, viewer_of
from sharing_platform.pictures.service import shown_pictures
from sharing_platform.search.machine_details import MachineDetails
from sharing_platform.search.parameters import PARAMETERS
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
    context.live.publish("offers", wanted.factory)
    context.wake_workers()
    return put


def _put_offer(context: PlatformContext, offer_id: str, wanted: OfferIn, if_match: str | None) -> tuple[Offer, bool]:
    with context.sessions.begin() as session:
        _check_offer(session, wanted.factory, offer_id, if_match)
        return offers.put_offer(session, offer_id, wanted, context.occupancy, context.now())


def withdraw_offer(context: PlatformContext, actor: Actor, offer_id: str, if_match: str | None) -> None:
    """Raises what `offers.withdraw_offer` raises, ChangedError."""
    with context.sessions.begin() as session:
        _check_offer(session, actor.organisation, offer_id, if_match)
        offers.withdraw_offer(session, offer_id, actor.organisation, context.occupancy, context.events, context.now())
    context.live.publish("offers", actor.organisation)
    context.wake_workers()


def _check_offer(session: Session, factory: str, offer_id: str, if_match: str | None) -> None:
    if if_match is not None:
        known = offers.find_offer(session, offer_id, factory)
        check_match(if_match, offer_out(known, factory) if known is not None else None)


def put_machine(context: PlatformContext, actor: Actor, factory: str, machine: str, card: MachineIn) -> None:
    """Raises NotFoundError for another factory's."""
    if factory != actor.organisation:
        raise NotFoundError
    with context.sessions.begin() as session:
        offers.put_machine(session, factory, machine, card, context.now())
    context.live.publish("machines", factory)


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
    context.live.publish("machines", factory)
    context.wake_workers()
    return put


def machine_out(
    context: PlatformContext, index: MachineIndex, session: Session, factory: str, machine: str, actor: Actor | None
) -> MachineOut:
    """What a viewer may know of a machine. Raises NotFoundError, also for the factory's own name of an anonymous one."""
    shown = machine_shown(context, index, session, session.get(Machine, (factory, machine)), actor)
    if (shown.factory, shown.machine) != (factory, machine):
        raise NotFoundError
    return shown


def machine_with_alias(
    context: PlatformContext, index: MachineIndex, session: Session, alias: str, actor: Actor | None
) -> MachineOut:
    """An anonymous machine, by the name that others know. Raises NotFoundError."""
    known = session.scalars(select(Machine).where(Machine.alias == alias)).first()
    return machine_shown(context, index, session, known, actor)


def machine_shown(
    context: PlatformContext, index: MachineIndex, session: Session, known: Machine | None, actor: Actor | None
) -> MachineOut:
    """Raises NotFoundError, also for a machine that the caller may not know of."""
    indexed = index.entries(session).get((known.factory, known.machine)) if known is not None else None
    if known is None or indexed is None:
        raise NotFoundError
    viewer = known.factory if organisation_of(actor) == known.factory else viewer_of(actor)
    this_one = (Machine.factory == known.factory) & (Machine.machine == known.machine)
    if session.scalar(select(Machine.machine).where(this_one, machine_visible(context.now(), viewer))) is None:
        raise NotFoundError
    entry = indexed.shown_to(viewer)
    hidden = {} if viewer == known.factory else {"address": ""}
    record = context.occupancy.track_record(session, entry.factory) if entry.factory is not None else None
    state = state_shown(known, viewer, context.now())
    return MachineOut(
        factory=entry.factory,
        factory_name=entry.factory_name,
        machine=entry.machine,
        anonymous=known.alias is not None,
        title=entry.document.title,
        process=entry.document.process,
        now=state.now,
        since=state.since,
        as_of=state.as_of,
        details=entry.document.details.model_copy(update=hidden),
        pictures=shown_pictures(session, [entry.key]).get(entry.key, []) if entry.factory is not None else [],
        kept=record.kept if record is not None else None,
        cancelled=record.cancelled if record is not None else None,
        not_free=record.not_free if record is not None else None,
    )


class Stateful(Protocol):
    """A machine, or what is read of one."""

    @property
    def factory(self) -> str: ...

    @property
    def now(self) -> str: ...

    @property
    def since(self) -> datetime | None: ...

    @property
    def reported(self) -> ReportedState: ...


@dataclass(frozen=True)
class StateShown:
    """`since` and `as_of` as in `MachineOut`."""

    now: LiveState | PublicState
    since: datetime | None
    as_of: datetime | None


def state_shown(machine: Stateful, viewer: str | None, now: datetime) -> StateShown:
    """The live state for the factory's own people, for everybody else what they may know of it."""
    if viewer == machine.factory:
        live: LiveState = machine.now  # type: ignore[assignment]  # what was put was one
        return StateShown(live, machine.since, None)
    return StateShown(public_state(machine.reported, now), None, quarter_of(now))


def offer_out(offer: Offer, viewer: str | None) -> OfferOut:
    """What an organisation, or anybody, may know of an offer that they may see."""
    own, hidden = viewer == offer.factory, offer.is_hidden_from(viewer)
    shown = {name: getattr(offer, name) for name in OfferTerms.model_fields}
    windows = offer.windows_inside((offer.start, offer.end))
    return OfferOut.model_validate(
        shown
        | {
            "id": offer.id_for(viewer),
            "factory": None if hidden else offer.factory,
            "machine": offer.alias if hidden else offer.machine,
            "anonymous": offer.alias is not None,
            "partners": offer.partners if own else [],
            "windows": [window.as_row() for window in windows],
            "prices": [price.as_row() for price in offer.timed_prices],
            "status": offer.status if own or offer.status == OPEN else "not_free",
            # What one factory's server puts at one moment would show which offers are of the same factory.
            "changed": offer.changed if own else quarter_of(offer.changed),
        }
    )


def described_out(offer: Offer, entry: IndexEntry, viewer: str | None) -> DescribedOffer:
    """`entry`: what the viewer may know of its machine."""
    return DescribedOffer(
        **offer_out(offer, viewer).model_dump(),
        factory_name=entry.factory_name,
        title=entry.document.title,
        process=entry.document.process,
        place=entry.document.place,
    )


def found_out(result: RankedOffer, viewer: str | None) -> FoundOffer:
    """An offer with what is known of its machine, and how well it matches."""
    return FoundOffer(
        **described_out(result.offer, result.entry, viewer).model_dump(),
        distance_km=round(result.ranking.distance, 1) if result.ranking.distance is not None else None,
        window=OfferedWindow.model_validate(result.window.as_row()),
        score=round(result.ranking.score, 4),
        reasons=[Reason(code=why.code, values=why.values) for why in result.ranking.reasons],
    )


def suggestion_out(one: Relaxed, given: Collection[str]) -> SuggestionOut:
    """`given`: the query parameters of the search."""
    names = [name for filter_name in one.without for name in PARAMETERS[filter_name] if name in given]
    return SuggestionOut(without=names, count=one.count, more=one.more)
