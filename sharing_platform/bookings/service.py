"""Operations on bookings for API and pages, each in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from sharing_platform.attachments.contents import CheckedFile
from sharing_platform.attachments.service import attach
from sharing_platform.bookings import calendar_feeds, guests, requests, transitions
from sharing_platform.bookings.alternatives import Alternative, alternatives
from sharing_platform.bookings.amounts import vat_of
from sharing_platform.bookings.contacts import contact_of
from sharing_platform.bookings.lifecycle import AGREED, LIVE, PENDING, Party, State, steps_open_to
from sharing_platform.bookings.models import Booking, BookingMessage, CalendarFeed
from sharing_platform.bookings.notifier import BookingNotifier
from sharing_platform.bookings.places import address_of
from sharing_platform.bookings.requests import Seeker
from sharing_platform.bookings.schemas import (
    AlternativeOut,
    AskIn,
    BookingOut,
    BookingPage,
    ContactOut,
    FeedOut,
    NewFeedOut,
    PartOut,
    StepIn,
)
from sharing_platform.bookings.transitions import party_of
from sharing_platform.database import read_session
from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import NotAllowedError, NotFoundError, NotSignedInError
from sharing_platform.listings.records import shown_listing
from sharing_platform.machines.index import IndexEntry, MachineIndex, entry_of
from sharing_platform.machines.models import Offer
from sharing_platform.machines.offers import find_offer, visible_to
from sharing_platform.machines.service import described_out
from sharing_platform.organisations import rate_limits
from sharing_platform.organisations.accounts import SignedIn
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.models import Account, Organisation
from sharing_platform.organisations.permissions import Actor, Right, organisation_of, require, viewer_of
from sharing_platform.pagination import after, next_cursor, parse_place


def request_booking(
    context: PlatformContext,
    actor: Actor | None,
    person: SignedIn | None,
    wanted: AskIn,
    offer_id: str | None = None,
    listing_id: str | None = None,
    key: str | None = None,
    address: str = "",
    files: Sequence[CheckedFile] = (),
) -> BookingOut:
    """Request an offer or a listing, signed in or as a guest, who can attach no `files`. The same request with the same `key` changes nothing and is answered as the first time, whatever has become
    of it. Raises what `requests.request_offer` raises, NotSignedInError if there is neither a caller nor a guest, TooManyError."""
    now = context.now()
    if actor is not None:
        require(actor, Right.ASK)
    else:
        if wanted.guest is None:
            raise NotSignedInError
        rate_limits.require_mail(context.sessions, "request", address, wanted.guest.email, now)
    viewer = viewer_of(actor)
    with context.sessions.begin() as session:
        seeker = _seeker(session, actor, person, wanted)
        before = requests.repeated(session, key, offer_id or listing_id or "", seeker, wanted)
        if before is not None and (answer := _first_answer(session, before, seeker, now)) is not None:
            return answer
        if offer_id is not None:
            booking = requests.request_offer(
                session, offer_id, seeker, wanted, now, notifier(context),
                lambda offer: visible_to(offer, viewer), context.bounds, key,
            )  # fmt: skip
        else:
            found = shown_listing(session, listing_id or "", viewer)
            booking = requests.request_listing(
                session, found.listing, seeker, wanted, now, notifier(context), context.bounds, key
            )
        if (answer := _first_answer(session, booking, seeker, now)) is not None:
            return answer  # it was made at the same moment
        if actor is not None:
            _attach(context, session, booking, actor, files, now)
            rate_limits.count_requests(session, context.bounds, actor.organisation, actor.account, now)
        log(session, now, actor, "booking.asked", booking.id, organisation=seeker.id)
        if seeker.guest is not None:
            guests.ask_to_confirm(context, session, booking, seeker.guest, now)
        shown = _shown_to(session, booking, seeker, now)
        if key is not None:
            booking.first_answer = shown.model_dump(mode="json", exclude=_OF_SOMEBODY)
    tell_parties(context, booking)
    return shown


_OF_SOMEBODY = {"organisation", "email", "address", "contacts"}
"""What of an answer is not kept: it is forgotten when somebody is."""


def _first_answer(session: Session, booking: Booking, seeker: Seeker, now: datetime) -> BookingOut | None:
    """None for a request that was not answered before."""
    if booking.first_answer is None:
        return None
    mine = _shown_to(session, booking, seeker, now).model_dump(include=_OF_SOMEBODY)
    if booking.first_answer["state"] != State.ACCEPTED:
        mine |= {"address": "", "contacts": []}
    return BookingOut.model_validate(booking.first_answer | mine)


def _shown_to(session: Session, booking: Booking, seeker: Seeker, now: datetime) -> BookingOut:
    shown = booking_out(session, booking, Party.SEEKER, now)
    return shown if seeker.guest is None else guests.receipt(shown, seeker.guest)


def _attach(
    context: PlatformContext,
    session: Session,
    booking: Booking,
    actor: Actor,
    files: Sequence[CheckedFile],
    now: datetime,
) -> None:
    """To the message of the request, in each of its parts."""
    if not files:
        return
    messages = []
    for part in transitions.parts_of(session, booking):
        said = select(BookingMessage).where(BookingMessage.booking_id == part.id)
        messages.append(
            session.scalars(said).first()
            or transitions.add_message(session, part, actor.organisation, actor.account, "", now)
        )
    attach(session, messages, files, actor.organisation, actor.account, now, context.bounds)
    log(session, now, actor, "booking.attached", booking.id)


def _seeker(session: Session, actor: Actor | None, person: SignedIn | None, wanted: AskIn) -> Seeker:
    if actor is None:
        return Seeker(None, guest=wanted.guest)
    organisation = session.get_one(Organisation, actor.organisation)
    account_id = person.account.id if person is not None else None
    return Seeker(organisation, session.get(Account, account_id) if account_id else None)


def instead_of_offer(
    context: PlatformContext, index: MachineIndex, offer_id: str, actor: Actor | None
) -> list[tuple[Alternative, IndexEntry]]:
    """What else is free, with what the caller may know of its machine; nothing if they may not know of the offer."""
    with read_session(context.sessions) as session:
        offer = find_offer(session, offer_id, organisation_of(actor))
        if offer is None or not visible_to(offer, viewer_of(actor)):
            return []
        return _instead(session, index, offer, actor, context.now())


def instead_of_booking(
    session: Session, index: MachineIndex, booking: Booking, party: Party, actor: Actor, now: datetime
) -> list[tuple[Alternative, IndexEntry]]:
    """The same for a seeker whose request came to nothing; nothing for others."""
    offer = session.get(Offer, booking.offer_id) if booking.offer_id is not None else None
    if offer is None or party is not Party.SEEKER or State(booking.state) in LIVE | {State.REQUESTED}:
        return []
    return _instead(session, index, offer, actor, now)


def _instead(
    session: Session, index: MachineIndex, offer: Offer, actor: Actor | None, now: datetime
) -> list[tuple[Alternative, IndexEntry]]:
    entries = index.entries(session)
    found = alternatives(session, offer, now, viewer_of(actor), organisation_of(actor))
    return [(one, entry_of(one.offer, entries, organisation_of(actor))) for one in found]


def alternative_out(one: Alternative, entry: IndexEntry, viewer: str | None) -> AlternativeOut:
    described = described_out(one.offer, entry, viewer).model_dump()
    inside = [price for price in one.offer.timed_prices if price.start < one.end and one.start < price.end]
    part = {
        "start": one.start,
        "end": one.end,
        "windows": [window.as_row() for window in one.offer.windows_inside((one.start, one.end))],
        "prices": [price.as_row() for price in inside],
        "price": one.price,
    }
    return AlternativeOut.model_validate(described | part)


def change_state(context: PlatformContext, actor: Actor, booking_id: str, step: StepIn) -> BookingOut:
    """Accept, decline, cancel or withdraw a booking, with an optional message. Raises NotFoundError, NotAllowedError, ConflictError."""
    now = context.now()
    with context.sessions.begin() as session:
        booking, party = own_booking(session, booking_id, actor)
        needed = Right.ANSWER if party is Party.PROVIDER else Right.ASK
        if not actor.may(needed):
            raise NotAllowedError
        keep = step.hours == "keep" if step.hours is not None else None
        transitions.transition(session, booking, State(step.state), party, actor, now, notifier(context), keep)
        if step.message:
            transitions.add_message(session, booking, actor.organisation, actor.account, step.message, now)
        log(session, now, actor, f"booking.{step.state}", booking.id)
        shown = booking_out(session, booking, party, now)
    tell_parties(context, booking)
    return shown


def _contacts(session: Session, booking: Booking, party: Party) -> list[ContactOut]:
    """The other side's person first."""
    sides = (Party.PROVIDER, Party.SEEKER) if party is Party.SEEKER else (Party.SEEKER, Party.PROVIDER)
    found = ((side, contact_of(session, booking, side)) for side in sides)
    return [
        ContactOut(party=side, organisation=one.organisation, name=one.name, email=one.email)
        for side, one in found
        if one is not None
    ]


