"""The kinds of content that can be reported. A further kind is one more entry of `KINDS`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

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


Row = Listing | Machine | Search
"""What can be taken down: it has a moment `taken_down`, and the queries of its domain leave it out for others."""

Seen = Callable[[Session, re.Match[str], Actor | None, datetime], Row]
"""(session, the path, who looks, now): what stands on the page. Raises NotFoundError where the visitor may not see it."""


@dataclass(frozen=True)
class Kind:
    """`pages`: patterns of the paths of its pages, each with what finds the content. `row`: by its subject. `content`: what the region is shown of it."""

    pages: tuple[tuple[re.Pattern[str], Seen], ...]
    row: Callable[[Session, str], Row | None]
    content: Callable[[Any], Content]


def seen_on(session: Session, page: str, actor: Actor | None, now: datetime) -> Content:
    """What stands on a page that the visitor may see. Raises NotFoundError."""
    for kind in KINDS.values():
        for pattern, seen in kind.pages:
            if (match := pattern.fullmatch(page)) is not None:
                return kind.content(seen(session, match, actor, now))
    raise NotFoundError


def can_be_reported(page: str) -> bool:
    """Whether a page is one of content."""
    return any(pattern.fullmatch(page) for kind in KINDS.values() for pattern, _ in kind.pages)


def read(session: Session, kind: str, subject: str) -> Content | None:
    """As it stands now, for the region and its owner; None where it is gone."""
    row = KINDS[kind].row(session, subject)
    return KINDS[kind].content(row) if row is not None else None


def set_taken_down(session: Session, kind: str, subject: str, moment: datetime | None) -> None:
    """Hide it from others from now on, or show it again (None)."""
    row = KINDS[kind].row(session, subject)
    if row is not None:
        row.taken_down = moment


def _machine_seen(session: Session, match: re.Match[str], actor: Actor | None, now: datetime) -> Machine:
    viewer = organisation_of(actor) if match["factory"] == organisation_of(actor) else viewer_of(actor)
    own = (Machine.factory == match["factory"]) & (Machine.machine == match["machine"])
    found = session.scalars(select(Machine).where(own, machine_visible(now, viewer))).first()
    if found is None or (found.alias is not None and viewer != found.factory):
        raise NotFoundError
    return found


def _anonymous_seen(session: Session, match: re.Match[str], actor: Actor | None, now: datetime) -> Machine:
    query = select(Machine).where(Machine.alias == match["alias"], machine_visible(now, viewer_of(actor)))
    found = session.scalars(query).first()
    if found is None:
        raise NotFoundError
    return found


def _offered_seen(session: Session, match: re.Match[str], actor: Actor | None, _: datetime) -> Machine:
    offer = find_offer(session, match["offer"], organisation_of(actor))
    if offer is None or not visible_to(offer, viewer_of(actor)):
        raise NotFoundError
    found = session.get(Machine, (offer.factory, offer.machine))
    if found is None:
        raise NotFoundError
    return found


def _machine_of(session: Session, subject: str) -> Machine | None:
    factory, _, machine = subject.partition("/")
    return session.get(Machine, (factory, machine))


def _machine_content(row: Machine) -> Content:
    details = MachineDetails.model_validate(row.details)
    text = "\n".join(filter(None, (f"{details.make} {details.model}".strip(), details.description)))
    subject = f"{row.factory}/{row.machine}"
    return Content("machine", subject, row.title, text, row.factory, f"/machines/{subject}")


def _listing_seen(session: Session, match: re.Match[str], actor: Actor | None, _: datetime) -> Listing:
    return shown_listing(session, match["id"], organisation_of(actor)).listing


def _listing_content(row: Listing) -> Content:
    return Content("listing", row.id, row.title, row.description, row.organisation_id, f"/listings/{row.id}")


def _notice_seen(session: Session, match: re.Match[str], actor: Actor | None, _: datetime) -> Search:
    return wanted_notice(session, match["id"], organisation_of(actor))[0]


def _notice_of(session: Session, subject: str) -> Search | None:
    found = session.get(Search, subject)
    return found if found is not None and found.kind == WANTED else None


def _notice_content(row: Search) -> Content:
    return Content("wanted", row.id, row.title, row.text, row.organisation_id, f"/wanted/{row.id}")


_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

KINDS: Mapping[str, Kind] = {
    "machine": Kind(
        (
            (re.compile(r"/machines/(?P<factory>[a-z0-9_-]{1,63})/(?P<machine>[a-z0-9_-]{1,63})"), _machine_seen),
            (re.compile(r"/machines/(?P<alias>machine-[0-9a-f]{8})"), _anonymous_seen),
            (re.compile(r"/offers/(?P<offer>[A-Za-z0-9_-]{1,64})"), _offered_seen),
        ),
        _machine_of,
        _machine_content,
    ),
    "listing": Kind(
        ((re.compile(rf"/listings/(?P<id>{_UUID})"), _listing_seen),),
        lambda session, subject: session.get(Listing, subject),
        _listing_content,
    ),
    "wanted": Kind(((re.compile(rf"/wanted/(?P<id>{_UUID})"), _notice_seen),), _notice_of, _notice_content),
}
"""By the name under which reports and decisions keep them."""
