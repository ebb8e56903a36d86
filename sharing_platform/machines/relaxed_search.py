"""What a search that finds nothing would find without one or two of its filters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from sharing_platform.machines.index import MachineIndex
from sharing_platform.machines.models import Offer
from sharing_platform.machines.offer_search import conditions_of, find_offers
from sharing_platform.machines.visibility import is_open
from sharing_platform.search.criteria import Wish
from sharing_platform.search.ranking import PreparedCriteria, SearchDocument, prepare_criteria, rank
from sharing_platform.search.relaxation import only, used_filters, without

_COUNTED = 100
_CHECKED = 5
"""So many ways of leaving out one filter are searched for, and as many of leaving out two: those that can find most."""
_SHOWN = 6


@dataclass(frozen=True)
class Relaxed:
    """What would be found. `without`: the filters that are left out; `more`: there are more than `count`."""

    without: tuple[str, ...]
    count: int
    more: bool


def relaxed_searches(
    session: Session,
    index: MachineIndex,
    wish: Wish,
    now: datetime,
    zone: str,
    viewer: str | None,
    fixed: Collection[str] = (),
) -> list[Relaxed]:
    """What would be found without each filter alone or, where no single one helps, without two of them; most first. `fixed`: filters that stay.

    One query counts the offers that each set of filters excludes. Only where a number of hours is asked for, which has to begin on some day, are the most promising
    searched for: at most ten. Raises InvalidError where the place is not known.
    """
    used = used_filters(wish)
    excluded = _excluded(session, index, wish, now, zone, viewer)
    for size in (1, 2):
        found, checked = [], 0
        ways = [
            (_at_most(excluded, way), way) for way in combinations([name for name in used if name not in fixed], size)
        ]
        for count, way in sorted(ways, key=lambda one: -one[0]):
            if count and "hours" in used and "hours" not in way:
                checked += 1
                criteria = prepare_criteria(without(wish, way))
                results = (
                    find_offers(session, index, criteria, now, zone, viewer, _COUNTED) if checked <= _CHECKED else None
                )
                count = len(results.found) + (results.next is not None) if results is not None else 0  # noqa: PLW2901
            if count:
                found.append(Relaxed(way, min(count, _COUNTED), count > _COUNTED))
        if found:
            return sorted(found, key=lambda one: -one.count)[:_SHOWN]
    return []


def _at_most(excluded: Mapping[frozenset[str], int], left_out: Collection[str]) -> int:
    """How many offers nothing else excludes."""
    return sum(count for names, count in excluded.items() if names <= set(left_out))


def _excluded(
    session: Session, index: MachineIndex, wish: Wish, now: datetime, zone: str, viewer: str | None
) -> Counter[frozenset[str]]:
    """How many open offers each set of filters excludes. Hours are only compared with the longest booking that is possible."""
    conditions = conditions_of(session, wish, now, zone, viewer)
    flags = [case((condition, 0), else_=1).label(f"not_{name}") for name, condition in conditions.items()]
    # PostgreSQL would not recognise conditions with values in a GROUP BY of the same query.
    offers = select(Offer.factory, Offer.machine, *flags).where(is_open(now, viewer)).subquery()
    machines = {key: entry.shown_to(viewer).document for key, entry in index.entries(session).items()}
    asked = {name: prepare_criteria(only(wish, name)) for name in used_filters(wish) if name not in conditions}
    by_machine: dict[tuple[str, str], frozenset[str]] = {}
    found: Counter[frozenset[str]] = Counter()
    for factory, machine, *failed, count in session.execute(select(*offers.c, func.count()).group_by(*offers.c)):
        key = (factory, machine)
        if key not in by_machine:
            by_machine[key] = _not_met(asked, machines.get(key))
        found[by_machine[key] | {name for name, one in zip(conditions, failed, strict=True) if one}] += count
    return found


def _not_met(asked: Mapping[str, PreparedCriteria], document: SearchDocument | None) -> frozenset[str]:
    """The filters that exclude a machine; all of them where its factory has not described it."""
    return frozenset(name for name, one in asked.items() if document is None or rank(one, document) is None)
