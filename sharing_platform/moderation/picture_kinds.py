"""Pictures of machines, each of which can be reported by itself."""

from __future__ import annotations

import re
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from sharing_platform.errors import NotFoundError
from sharing_platform.machines.models import Machine, MachinePicture
from sharing_platform.machines.picture_service import picture_shown, pictures_of
from sharing_platform.moderation.content import UUID, Content, File, Kind, Part
from sharing_platform.organisations.permissions import Actor, viewer_of
from sharing_platform.search.index import mark_index_changed


def parts_seen(session: Session, match: re.Match[str], actor: Actor | None, now: datetime) -> list[Part]:
    """The pictures that one sees on the page of a machine."""
    of_machine = (Machine.factory == match["factory"]) & (Machine.machine == match["machine"])
    visible = set(session.scalars(_shown_to(actor, now).where(of_machine)))
    return [
        Part("picture", f"/pictures/{one.id}/large", one.alt, picture=f"/pictures/{one.id}/small")
        for one in pictures_of(session, match["factory"], match["machine"])
        if one.id in visible
    ]


def _shown_to(actor: Actor | None, now: datetime) -> Select[str]:
    same = (Machine.factory == MachinePicture.factory) & (Machine.machine == MachinePicture.machine)
    return select(MachinePicture.id).join(Machine, same).where(picture_shown(now, viewer_of(actor)))


def _seen(session: Session, match: re.Match[str], actor: Actor | None, now: datetime) -> str:
    found = session.scalar(_shown_to(actor, now).where(MachinePicture.id == match["id"]))
    if found is None:
        raise NotFoundError
    return found


def _content(session: Session, subject: str) -> Content | None:
    picture = session.get(MachinePicture, subject)
    if picture is None:
        return None
    machine = session.get_one(Machine, (picture.factory, picture.machine))
    path = f"/machines/{picture.factory}/{picture.machine}"
    return Content("picture", subject, machine.title, picture.alt, picture.factory, path, has_file=True)


def _hide(session: Session, subject: str, moment: datetime | None) -> None:
    if (picture := session.get(MachinePicture, subject)) is not None:
        picture.taken_down = moment
        mark_index_changed(session)


def _file(session: Session, subject: str) -> File | None:
    picture = session.get(MachinePicture, subject)
    return File("", "image/webp", picture.large) if picture is not None else None


PICTURE = Kind(
    ((re.compile(rf"/pictures/(?P<id>{UUID})(/(small|medium|large|preview))?"), _seen),),
    _content,
    _hide,
    single=True,
    file=_file,
)
