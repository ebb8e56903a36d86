"""What a search found, machine by machine: each with the hours that fit best, its other free hours, and its week."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sharing_platform.machines.choices import price_of
from sharing_platform.machines.index import IndexEntry
from sharing_platform.machines.offer_order import FoundOffer, FoundOffers, Key, RankedOffer
from sharing_platform.machines.offer_search import OffersOfMachines
from sharing_platform.machines.week import TimeSpan, offers_by_day

MAX_SHOWN = 24
"""Machines on a page."""
MAX_OFFERS = 600
"""Offers read of the machines on a page."""
OFFERS_EACH = 6
"""Offers listed beneath a machine; its own page has all of them."""
_PAGES = 40
"""So many pages of offers are looked through for machines. A page of results then says that there are more."""

Day = tuple[date, Sequence[tuple[float, float]]]
"""A day and the parts of it, 0 to 1, that are free."""
Read = Callable[[str | None], FoundOffers]
"""The page of matching offers at a cursor, in the order asked for."""


@dataclass(frozen=True)
class MachineResult:
    """A machine with offers that match. `best`: the one that puts it at its place; `offers`: the first of them, in order of their start; `more`: whether there are
    others; `days`: the week, each day with the parts of it (0 to 1) that are free."""

    entry: IndexEntry
    best: RankedOffer
    offers: Sequence[RankedOffer]
    more: bool
    days: Sequence[Day]

    def price(self, hours: float | None) -> Decimal | None:
        """Of the hours asked for at the beginning of the best window, or None where none were asked for or the price is to be agreed."""
        window = self.best.window
        return price_of(self.best.offer, window.start, window.start + timedelta(hours=hours)) if hours else None


def machines_in_order(
    read: Read, skip: int, limit: int = MAX_SHOWN, possible: Collection[Key] | None = None
) -> tuple[list[FoundOffer], bool]:
    """Where the best offer of each machine is, machines in the order of their best offers, without the first `skip`; and whether more machines follow. `possible`: no other
    machines can be found, so that nothing more is read once all of them are."""
    best: dict[Key, FoundOffer] = {}
    cursor = None
    for _ in range(_PAGES):
        page = read(cursor)
        for result in page.found:
            best.setdefault(result.key, result)
        cursor = page.next if possible is None or len(best) < len(possible) else None
        if cursor is None or len(best) > skip + limit:
            break
    chosen = list(best.values())[skip : skip + limit]
    return chosen, len(best) > skip + limit or cursor is not None


def machine_results(offers: OffersOfMachines, first_day: date, zone: str) -> list[MachineResult]:
    """In the order of the machines' best offers."""
    return [_result(key, best, offers, first_day, zone) for key, best in offers.best.items()]


def _result(key: Key, best: RankedOffer, offers: OffersOfMachines, first_day: date, zone: str) -> MachineResult:
    days = free_by_day(offers.spans.get(key, [best.offer]), first_day, zone)
    # What puts the machine at its place comes first, also where it is not the soonest.
    others = [one for one in offers.first.get(key, ()) if one.offer.id != best.offer.id]
    listed = [best, *others][:OFFERS_EACH]
    return MachineResult(best.entry, best, listed, len(offers.spans.get(key, ())) > len(listed), days)


def free_by_day(spans: Iterable[TimeSpan], first_day: date, zone: str) -> list[Day]:
    """Seven days from the first on."""
    days = offers_by_day(spans, first_day, zone)
    return [(day, [(first, last) for _, first, last in found]) for day, found in days]
