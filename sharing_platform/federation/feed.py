"""The feed that neighbours read: what is shared is compared with what the feed says, and each difference gets the next number."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, sessionmaker

from sharing_platform.database import Now, read_session
from sharing_platform.federation.answering import requests_of
from sharing_platform.federation.keys import OwnKey
from sharing_platform.federation.merging import changed, digest_of
from sharing_platform.federation.messages import ITEMS_PER_PAGE, Change, FeedPage
from sharing_platform.federation.models import AGREED, EVERYBODY, Neighbour, SharedItem
from sharing_platform.federation.sharing import Sharer
from sharing_platform.machines.availability import lock_resource

KEPT = timedelta(days=1)
"""So long the feed says of something that it is no longer shared. Who has not read it for an hour reads all of it anyway."""
_REST = 10
"""Reading what is shared takes a tenth of a process's time at most: with a hundred thousand offers, it is read once in half a minute."""
_SELDOMEST_S = 30.0


class FeedWriter:
    """One for each process; `write` is called every few seconds. Processes take turns. `rest`: so many times as long as it took to read what is shared, that is not read again."""

    def __init__(self, sessions: sessionmaker[Session], now: Now, sharer: Sharer, rest: float = _REST) -> None:
        self._sessions = sessions
        self._now = now
        self._sharer = sharer
        self._rest = rest
        self._before: dict[str, tuple[object, dict[str, Any]]] = {}
        self._not_before = 0.0

    def write(self) -> None:
        """Bring the feed up to date, unless nobody reads it or that was done just now."""
        now = self._now()
        with read_session(self._sessions) as session:
            readers = session.scalars(select(Neighbour.id).where(Neighbour.state == AGREED)).all()
            if not readers:
                return
            wanted = {(one, *key): content for one in readers for key, content in requests_of(session, one, now)}
            everything = time.monotonic() >= self._not_before
            known = _digests(session, everything)
            if everything:
                began = time.monotonic()
                shared, self._before = self._sharer.shared(session, now, self._before)
                wanted |= {(EVERYBODY, *key): content for key, content in shared.items()}
                took = time.monotonic() - began
                self._not_before = began + min(_SELDOMEST_S, took * self._rest)
        different, gone = changed(known, wanted)
        if different or gone:
            with self._sessions.begin() as session:
                write_changes(session, {key: wanted[key] for key in different}, gone, now)


FullKey = tuple[str, str, str]
"""Whose it is, kind and id."""


def _digests(session: Session, everything: bool) -> dict[FullKey, str]:
    """Of what the feed says is shared; without `everything`, of what goes to one neighbour alone."""
    query = select(SharedItem.neighbour_id, SharedItem.kind, SharedItem.id, SharedItem.digest)
    if not everything:
        query = query.where(SharedItem.neighbour_id != EVERYBODY)
    rows = session.execute(query.where(SharedItem.content.is_not(None)))
    return {(row.neighbour_id, row.kind, row.id): row.digest for row in rows}


def write_changes(
    session: Session, different: Mapping[FullKey, Mapping[str, Any]], gone: list[FullKey], now: datetime
) -> None:
    """In an order that tells nothing: what changes at one moment need not be of one factory, but its order could say so."""
    lock_resource(session, "federation-feed")
    number = session.scalar(select(func.max(SharedItem.sequence))) or 0
    changes: list[tuple[FullKey, Mapping[str, Any] | None]] = [*different.items(), *((key, None) for key in gone)]
    random.shuffle(changes)
    for (neighbour_id, kind, item_id), content in changes:
        number += 1
        row = session.get(SharedItem, (neighbour_id, kind, item_id))
        if row is None:
            row = SharedItem(neighbour_id=neighbour_id, kind=kind, id=item_id)
            session.add(row)
        row.content = dict(content) if content is not None else None
        row.digest = digest_of(content) if content is not None else ""
        row.sequence, row.changed = number, now


def forget_gone(session: Session, now: datetime) -> None:
    """Never the latest change, from which the next one counts on."""
    latest = select(func.max(SharedItem.sequence)).scalar_subquery()
    old = SharedItem.content.is_(None) & (SharedItem.changed < now - KEPT) & (SharedItem.sequence < latest)
    session.execute(delete(SharedItem).where(old))


def read_feed(session: Session, reader: str, key: OwnKey, zone: str, mark: str | None) -> FeedPage:
    """What a neighbour is told next."""
    epoch, _, number = (mark or "").partition("-")
    newest = session.scalar(select(func.max(SharedItem.sequence))) or 0
    known = mark is not None and epoch == key.epoch and number.isdecimal() and int(number) <= newest
    since = int(number) if known else 0
    query = select(SharedItem).where(SharedItem.sequence > since, SharedItem.neighbour_id.in_((EVERYBODY, reader)))
    rows = session.scalars(query.order_by(SharedItem.sequence).limit(ITEMS_PER_PAGE + 1)).all()
    shown = rows[:ITEMS_PER_PAGE]
    more = len(rows) > ITEMS_PER_PAGE
    # What others alone are told of is passed over: the mark of who has read everything is the newest one.
    at = shown[-1].sequence if more else newest
    return FeedPage(
        zone=zone,
        changes=[Change(kind=row.kind, id=row.id, content=row.content) for row in shown],
        mark=f"{key.epoch}-{at}",
        more=more,
        reset=mark is not None and not known,
    )
