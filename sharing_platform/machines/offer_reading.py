"""Reads pages of the offers that match a search, in each order. However many match, no more than a page and a batch are in memory."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, literal, select, true, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from sharing_platform.machines.models import Offer
from sharing_platform.machines.offer_order import Place, Sort, cursor_of, known_first, place_of
from sharing_platform.search.ranking import Ranking

_PORTION, _WIDEST_PORTION = 250, 4000
_BATCH = 1000
_NEAREST, _MOST_NEAREST = 8, 512
"""So many machines are asked for first in order of their distance, and at most at a time."""

_PLACE = (Offer.id, Offer.public_id, Offer.factory, Offer.machine, Offer.start, Offer.end)
_WINDOWS = (Offer.offered_start, Offer.offered_end, Offer.probability, Offer.windows, Offer.minimum_hours)
_SCORED = (*_PLACE, *_WINDOWS, Offer.prices, Offer.price_per_hour)


@dataclass(frozen=True)
class Matching:
    """The offers of a search. `fits`: what no query can tell; None where all of them do. `reads_windows`: whether it needs the windows. `priced_first`: those whose
    price is to be agreed come after all others."""

    session: Session
    query: Select[Offer]
    fits: Callable[[Row[Any]], bool] | None
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


def page_by_start(matching: Matching, limit: int, cursor: str | None) -> tuple[list[Offer], str | None]:
    """In order of the start, and the cursor of the next page."""
    return _page_by_columns(matching, "start", matching.priced_first, limit, cursor)


def first_of_each(matching: Matching, limit: int, each: int) -> tuple[list[Row[Any]], dict[str, Offer]]:
    """In order of the start: the places of up to `limit` offers, and the first `each` of every machine themselves, by id. Of a page of machines, rows are read in a tenth of
    the time of objects."""
    rows: list[Row[Any]] = []
    for _, part in matching.parts(None, matching.priced_first):
        rows += _first_that_fit(matching, part, (Offer.start, Offer.public_id), None, limit - len(rows))
    counted: Counter[tuple[str, str]] = Counter()
    ids = []
    for row in rows:
        counted[row.factory, row.machine] += 1
        if counted[row.factory, row.machine] <= each:
            ids.append(row.id)
    return rows, _whole(matching.session, ids)


def page_by_price(matching: Matching, limit: int, cursor: str | None) -> tuple[list[Offer], str | None]:
    """The cheapest first, what is to be agreed last."""
    return _page_by_columns(matching, "price", True, limit, cursor)


def _page_by_columns(
    matching: Matching, sort: Sort, priced_first: bool, limit: int, cursor: str | None
) -> tuple[list[Offer], str | None]:
    last = place_of(cursor, sort) if cursor is not None else None
    found: list[tuple[Place, str]] = []
    for unpriced, part in matching.parts(last, priced_first):
        by_price = sort == "price" and not unpriced
        order = (*((Offer.lowest_per_hour,) if by_price else ()), Offer.start, Offer.public_id)
        after = (*last[1], *last[2:]) if last is not None and last[0] == unpriced else None
        rows = _first_that_fit(matching, part, order, after, limit + 1 - len(found))
        found += [
            ((unpriced, (float(row.lowest_per_hour),) if by_price else (), row.start, row.public_id), row.id)
            for row in rows
        ]
        if len(found) > limit:
            break
    return _page(matching.session, sort, found, limit)


def _first_that_fit(
    matching: Matching,
    query: Select[Offer],
    order: Sequence[InstrumentedAttribute[Any]],
    after: Sequence[object] | None,
    count: int,
) -> list[Row[Any]]:
    """The first `count` offers after a place in an order by columns, which are read in batches until enough fit."""
    # What people see without a search reads no windows.
    names = query.with_only_columns(
        *_PLACE, Offer.lowest_per_hour, *(_WINDOWS if matching.reads_windows else ())
    ).order_by(*order)
    chosen: list[Row[Any]] = []
    portion = count if matching.fits is None else max(count, _PORTION)
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
) -> tuple[list[Offer], str | None]:
    """The highest score first, of which no index knows: all that match are read, and the best of them kept. `score`: None for what does not fit."""

    def scores(row: Row[Any]) -> tuple[float, ...] | None:
        found = score(row)
        return (-found,) if found is not None else None

    last = place_of(cursor, sort) if cursor is not None else None
    found: list[tuple[Place, str]] = []
    for unpriced, part in matching.parts(last, matching.priced_first):
        found += _best(matching, part, scores, unpriced, last, limit + 1 - len(found), true(), _SCORED)
        if len(found) > limit:
            break
    return _page(matching.session, sort, found, limit)


def page_by_distance(
    matching: Matching, machines: Mapping[tuple[str, str], Ranking], limit: int, cursor: str | None
) -> tuple[list[Offer], str | None]:
    """The nearest first. Machines are asked for in order of their distance, more of them each time, until enough is found."""
    last = place_of(cursor, "distance") if cursor is not None else None
    columns = (*_PLACE, *_WINDOWS) if matching.reads_windows else _PLACE
    distances = {key: known_first(ranking.distance) for key, ranking in machines.items()}
    found: list[tuple[Place, str]] = []

    def scores(row: Row[Any]) -> tuple[float, ...] | None:
        return distances[row.factory, row.machine] if matching.fits is None or matching.fits(row) else None

    for unpriced, part in matching.parts(last, matching.priced_first):
        reached = last[1] if last is not None and last[0] == unpriced else ()
        for keys in _nearest_first(distances, reached):
            of_these = tuple_(Offer.factory, Offer.machine).in_(keys)
            count = limit + 1 - len(found)
            found += _best(matching, part, scores, unpriced, last, count, of_these, columns)
            if len(found) > limit:
                return _page(matching.session, "distance", found, limit)
    return _page(matching.session, "distance", found, limit)


def _nearest_first(
    distances: Mapping[tuple[str, str], tuple[float, ...]], reached: tuple[float, ...]
) -> Iterator[list[tuple[str, str]]]:
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
) -> list[tuple[Place, str]]:
    """The first `count` places after `last`, with the ids. `scores`: None for what does not fit."""
    rows = matching.session.execute(
        query.where(which).with_only_columns(*columns), execution_options={"yield_per": _BATCH}
    )

    def places() -> Iterator[tuple[Place, str]]:
        for row in rows:
            found = scores(row)
            if found is not None:
                place = (unpriced, found, row.start, row.public_id)
                if last is None or place > last:
                    yield place, row.id

    return heapq.nsmallest(count, places())


def _page(
    session: Session, sort: Sort, found: Sequence[tuple[Place, str]], limit: int
) -> tuple[list[Offer], str | None]:
    """The offers themselves, and the cursor of what follows."""
    shown = found[:limit]
    whole = _whole(session, [own_id for _, own_id in shown])
    following = cursor_of(sort, shown[-1][0]) if len(found) > limit else None
    return [whole[own_id] for _, own_id in shown if own_id in whole], following


def _whole(session: Session, ids: Sequence[str]) -> dict[str, Offer]:
    return {one.id: one for one in session.scalars(select(Offer).where(Offer.id.in_(ids)))}
