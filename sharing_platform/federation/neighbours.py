"""Neighbouring regions: added and agreed on by the administrator, ended by either side."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import StringConstraints
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from sharing_platform.dependencies import PlatformContext
from sharing_platform.errors import ConflictError, InvalidError, NotFoundError
from sharing_platform.federation import answering, asking, receiving
from sharing_platform.federation.keys import make_own_key, read_public_key
from sharing_platform.federation.models import ADDED, AGREED, ENDED, Neighbour, NeighbourItem, SharedItem
from sharing_platform.federation.transport import read_address
from sharing_platform.machines.availability import lock_resource
from sharing_platform.organisations.audit_log import log
from sharing_platform.organisations.models import Organisation
from sharing_platform.organisations.permissions import APPROVED, Actor, Kind
from sharing_platform.schemas import ApiModel, OneLine

MOST = 30


class NeighbourIn(ApiModel):
    """A region as its neighbour's administrator adds it."""

    name: Annotated[OneLine, StringConstraints(strip_whitespace=True, min_length=2, max_length=100)]
    url: Annotated[OneLine, StringConstraints(strip_whitespace=True, max_length=300)]
    public_key: Annotated[str, StringConstraints(max_length=200)]


def add(context: PlatformContext, actor: Actor, wanted: NeighbourIn) -> str:
    """Nothing is exchanged yet: its key is compared first. Returns its id. Raises InvalidError, ConflictError."""
    url, key = read_address(wanted.url), read_public_key(wanted.public_key)
    now = context.now()
    with context.sessions.begin() as session:
        lock_resource(session, "neighbours")
        if key == make_own_key(session).public_text:
            raise InvalidError("own_public_key", "public_key")
        live = session.scalars(select(Neighbour).where(Neighbour.state != ENDED)).all()
        if any(one.url == url for one in live):
            raise InvalidError("neighbour_known", "url")
        if any(one.public_key == key for one in live):
            raise InvalidError("neighbour_known", "public_key")
        if len(live) >= MOST:
            raise ConflictError("too_many_neighbours")
        made = Neighbour(id=str(uuid.uuid4()), name=wanted.name, url=url, public_key=key, state=ADDED, added=now)
        session.add(made)
        log(session, now, actor, "neighbour.added", made.id, region=made.name)
        return made.id


def agree(context: PlatformContext, actor: Actor, neighbour_id: str) -> None:
    """Its fingerprint is the one that was read out on the telephone. Again changes nothing. Raises NotFoundError, ConflictError for one that has ended."""
    now = context.now()
    with context.sessions.begin() as session:
        neighbour = find(session, neighbour_id, locked=True)
        if neighbour.state == AGREED:
            return
        if neighbour.state != ADDED:
            raise ConflictError("neighbour_ended")
        region = Organisation(
            id=f"neighbour-{uuid.uuid4().hex[:12]}", name=neighbour.name, kind=Kind.NEIGHBOUR, status=APPROVED,
            created=now, decided=now,
        )  # fmt: skip
        session.add(region)
        session.flush()
        neighbour.state, neighbour.agreed, neighbour.due = AGREED, now, now
        neighbour.organisation_id = region.id
        log(session, now, actor, "neighbour.agreed", neighbour.id, region=neighbour.name)


def end_here(context: PlatformContext, actor: Actor, neighbour_id: str) -> None:
    """At once. Again changes nothing. Raises NotFoundError."""
    with context.sessions.begin() as session:
        neighbour = find(session, neighbour_id, locked=True)
        if neighbour.state != ENDED:
            end(context, session, neighbour, actor)
    context.wake_workers()


def end(
    context: PlatformContext, session: Session, neighbour: Neighbour, actor: Actor | None, there: bool = False
) -> None:
    """Nothing of it is shown, and it is told nothing any more; what waits for an answer, here or there, ends. What was agreed stays agreed. `there`: the other side has ended
    it."""
    now = context.now()
    session.refresh(neighbour, with_for_update=True)
    if neighbour.state == ENDED:
        return
    neighbour.state, neighbour.ended, neighbour.ended_there, neighbour.due = ENDED, now, there, None
    receiving.drop_all(session, neighbour.id)
    # Not deleted at once: the next change of the feed counts on from the latest one, whosever that is.
    own = update(SharedItem).where(SharedItem.neighbour_id == neighbour.id)
    session.execute(own.values(content=None, digest="", changed=now))
    answering.withdraw_waiting(context, session, neighbour, now)
    asking.end_all(context, session, neighbour.id, now)
    log(
        session,
        now,
        actor,
        "neighbour.ended_there" if there else "neighbour.ended",
        neighbour.id,
        region=neighbour.name,
    )


def all_neighbours(session: Session) -> Sequence[Neighbour]:
    """Those that have not ended first, by name."""
    return session.scalars(select(Neighbour).order_by(Neighbour.state == ENDED, Neighbour.name, Neighbour.id)).all()


def find(session: Session, neighbour_id: str, locked: bool = False) -> Neighbour:
    """Raises NotFoundError."""
    neighbour = session.get(Neighbour, neighbour_id, with_for_update=locked or None)
    if neighbour is None:
        raise NotFoundError
    return neighbour


def count_items(session: Session) -> dict[str, int]:
    """How much each neighbour shares."""
    counted = select(NeighbourItem.neighbour_id, func.count()).group_by(NeighbourItem.neighbour_id)
    return {row[0]: row[1] for row in session.execute(counted)}


def is_shown(neighbour: Neighbour, now: datetime) -> bool:
    """Whether visitors see what it shares: it has answered within the hour."""
    return neighbour.state == AGREED and neighbour.heard is not None and now - neighbour.heard < receiving.HIDDEN


def is_stale(neighbour: Neighbour, now: datetime) -> bool:
    """Whether visitors are told how old it is."""
    return neighbour.heard is None or now - neighbour.heard >= receiving.STALE
