"""Whole pages that can be reported: machines, listings, wanted notices, and what organisations post to learn from each other."""

from __future__ import annotations

import re
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from sharing_platform.errors import NotFoundError
from sharing_platform.learning.details import InterestDetails, MeetingDetails, QuestionDetails, StoryDetails
from sharing_platform.learning.models import Post
from sharing_platform.learning.posts import details_of, shown_post
from sharing_platform.listings.models import Listing
from sharing_platform.listings.records import shown_listing
from sharing_platform.machines.models import Machine
from sharing_platform.machines.offers import find_offer, visible_to
from sharing_platform.machines.visibility import machine_visible
from sharing_platform.moderation.content import UUID, Content, Kind
from sharing_platform.organisations.permissions import Actor, organisation_of, viewer_of
from sharing_platform.search.machine_details import MachineDetails
from sharing_platform.wanted.matching import WANTED, wanted_notice
from sharing_platform.wanted.models import Search


def _machine_seen(session: Session, match: re.Match[str], actor: Actor | None, now: datetime) -> str:
    viewer = organisation_of(actor) if match["factory"] == organisation_of(actor) else viewer_of(actor)
    own = (Machine.factory == match["factory"]) & (Machine.machine == match["machine"])
    found = session.scalars(select(Machine).where(own, machine_visible(now, viewer))).first()
    if found is None or (found.alias is not None and viewer != found.factory):
        raise NotFoundError
    return found.subject


def _anonymous_seen(session: Session, match: re.Match[str], actor: Actor | None, now: datetime) -> str:
    query = select(Machine).where(Machine.alias == match["alias"], machine_visible(now, viewer_of(actor)))
    found = session.scalars(query).first()
    if found is None:
        raise NotFoundError
    return found.subject


def _offered_seen(session: Session, match: re.Match[str], actor: Actor | None, _: datetime) -> str:
    offer = find_offer(session, match["offer"], organisation_of(actor))
    if offer is None or not visible_to(offer, viewer_of(actor)):
        raise NotFoundError
    return f"{offer.factory}/{offer.machine}"


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


def _post_seen(session: Session, match: re.Match[str], actor: Actor | None, _: datetime) -> str:
    return shown_post(session, match["id"], organisation_of(actor)).post.id


def _post_content(session: Session, subject: str) -> Content | None:
    row = session.get(Post, subject)
    if row is None:
        return None
    match details_of(row):
        case StoryDetails() as d:
            said = [d.problem, d.approach, d.result, *(f"{one.label}: {one.before:g} → {one.after:g} {one.unit}" for one in d.figures)]  # fmt: skip
        case MeetingDetails() as d:
            said = [d.place, d.address]
        case InterestDetails() | QuestionDetails():
            said = []
    text = "\n\n".join(one for one in (row.text, *said) if one)
    return Content("post", row.id, row.title, text, row.organisation_id, f"/learning/{row.id}")


def _hide_post(session: Session, subject: str, moment: datetime | None) -> None:
    session.execute(update(Post).where(Post.id == subject).values(taken_down=moment))


MACHINE_PAGE = re.compile(r"/machines/(?P<factory>[a-z0-9_-]{1,63})/(?P<machine>[a-z0-9_-]{1,63})")

MACHINE = Kind(
    (
        (MACHINE_PAGE, _machine_seen),
        (re.compile(r"/machines/(?P<alias>machine-[0-9a-f]{8})"), _anonymous_seen),
        (re.compile(r"/offers/(?P<offer>[A-Za-z0-9_-]{1,64})"), _offered_seen),
    ),
    _machine_content,
    _hide_machine,
)
LISTING_PAGE = re.compile(rf"/listings/(?P<id>{UUID})")

LISTING = Kind(((LISTING_PAGE, _listing_seen),), _listing_content, _hide_listing)
NOTICE = Kind(((re.compile(rf"/wanted/(?P<id>{UUID})"), _notice_seen),), _notice_content, _hide_notice)
POST_PAGE = re.compile(rf"/learning/(?P<id>{UUID})")

POST = Kind(((POST_PAGE, _post_seen),), _post_content, _hide_post)
