"""Adding, ordering and removing pictures of machines, and who may see them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import ConflictError, NotFoundError
from sharing_platform.machines.models import Machine, MachinePicture
from sharing_platform.machines.offer_search import machine_visible
from sharing_platform.machines.pictures import MOST_BYTES, PictureSizes, picture_sizes
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.permissions import Actor
from sharing_platform.search.index import mark_index_changed

MOST_PICTURES = 8
SIZES = ("small", "medium", "large", "preview")


class Readable(Protocol):
    """What an upload is read from."""

    def read(self, size: int, /) -> bytes: ...


class Upload(Protocol):
    """A file as it was sent."""

    @property
    def file(self) -> Readable: ...


def add_pictures(context: PlatformContext, actor: Actor, machine: str, uploads: Iterable[Upload], alt: str) -> None:
    """Raises InvalidError, before anything is written; ConflictError beyond eight of a machine; NotFoundError for a machine that the organisation does not have."""
    made = [picture_sizes(one.file.read(MOST_BYTES + 1)) for one in uploads]
    with context.sessions.begin() as session:
        own_machine(session, actor, machine)
        known = pictures_of(session, actor.organisation, machine)
        if len(known) + len(made) > MOST_PICTURES:
            raise ConflictError("too_many_pictures")
        for place, sizes in enumerate(made, len(known)):
            session.add(_picture(context, actor.organisation, machine, place, alt, sizes))
        _changed(context, session, actor, machine)


def describe_picture(context: PlatformContext, actor: Actor, machine: str, picture_id: str, alt: str) -> None:
    """Raises NotFoundError."""
    with context.sessions.begin() as session:
        _own_picture(session, actor, machine, picture_id).alt = alt
        _changed(context, session, actor, machine)


def put_first(context: PlatformContext, actor: Actor, machine: str, picture_id: str) -> None:
    """It is the one that lists show. Raises NotFoundError."""
    with context.sessions.begin() as session:
        first = _own_picture(session, actor, machine, picture_id)
        others = [one for one in pictures_of(session, actor.organisation, machine) if one.id != first.id]
        _number([first, *others])
        _changed(context, session, actor, machine)


def remove_picture(context: PlatformContext, actor: Actor, machine: str, picture_id: str) -> None:
    """Raises NotFoundError."""
    with context.sessions.begin() as session:
        gone = _own_picture(session, actor, machine, picture_id)
        _number([one for one in pictures_of(session, actor.organisation, machine) if one.id != gone.id])
        session.delete(gone)
        _changed(context, session, actor, machine)


def pictures_of(session: Session, factory: str, machine: str) -> list[MachinePicture]:
    """In their order, without their contents."""
    query = select(MachinePicture).where(MachinePicture.factory == factory, MachinePicture.machine == machine)
    return list(session.scalars(query.order_by(MachinePicture.position, MachinePicture.id)))


def picture_content(
    context: PlatformContext, session: Session, picture_id: str, size: str, viewer: str | None, own: str | None
) -> bytes:
    """Raises NotFoundError, also for a machine that the visitor may not know of, or not whose it is: a picture shows whose hall it is. `own`: the visitor's
    organisation, approved or not."""
    if size not in SIZES:
        raise NotFoundError
    same = (Machine.factory == MachinePicture.factory) & (Machine.machine == MachinePicture.machine)
    query = select(MachinePicture).join(Machine, same).where(MachinePicture.id == picture_id)
    shown = picture_shown(context.now(), viewer)
    query = query.where(shown if own is None else shown | (Machine.factory == own))
    found = session.scalars(query).first()
    if found is None:
        raise NotFoundError
    content: bytes = getattr(found, size)
    return content


def picture_shown(now: datetime, viewer: str | None) -> ColumnElement[bool]:
    """The condition on machine and picture under which others see it."""
    return machine_visible(now, viewer) & Machine.alias.is_(None) & MachinePicture.taken_down.is_(None)


def own_machine(session: Session, actor: Actor, machine: str) -> Machine:
    """Raises NotFoundError."""
    known = session.get(Machine, (actor.organisation, machine))
    if known is None:
        raise NotFoundError
    return known


def _own_picture(session: Session, actor: Actor, machine: str, picture_id: str) -> MachinePicture:
    found = session.get(MachinePicture, picture_id)
    if found is None or (found.factory, found.machine) != (actor.organisation, machine):
        raise NotFoundError
    return found


def _picture(
    context: PlatformContext, factory: str, machine: str, position: int, alt: str, sizes: PictureSizes
) -> MachinePicture:
    return MachinePicture(
        id=str(uuid.uuid4()), factory=factory, machine=machine, position=position, alt=alt, added=context.now(),
        small=sizes.small, medium=sizes.medium, large=sizes.large, preview=sizes.preview,
    )  # fmt: skip


def _number(pictures: Iterable[MachinePicture]) -> None:
    for position, one in enumerate(pictures):
        one.position = position


def _changed(context: PlatformContext, session: Session, actor: Actor, machine: str) -> None:
    mark_index_changed(session)
    log(session, context.now(), actor, "machine.pictured", f"{actor.organisation}/{machine}")