def own_booking(session: Session, booking_id: str, actor: Actor) -> tuple[Booking, Party]:
    """A booking and the caller's side of it. Raises NotFoundError for everybody but its two parties."""
    booking = session.get(Booking, booking_id)
    if booking is None:
        raise NotFoundError
    return booking, party_of(booking, actor)


def list_bookings(
    session: Session, actor: Actor, side: Party, states: frozenset[State], limit: int, cursor: str | None, now: datetime,
    kept: bool = False,
) -> BookingPage:  # fmt: skip
    """One's own bookings, in order of their start. `kept`: also declined requests whose hours to come the provider keeps for itself. Raises InvalidError for
    a cursor that is none."""
    whose = Booking.provider if side is Party.PROVIDER else Booking.seeker
    which: ColumnElement[bool] = Booking.state.in_(states)
    if states <= LIVE | PENDING:
        which &= Booking.end > now
    if kept and side is Party.PROVIDER:
        which |= Booking.hours_kept & (Booking.end > now)
    query = select(Booking).where(whose == actor.organisation, which)
    if cursor is not None:
        query = query.where(after(Booking.start, Booking.id, parse_place(cursor)))
    found = list(session.scalars(query.order_by(Booking.start, Booking.id).limit(limit + 1)))
    parties = {one for booking in found for one in (booking.provider, booking.seeker) if one is not None}
    # Read at once, and held until all are shown: the session forgets what nobody holds.
    held = [
        session.scalars(select(Offer).where(Offer.id.in_({booking.offer_id for booking in found}))).all(),
        session.scalars(select(Organisation).where(Organisation.id.in_(parties))).all(),
    ]
    shown = [booking_out(session, booking, side, now) for booking in found[:limit]]
    del held
    return BookingPage(bookings=shown, next=next_cursor(found, limit, lambda booking: booking.id))


