"""Pictures of machines: whose they are, and who may see them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from sharing_platform.errors import NotFoundError
from sharing_platform.machines.models import Machine
from sharing_platform.machines.visibility import machine_visible
from sharing_platform.organisations.permissions import Actor
from sharing_platform.pictures.models import Picture
from sharing_platform.pictures.service import Album

SAME = Picture.subject == Machine.subject
"""Joins pictures with their machines."""


def album_of(actor: Actor, factory: str, machine: str) -> Album:
    """Raises NotFoundError for another's machine, at once or when it is looked for."""
    if actor.organisation != factory:
        raise NotFoundError
    return Album(f"{factory}/{machine}", "machine.pictured", lambda session: own_machine(session, factory, machine))


def own_machine(session: Session, factory: str, machine: str) -> Machine:
    """Raises NotFoundError."""
    known = session.get(Machine, (factory, machine))
    if known is None:
        raise NotFoundError
    return known


def picture_with(session: Session, picture_id: str, viewer: str | None, own: str | None, now: datetime) -> Picture:
    """Raises NotFoundError, also for a machine that the visitor may not know of, or not whose it is: a picture shows whose hall it is. `own`: the visitor's
    organisation, approved or not."""
    query = select(Picture).join(Machine, SAME).where(Picture.id == picture_id)
    shown = picture_shown(now, viewer)
    found = session.scalars(query.where(shown if own is None else shown | (Machine.factory == own))).first()
    if found is None:
        raise NotFoundError
    return found


def picture_shown(now: datetime, viewer: str | None) -> ColumnElement[bool]:
    """The condition on machine and picture under which others see it."""
    return machine_visible(now, viewer) & Machine.alias.is_(None) & Picture.taken_down.is_(None)
