"""Keeps what a neighbour's feed says. A page is one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.orm import Session

from sharing_platform.federation.merging import Key, Merged, Reading, digest_of
from sharing_platform.federation.messages import MOST_ITEMS
from sharing_platform.federation.models import Neighbour, NeighbourItem

READ_ANEW = timedelta(hours=1)
"""So often a feed is read from its beginning: whatever went wrong, also over there, is put right by that."""
STALE = timedelta(minutes=5)
"""A region that has not answered for so long is shown with the moment when it last did."""
HIDDEN = timedelta(hours=1)
"""What it shares may be gone by then, and is shown no more."""
_MOST = 2 * MOST_ITEMS
_PORTION = 500


def reading_of(neighbour: Neighbour, now: datetime) -> Reading:
    """From where its feed is to be read."""
    read, heard = neighbour.read, neighbour.heard
    anew = read is None or heard is None or now - min(read, heard) >= READ_ANEW
    return Reading(None if anew else neighbour.mark)


def keep(session: Session, neighbour: Neighbour, merged: Merged, now: datetime) -> None:
    """What a page changes. The mark is kept once all is read that there was: who is interrupted while reading from the beginning begins anew."""
    held = {
        (kind, id_): digest
        for kind, id_, digest in session.execute(
            select(NeighbourItem.kind, NeighbourItem.id, NeighbourItem.digest).where(
                NeighbourItem.neighbour_id == neighbour.id, NeighbourItem.id.in_({id_ for _, id_ in merged.put})
            )
        )
    }
    count = select(func.count()).where(NeighbourItem.neighbour_id == neighbour.id)
    room = _MOST - (session.scalar(count) or 0)
    for key, item in merged.put.items():
        content = item.model_dump(mode="json", exclude_defaults=True) | {"kind": item.kind, "id": item.id}
        digest = digest_of(content)
        if held.get(key) == digest:
            continue
        if key in held:
            row = session.get_one(NeighbourItem, (neighbour.id, *key))
            row.content, row.digest = content, digest
        elif room > 0:
            room -= 1
            session.add(
                NeighbourItem(neighbour_id=neighbour.id, kind=key[0], id=key[1], digest=digest, content=content)
            )
    _drop(session, neighbour.id, merged.gone)
    if merged.gone_but is not None:
        session.flush()
        own = select(NeighbourItem.kind, NeighbourItem.id).where(NeighbourItem.neighbour_id == neighbour.id)
        known = {(kind, id_) for kind, id_ in session.execute(own)}
        _drop(session, neighbour.id, known - merged.gone_but)
        neighbour.read = now
    if merged.complete or merged.reading.seen is None:
        neighbour.mark = merged.reading.mark


def drop_all(session: Session, neighbour_id: str) -> None:
    """Nothing of it is shown any more."""
    session.execute(delete(NeighbourItem).where(NeighbourItem.neighbour_id == neighbour_id))


def _drop(session: Session, neighbour_id: str, keys: Iterable[Key]) -> None:
    gone = sorted(keys)
    for first in range(0, len(gone), _PORTION):
        these = tuple_(NeighbourItem.kind, NeighbourItem.id).in_(gone[first : first + _PORTION])
        session.execute(delete(NeighbourItem).where(NeighbourItem.neighbour_id == neighbour_id, these))