def waiting_for_answer(session: Session, organisation: str, now: datetime) -> list[Booking]:
    """Requests that wait for an answer, in order of their deadline."""
    query = select(Booking).where(Booking.provider == organisation, Booking.state == State.HELD, Booking.due > now)
    return list(session.scalars(query.order_by(Booking.due, Booking.id)))


def booking_out(session: Session, booking: Booking, party: Party, now: datetime) -> BookingOut:
    """A booking as shown to one of its parties. Address and e-mail are included once it is accepted."""
    state = State(booking.state)
    agreed = state in AGREED
    offer = session.get(Offer, booking.offer_id) if booking.offer_id is not None else None
    hidden = party is Party.SEEKER and booking.alias is not None
    provider = session.get(Organisation, booking.provider)
    awaits = party is Party.PROVIDER and transitions.seeker_awaits_region(session, booking)
    proposed = state is State.HELD and transitions.open_proposal(session, booking) is not None
    steps = steps_open_to(party, state, booking.cancel_until, now, proposed) - ({State.ACCEPTED} if awaits else set())
    return BookingOut(
        id=booking.id,
        offer_id=offer.id_for(booking.provider if party is Party.PROVIDER else None) if offer is not None else None,
        listing_id=booking.listing_id,
        factory=None if hidden else booking.provider,
        factory_name=None if hidden else (provider.name if provider is not None else booking.provider),
        machine=booking.alias if hidden else booking.machine,
        title=booking.title_for(party),
        start=booking.start,
        end=booking.end,
        places=booking.places,
        organisation=booking.organisation,
        email=booking.email if agreed or party is Party.SEEKER else "",
        address=address_of(session, booking) if agreed else "",
        contacts=_contacts(session, booking, party),
        state=state,
        due=booking.due,
        cancel_until=booking.cancel_until,
        price=booking.price,
        vat_percent=booking.vat_percent,
        price_with_vat=booking.price + vat_of(booking.price, booking.vat_percent)
        if booking.price is not None
        else None,
        booked=booking.booked,
        steps=sorted(steps & {"accepted", "declined", "cancelled", "withdrawn"}),
        revision=booking.revision,
        hours_kept=party is Party.PROVIDER and booking.hours_kept and booking.end > now,
        awaits_region=awaits,
        parts=[
            PartOut(id=part.id, start=part.start, end=part.end, state=State(part.state), price=part.price)
            for part in (transitions.parts_of(session, booking) if booking.request_id is not None else ())
        ],
    )


def tell_parties(context: PlatformContext, booking: Booking) -> None:
    """After the commit: open pages of both parties, and whatever has to be delivered."""
    context.live.publish("offers", booking.provider, booking.seeker)
    context.wake_workers()


def notifier(context: PlatformContext) -> BookingNotifier:
    return BookingNotifier(context.url, context.zone, context.sender)


def new_feed(context: PlatformContext, actor: Actor, subject: str, language: str) -> NewFeedOut:
    """Raises ConflictError."""
    with context.sessions.begin() as session:
        feed, secret = calendar_feeds.new_feed(session, actor.organisation, subject, context.now())
        log(session, context.now(), actor, "feed.made", feed.id)
    return _with_address(context, feed, secret, language)


def renew_feed(context: PlatformContext, actor: Actor, feed_id: str, language: str) -> NewFeedOut:
    """Raises NotFoundError."""
    with context.sessions.begin() as session:
        feed, secret = calendar_feeds.renew(session, actor.organisation, feed_id)
        log(session, context.now(), actor, "feed.renewed", feed.id)
    return _with_address(context, feed, secret, language)


def remove_feed(context: PlatformContext, actor: Actor, feed_id: str) -> None:
    """Raises NotFoundError."""
    with context.sessions.begin() as session:
        calendar_feeds.remove(session, actor.organisation, feed_id)
        log(session, context.now(), actor, "feed.removed", feed_id)


def _with_address(context: PlatformContext, feed: CalendarFeed, secret: str, language: str) -> NewFeedOut:
    url = f"{context.url}/calendar/{secret}.ics?lang={language}"
    return NewFeedOut(**feed_out(feed).model_dump(), url=url)


def feed_out(feed: CalendarFeed) -> FeedOut:
    return FeedOut(id=feed.id, subject=feed.subject, created=feed.created)
