"""Pictures of machines, equipment and success stories, each of which can be reported by itself."""

from __future__ import annotations

import re
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.errors import NotFoundError
from sharing_platform.learning import files as story_files
from sharing_platform.learning.models import Post
from sharing_platform.learning.posts import shown_post
from sharing_platform.listings import pictures as listing_pictures
from sharing_platform.listings.models import Listing
from sharing_platform.listings.records import shown_listing
from sharing_platform.machines.models import Machine
from sharing_platform.machines.picture_service import SAME, picture_shown, picture_with
from sharing_platform.moderation.content import UUID, Content, File, Kind, Part
from sharing_platform.organisations.permissions import Actor, organisation_of, viewer_of
from sharing_platform.pictures.models import OF_STORIES, Picture
from sharing_platform.pictures.service import MEDIA_TYPES, shown_pictures
from sharing_platform.search.index import mark_index_changed


def of_machine(session: Session, match: re.Match[str], actor: Actor | None, now: datetime) -> list[Part]:
    """The pictures that one sees on the page of a machine."""
    subject = f"{match['factory']}/{match['machine']}"
    query = select(Picture.id).join(Machine, SAME).where(Picture.subject == subject)
    visible = session.scalar(query.where(picture_shown(now, viewer_of(actor))).limit(1)) is not None
    return _parts(session, subject) if visible else []


def of_listing(session: Session, match: re.Match[str], actor: Actor | None, _: datetime) -> list[Part]:
    """The pictures that one sees on the page of a listing."""
    return _parts(session, shown_listing(session, match["id"], organisation_of(actor)).listing.id)


def of_story(session: Session, match: re.Match[str], actor: Actor | None, _: datetime) -> list[Part]:
    """The pictures that one sees on the page of a success story."""
    post = shown_post(session, match["id"], organisation_of(actor)).post
    return _parts(session, story_files.subject_of(post.id))


def _parts(session: Session, subject: str) -> list[Part]:
    found = shown_pictures(session, [subject]).get(subject, ())
    return [Part("picture", f"{one.path}/large", one.alt, picture=f"{one.path}/small") for one in found]


def _seen_of_machine(session: Session, match: re.Match[str], actor: Actor | None, now: datetime) -> str:
    return picture_with(session, match["picture"], viewer_of(actor), None, now).id


def _seen_of_listing(session: Session, match: re.Match[str], actor: Actor | None, _: datetime) -> str:
    found = listing_pictures.picture_with(session, match["id"], match["picture"], organisation_of(actor))
    if found.taken_down is not None:
        raise NotFoundError
    return found.id


def _seen_of_story(session: Session, match: re.Match[str], actor: Actor | None, _: datetime) -> str:
    found = story_files.picture_with(session, match["id"], match["picture"], organisation_of(actor))
    if found.taken_down is not None:
        raise NotFoundError
    return found.id


def _content(session: Session, subject: str) -> Content | None:
    picture = session.get(Picture, subject)
    if picture is None:
        return None
    factory, _, machine = picture.subject.partition("/")
    if machine:
        title, owner = session.get_one(Machine, (factory, machine)).title, factory
        path = f"/machines/{picture.subject}"
    elif factory.startswith(OF_STORIES):
        post = session.get_one(Post, factory.removeprefix(OF_STORIES))
        title, owner, path = post.title, post.organisation_id, f"/learning/{post.id}"
    else:
        listing = session.get_one(Listing, picture.subject)
        title, owner, path = listing.title, listing.organisation_id, f"/listings/{listing.id}"
    return Content("picture", subject, title, picture.alt, owner, path, has_file=True)


def _hide(session: Session, subject: str, moment: datetime | None) -> None:
    if (picture := session.get(Picture, subject)) is not None:
        picture.taken_down = moment
        mark_index_changed(session)


def _file(session: Session, subject: str) -> File | None:
    picture = session.get(Picture, subject)
    return File("", MEDIA_TYPES["large"], picture.large) if picture is not None else None


_SIZE = rf"(/({'|'.join(MEDIA_TYPES)}))?"

PICTURE = Kind(
    (
        (re.compile(rf"/pictures/(?P<picture>{UUID}){_SIZE}"), _seen_of_machine),
        (re.compile(rf"/listings/(?P<id>{UUID})/pictures/(?P<picture>{UUID}){_SIZE}"), _seen_of_listing),
        (re.compile(rf"/learning/(?P<id>{UUID})/pictures/(?P<picture>{UUID}){_SIZE}"), _seen_of_story),
    ),
    _content,
    _hide,
    single=True,
    file=_file,
)
