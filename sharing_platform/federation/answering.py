"""Requests that neighbours forward to us: booked, answered and cancelled here, as any other. The database keeps hours from being booked twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from sharing_platform.bookings import requests, service, transitions
from sharing_platform.bookings.contacts import contact_of
from sharing_platform.bookings.lifecycle import AGREED, Party, State, steps_open_to
from sharing_platform.bookings.models import Booking, BookingEvent, BookingMessage
from sharing_platform.bookings.places import address_of
from sharing_platform.bookings.requests import Seeker
from sharing_platform.bookings.schemas import AskIn
from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import ConflictError, PlatformError
from sharing_platform.federation.merging import Key
from sharing_platform.federation.messages import AskForItem, HomeRequest, SeekersContact
from sharing_platform.federation.models import AGREED as EXCHANGED
from sharing_platform.federation.models import Neighbour, ReceivedRequest
from sharing_platform.federation.sharing import price_of
from sharing_platform.listings.records import shown_listing
from sharing_platform.machines.availability import lock_resource
from sharing_platform.machines.offers import visible_to
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.models import Organisation

TOLD_FOR = timedelta(days=60)
"""So long after its hours, a neighbour is told how a request stands."""
_REFUSED = "refused"
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
        answer, booking = _answer(session, known, now), _booking_of(session, known)
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
        answer = _answer(session, known, now)
    if booking is not None:
        service.tell_parties(context, booking)
    return answer


def put_contact(context: PlatformContext, neighbour_id: str, request_id: str, contact: SeekersContact) -> HomeRequest:
    """Whom the provider turns to. Before it has accepted, nothing is kept of them; also where they are gone."""
    now = context.now()
    with context.sessions.begin() as session:
        known = _locked_or_cancelled(session, neighbour_id, request_id, now)
        booking = _booking_of(session, known)
        if booking is not None and (booking.state in AGREED or not contact.email):
            booking.email = contact.email
        return _answer(session, known, now)


def withdraw_waiting(context: PlatformContext, session: Session, neighbour: Neighbour, now: datetime) -> None:
    """The exchange is over: what still waits for an answer ends. What is agreed stays agreed."""
    if neighbour.organisation_id is not None:
        transitions.expire_requests(session, neighbour.organisation_id, now, service.notifier(context))


def requests_of(session: Session, neighbour_id: str, now: datetime) -> Iterator[tuple[Key, dict[str, Any]]]:
    """How the requests of a neighbour stand, for its feed."""
    query = (
        select(ReceivedRequest, Booking)
        .outerjoin(Booking, Booking.id == ReceivedRequest.booking_id)
        .where(
            ReceivedRequest.neighbour_id == neighbour_id,
            (Booking.end > now - TOLD_FOR) | Booking.id.is_(None) & (ReceivedRequest.received > now - TOLD_FOR),
        )
    )
    for known, _ in session.execute(query):
        answer = _answer(session, known, now)
        yield ("request", known.id), answer.model_dump(mode="json", exclude={"id", "kind"})


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


def _answer(session: Session, known: ReceivedRequest, now: datetime) -> HomeRequest:
    """What its seeker may know, as at home."""
    if known.booking_id is None:
        state = "refused" if known.state == _REFUSED else "cancelled"
        return HomeRequest.model_validate(
            {"id": known.id, "state": state, "version": 1, "cancellable": False, "reason": known.reason}
        )
    booking = session.get_one(Booking, known.booking_id)
    state = State(booking.state)
    steps = session.scalar(select(func.count()).where(BookingEvent.booking_id == booking.id)) or 0
    agreed = state in AGREED
    contact = contact_of(session, booking, Party.PROVIDER) if agreed else None
    return HomeRequest.model_validate(
        {
            "id": known.id, "state": state, "version": steps, "title": booking.title_for(Party.SEEKER),
            "cancellable": State.CANCELLED in steps_open_to(Party.SEEKER, state, booking.cancel_until, now),
            "start": booking.start, "end": booking.end, "due": booking.due if state is State.HELD else None,
            "cancel_until": booking.cancel_until, "price": price_of(booking.price), "said": _said(session, booking),
            "organisation_name": contact.organisation if contact else "", "contact_name": contact.name if contact else "",
            "contact_email": contact.email if contact else "", "address": address_of(session, booking) if agreed else "",
        }
    )  # fmt: skip


def _said(session: Session, booking: Booking) -> str:
    """The latest that the provider wrote."""
    own = select(BookingMessage.text).where(
        BookingMessage.booking_id == booking.id,
        BookingMessage.organisation_id == booking.provider,
        BookingMessage.taken_down.is_(None),
    )
    return session.scalars(own.order_by(BookingMessage.id.desc()).limit(1)).first() or ""
