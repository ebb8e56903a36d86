"""iCalendar feeds (RFC 5545) of bookings, at secret addresses that can be renewed."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from icalendar import Calendar, Event
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from sharing_platform.bookings.events import Appointment
from sharing_platform.bookings.lifecycle import Party, State
from sharing_platform.bookings.models import Booking, CalendarFeed
from sharing_platform.errors import ConflictError, NotFoundError
from sharing_platform.i18n import Translator
from sharing_platform.organisations.credentials import hash_secret, new_secret

PROVIDER, SEEKER, OF_A_MACHINE = "provider", "seeker", "machine:"
"""What `CalendarFeed.subject` is, or begins with."""
_MAX_FEEDS = 50
PAST = timedelta(days=90)
"""So long what is over stays in a calendar."""
CONFIRMED, CANCELLED = "CONFIRMED", "CANCELLED"
_SHOWN = {
    State.HELD: "TENTATIVE", State.ACCEPTED: CONFIRMED, State.IN_USE: CONFIRMED, State.COMPLETED: CONFIRMED,
    State.CANCELLED: CANCELLED,
}  # fmt: skip
_STATES = {CONFIRMED: State.ACCEPTED, CANCELLED: State.CANCELLED}
"""What an entry says of a booking whose step is still being made."""


def new_feed(session: Session, organisation: str, subject: str, now: datetime) -> tuple[CalendarFeed, str]:
    """`subject`: provider, seeker, or `machine:<name>`. The secret is returned once and not stored. Raises ConflictError beyond fifty."""
    if len(feeds(session, organisation)) >= _MAX_FEEDS:
        raise ConflictError("too_many_feeds")
    secret, kept = new_secret()
    feed = CalendarFeed(id=str(uuid.uuid4()), organisation_id=organisation, subject=subject, hash=kept, created=now)
    session.add(feed)
    return feed, secret


def renew(session: Session, organisation: str, feed_id: str) -> tuple[CalendarFeed, str]:
    """Replace the secret; the old address stops working. Raises NotFoundError."""
    feed = _feed_of(session, organisation, feed_id)
    secret, feed.hash = new_secret()
    return feed, secret


def remove(session: Session, organisation: str, feed_id: str) -> None:
    """Raises NotFoundError."""
    session.delete(_feed_of(session, organisation, feed_id))


def feeds(session: Session, organisation: str) -> list[CalendarFeed]:
    query = select(CalendarFeed).where(CalendarFeed.organisation_id == organisation)
    return list(session.scalars(query.order_by(CalendarFeed.created, CalendarFeed.id)))


def _feed_of(session: Session, organisation: str, feed_id: str) -> CalendarFeed:
    feed = session.get(CalendarFeed, feed_id)
    if feed is None or feed.organisation_id != organisation:
        raise NotFoundError
    return feed


def feed_with(session: Session, secret: str) -> CalendarFeed:
    """Raises NotFoundError."""
    feed = session.scalars(select(CalendarFeed).where(CalendarFeed.hash == hash_secret(secret))).first()
    if feed is None:
        raise NotFoundError
    return feed


def bookings_in(session: Session, feed: CalendarFeed, now: datetime) -> list[Booking]:
    """The bookings of a feed that ended less than 90 days ago or are to come."""
    whose: ColumnElement[bool] = Booking.provider == feed.organisation_id
    if feed.subject == SEEKER:
        whose = Booking.seeker == feed.organisation_id
    elif feed.subject.startswith(OF_A_MACHINE):
        whose &= Booking.machine == feed.subject.removeprefix(OF_A_MACHINE)
    query = select(Booking).where(whose, Booking.state.in_(_SHOWN), Booking.end > now - PAST)
    return list(session.scalars(query.order_by(Booking.start, Booking.id).limit(2000)))


def as_calendar(
    bookings: Iterable[Booking],
    name: str,
    words: Translator,
    url: str,
    for_seeker: bool,
    names: Mapping[str, str],
    places: Mapping[str, str],
    appointments: Iterable[Appointment] = (),
) -> bytes:
    """The content of the feed. Times are UTC, which calendar programs convert to local time; whole days of trainings and people are days. `names`: of the organisations that provide; `places`: by
    booking, where they are."""
    calendar = Calendar()
    calendar.add("prodid", f"-//Vrijloop//sharing platform//{words.language.upper()}")
    calendar.add("version", "2.0")
    calendar.add("name", name)
    calendar.add("x-wr-calname", name)
    calendar.add("refresh-interval", timedelta(hours=1), {"VALUE": "DURATION"})
    for booking in bookings:
        place, status = places.get(booking.id, ""), _SHOWN[State(booking.state)]
        calendar.add_component(event_of(booking, words, url, for_seeker, names, place, status, booking.booked))
    for one in appointments:
        calendar.add_component(event_of_appointment(one, url))
    return bytes(calendar.to_ical())


def event_of_appointment(one: Appointment, url: str) -> Event:
    """The entry of something that is no booking."""
    event = Event()
    event.add("uid", one.uid)
    event.add("sequence", one.revision + one.cancelled)
    event.add("dtstamp", one.stamp)
    event.add("dtstart", one.start)
    event.add("dtend", one.end)
    event.add("summary", one.title)
    event.add("location", " ".join(one.place.split()))
    event.add("status", CANCELLED if one.cancelled else CONFIRMED)
    event.add("url", f"{url}{one.path}")
    return event


def event_of(
    booking: Booking,
    words: Translator,
    url: str,
    for_seeker: bool,
    names: Mapping[str, str],
    place: str,
    status: str,
    stamp: datetime,
) -> Event:
    """The entry of a booking. Its UID stays, so that calendar programs find it again; whoever has an entry with a lower sequence number replaces it."""
    event = Event()
    event.add("uid", f"{booking.id}@vrijloop")
    event.add("sequence", booking.revision + (1 if status == CANCELLED else 0))
    event.add("dtstamp", stamp)
    days = words.whole_days(booking.start, booking.end) if booking.listing_id is not None else None
    # Days are dates without a time; the end is the first day that is no longer meant.
    start, end = (booking.start, booking.end) if days is None else (days[0], days[1] + timedelta(days=1))
    event.add("dtstart", start)
    event.add("dtend", end)
    event.add("summary", _summary(booking, words, for_seeker, names))
    if place:
        event.add("location", " ".join(place.split()))
    event.add("status", status)
    event.add(
        "description",
        words(f"state_{_STATES[status]}" if status != _SHOWN.get(State(booking.state)) else f"state_{booking.state}"),
    )
    event.add("url", f"{url}/bookings/{booking.id}")
    return event


def _summary(booking: Booking, words: Translator, for_seeker: bool, names: Mapping[str, str]) -> str:
    """What is booked, and the other party as far as it is known."""
    if not for_seeker:
        return f"{booking.title}{words.colon}{booking.organisation}"
    title = booking.title_for(Party.SEEKER)
    provider = names.get(booking.provider, booking.provider)
    return title if booking.alias is not None else f"{title}{words.colon}{provider}"
