"""Calendar entries that go with e-mails about bookings (iTIP, RFC 5546): the same entry as in the feeds, made or cancelled by its UID."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from email.utils import parseaddr

from icalendar import Calendar, vCalAddress

from sharing_platform.bookings.calendar_feeds import CANCELLED, CONFIRMED, event_of
from sharing_platform.bookings.models import Booking
from sharing_platform.i18n import Translator

REQUEST, CANCEL = "REQUEST", "CANCEL"


def calendar_entries(
    bookings: Iterable[Booking],
    cancelled: bool,
    recipient: str,
    sender: str,
    words: Translator,
    url: str,
    for_seeker: bool,
    names: Mapping[str, str],
    places: Mapping[str, str],
    now: datetime,
) -> list[str]:
    """One for each booking. Nobody is asked to reply: who gets it has agreed already."""
    entries = []
    for booking in bookings:
        calendar = Calendar()
        calendar.add("prodid", f"-//Vrijloop//sharing platform//{words.language.upper()}")
        calendar.add("version", "2.0")
        calendar.add("method", CANCEL if cancelled else REQUEST)
        status = CANCELLED if cancelled else CONFIRMED
        event = event_of(booking, words, url, for_seeker, names, places.get(booking.id, ""), status, now)
        event["organizer"] = vCalAddress(f"mailto:{parseaddr(sender)[1]}")
        event["organizer"].params["CN"] = words("site")
        attendee = vCalAddress(f"mailto:{recipient}")
        attendee.params.update({"PARTSTAT": "ACCEPTED", "ROLE": "REQ-PARTICIPANT", "RSVP": "FALSE"})
        event.add("attendee", attendee)
        calendar.add_component(event)
        entries.append(calendar.to_ical().decode("utf-8"))
    return entries
