"""Other hours or another price for a request that waits, proposed by one side, accepted or declined by the other.

One proposal is open at a time. Whoever accepts it makes the booking firm at its terms; until then the request holds the hours that it holds. Only the acceptance
moves them, and finds out whether the new ones are still free.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sharing_platform.bookings.amounts import VAT, shares_of
from sharing_platform.bookings.lifecycle import Party, ProposalState, State, due_after, may_accept
from sharing_platform.bookings.models import Booking, Proposal
from sharing_platform.bookings.occupancy import BookedHours
from sharing_platform.bookings.requests import part_of, period_in
from sharing_platform.bookings.transitions import (
    HOLD,
    Notify,
    apply_due_steps,
    apply_step,
    has_room,
    lock,
    open_proposal,
    parts_of,
    seeker_awaits_region,
)
from sharing_platform.errors import ConflictError, InvalidError, NotFoundError, TakenError
from sharing_platform.listings.models import Listing
from sharing_platform.machines.availability import recut_around
from sharing_platform.machines.choices import price_of
from sharing_platform.machines.models import OPEN, Offer
from sharing_platform.machines.offers import visible_to
from sharing_platform.organisations.models import Organisation
from sharing_platform.organisations.permissions import APPROVED, Actor

MOST = 20
"""Proposals about one request."""
LONGEST = timedelta(days=30)
"""How long the hours can be held for a proposal of the provider."""

_OCCUPANCY = BookedHours()


@dataclass(frozen=True)
class Terms:
    """What is proposed. `start` and `end` None: the hours stay as they are; `price` None: as the offer has it for these hours, or to be agreed. `lines`: of a quote."""

    start: datetime | None = None
    end: datetime | None = None
    price: Decimal | None = None
    vat_percent: Decimal = VAT
    lines: tuple[dict[str, Any], ...] = ()
    valid_until: datetime | None = None


def propose(
    session: Session, booking: Booking, party: Party, terms: Terms, actor: Actor | None, now: datetime, notify: Notify
) -> Proposal:
    """Replaces an open proposal of one's own. Raises ConflictError where the request does not wait or the other side's proposal does; InvalidError for hours that
    cannot be booked, or where nothing is different; TakenError for hours that are gone."""
    parts = _waiting(session, booking, now, notify)
    before = open_proposal(session, booking)
    if before is not None and before.party != party:
        raise ConflictError("proposal_open")
    if party is Party.PROVIDER and seeker_awaits_region(session, booking):
        raise ConflictError("awaits_region")
    ids = [part.id for part in parts]
    if (session.scalar(select(func.count()).where(Proposal.booking_id.in_(ids))) or 0) >= MOST:
        raise ConflictError("too_many_proposals")
    start, end = terms.start or booking.start, terms.end or booking.end
    price, moves = terms.price, (start, end) != (booking.start, booking.end)
    if moves:
        if len(parts) > 1:
            raise InvalidError("proposal_parts", "start")
        planned = session.begin_nested()
        try:
            _move(session, booking, start, end, party, now)
            price = booking.price if price is None else price
        finally:
            planned.rollback()
    elif price is None or (price == _price_of(parts) and not terms.lines):
        raise InvalidError("proposal_same", "start")
    if before is not None:
        before.state, before.answered = ProposalState.WITHDRAWN, now
    valid_until = _valid_until(parts, min(start, booking.start), terms.valid_until, now)
    proposal = Proposal(
        id=str(uuid.uuid4()), booking_id=booking.id, party=party, account_id=actor.account if actor else None, at=now, start=start, end=end,
        price=price, vat_percent=terms.vat_percent, lines=list(terms.lines), state=ProposalState.OPEN,
        valid_until=valid_until if party is Party.PROVIDER else booking.due,
    )  # fmt: skip
    session.add(proposal)
    if party is Party.PROVIDER:
        # Its own hours: it may hold them for its own proposal. A seeker holds them no longer by proposing something.
        for part in parts:
            part.due = valid_until
    session.flush()
    return proposal


def accept(
    session: Session, booking: Booking, proposal: Proposal, party: Party, actor: Actor | None, now: datetime, notify: Notify
) -> None:  # fmt: skip
    """The booking becomes firm at these terms. Again changes nothing. Raises ConflictError, TakenError where the hours are gone meanwhile."""
    lock(session, booking)
    session.refresh(proposal)
    if proposal.state == ProposalState.ACCEPTED and may_accept(party, Party(proposal.party)):
        return
    parts = _waiting(session, booking, now, notify)
    if proposal.state != ProposalState.OPEN or not may_accept(party, Party(proposal.party)):
        raise ConflictError("proposal_closed")
    if seeker_awaits_region(session, booking):
        raise ConflictError("awaits_region")
    if (proposal.start, proposal.end) != (booking.start, booking.end):
        _move(session, booking, proposal.start, proposal.end, Party(proposal.party), now)
    if proposal.price is not None or len(parts) == 1:
        _set_price(parts, proposal.price)
    proposal.state, proposal.answered = ProposalState.ACCEPTED, now
    for part in parts:
        part.vat_percent = proposal.vat_percent
        apply_step(session, part, State.ACCEPTED, party, now, notify, actor.account if actor else None)


def close(
    session: Session, booking: Booking, proposal: Proposal, party: Party, now: datetime, notify: Notify
) -> None:  # fmt: skip
    """Decline the other side's proposal, or withdraw one's own: the request stands as it was. Again changes nothing. Raises ConflictError."""
    to = ProposalState.DECLINED if may_accept(party, Party(proposal.party)) else ProposalState.WITHDRAWN
    lock(session, booking)
    session.refresh(proposal)
    if proposal.state == to:
        return
    parts = _waiting(session, booking, now, notify)
    if proposal.state != ProposalState.OPEN:
        raise ConflictError("proposal_closed")
    proposal.state, proposal.answered = to, now
    if proposal.party == Party.PROVIDER:
        for part in parts:
            part.due = due_after(State.HELD, part.start, part.end, now, HOLD)
    session.flush()


def proposals_of(session: Session, booking: Booking) -> list[Proposal]:
    """The oldest first; of all parts of a request, which are answered together."""
    ids = [part.id for part in parts_of(session, booking)]
    return list(
        session.scalars(
            select(Proposal)
            .where(Proposal.booking_id.in_(ids))
            .order_by(Proposal.at, Proposal.state == ProposalState.OPEN, Proposal.id)
        )
    )


def proposal_with(session: Session, booking: Booking, proposal_id: str) -> Proposal:
    """Raises NotFoundError."""
    found = session.get(Proposal, proposal_id)
    if found is None or found.booking_id not in {part.id for part in parts_of(session, booking)}:
        raise NotFoundError
    return found


def _waiting(session: Session, booking: Booking, now: datetime, notify: Notify) -> list[Booking]:
    """All parts of the request, locked. Raises ConflictError unless it waits for an answer."""
    lock(session, booking)
    if booking.due is not None and booking.due <= now:
        apply_due_steps(session, booking, now, notify)
    if booking.state != State.HELD:
        raise ConflictError("step", state=booking.state)
    return parts_of(session, booking)


def _valid_until(parts: list[Booking], start: datetime, wanted: datetime | None, now: datetime) -> datetime:
    """Not longer than the hours are to come. Of hours that have begun, until they end."""
    if wanted is not None and not now < wanted <= now + LONGEST:
        raise InvalidError("proposal_valid_until", "valid_until")
    due = due_after(State.HELD, start, max(part.end for part in parts), now, (wanted - now) if wanted else HOLD)
    return due or now + HOLD


def _move(session: Session, booking: Booking, start: datetime, end: datetime, by: Party, now: datetime) -> None:
    """Other hours of the same machine, or of the same listing. Raises InvalidError for hours that cannot be booked, TakenError for those that somebody has."""
    # As if it held nothing: its own hours may be among the new ones.
    booking.state = State.REQUESTED
    session.flush()
    if booking.machine is None:
        listing = session.get_one(Listing, booking.listing_id)
        if listing.places is not None:
            raise InvalidError("proposal_fixed", "start")
        period_in(listing, start, end, now)
        if not has_room(session, listing, booking.places, start, end):
            raise TakenError("proposal_taken")
        buffer, cancellable = timedelta(0), booking.start - booking.cancel_until
    else:
        recut_around(session, booking.provider, booking.machine, booking.start, booking.free_again, _OCCUPANCY, now)
        offer = _offer_with(session, booking, start, end, by, now)
        buffer = timedelta(minutes=offer.buffer_minutes)
        cancellable = timedelta(hours=offer.cancellation_hours)
        booking.offer_id, booking.price = offer.id, price_of(offer, start, end)
    booking.start, booking.end, booking.free_again = start, end, end + buffer
    booking.cancel_until = start - cancellable
    booking.state = State.HELD
    try:
        with session.begin_nested():
            session.flush()
    except IntegrityError as error:
        raise TakenError from error
    if booking.machine is not None:
        recut_around(session, booking.provider, booking.machine, start, booking.free_again, _OCCUPANCY, now)


def _offer_with(session: Session, booking: Booking, start: datetime, end: datetime, by: Party, now: datetime) -> Offer:
    """An open offer of the machine of which these hours can be booked. What a seeker proposes lies in one that the seeker may see."""
    query = select(Offer).where(
        Offer.factory == booking.provider, Offer.machine == booking.machine, Offer.status == OPEN, Offer.start < end, Offer.end > start
    )  # fmt: skip
    seeker = session.get(Organisation, booking.seeker) if booking.seeker is not None else None
    viewer = seeker.id if seeker is not None and seeker.status == APPROVED else None
    why: InvalidError | None = None
    for offer in session.scalars(query.order_by(Offer.start, Offer.id)):
        if by is Party.SEEKER and not visible_to(offer, viewer):
            continue
        try:
            part_of(offer, start, end, now)
            return offer
        except InvalidError as error:
            why = error
        except NotFoundError:
            continue
    if why is not None:
        raise why
    raise TakenError("proposal_taken")


def _price_of(parts: list[Booking]) -> Decimal | None:
    prices = [part.price for part in parts if part.price is not None]
    return sum(prices, Decimal(0)) if len(prices) == len(parts) else None


def _set_price(parts: list[Booking], price: Decimal | None) -> None:
    """The price of a request with several parts is that of all of them; each bears as much of it as it is long."""
    if price is None:
        parts[0].price = None
        return
    lengths = [Decimal((part.end - part.start) // timedelta(minutes=1)) for part in parts]
    for part, share in zip(parts, shares_of(price, lengths), strict=True):
        part.price = share
