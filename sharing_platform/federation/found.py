"""Finds what neighbours share: the same criteria, compared with what was last heard of them."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharing_platform.federation.merging import Key
from sharing_platform.federation.messages import (
    Price,
    Shared,
    SharedListing,
    SharedNotice,
    SharedOffer,
    item_from,
)
from sharing_platform.federation.models import AGREED, Neighbour, NeighbourItem
from sharing_platform.federation.neighbours import is_shown, is_stale
from sharing_platform.listings.details import DETAILS, processes_in, texts_in
from sharing_platform.machines.windows import Window, best_window, windows_within
from sharing_platform.search.criteria import Wish, days_of, is_on_days
from sharing_platform.search.machine_details import MachineDetails
from sharing_platform.search.neighbours import EURO, MOST, NeighbourHit
from sharing_platform.search.ranking import PreparedCriteria, Ranking, SearchDocument, document_of, rank, rank_hours

_PORTION = 500


@dataclass(frozen=True)
class _Entry:
    digest: str
    item: Shared
    document: SearchDocument


class FoundInNeighbours:
    """Implements `NeighbourSearch`. One per process; what has not changed since the last search is not read again."""

    def __init__(self) -> None:
        self._reading = threading.Lock()
        self._versions: dict[str, tuple[object, ...]] = {}
        self._entries: dict[str, dict[Key, _Entry]] = {}

    def regions(self, session: Session, now: datetime) -> list[str]:
        return sorted(one.name for one in _shown(session, now))

    def find(
        self, session: Session, wanted: PreparedCriteria, now: datetime, zone: str, kinds: Collection[str]
    ) -> list[NeighbourHit]:
        wish = wanted.wish
        if wish.factory is not None or wish.machine is not None:
            return []  # somebody of this region is asked for
        found: list[NeighbourHit] = []
        for neighbour in _shown(session, now):
            machines: dict[str, NeighbourHit] = {}
            for entry in self._of(session, neighbour):
                if _kind_of(entry.item) not in kinds:
                    continue
                hit = _hit(neighbour, entry, wanted, now, zone)
                if hit is None:
                    continue
                if isinstance(entry.item, SharedOffer):
                    best = machines.get(entry.item.machine)
                    if best is None or _order(hit) < _order(best):
                        machines[entry.item.machine] = hit
                else:
                    found.append(hit)
            found += machines.values()
        return sorted(found, key=_order)[:MOST]

    def _of(self, session: Session, neighbour: Neighbour) -> Collection[_Entry]:
        version = (neighbour.mark, neighbour.read, neighbour.agreed)
        with self._reading:
            known = self._entries.get(neighbour.id, {})
            if self._versions.get(neighbour.id) != version:
                known = _read(session, neighbour.id, known)
                self._entries[neighbour.id], self._versions[neighbour.id] = known, version
            return list(known.values())


def _shown(session: Session, now: datetime) -> list[Neighbour]:
    agreed = session.scalars(select(Neighbour).where(Neighbour.state == AGREED).order_by(Neighbour.id))
    return [one for one in agreed if is_shown(one, now)]


def _read(session: Session, neighbour_id: str, known: dict[Key, _Entry]) -> dict[Key, _Entry]:
    """Reading a thing takes longer than everything else: only what is new or different is read."""
    columns = select(NeighbourItem.kind, NeighbourItem.id, NeighbourItem.digest)
    rows = session.execute(columns.where(NeighbourItem.neighbour_id == neighbour_id))
    present = {(kind, id_): digest for kind, id_, digest in rows}
    kept = {key: entry for key, entry in known.items() if present.get(key) == entry.digest}
    missing = sorted(key[1] for key in present if key not in kept)
    for first in range(0, len(missing), _PORTION):
        these = NeighbourItem.id.in_(missing[first : first + _PORTION])
        for row in session.scalars(select(NeighbourItem).where(NeighbourItem.neighbour_id == neighbour_id, these)):
            item = item_from(row.content)
            if isinstance(item, SharedOffer | SharedListing | SharedNotice):
                kept[row.kind, row.id] = _Entry(row.digest, item, _document(item))
    return kept


def _document(item: Shared) -> SearchDocument:
    at = (item.latitude, item.longitude) if item.latitude is not None and item.longitude is not None else None
    if isinstance(item, SharedOffer):
        return document_of(
            item.title, item.process, item.details, texts=(item.factory_name or "",), at=at, place=item.place, coarse=item.coarse
        )  # fmt: skip
    if isinstance(item, SharedListing):
        details = DETAILS[item.listing_kind].model_validate(item.details)
        first, *others = processes_in(details) or [""]
        own = MachineDetails(certificates=details.certificates, processes=others)
        texts = (item.description, *texts_in(details), item.organisation_name)
        return document_of(item.title, first, own, texts=texts, at=at, place=item.place)
    wish = item.wish
    own = MachineDetails(materials=wish.materials, certificates=wish.certificates, axes=wish.axes)
    texts = (item.text, wish.words, item.organisation_name)
    return document_of(item.title, wish.process, own, texts=texts, at=at, place=item.place)


def _kind_of(item: Shared) -> str:
    """As `NeighbourHit` calls it."""
    if isinstance(item, SharedOffer):
        return "machine"
    return item.listing_kind if isinstance(item, SharedListing) else "notice"


def _order(hit: NeighbourHit) -> tuple[Any, ...]:
    return -hit.score, hit.start.timestamp() if hit.start is not None else 0.0, hit.path


def _hit(
    neighbour: Neighbour, entry: _Entry, wanted: PreparedCriteria, now: datetime, zone: str
) -> NeighbourHit | None:
    """None where it does not fit."""
    item, ranking = entry.item, rank(wanted, entry.document)
    if ranking is None:
        return None
    kind, heard = _kind_of(item), neighbour.heard if is_stale(neighbour, now) else None
    path = f"/neighbours/{neighbour.id}/{item.kind}/{item.id}"
    if isinstance(item, SharedNotice):
        return NeighbourHit(
            neighbour.name, heard, kind, path, item.title, item.wish.process, item.organisation_name, item.place,
            ranking.distance, None, None, None, None, EURO, "", ranking.score,
        )  # fmt: skip
    if isinstance(item, SharedListing):
        if not _listing_fits(item, wanted.wish, now, zone):
            return None
        return NeighbourHit(
            neighbour.name, heard, kind, path, item.title, entry.document.process, item.organisation_name, item.place,
            ranking.distance, item.start, item.end, None, *_price(item.price), item.price_unit, ranking.score,
        )  # fmt: skip
    window = _window(item, wanted.wish, now, zone)
    if window is None or not _terms_fit(item, wanted.wish):
        return None
    euros = Decimal(item.price.amount) if item.price is not None and item.price.currency == EURO else None
    whole: Ranking = rank_hours(wanted.wish, ranking, window.start, window.end, window.probability, euros)
    return NeighbourHit(
        neighbour.name, heard, kind, path, item.title, item.process, item.factory_name, item.place, ranking.distance,
        window.start, window.end, None if item.by_hand else window.probability, *_price(item.price), "hour", whole.score,
    )  # fmt: skip


def _price(price: Price | None) -> tuple[str | None, str]:
    return (price.amount, price.currency) if price is not None else (None, EURO)


def _listing_fits(item: SharedListing, wish: Wish, now: datetime, zone: str) -> bool:
    if item.end <= now or (wish.subject != "machine" and wish.subject != item.listing_kind):
        return False
    return is_on_days(item.start, item.end, wish, zone)


def _terms_fit(item: SharedOffer, wish: Wish) -> bool:
    """Prices in other currencies are not compared."""
    if wish.operator is not None and item.operator != wish.operator:
        return False
    price, most = item.price, wish.max_price_per_hour
    return most is None or price is None or price.currency != EURO or Decimal(price.amount) <= most


def windows_left(item: SharedOffer, now: datetime) -> list[Window]:
    """What of an offer can still be asked for."""
    windows = [Window(one.start, one.end, one.probability) for one in item.windows]
    minimum = timedelta(hours=item.minimum_hours) if item.minimum_hours is not None else None
    if [(one.start, one.end) for one in windows] == [(item.start, item.end)]:
        minimum = minimum or timedelta(0)  # what is left of one that has begun
    return windows_within(windows, (max(item.start, now), item.end), minimum)


def _window(item: SharedOffer, wish: Wish, now: datetime, zone: str) -> Window | None:
    """The one that fits best."""
    days = days_of(wish, zone)
    left = [one for one in windows_left(item, now) if days is None or (one.start < days[1] and one.end > days[0])]
    length = timedelta(hours=wish.hours) if wish.hours is not None else None
    if length is not None and item.minimum_hours is not None:
        length = max(length, timedelta(hours=item.minimum_hours))
    return best_window(left, length, days)
