"""Queries for offers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, Select, and_, func, select, true
from sqlalchemy.orm import Session

from sharing_platform.errors import InvalidError
from sharing_platform.machines.anonymity import is_alias
from sharing_platform.machines.index import IndexedMachine, MachineIndex, entry_of
from sharing_platform.machines.models import OPEN, Machine, Offer
from sharing_platform.machines.offer_order import FoundOffer, FoundOffers, Key, OfferResults, RankedOffer, Sort
from sharing_platform.machines.offer_reading import (
    Matching,
    of_machines,
    of_many_machines,
    page_by_distance,
    page_by_price,
    page_by_score,
    page_by_start,
    rows_by_start,
    whole_offers,
)
from sharing_platform.machines.prices import average_price
from sharing_platform.machines.visibility import is_open
from sharing_platform.machines.week import TimeSpan
from sharing_platform.machines.windows import Span, Window, best_window, bookable_windows
from sharing_platform.search.criteria import Wish, days_of
from sharing_platform.search.ranking import PreparedCriteria, Ranking, rank, rank_hours

_FEW_MACHINES = 60


def find_offers(
    session: Session,
    index: MachineIndex,
    wanted: PreparedCriteria,
    now: datetime,
    zone: str,
    viewer: str | None,
    limit: int,
    sort: Sort = "start",
    cursor: str | None = None,
    machines: Collection[Key] | None = None,
) -> OfferResults:
    """Open offers that are not over, of these machines alone where some are given. Where hours are asked for: those with a window in which so many can begin on
    the days asked for. Where a highest price is asked for, those whose price is to be agreed come after all others. Raises InvalidError for a cursor that is none, and for an order by
    distance from nowhere."""
    _check_order(wanted, sort)
    entries = index.entries(session)
    asked = _matching(session, entries, wanted, now, zone, viewer, machines)
    if asked is None:
        return OfferResults([], None)
    matching, ranker = asked
    page = _page(matching, ranker, sort, limit, cursor)
    return OfferResults(_offers_at(page.found, session, entries, ranker, viewer), page.next)


def find_places(
    session: Session,
    index: MachineIndex,
    wanted: PreparedCriteria,
    now: datetime,
    zone: str,
    viewer: str | None,
    limit: int,
    sort: Sort = "start",
    cursor: str | None = None,
) -> FoundOffers:
    """What `find_offers` finds, without reading the offers themselves: for who looks through many of them to show a few."""
    _check_order(wanted, sort)
    asked = _matching(session, index.entries(session), wanted, now, zone, viewer, None)
    return _page(*asked, sort, limit, cursor) if asked is not None else FoundOffers([], None)


def offers_at(
    session: Session,
    index: MachineIndex,
    wanted: PreparedCriteria,
    now: datetime,
    zone: str,
    viewer: str | None,
    places: Sequence[FoundOffer],
) -> list[RankedOffer]:
    """The offers that `find_places` found, in that order, without those that are gone, or whose machine has changed meanwhile and no longer fits."""
    entries = index.entries(session)
    ranker = OfferRanker(wanted.wish, _fitting(_those(entries, [one.key for one in places]), wanted, viewer), now, zone)
    return _offers_at(places, session, entries, ranker, viewer)


@dataclass(frozen=True)
class OffersOfMachines:
    """The offers of some machines that a search finds, in order of their start. `spans`: when each is; `best`: the one that puts the machine at its place; `first`: the
    first of each machine."""

    spans: Mapping[Key, Sequence[TimeSpan]]
    best: Mapping[Key, RankedOffer]
    first: Mapping[Key, Sequence[RankedOffer]]


def offers_of_machines(
    session: Session,
    index: MachineIndex,
    wanted: PreparedCriteria,
    now: datetime,
    zone: str,
    viewer: str | None,
    best: Sequence[FoundOffer],
    limit: int,
    each: int,
) -> OffersOfMachines:
    """Of the machines of `best`, one offer of each: what `find_offers` finds, no more than `limit` together; of each machine the first `each` as offers."""
    entries = index.entries(session)
    asked = _matching(session, entries, wanted, now, zone, viewer, {one.key for one in best}) if best else None
    if asked is None:
        return OffersOfMachines({}, {}, {})
    matching, ranker = asked
    spans: dict[Key, list[TimeSpan]] = {}
    first: dict[Key, list[str]] = {}
    for row in rows_by_start(matching, limit):
        key = (row.factory, row.machine)
        spans.setdefault(key, []).append(row)
        if len(listed := first.setdefault(key, [])) < each:
            listed.append(row.id)
    shown = {one.id for one in best}.union(*first.values())
    whole = _ranked(shown, session, entries, ranker, viewer)
    return OffersOfMachines(
        spans,
        {one.key: whole[one.id] for one in best if one.id in whole},
        {key: [whole[own_id] for own_id in listed if own_id in whole] for key, listed in first.items()},
    )


def _offers_at(
    places: Sequence[FoundOffer],
    session: Session,
    entries: Mapping[Key, IndexedMachine],
    ranker: OfferRanker,
    viewer: str | None,
) -> list[RankedOffer]:
    whole = _ranked([one.id for one in places], session, entries, ranker, viewer)
    return [whole[one.id] for one in places if one.id in whole]


def _ranked(
    ids: Collection[str],
    session: Session,
    entries: Mapping[Key, IndexedMachine],
    ranker: OfferRanker,
    viewer: str | None,
) -> dict[str, RankedOffer]:
    """By id, without those that are gone, or whose machine no longer fits."""
    return {
        own_id: RankedOffer(offer, entry_of(offer, entries, viewer), *ranker.ranked(offer))
        for own_id, offer in whole_offers(session, ids).items()
        if ranker.may_be_of((offer.factory, offer.machine))
    }


def _check_order(wanted: PreparedCriteria, sort: Sort) -> None:
    if sort == "distance" and wanted.origin is None:
        raise InvalidError("near_what", "near")


def _matching(
    session: Session,
    entries: Mapping[Key, IndexedMachine],
    wanted: PreparedCriteria,
    now: datetime,
    zone: str,
    viewer: str | None,
    machines: Collection[Key] | None,
) -> tuple[Matching, OfferRanker] | None:
    """None where no machine fits."""
    fitting = _fitting(entries if machines is None else _those(entries, machines), wanted, viewer)
    if fitting is not None and not fitting:
        return None
    query = _query(session, wanted.wish, now, zone, viewer)
    possible = machines if fitting is None else fitting
    named = None
    if possible is not None:
        few = machines is not None or len(possible) <= _FEW_MACHINES
        named = of_machines(session, possible) if few else of_many_machines(session, possible)
    if named is not None:
        query = query.where(named)
    ranker = OfferRanker(wanted.wish, fitting, now, zone)
    by_machine, by_window = fitting is not None and named is None, wanted.wish.hours is not None
    matching = Matching(
        session,
        query,
        ranker.fits if by_machine or by_window else None,
        by_machine,
        by_window,
        wanted.wish.max_price_per_hour is not None,
    )
    return matching, ranker


def _page(matching: Matching, ranker: OfferRanker, sort: Sort, limit: int, cursor: str | None) -> FoundOffers:
    match sort:
        case "start":
            return page_by_start(matching, limit, cursor)
        case "price":
            return page_by_price(matching, limit, cursor)
        case "distance":
            return page_by_distance(matching, ranker.machines or {}, limit, cursor)
        case "fit":
            return page_by_score(matching, sort, ranker.score, limit, cursor)
        case "certainty":
            return page_by_score(matching, sort, ranker.probability, limit, cursor)


@dataclass(frozen=True)
class OfferRanker:
    """What a search says of offers, or of rows with their columns. `machines`: the rankings of those that match; None where no criterion concerns machines."""

    wish: Wish
    machines: Mapping[Key, Ranking] | None
    now: datetime
    zone: str

    @cached_property
    def _days(self) -> Span | None:
        return days_of(self.wish, self.zone)

    def may_be_of(self, key: Key) -> bool:
        """Whether an offer of this machine can match."""
        return self.machines is None or key in self.machines

    def fits(self, row: Row[Any]) -> bool:
        if not self.may_be_of((row.factory, row.machine)):
            return False
        return self.wish.hours is None or self._best(row) is not None

    def ranked(self, offer: Row[Any] | Offer) -> tuple[Ranking, Window]:
        """With the window that fits best."""
        window = self._best(offer) or Window(offer.start, offer.end, offer.probability)
        return self._ranking(offer, window), window

    def probability(self, row: Row[Any]) -> float | None:
        """Of the window that fits best; None where the offer does not fit."""
        window = self._window(row)
        return window.probability if window is not None else None

    def score(self, row: Row[Any]) -> float | None:
        """None where the offer does not fit."""
        window = self._window(row)
        return self._ranking(row, window).score if window is not None else None

    def _window(self, row: Row[Any]) -> Window | None:
        if not self.may_be_of((row.factory, row.machine)):
            return None
        found = self._best(row)
        if found is None and self.wish.hours is None:
            return Window(row.start, row.end, row.probability)
        return found

    def _ranking(self, offer: Row[Any] | Offer, window: Window) -> Ranking:
        machine = self.machines[offer.factory, offer.machine] if self.machines is not None else Ranking(1.0)
        price = average_price(offer.price_per_hour, offer.prices, window.start, window.end)
        return rank_hours(self.wish, machine, window.start, window.end, window.probability, price)

    @cached_property
    def _length(self) -> timedelta | None:
        return timedelta(hours=self.wish.hours) if self.wish.hours is not None else None

    def _best(self, offer: Row[Any] | Offer) -> Window | None:
        whole = Window(offer.offered_start, offer.offered_end, offer.probability)
        free = bookable_windows(offer.windows, whole, (max(offer.start, self.now), offer.end), offer.minimum_hours)
        return best_window(free, _at_least(self._length, offer.minimum_hours), self._days)


def _fitting(
    entries: Mapping[Key, IndexedMachine], wanted: PreparedCriteria, viewer: str | None
) -> dict[Key, Ranking] | None:
    """The rankings of matching machines; None if no criterion concerns machines."""
    if not wanted.narrows_machines and wanted.origin is None:
        return None
    compared = ((key, rank(wanted, entry.shown_to(viewer).document)) for key, entry in entries.items())
    return {key: own for key, own in compared if own is not None}


def _those(entries: Mapping[Key, IndexedMachine], keys: Iterable[Key]) -> Mapping[Key, IndexedMachine]:
    return {key: entries[key] for key in keys if key in entries}


def _query(session: Session, wish: Wish, now: datetime, zone: str, viewer: str | None) -> Select[Offer]:
    return select(Offer).where(is_open(now, viewer), *conditions_of(session, wish, now, zone, viewer).values())


def conditions_of(
    session: Session, wish: Wish, now: datetime, zone: str, viewer: str | None
) -> dict[str, ColumnElement[bool]]:
    """What a search asks of offers, not of their machines, by the names of its filters."""
    found: dict[str, ColumnElement[bool]] = {}
    if wish.factory is not None or wish.machine is not None:
        found["machine"] = _of_machine(wish.factory, wish.machine, viewer)
    if wish.first_day is not None or wish.last_day is not None:
        found["day"] = _between(session, wish.first_day, wish.last_day, zone)
    if wish.hours is not None:
        shortest = timedelta(hours=wish.hours)
        # Written as a sum to keep the planner from the index by length: most offers are long enough.
        found["hours"] = and_(Offer.longest_s + 0 >= shortest.total_seconds(), Offer.end >= now + shortest)
    if wish.operator is not None:
        found["operator"] = Offer.operator == wish.operator
    if wish.max_price_per_hour is not None:
        found["price"] = Offer.price_per_hour.is_(None) | (Offer.lowest_per_hour <= wish.max_price_per_hour)
    return found


def _of_machine(factory: str | None, machine: str | None, viewer: str | None) -> ColumnElement[bool]:
    """By the names that the viewer may know: an anonymous machine is found by its alias alone."""
    if factory is None and machine is not None and is_alias(machine):
        return (Offer.alias == machine) | (Offer.machine == machine) & _is_named(viewer)
    asked = [] if factory is None else [Offer.factory == factory]
    asked += [] if machine is None else [Offer.machine == machine]
    return and_(*asked) if viewer is not None and viewer == factory else and_(*asked, _is_named(viewer))


def _is_named(viewer: str | None) -> ColumnElement[bool]:
    """`Offer.is_hidden_from` as a condition of a query, the other way round."""
    return Offer.alias.is_(None) if viewer is None else Offer.alias.is_(None) | (Offer.factory == viewer)


def _at_least(length: timedelta | None, minimum_hours: float | None) -> timedelta | None:
    """What must be booked to have the hours asked for."""
    return length if length is None or minimum_hours is None else max(length, timedelta(hours=minimum_hours))


def _between(session: Session, first: date | None, last: date | None, zone: str) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [true()]
    if first is not None:
        midnight = datetime.combine(first, time(0), ZoneInfo(zone))
        # The longest open offer bounds how early an offer that reaches into the day can start, which an index on start can use.
        longest = session.scalar(select(func.max(Offer.length_s)).where(Offer.status == OPEN)) or 0
        conditions += [Offer.start >= midnight - timedelta(seconds=longest), Offer.end > midnight]
    if last is not None:
        next_midnight = datetime.combine(last + timedelta(days=1), time(0), ZoneInfo(zone))
        conditions.append(Offer.start < next_midnight)
    return and_(*conditions)


def offers_like(session: Session, offer: Offer) -> list[Select[Offer]]:
    """Offers of the same machine and, where that has a process, of the same process."""
    same_machine = select(Offer).where(Offer.factory == offer.factory, Offer.machine == offer.machine)
    machine = session.get(Machine, (offer.factory, offer.machine))
    if machine is None or not machine.process:
        return [same_machine]
    same = (Machine.factory == Offer.factory) & (Machine.machine == Offer.machine)
    return [same_machine, select(Offer).join(Machine, same).where(Machine.process == machine.process)]


def nearest_offers(
    session: Session, which: Select[Offer], moment: datetime, now: datetime, viewer: str | None, count: int
) -> list[Offer]:
    """Open offers that begin soonest before and after a moment: `count` on either side."""
    free = which.where(is_open(now, viewer))
    later = free.where(Offer.start >= moment).order_by(Offer.start, Offer.public_id)
    earlier = free.where(Offer.start < moment).order_by(Offer.start.desc(), Offer.public_id)
    return [neighbour for side in (later, earlier) for neighbour in session.scalars(side.limit(count))]


def other_offers(session: Session, offer: Offer, now: datetime, viewer: str | None, count: int = 5) -> list[Offer]:
    """The next open offers of the same machine, in order of their start."""
    same_machine = select(Offer).where(Offer.factory == offer.factory, Offer.machine == offer.machine)
    free = same_machine.where(Offer.id != offer.id, is_open(now, viewer))
    return list(session.scalars(free.order_by(Offer.start, Offer.public_id).limit(count)))
