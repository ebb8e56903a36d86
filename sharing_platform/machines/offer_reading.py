"""Reads pages of the offers that match a search, in each order. However many match, no more than a page and a batch are in memory."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Row, Select, String, and_, any_, literal, or_, select, true, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from sharing_platform.machines.models import Offer
from sharing_platform.machines.offer_order import (
    FoundOffer,
    FoundOffers,
    Key,
    Place,
    Sort,
    cursor_of,
    known_first,
    place_of,
)
from sharing_platform.search.ranking import Ranking

_PORTION, _WIDEST_PORTION = 250, 4000
_BATCH = 1000
_NEAREST, _MOST_NEAREST = 8, 512
"""So many machines are asked for first in order of their distance, and at most at a time."""

_MOST_MACHINES = 2000
"""So many machines are named to the database at most."""
_BETWEEN_NAMES = "/"
"""No name has one."""

_PLACE = (Offer.id, Offer.public_id, Offer.factory, Offer.machine, Offer.start, Offer.end)
_WINDOWS = (Offer.offered_start, Offer.offered_end, Offer.probability, Offer.windows, Offer.minimum_hours)
_SCORED = (*_PLACE, *_WINDOWS, Offer.prices, Offer.price_per_hour)


@dataclass(frozen=True)
class Matching:
    """The offers of a search. `fits`: what the query does not tell; None where all of them do. `few_fit`: whether most of them may not, as it tells of which machines they
    are. `reads_windows`: whether it needs the windows. `priced_first`: those whose price is to be agreed come after all others."""

    session: Session
    query: Select[Offer]
    fits: Callable[[Row[Any]], bool] | None
    few_fit: bool
    reads_windows: bool
    priced_first: bool

    def parts(self, last: Place | None, priced_first: bool) -> Iterator[tuple[bool, Select[Offer]]]:
        """What is still to come after `last`: all of it or, where those with a price come first, these and the others (True)."""
        if not priced_first:
            yield False, self.query
            return
        if last is None or not last[0]:
            yield False, self.query.where(Offer.price_per_hour.is_not(None))
        yield True, self.query.where(Offer.price_per_hour.is_(None))


def page_by_start(matching: Matching, limit: int, cursor: str | None) -> FoundOffers:
    """In order of the start, and the cursor of the next page."""
    return _page_by_columns(matching, "start", matching.priced_first, limit, cursor)


def rows_by_start(matching: Matching, limit: int) -> list[Row[Any]]:
    """In order of the start, the rows of up to `limit` offers, which are read in a tenth of the time of objects: what they are of, and when."""
    rows: list[Row[Any]] = []
    for _, part in matching.parts(None, matching.priced_first):
        rows += _first_that_fit(matching, part, (Offer.start, Offer.public_id), None, limit - len(rows))
    return rows


def page_by_price(matching: Matching, limit: int, cursor: str | None) -> FoundOffers:
    """The cheapest first, what is to be agreed last."""
    return _page_by_columns(matching, "price", True, limit, cursor)


def _page_by_columns(matching: Matching, sort: Sort, priced_first: bool, limit: int, cursor: str | None) -> FoundOffers:
    last = place_of(cursor, sort) if cursor is not None else None
    found: list[FoundOffer] = []
    for unpriced, part in matching.parts(last, priced_first):
        by_price = sort == "price" and not unpriced
        order = (*((Offer.lowest_per_hour,) if by_price else ()), Offer.start, Offer.public_id)
        after = (*last[1], *last[2:]) if last is not None and last[0] == unpriced else None
        rows = _first_that_fit(matching, part, order, after, limit + 1 - len(found))
        found += [
            _found(row, (unpriced, (float(row.lowest_per_hour),) if by_price else (), row.start, row.public_id))
            for row in rows
        ]
        if len(found) > limit:
            break
    return _page(sort, found, limit)


def _first_that_fit(
    matching: Matching,
    query: Select[Offer],
    order: Sequence[InstrumentedAttribute[Any]],
    after: Sequence[object] | None,
    count: int,
) -> list[Row[Any]]:
    """The first `count` offers after a place in an order by columns, which are read in batches until enough fit."""
    # What people see without a search reads no windows.
    columns = dict.fromkeys((*_PLACE, *order, *(_WINDOWS if matching.reads_windows else ())))
    names = query.with_only_columns(*columns).order_by(*order)
    chosen: list[Row[Any]] = []
    portion = count
    if matching.fits is not None:
        portion = max(count, _PORTION) if matching.few_fit else count + count // 4
    while len(chosen) < count:
        rows = matching.session.execute(
            (names if after is None else names.where(_after(order, after))).limit(portion)
        ).all()
        chosen += [row for row in rows if matching.fits is None or matching.fits(row)]
        if len(rows) < portion:
            break
        after = [getattr(rows[-1], column.key) for column in order]
        portion = min(4 * portion, _WIDEST_PORTION)
    return chosen[:count]


def _after(columns: Sequence[InstrumentedAttribute[Any]], place: Sequence[object]) -> ColumnElement[bool]:
    """A row comparison, which both databases answer from an index."""
    values = [literal(value, column.type) for column, value in zip(columns, place, strict=True)]
    return tuple_(*columns) > tuple_(*values)


def page_by_score(
    matching: Matching, sort: Sort, score: Callable[[Row[Any]], float | None], limit: int, cursor: str | None
) -> FoundOffers:
    """The highest score first, of which no index knows: all that match are read, and the best of them kept. `score`: None for what does not fit."""

    def scores(row: Row[Any]) -> tuple[float, ...] | None:
        found = score(row)
        return (-found,) if found is not None else None

    last = place_of(cursor, sort) if cursor is not None else None
    found: list[FoundOffer] = []
    for unpriced, part in matching.parts(last, matching.priced_first):
        found += _best(matching, part, scores, unpriced, last, limit + 1 - len(found), true(), _SCORED)
        if len(found) > limit:
            break
    return _page(sort, found, limit)


def page_by_distance(
    matching: Matching, machines: Mapping[Key, Ranking], limit: int, cursor: str | None
) -> FoundOffers:
    """The nearest first. Machines are asked for in order of their distance, more of them each time, until enough is found."""
    last = place_of(cursor, "distance") if cursor is not None else None
    columns = (*_PLACE, *_WINDOWS) if matching.reads_windows else _PLACE
    distances = {key: known_first(ranking.distance) for key, ranking in machines.items()}
    found: list[FoundOffer] = []

    def scores(row: Row[Any]) -> tuple[float, ...] | None:
        return distances[row.factory, row.machine] if matching.fits is None or matching.fits(row) else None

    for unpriced, part in matching.parts(last, matching.priced_first):
        reached = last[1] if last is not None and last[0] == unpriced else ()
        for keys in _nearest_first(distances, reached):
            of_these = of_machines(matching.session, keys)
            count = limit + 1 - len(found)
            found += _best(matching, part, scores, unpriced, last, count, of_these, columns)
            if len(found) > limit:
                return _page("distance", found, limit)
    return _page("distance", found, limit)


def of_machines(session: Session, keys: Collection[Key]) -> ColumnElement[bool]:
    """A condition on a few machines, which the database answers from the index by machine."""
    if _is_embedded(session):  # with a list, it reads the offers of all machines
        return or_(*(and_(Offer.factory == factory, Offer.machine == machine) for factory, machine in sorted(keys)))
    return tuple_(Offer.factory, Offer.machine).in_(sorted(keys))


def of_many_machines(session: Session, keys: Collection[Key]) -> ColumnElement[bool] | None:
    """A condition on many machines, which the database answers while it goes through the index by time, as that finds enough of their offers sooner. None where it is
    sooner found out here: of very many, and where the database has no arrays."""
    if len(keys) > _MOST_MACHINES or _is_embedded(session):
        return None
    named = [f"{factory}{_BETWEEN_NAMES}{machine}" for factory, machine in keys]
    return Offer.factory + _BETWEEN_NAMES + Offer.machine == _any_of(named)


def _is_embedded(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def _any_of(texts: list[str]) -> ColumnElement[Any]:
    """PostgreSQL takes an array: a place for each value makes a statement of which neither SQLAlchemy nor the driver keeps what they know."""
    return any_(literal(texts, ARRAY(String)))


def _nearest_first(distances: Mapping[Key, tuple[float, ...]], reached: tuple[float, ...]) -> Iterator[list[Key]]:
    """Machines from a distance on; those that are as far are in one group."""
    left = sorted((distance, key) for key, distance in distances.items() if distance >= reached)
    size, begin = _NEAREST, 0
    while begin < len(left):
        end = min(begin + size, len(left))
        while end < len(left) and left[end][0] == left[end - 1][0]:
            end += 1
        yield [key for _, key in left[begin:end]]
        begin, size = end, min(2 * size, _MOST_NEAREST)


def _best(
    matching: Matching,
    query: Select[Offer],
    scores: Callable[[Row[Any]], tuple[float, ...] | None],
    unpriced: bool,
    last: Place | None,
    count: int,
    which: ColumnElement[bool],
    columns: Sequence[InstrumentedAttribute[Any]],
) -> list[FoundOffer]:
    """The first `count` after `last`. `scores`: None for what does not fit."""
    rows = matching.session.execute(
        query.where(which).with_only_columns(*columns), execution_options={"yield_per": _BATCH}
    )

    def places() -> Iterator[FoundOffer]:
        for row in rows:
            found = scores(row)
            if found is not None:
                place = (unpriced, found, row.start, row.public_id)
                if last is None or place > last:
                    yield _found(row, place)

    return heapq.nsmallest(count, places())


def _found(row: Row[Any], place: Place) -> FoundOffer:
    return FoundOffer(place, row.id, (row.factory, row.machine))


def _page(sort: Sort, found: Sequence[FoundOffer], limit: int) -> FoundOffers:
    """With the cursor of what follows."""
    shown = list(found[:limit])
    return FoundOffers(shown, cursor_of(sort, shown[-1].place) if len(found) > limit else None)


def whole_offers(session: Session, ids: Collection[str]) -> dict[str, Offer]:
    """The offers themselves, by id, without those that are gone."""
    if not ids:
        return {}
    these = Offer.id.in_(ids) if _is_embedded(session) else Offer.id == _any_of(list(ids))
    return {one.id: one for one in session.scalars(select(Offer).where(these))}
