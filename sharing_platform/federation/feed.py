"""The feed that neighbours read: what is shared is compared with what the feed says, and each difference gets the next number."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, sessionmaker

from sharing_platform.database import Now, read_session
from sharing_platform.federation.answering import requests_of
from sharing_platform.federation.feed_items import FullKey, LeftOut, Written
from sharing_platform.federation.keys import OwnKey
from sharing_platform.federation.merging import Key, changed
from sharing_platform.federation.messages import ITEMS_PER_PAGE, Change, FeedPage
from sharing_platform.federation.models import AGREED, EVERYBODY, Neighbour, SharedItem, UnsharedItem
from sharing_platform.federation.sharing import Sharer
from sharing_platform.machines.availability import lock_resource

KEPT = timedelta(days=1)
"""So long the feed says of something that it is no longer shared. Who has not read it for an hour reads all of it anyway."""
_REST = 10
"""Reading what is shared takes a tenth of a process's time at most: with a hundred thousand offers, it is read once in half a minute."""
_SELDOMEST_S = 30.0
_log = logging.getLogger(__name__)


class FeedWriter:
    """One for each process; `write` is called every few seconds. Processes take turns. `rest`: so many times as long as it took to read what is shared, that is not read again."""

    def __init__(self, sessions: sessionmaker[Session], now: Now, sharer: Sharer, rest: float = _REST) -> None:
        self._sessions = sessions
        self._now = now
        self._sharer = sharer
        self._rest = rest
        self._before: Mapping[Key, Written] = {}
        self._not_before = 0.0

    def write(self) -> None:
        """Bring the feed up to date, unless nobody reads it or that was done just now."""
        now = self._now()
        with read_session(self._sessions) as session:
            readers = session.scalars(select(Neighbour.id).where(Neighbour.state == AGREED)).all()
            if not readers:
                return
            wanted = requests_of(session, readers, now)
            everything = time.monotonic() >= self._not_before
            known = _digests(session, everything)
            if everything:
                began = time.monotonic()
                self._before = self._sharer.shared(session, now, self._before)
                wanted |= {(EVERYBODY, *key): one for key, one in self._before.items()}
                took = time.monotonic() - began
                self._not_before = began + min(_SELDOMEST_S, took * self._rest)
            left_out = {key: one.left_out for key, one in self._before.items() if one.left_out is not None}
            news = everything and left_out != unshared(session)
        different, gone = changed(known, {key: one.digest for key, one in wanted.items() if one.content is not None})
        if different or gone or news:
            with self._sessions.begin() as session:
                write_changes(session, {key: wanted[key] for key in different}, gone, now)
                if news:
                    keep_unshared(session, left_out)


def _digests(session: Session, everything: bool) -> dict[FullKey, str]:
    """Of what the feed says is shared; without `everything`, of what goes to one neighbour alone."""
    query = select(SharedItem.neighbour_id, SharedItem.kind, SharedItem.id, SharedItem.digest)
    if not everything:
        query = query.where(SharedItem.neighbour_id != EVERYBODY)
    rows = session.execute(query.where(SharedItem.content.is_not(None)))
    return {(row.neighbour_id, row.kind, row.id): row.digest for row in rows}


def unshared(session: Session) -> dict[Key, LeftOut]:
    """What is beyond the bounds of what neighbours take, for the region's administrator."""
    rows = session.scalars(select(UnsharedItem).order_by(UnsharedItem.kind, UnsharedItem.title, UnsharedItem.id))
    return {(one.kind, one.id): LeftOut(one.title, one.field) for one in rows}


def keep_unshared(session: Session, left_out: Mapping[Key, LeftOut]) -> None:
    lock_resource(session, "federation-feed")
    session.execute(delete(UnsharedItem))
    for (kind, item_id), one in left_out.items():
        _log.warning("%s %s (%s) is not shared with neighbours: its `%s` is beyond what they take.", kind, item_id, one.title, one.field)  # fmt: skip
        session.add(UnsharedItem(kind=kind, id=item_id, title=one.title, field=one.field))


def write_changes(session: Session, different: Mapping[FullKey, Written], gone: list[FullKey], now: datetime) -> None:
    """In an order that tells nothing: what changes at one moment need not be of one factory, but its order could say so."""
    lock_resource(session, "federation-feed")
    number = session.scalar(select(func.max(SharedItem.sequence))) or 0
    changes = [*different.items(), *((key, Written(None)) for key in gone)]
    random.shuffle(changes)
    for (neighbour_id, kind, item_id), written in changes:
        number += 1
        row = session.get(SharedItem, (neighbour_id, kind, item_id))
        if row is None:
            row = SharedItem(neighbour_id=neighbour_id, kind=kind, id=item_id)
            session.add(row)
        row.content = dict(written.content) if written.content is not None else None
        row.digest = written.digest
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
