"""Requests that neighbours forward to us: booked, answered and cancelled here, as any other. The database keeps hours from being booked twice."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from sharing_platform.bookings import requests, service, transitions
from sharing_platform.bookings.lifecycle import AGREED, Party, State, steps_open_to
from sharing_platform.bookings.models import Booking
from sharing_platform.bookings.requests import Seeker
from sharing_platform.bookings.schemas import AskIn
from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import ConflictError, PlatformError
from sharing_platform.federation.booking_facts import Facts, facts_of
from sharing_platform.federation.feed_items import FullKey, Written, write
from sharing_platform.federation.messages import AskForItem, HomeRequest, SeekersContact
from sharing_platform.federation.models import AGREED as EXCHANGED
from sharing_platform.federation.models import Neighbour, ReceivedRequest
from sharing_platform.listings.records import shown_listing
from sharing_platform.machines.availability import lock_resource
from sharing_platform.machines.offers import visible_to
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.models import Organisation
from sharing_platform.search.neighbours import EURO

TOLD_FOR = timedelta(days=60)
"""So long after its hours, a neighbour is told how a request stands."""
_REFUSED = "refused"
_log = logging.getLogger(__name__)
_ANYBODY = None


def ask(context: PlatformContext, neighbour_id: str, request_id: str, wanted: AskForItem) -> HomeRequest:
    """Make the booking that is asked for, once; how it stands."""
    now = context.now()
    with context.sessions.begin() as session:
        # Nobody ends the exchange meanwhile, who would not see the booking that is being made.
        neighbour = session.get_one(Neighbour, neighbour_id, with_for_update={"read": True})
        known = _locked(session, neighbour_id, request_id) or _decide(
            context, session, neighbour, request_id, wanted, now
        )
        answer, booking = _answer_of(session, known, now), _booking_of(session, known)
    if booking is not None:
        service.tell_parties(context, booking)
    return answer


def cancel(context: PlatformContext, neighbour_id: str, request_id: str) -> HomeRequest:
    """Cancel for the seeker, where that is still open to them; how it stands."""
    now = context.now()
    with context.sessions.begin() as session:
        known = _locked_or_cancelled(session, neighbour_id, request_id, now)
        booking = _booking_of(session, known)
        if booking is not None:
            _cancel(context, session, booking, now)
        answer = _answer_of(session, known, now)
    if booking is not None:
        service.tell_parties(context, booking)
    return answer


def put_contact(context: PlatformContext, neighbour_id: str, request_id: str, contact: SeekersContact) -> HomeRequest:
    """Whom the provider turns to. Before it has accepted, nothing is kept of them; also where they are gone."""
    now = context.now()
    with context.sessions.begin() as session:
        known = _locked(session, neighbour_id, request_id)
        if known is None:
            return _unknown(request_id)
        booking = _booking_of(session, known)
        if booking is not None and (booking.state in AGREED or not contact.email):
            booking.email = contact.email
        return _answer_of(session, known, now)


def stand_of(context: PlatformContext, neighbour_id: str, request_id: str) -> HomeRequest:
    """How a request stands. Who asks for one that is not known here had heard of it from us: it was forgotten, and our administrator can read that."""
    now = context.now()
    with context.sessions.begin() as session:
        known = _locked(session, neighbour_id, request_id)
        if known is not None:
            return _answer_of(session, known, now)
        region = session.get_one(Neighbour, neighbour_id).name
        log(session, now, None, "neighbour.forgotten", neighbour_id, region=region, request=request_id)
        _log.warning("%s asks for its request %s, of which nothing is known here: was an earlier backup restored?", region, request_id)  # fmt: skip
        return _unknown(request_id)


def withdraw_waiting(context: PlatformContext, session: Session, neighbour: Neighbour, now: datetime) -> None:
    """The exchange is over: what still waits for an answer ends. What is agreed stays agreed."""
    if neighbour.organisation_id is not None:
        transitions.expire_requests(session, neighbour.organisation_id, now, service.notifier(context))


def requests_of(session: Session, neighbours: Collection[str], now: datetime) -> dict[FullKey, Written]:
    """How the requests of neighbours stand, for what is told to each."""
    query = (
        select(ReceivedRequest, Booking)
        .outerjoin(Booking, Booking.id == ReceivedRequest.booking_id)
        .where(
            ReceivedRequest.neighbour_id.in_(neighbours),
            (Booking.end > now - TOLD_FOR) | Booking.id.is_(None) & (ReceivedRequest.received > now - TOLD_FOR),
        )
    )
    rows = [(known, booking) for known, booking in session.execute(query)]
    facts = facts_of(session, [booking for _, booking in rows if booking is not None])

    def written(known: ReceivedRequest, booking: Booking | None) -> Written:
        return write(booking.title if booking is not None else "", lambda: _answer(known, booking, facts, now))

    return {(known.neighbour_id, "request", known.id): written(known, booking) for known, booking in rows}


def forget_refused(session: Session, now: datetime) -> None:
    """Those of which no booking was made, once their neighbour is told of them no more: by then none of them is sent again."""
    old = ReceivedRequest.booking_id.is_(None) & (ReceivedRequest.received <= now - TOLD_FOR)
    session.execute(delete(ReceivedRequest).where(old))


def _locked(session: Session, neighbour_id: str, request_id: str) -> ReceivedRequest | None:
    """Two messages about a request take turns."""
    lock_resource(session, f"neighbour:{neighbour_id}:{request_id}")
    return session.get(ReceivedRequest, (neighbour_id, request_id))


def _locked_or_cancelled(session: Session, neighbour_id: str, request_id: str, now: datetime) -> ReceivedRequest:
    """One that has not come yet counts as cancelled, and makes no booking when it comes."""
    known = _locked(session, neighbour_id, request_id)
    return known or _remember(session, neighbour_id, request_id, State.CANCELLED, now)


def _unknown(request_id: str) -> HomeRequest:
    return HomeRequest(id=request_id, state="unknown", version=0, cancellable=False)


def _booking_of(session: Session, known: ReceivedRequest) -> Booking | None:
    return session.get(Booking, known.booking_id) if known.booking_id is not None else None


def _remember(
    session: Session, neighbour_id: str, request_id: str, state: str, now: datetime, reason: str = ""
) -> ReceivedRequest:
    made = ReceivedRequest(neighbour_id=neighbour_id, id=request_id, state=state, reason=reason[:40], received=now)
    session.add(made)
    session.flush()
    return made


def _decide(
    context: PlatformContext, session: Session, neighbour: Neighbour, request_id: str, wanted: AskForItem, now: datetime
) -> ReceivedRequest:
    if neighbour.state != EXCHANGED:
        return _remember(session, neighbour.id, request_id, _REFUSED, now)
    if now >= wanted.valid_until:
        return _remember(session, neighbour.id, request_id, _REFUSED, now, "too_late_there")
    return _book(context, session, neighbour, request_id, wanted, now)


def _book(
    context: PlatformContext, session: Session, neighbour: Neighbour, request_id: str, wanted: AskForItem, now: datetime
) -> ReceivedRequest:
    region = session.get_one(Organisation, neighbour.organisation_id)
    seeker = Seeker(region, for_whom=f"{wanted.organisation[:150]} ({neighbour.name})"[:200])
    asked = AskIn(start=wanted.start, end=wanted.end, places=wanted.places, message=wanted.message)
    try:
        with session.begin_nested():
            booking = _request(context, session, seeker, wanted, asked, now)
    except PlatformError as error:
        return _remember(session, neighbour.id, request_id, _REFUSED, now, error.code)
    log(session, now, None, "booking.asked", booking.id, organisation=region.id)
    made = _remember(session, neighbour.id, request_id, "booked", now)
    made.booking_id = booking.id
    return made


def _request(
    context: PlatformContext, session: Session, seeker: Seeker, wanted: AskForItem, asked: AskIn, now: datetime
) -> Booking:
    """Of what anybody may see here. Raises what a request made here raises."""
    notify = service.notifier(context)
    if wanted.kind == "offer":
        return requests.request_offer(
            session, wanted.item, seeker, asked, now, notify, lambda offer: visible_to(offer, _ANYBODY), context.bounds
        )
    found = shown_listing(session, wanted.item, _ANYBODY)
    return requests.request_listing(session, found.listing, seeker, asked, now, notify, context.bounds)


def _cancel(context: PlatformContext, session: Session, booking: Booking, now: datetime) -> None:
    """It stays as it is where it is too late."""
    try:
        transitions.transition(session, booking, State.CANCELLED, Party.SEEKER, None, now, service.notifier(context))
    except ConflictError:
        return
    log(session, now, None, "booking.cancelled", booking.id, organisation=booking.seeker)


def _answer_of(session: Session, known: ReceivedRequest, now: datetime) -> HomeRequest:
    booking = _booking_of(session, known)
    return _answer(known, booking, facts_of(session, [booking] if booking is not None else []), now)


def _answer(known: ReceivedRequest, booking: Booking | None, facts: Facts, now: datetime) -> HomeRequest:
    """What its seeker may know, as at home."""
    if booking is None:
        outcome = "refused" if known.state == _REFUSED else "cancelled"
        return HomeRequest.model_validate(
            {"id": known.id, "state": outcome, "version": 1, "cancellable": False, "reason": known.reason}
        )
    state = State(booking.state)
    contact = facts.contacts.get(booking.id)
    return _fitting(
        {
            "id": known.id, "state": state, "version": facts.steps[booking.id], "title": booking.title_for(Party.SEEKER),
            "cancellable": State.CANCELLED in steps_open_to(Party.SEEKER, state, booking.cancel_until, now),
            "start": booking.start, "end": booking.end, "due": booking.due if state is State.HELD else None,
            "cancel_until": booking.cancel_until, "price": {"amount": f"{booking.price:f}", "currency": EURO} if booking.price is not None else None, "said": facts.said.get(booking.id, ""),
            "organisation_name": contact.organisation if contact else "", "contact_name": contact.name if contact else "",
            "contact_email": contact.email if contact else "", "address": facts.addresses.get(booking.id, ""),
        }
    )  # fmt: skip


def _fitting(said: dict[str, Any]) -> HomeRequest:
    """Without what is beyond the bounds of a message: how the request stands is told, whatever else cannot be."""
    try:
        return HomeRequest.model_validate(said)
    except ValidationError as error:
        wrong = {one["loc"][0] for one in error.errors()}
        return HomeRequest.model_validate({name: value for name, value in said.items() if name not in wrong})
