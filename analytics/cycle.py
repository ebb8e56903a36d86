"""One round of analytics: read, forecast, compare with the platform, put and withdraw, and check old promises."""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from analytics import publications as outcomes
from analytics.calibration import Tally
from analytics.past import HISTORY
from analytics.platform_client import Booking, OfferTakenError, SharingPlatform
from analytics.policy import Policy
from analytics.publications import Publications
from analytics.reconcile import Slot, reconcile
from analytics.slots import was_kept
from analytics.spare_capacity import Busy, SpareCapacity, find_spare_capacity
from stores import StateStore
from telemetry import Clock

_log = logging.getLogger(__name__)

LIVED = timedelta(weeks=8)
"""Published slots of so long ago still say how far promises hold now."""


@dataclass(frozen=True)
class CycleResult:
    """What a round found and did."""

    at: datetime
    slots: tuple[Slot, ...] = ()
    put: int = 0
    withdrawn: int = 0
    bookings: tuple[Booking, ...] = ()
    promised: Tally = field(default_factory=Tally)


class Analytics:
    """Holds what a round needs. `run_cycle` is called from one thread at a time."""

    def __init__(
        self, store: StateStore, platform: SharingPlatform, publications: Publications, policy: Policy, clock: Clock
    ) -> None:
        self._store = store
        self._platform = platform
        self._publications = publications
        self._policy = policy
        self._clock = clock

    def run_cycle(self) -> CycleResult:
        """Raises StoreUnavailableError or PlatformUnavailableError; the next round makes up for it."""
        now = self._clock.now()
        factory = self._policy.factory
        bookings = tuple(self._platform.bookings(factory))
        intervals = self._store.intervals(factory, now - HISTORY, now)
        lived = self._publications.tally(since=now - LIVED)
        spare = find_spare_capacity(intervals, now, self._policy, _busy(bookings), lived)
        self._check_promises(spare, now, bookings)
        changes = reconcile(factory, self._platform.offers(factory), spare.slots)
        put = withdrawn = 0
        for offer_id in changes.withdraw:
            try:
                self._platform.withdraw(offer_id)
            except OfferTakenError:
                continue  # booked in this very moment: the next round reads the booking
            # A promise that was withdrawn in time is no promise; one whose notice has run out still counts.
            self._publications.withdraw(offer_id, now + self._policy.notice)
            withdrawn += 1
        for offer in changes.put:
            try:
                self._platform.put_offer(factory, offer)
            except OfferTakenError:
                continue
            self._publications.published(offer, now, now + self._policy.for_machine(offer.slot.machine).notice)
            put += 1
        if put or withdrawn:
            _log.info("%d slots are free; %d offered or changed, %d withdrawn.", len(spare.slots), put, withdrawn)
        return CycleResult(now, spare.slots, put, withdrawn, bookings, self._publications.tally())

    def _check_promises(self, spare: SpareCapacity, now: datetime, bookings: tuple[Booking, ...]) -> None:
        """Compare promises whose time has passed with what then happened."""
        for one in self._publications.over(now):
            if any(b.machine == one.machine and b.start < one.end and one.start < b.end for b in bookings):
                self._publications.settle([one.id], outcomes.BOOKED)
                continue
            grid = spare.grids.get(one.machine)
            kept = None
            if grid is not None:
                kept = was_kept(grid.values[max(0, grid.index_of(one.start)) : max(0, grid.index_of(one.end))])
            verdict = outcomes.UNKNOWN if kept is None else outcomes.KEPT if kept else outcomes.BROKEN
            self._publications.settle([one.id], verdict)


def _busy(bookings: tuple[Booking, ...]) -> Busy:
    busy: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for booking in bookings:
        busy[booking.machine].append((booking.start, booking.end))
    return busy
