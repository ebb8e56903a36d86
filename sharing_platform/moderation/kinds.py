"""The kinds of content that can be reported. A further kind is one more entry of `KINDS`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from sharing_platform.bookings.lifecycle import Party
from sharing_platform.bookings.models import Booking, BookingMessage
from sharing_platform.bookings.service import own_booking
from sharing_platform.errors import NotFoundError
from sharing_platform.listings.models import Listing
from sharing_platform.listings.records import shown_listing
from sharing_platform.machines.models import Machine
from sharing_platform.machines.offer_search import machine_visible
from sharing_platform.machines.offers import find_offer, visible_to
from sharing_platform.organisations.permissions import Actor, organisation_of, viewer_of
from sharing_platform.search.machine_details import MachineDetails
from sharing_platform.wanted.matching import WANTED, wanted_notice
from sharing_platform.wanted.models import Search


@dataclass(frozen=True)
class Content:
    """Something that can be reported. `owner`: the organisation whose it is; `text`: what stands in it; `path`: of its page, as its owner knows it."""

    kind: str
    subject: str
    title: str
    text: str
    owner: str
    path: str


Seen = Callable[[Session, re.Match[str], Actor | None, datetime], str]
"""(session, the path, who looks, now): the subject of what stands on the page. Raises NotFoundError where the visitor may not see it."""


@dataclass(frozen=True)
class Kind:
    """`pages`: patterns of the paths of its pages, each with what finds the subject. `content`: what the region is shown of it, None where it is gone. `hide`: from others from
    a moment on, or no more (None): the queries of its domain leave it out."""

    pages: tuple[tuple[re.Pattern[str], Seen], ...]
    content: Callable[[Session, str], Content | None]
    hide: Callable[[Session, str, datetime | None], None]


def seen_on(session: Session, page: str, actor: Actor | None, now: datetime) -> Content:
    """What stands on a page that the visitor may see. Raises NotFoundError."""
    for kind in KINDS.values():
        for pattern, seen in kind.pages:
            if (match := pattern.fullmatch(page)) is not None:
                found = kind.content(session, seen(session, match, actor, now))
                if found is not None:
                    return found
    raise NotFoundError


def can_be_reported(page: str) -> bool:
    """Whether a page is one of content."""
    return any(pattern.fullmatch(page) for kind in KINDS.values() for pattern, _ in kind.pages)


def read(session: Session, kind: str, subject: str) -> Content | None:
    """As it stands now, for the region and its owner; None where it is gone."""
    return KINDS[kind].content(session, subject)


def set_taken_down(session: Session, kind: str, subject: str, moment: datetime | None) -> None:
    """Hide it from others from now on, or show it again (None)."""
    KINDS[kind].hide(session, subject, moment)


def _machine_seen(session: Session, match: re.Match[str], actor: Actor | None, now: datetime) -> str:
    viewer = organisation_of(actor) if match["factory"] == organisation_of(actor) else viewer_of(actor)
    own = (Machine.factory == match["factory"]) & (Machine.machine == match["machine"])
    found = session.scalars(select(Machine).where(own, machine_visible(now, viewer))).first()
    if found is None or (found.alias is not None and viewer != found.factory):
        raise NotFoundError
    return _machine_subject(found)


def _anonymous_seen(session: Session, match: re.Match[str], actor: Actor | None, now: datetime) -> str:
    query = select(Machine).where(Machine.alias == match["alias"], machine_visible(now, viewer_of(actor)))
    found = session.scalars(query).first()
    if found is None:
        raise NotFoundError
    return _machine_subject(found)


def _offered_seen(session: Session, match: re.Match[str], actor: Actor | None, _: datetime) -> str:
    offer = find_offer(session, match["offer"], organisation_of(actor))
    if offer is None or not visible_to(offer, viewer_of(actor)):
        raise NotFoundError
    return f"{offer.factory}/{offer.machine}"


def _machine_subject(machine: Machine) -> str:
    return f"{machine.factory}/{machine.machine}"


def _machine_of(session: Session, subject: str) -> Machine | None:
    factory, _, machine = subject.partition("/")
    return session.get(Machine, (factory, machine))


def _machine_content(session: Session, subject: str) -> Content | None:
    row = _machine_of(session, subject)
    if row is None:
        return None
    details = MachineDetails.model_validate(row.details)
    text = "\n".join(filter(None, (f"{details.make} {details.model}".strip(), details.description)))
    return Content("machine", subject, row.title, text, row.factory, f"/machines/{subject}")


def _hide_machine(session: Session, subject: str, moment: datetime | None) -> None:
    if (row := _machine_of(session, subject)) is not None:
        row.taken_down = moment


def _listing_seen(session: Session, match: re.Match[str], actor: Actor | None, _: datetime) -> str:
    return shown_listing(session, match["id"], organisation_of(actor)).listing.id


def _listing_content(session: Session, subject: str) -> Content | None:
    row = session.get(Listing, subject)
    if row is None:
        return None
    return Content("listing", row.id, row.title, row.description, row.organisation_id, f"/listings/{row.id}")


def _hide_listing(session: Session, subject: str, moment: datetime | None) -> None:
    session.execute(update(Listing).where(Listing.id == subject).values(taken_down=moment))


def _notice_seen(session: Session, match: re.Match[str], actor: Actor | None, _: datetime) -> str:
    return wanted_notice(session, match["id"], organisation_of(actor))[0].id


def _notice_content(session: Session, subject: str) -> Content | None:
    row = session.get(Search, subject)
    if row is None or row.kind != WANTED:
        return None
    return Content("wanted", row.id, row.title, row.text, row.organisation_id, f"/wanted/{row.id}")


def _hide_notice(session: Session, subject: str, moment: datetime | None) -> None:
    session.execute(update(Search).where(Search.id == subject, Search.kind == WANTED).values(taken_down=moment))


def _thread_seen(session: Session, match: re.Match[str], actor: Actor | None, _: datetime) -> str:
    """What the other party of a booking has written in it."""
    if actor is None:
        raise NotFoundError
    booking, party = own_booking(session, match["id"], actor)
    other = booking.seeker if party is Party.PROVIDER else booking.provider
    if other is None:
        raise NotFoundError
    return f"{booking.id}/{other}"


def _thread_content(session: Session, subject: str) -> Content | None:
    booking_id, _, writer = subject.partition("/")
    booking = session.get(Booking, booking_id)
    if booking is None:
        return None
    messages = session.scalars(
        select(BookingMessage.text).where(*_of_thread(subject)).order_by(BookingMessage.id)
    ).all()
    if not messages:
        return None
    title = booking.title_for(Party.PROVIDER if writer == booking.provider else Party.SEEKER)
    return Content("thread", subject, title, "\n\n".join(messages), writer, f"/bookings/{booking.id}")


def _hide_thread(session: Session, subject: str, moment: datetime | None) -> None:
    """What was written so far; each party still sees its own."""
    session.execute(update(BookingMessage).where(*_of_thread(subject)).values(taken_down=moment))


def _of_thread(subject: str) -> tuple[ColumnElement[bool], ...]:
    booking_id, _, writer = subject.partition("/")
    return BookingMessage.booking_id == booking_id, BookingMessage.organisation_id == writer


_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

KINDS: Mapping[str, Kind] = {
    "machine": Kind(
        (
            (re.compile(r"/machines/(?P<factory>[a-z0-9_-]{1,63})/(?P<machine>[a-z0-9_-]{1,63})"), _machine_seen),
            (re.compile(r"/machines/(?P<alias>machine-[0-9a-f]{8})"), _anonymous_seen),
            (re.compile(r"/offers/(?P<offer>[A-Za-z0-9_-]{1,64})"), _offered_seen),
        ),
        _machine_content,
        _hide_machine,
    ),
    "listing": Kind(((re.compile(rf"/listings/(?P<id>{_UUID})"), _listing_seen),), _listing_content, _hide_listing),
    "wanted": Kind(((re.compile(rf"/wanted/(?P<id>{_UUID})"), _notice_seen),), _notice_content, _hide_notice),
    "thread": Kind(((re.compile(rf"/bookings/(?P<id>{_UUID})"), _thread_seen),), _thread_content, _hide_thread),
}
"""By the name under which reports and decisions keep them."""
