"""When the steps of a product can be made one after the other: for each the earliest hours after the one before."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from math import ceil
from zoneinfo import ZoneInfo

from sharing_platform.machines.choices import choice_of
from sharing_platform.machines.offer_order import RankedOffer
from sharing_platform.machines.offer_search import find_offers
from sharing_platform.machines.windows import Window
from sharing_platform.process_plans.product import wish_of_step
from sharing_platform.process_plans.schemas import ProductIn
from sharing_platform.search.ranking import prepare_criteria
from sharing_platform.unified_search.service import Searched

_PORTION = 100
_MOST_PORTIONS = 5
"""So many offers are looked at for a step, the soonest first."""


def schedule(searched: Searched, product: ProductIn) -> list[RankedOffer | None]:
    """For each step an offer, with the hours of it as its window. None for a step without an estimate, which takes no time here; for one for which no hours are found by the last
    day; and for all that come after that one. `product`: as it was understood."""
    ready = searched.now
    if product.first_day is not None:
        ready = max(ready, datetime.combine(product.first_day, time(0), ZoneInfo(searched.zone)))
    found: list[RankedOffer | None] = []
    stuck = False
    for process in product.processes:
        hours = product.hours.get(process)
        planned = _earliest(searched, product, process, hours, ready) if hours is not None and not stuck else None
        found.append(planned)
        if planned is not None:
            ready = planned.window.end
        elif hours is not None:
            stuck = True
    return found


def rounded(hours: float) -> timedelta:
    """Hours are booked by the half hour."""
    return timedelta(minutes=30 * ceil(hours * 2))


def _earliest(
    searched: Searched, product: ProductIn, process: str, hours: float, ready: datetime
) -> RankedOffer | None:
    """What ends first; of what ends at the same time, what begins first."""
    zone, length = ZoneInfo(searched.zone), rounded(hours)
    last = None
    if product.last_day is not None:
        last = datetime.combine(product.last_day + timedelta(days=1), time(0), zone)
    wish = wish_of_step(product, process, "machine")
    wish = wish.model_copy(
        update={
            "hours": length / timedelta(hours=1),
            "first_day": ready.astimezone(zone).date(),
            "last_day": product.last_day,
        }
    )
    criteria = prepare_criteria(wish)
    best: RankedOffer | None = None
    cursor: str | None = None
    for _ in range(_MOST_PORTIONS):
        results = find_offers(
            searched.session, searched.index, criteria, searched.now, searched.zone, searched.viewer, _PORTION, cursor=cursor
        )  # fmt: skip
        for one in results.found:
            if best is not None and one.offer.start >= best.window.end:
                return best
            window = _window(one, searched.now, ready, length)
            if window is None or (last is not None and window.end > last):
                continue
            if best is None or (window.end, window.start) < (best.window.end, best.window.start):
                best = replace(one, window=window)
        cursor = results.next
        if cursor is None:
            break
    return best


def _window(one: RankedOffer, now: datetime, ready: datetime, length: timedelta) -> Window | None:
    """The first of its hours from `ready` on that can be booked for so long."""
    choice = choice_of(one.offer, now, length=length, earliest=ready)
    if choice is None or choice.start < ready or choice.end - choice.start < length:
        return None
    return Window(choice.start, choice.end, choice.probability)
