"""Adding, ordering and removing pictures of one thing, each in one transaction, for API and pages."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import ValidationError
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from sharing_platform.bounds import MOST_FILES
from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import ConflictError, InvalidError, NotFoundError
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.permissions import Actor
from sharing_platform.pictures.contents import MOST_BYTES, picture_sizes
from sharing_platform.pictures.models import Picture
from sharing_platform.pictures.schemas import PictureIn, PictureOut, PicturesOut
from sharing_platform.search.index import mark_index_changed

MOST_PICTURES = 8
MEDIA_TYPES = {"small": "image/webp", "medium": "image/webp", "large": "image/webp", "preview": "image/jpeg"}
"""By the sizes in which pictures are had."""


class Readable(Protocol):
    """What an upload is read from."""

    def read(self, size: int, /) -> bytes: ...


class Upload(Protocol):
    """A file as it was sent."""

    @property
    def file(self) -> Readable: ...


@dataclass(frozen=True)
class Album:
    """The pictures of one thing of the actor's. `check` raises NotFoundError where there is no such thing of theirs; `action`: as the audit log names a change, and `thing` the thing,
    where that is not called as its pictures call it."""

    subject: str
    action: str
    check: Callable[[Session], object]
    thing: str = ""


def add_pictures(
    context: PlatformContext, actor: Actor, album: Album, uploads: Sequence[Upload], fields: Mapping[str, str]
) -> PicturesOut:
    """Raises InvalidError, before anything is written; ConflictError beyond eight; NotFoundError. `fields`: beside the files."""
    with context.sessions() as session:
        album.check(session)  # nothing is read of what strangers send
    if not uploads:
        raise InvalidError("picture_kind", "files")
    if len(uploads) > MOST_FILES:
        raise InvalidError("file_count", "files")
    try:
        alt = PictureIn.model_validate({"alt": fields.get("alt", "")}).alt
    except ValidationError as error:
        raise InvalidError("field", "alt") from error
    made = [picture_sizes(one.file.read(MOST_BYTES + 1)) for one in uploads]
    with context.sessions.begin() as session:
        album.check(session)
        known = pictures_of(session, album.subject)
        if len(known) + len(made) > MOST_PICTURES:
            raise ConflictError("too_many_pictures")
        for place, sizes in enumerate(made, len(known)):
            session.add(
                Picture(
                    id=str(uuid.uuid4()), subject=album.subject, position=place, alt=alt, added=context.now(),
                    small=sizes.small, medium=sizes.medium, large=sizes.large, preview=sizes.preview,
                )
            )  # fmt: skip
        return _changed(context, session, actor, album)


def describe_picture(
    context: PlatformContext, actor: Actor, album: Album, picture_id: str, wanted: PictureIn
) -> PicturesOut:
    """Raises NotFoundError."""
    with context.sessions.begin() as session:
        _picture(session, album, picture_id).alt = wanted.alt
        return _changed(context, session, actor, album)


def put_first(context: PlatformContext, actor: Actor, album: Album, picture_id: str) -> PicturesOut:
    """It is the one that lists show. Raises NotFoundError."""
    with context.sessions.begin() as session:
        first = _picture(session, album, picture_id)
        _number([first, *(one for one in pictures_of(session, album.subject) if one.id != first.id)])
        return _changed(context, session, actor, album)


def order_pictures(context: PlatformContext, actor: Actor, album: Album, ids: Sequence[str]) -> PicturesOut:
    """Raises NotFoundError; ConflictError where these are not all of them, each once."""
    with context.sessions.begin() as session:
        album.check(session)
        known = {one.id: one for one in pictures_of(session, album.subject)}
        if sorted(known) != sorted(ids):
            raise ConflictError("picture_order")
        _number(known[one] for one in ids)
        return _changed(context, session, actor, album)


def remove_picture(context: PlatformContext, actor: Actor, album: Album, picture_id: str) -> PicturesOut:
    """Raises NotFoundError."""
    with context.sessions.begin() as session:
        gone = _picture(session, album, picture_id)
        _number(one for one in pictures_of(session, album.subject) if one.id != gone.id)
        session.delete(gone)
        return _changed(context, session, actor, album)


def own_pictures(context: PlatformContext, album: Album) -> PicturesOut:
    """Raises NotFoundError."""
    with context.sessions() as session:
        album.check(session)
        return PicturesOut(pictures=[picture_out(one) for one in pictures_of(session, album.subject)])


def pictures_of(session: Session, subject: str) -> list[Picture]:
    """In their order, without their contents."""
    query = select(Picture).where(Picture.subject == subject)
    return list(session.scalars(query.order_by(Picture.position, Picture.id)))


def shown_pictures(session: Session, subjects: Collection[str] | Select[str]) -> dict[str, list[PictureOut]]:
    """Those that the region has not hidden, by what they show, in their order."""
    query = select(Picture).where(Picture.subject.in_(subjects), Picture.taken_down.is_(None))
    found: dict[str, list[PictureOut]] = {}
    for one in session.scalars(query.order_by(Picture.position, Picture.id)):
        found.setdefault(one.subject, []).append(picture_out(one))
    return found


def picture_out(picture: Picture) -> PictureOut:
    return PictureOut(id=picture.id, path=picture.path, alt=picture.alt, taken_down=picture.taken_down is not None)


def content_of(picture: Picture, size: str) -> bytes:
    """Raises NotFoundError for a size that there is not."""
    if size not in MEDIA_TYPES:
        raise NotFoundError
    content: bytes = getattr(picture, size)
    return content


def _picture(session: Session, album: Album, picture_id: str) -> Picture:
    album.check(session)
    found = session.get(Picture, picture_id)
    if found is None or found.subject != album.subject:
        raise NotFoundError
    return found


def _number(pictures: Iterable[Picture]) -> None:
    for position, one in enumerate(pictures):
        one.position = position


def _changed(context: PlatformContext, session: Session, actor: Actor, album: Album) -> PicturesOut:
    session.flush()
    mark_index_changed(session)
    log(session, context.now(), actor, album.action, album.thing or album.subject)
    return PicturesOut(pictures=[picture_out(one) for one in pictures_of(session, album.subject)])
