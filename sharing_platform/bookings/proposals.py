"""Other hours or another price for a request that waits or a booking that is accepted, proposed by one side, accepted or declined by the other.

One proposal is open at a time. Whoever accepts it makes the booking firm at its terms; until then it holds the hours that it holds. Only the acceptance moves them, and finds out
whether the new ones are still free. The parts of a request that waits are negotiated together; once accepted, each by itself.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sharing_platform.bookings.amounts import VAT, shares_of
from sharing_platform.bookings.lifecycle import NEGOTIABLE, Party, ProposalState, State, due_after, may_accept
from sharing_platform.bookings.models import Booking, Proposal
from sharing_platform.bookings.occupancy import BookedHours
from sharing_platform.bookings.requests import part_of, period_in
from sharing_platform.bookings.transitions import (
    HOLD,
    Notify,
    apply_due_steps,
    apply_step,
    has_room,
    history,
    lock,
    negotiated_with,
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
from sharing_platform.organisations.permissions import APPROVED, Actor, Kind

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
    """Replaces an open proposal of one's own. Raises ConflictError where nothing can be proposed or the other side's proposal waits; InvalidError for hours that
    cannot be booked, or where nothing is different; TakenError for hours that are gone."""
    parts = _negotiated(session, booking, now, notify)
    agreed = booking.state == State.ACCEPTED
    if agreed and terms.lines:
        raise ConflictError("step", state=booking.state)
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
        planned = session.begin_nested()
        try:
            _move(session, booking, start, end, party, now)
            price = _price_of(parts) if price is None else price
        finally:
            planned.rollback()
    elif price is None or (price == _price_of(parts) and not terms.lines):
        raise InvalidError("proposal_same", "start")
    if before is not None:
        before.state, before.answered = ProposalState.WITHDRAWN, now
    earliest = min(start, *(part.start for part in parts))
    valid_until = earliest if agreed else _valid_until(parts, earliest, terms.valid_until, now)
    proposal = Proposal(
        id=str(uuid.uuid4()), booking_id=booking.id, party=party, account_id=actor.account if actor else None, at=now, start=start, end=end,
        price=price, vat_percent=terms.vat_percent if terms.lines else booking.vat_percent, lines=list(terms.lines), state=ProposalState.OPEN,
        valid_until=valid_until if agreed or party is Party.PROVIDER else booking.due, of_agreed=agreed,
    )  # fmt: skip
    session.add(proposal)
    if party is Party.PROVIDER and not agreed:
        # Its own hours: it may hold them for its own proposal. A seeker holds them no longer by proposing something.
        for part in parts:
            part.due = valid_until
    session.flush()
    return proposal


def is_of_neighbour(session: Session, booking: Booking) -> bool:
    """Whether a neighbouring region asks: its platform forwards requests and answers, and no proposals."""
    seeker = session.get(Organisation, booking.seeker) if booking.seeker is not None else None
    return seeker is not None and seeker.kind == Kind.NEIGHBOUR


def accept(
    session: Session, booking: Booking, proposal: Proposal, party: Party, actor: Actor | None, now: datetime, notify: Notify
) -> None:  # fmt: skip
    """The booking becomes, or stays, firm at these terms. Again changes nothing. Raises ConflictError, TakenError where the hours are gone meanwhile."""
    lock(session, booking)
    session.refresh(proposal)
    if proposal.state == ProposalState.ACCEPTED and may_accept(party, Party(proposal.party)):
        return
    parts = _negotiated(session, booking, now, notify)
    over = proposal.of_agreed and proposal.valid_until is not None and proposal.valid_until <= now
    if proposal.state != ProposalState.OPEN or over or not may_accept(party, Party(proposal.party)):
        raise ConflictError("proposal_closed")
    if seeker_awaits_region(session, booking):
        raise ConflictError("awaits_region")
    if (proposal.start, proposal.end) != (booking.start, booking.end):
        _move(session, booking, proposal.start, proposal.end, Party(proposal.party), now)
        booking.reminded = None
    if proposal.price != _price_of(parts):
        _set_price(parts, booking, proposal.price)
    proposal.state, proposal.answered = ProposalState.ACCEPTED, now
    for part in parts:
        part.vat_percent = proposal.vat_percent
        if not proposal.of_agreed:
            apply_step(session, part, State.ACCEPTED, party, now, notify, actor.account if actor else None)
    if proposal.of_agreed:
        booking.revision += 1
        booking.due = due_after(State.ACCEPTED, booking.start, booking.end, now, HOLD)
        session.flush()


def close(
    session: Session, booking: Booking, proposal: Proposal, party: Party, now: datetime, notify: Notify
) -> None:  # fmt: skip
    """Decline the other side's proposal, or withdraw one's own: the booking stands as it was. Again changes nothing. Raises ConflictError."""
    to = ProposalState.DECLINED if may_accept(party, Party(proposal.party)) else ProposalState.WITHDRAWN
    lock(session, booking)
    session.refresh(proposal)
    if proposal.state == to:
        return
    parts = _negotiated(session, booking, now, notify)
    if proposal.state != ProposalState.OPEN:
        raise ConflictError("proposal_closed")
    proposal.state, proposal.answered = to, now
    if proposal.party == Party.PROVIDER and not proposal.of_agreed:
        for part in parts:
            part.due = due_after(State.HELD, part.start, part.end, now, HOLD)
    session.flush()


def overdue(now: datetime) -> Select[str]:
    """Proposals about what is agreed that nobody has answered in time."""
    waiting = (Proposal.state == ProposalState.OPEN) & Proposal.of_agreed & (Proposal.valid_until <= now)
    return select(Proposal.id).where(waiting).order_by(Proposal.valid_until)


def expire(session: Session, proposal_id: str, now: datetime) -> None:
    """The booking stands as it was."""
    proposal = session.get_one(Proposal, proposal_id)
    lock(session, session.get_one(Booking, proposal.booking_id))
    session.refresh(proposal)
    if proposal.state == ProposalState.OPEN:
        proposal.state, proposal.answered = ProposalState.EXPIRED, now


def proposals_of(session: Session, booking: Booking) -> list[Proposal]:
    """The oldest first: of all parts of a request, which are answered together, and what was proposed about this one since."""
    ids = [part.id for part in parts_of(session, booking)]
    of_request = Proposal.booking_id.in_(ids) & ~Proposal.of_agreed
    return list(
        session.scalars(
            select(Proposal)
            .where(of_request | (Proposal.booking_id == booking.id))
            .order_by(Proposal.at, Proposal.state == ProposalState.OPEN, Proposal.id)
        )
    )


def agreed_at(session: Session, booking: Booking) -> datetime:
    """Since when it is firm at its present terms."""
    accepted = next(one.at for one in history(session, booking) if one.state == State.ACCEPTED)
    changes = (
        one.answered for one in proposals_of(session, booking) if one.of_agreed and one.state == ProposalState.ACCEPTED
    )
    return max([accepted, *(at for at in changes if at is not None)])


def proposal_with(session: Session, booking: Booking, proposal_id: str) -> Proposal:
    """Raises NotFoundError."""
    found = next((one for one in proposals_of(session, booking) if one.id == proposal_id), None)
    if found is None:
        raise NotFoundError
    return found


def _negotiated(session: Session, booking: Booking, now: datetime, notify: Notify) -> list[Booking]:
    """What is negotiated together, locked: all parts of a request that waits, of what is accepted this one alone. Raises ConflictError for anything else."""
    lock(session, booking)
    if is_of_neighbour(session, booking):
        raise ConflictError("neighbour_no_proposals")
    if booking.due is not None and booking.due <= now:
        apply_due_steps(session, booking, now, notify)
    if booking.state not in NEGOTIABLE:
        raise ConflictError("step", state=booking.state)
    return negotiated_with(session, booking)


def _valid_until(parts: list[Booking], start: datetime, wanted: datetime | None, now: datetime) -> datetime:
    """Not longer than the hours are to come. Of hours that have begun, until they end."""
    if wanted is not None and not now < wanted <= now + LONGEST:
        raise InvalidError("proposal_valid_until", "valid_until")
    due = due_after(State.HELD, start, max(part.end for part in parts), now, (wanted - now) if wanted else HOLD)
    return due or now + HOLD


def _move(session: Session, booking: Booking, start: datetime, end: datetime, by: Party, now: datetime) -> None:
    """Other hours of the same machine, or of the same listing. Raises InvalidError for hours that cannot be booked, TakenError for those that somebody has."""
    # As if it held nothing: its own hours may be among the new ones.
    was, booking.state = booking.state, State.REQUESTED
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
    booking.state = was
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


def _set_price(parts: list[Booking], changed: Booking, price: Decimal | None) -> None:
    """The price of a request with several parts is that of all of them; each bears as much of it as it is long. None: that of the one that is changed is to be agreed."""
    if price is None:
        changed.price = None
        return
    lengths = [Decimal((part.end - part.start) // timedelta(minutes=1)) for part in parts]
    for part, share in zip(parts, shares_of(price, lengths), strict=True):
        part.price = share
