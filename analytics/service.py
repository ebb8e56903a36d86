"""Analytics as a running service: rounds on a schedule, bookings and live states in between."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from analytics.cycle import Analytics, CycleResult
from analytics.history.newest_states import NewestStates
from analytics.policy.policy import Policy
from analytics.policy.vetoes import Veto
from analytics.publishing.bookings_at_risk import Alert
from analytics.publishing.live_state import machine_cards
from analytics.publishing.platform_client import Booking, MachineCard, PlatformUnavailableError
from analytics.publishing.publisher import Publisher
from analytics.summaries.writer import SummaryWriter
from stores import StateStore, StoreRefusedError, StoreUnavailableError
from telemetry import Clock

_log = logging.getLogger(__name__)

Step = Callable[[], Awaitable[object]]

LIVE_INTERVAL_S = 0.25
BOOKING_INTERVAL_S = 1.0
WRITE_BACK_INTERVAL_S = 5.0
HOURS_INTERVAL = timedelta(minutes=1)
"""So often what dashboards show is brought up to date; with many machines less often, so that it takes a twentieth of the time."""
DELIVERY_INTERVAL_S = 5.0
"""How soon a platform that was away is tried again."""


class AnalyticsService:
    """`run` until cancelled. `result` is the last round's, None before the first."""

    def __init__(
        self,
        analytics: Analytics,
        store: StateStore,
        publisher: Publisher,
        policy: Policy,
        clock: Clock,
        interval: timedelta,
        tell: Callable[[Alert], None] = lambda _: None,
        summaries: SummaryWriter | None = None,
    ) -> None:
        self._analytics = analytics
        self._newest = NewestStates(store)
        self._publisher = publisher
        self._policy = policy
        self._clock = clock
        self._interval = interval
        self._tell = tell
        self._summaries = summaries
        self._summed: CycleResult | None = None
        self._hours_due: datetime | None = None
        self._cycle_lock = asyncio.Lock()
        self._due = asyncio.Event()
        self._bookings: frozenset[Booking] = frozenset()
        self._shown: dict[str, MachineCard] = {}
        self._away: set[str] = set()
        self.result: CycleResult | None = None

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._rounds())
            tasks.create_task(self._repeat(self._watch_bookings, BOOKING_INTERVAL_S))
            tasks.create_task(self._repeat(self._show_live, LIVE_INTERVAL_S))
            tasks.create_task(self._repeat(self._deliver, DELIVERY_INTERVAL_S))
            tasks.create_task(self._repeat(self._check_bookings, BOOKING_INTERVAL_S))
            if self._summaries is not None:
                tasks.create_task(self._repeat(self._write_back, WRITE_BACK_INTERVAL_S))

    async def cycle(self) -> CycleResult:
        """One round now; rounds never overlap. Raises what `Analytics.run_cycle` raises."""
        async with self._cycle_lock:
            self.result = await asyncio.to_thread(self._analytics.run_cycle)
            self._bookings = frozenset(self.result.bookings)
            return self.result

    async def switch_off(self, on: bool) -> None:
        """The kill switch. Off again, the next round is at once. Raises PlatformUnavailableError; it holds all the same."""
        try:
            await asyncio.to_thread(self._analytics.switch_off, on)
        finally:
            self._due.set()

    async def veto(self, veto: Veto) -> None:
        """Keep hours for the factory. Raises PlatformUnavailableError; it holds all the same."""
        try:
            await asyncio.to_thread(self._analytics.veto, veto)
        finally:
            self._due.set()

    def due(self) -> None:
        """Something has changed that a round should look at: do not wait for the next."""
        self._due.set()

    async def bookings_changed(self) -> None:
        """The platform says so: ask it now."""
        await self._guarded(self._watch_bookings)

    async def _rounds(self) -> None:
        while True:
            self._due.clear()
            await self._guarded(self.cycle)
            timer = asyncio.create_task(self._clock.sleep(self._interval.total_seconds()))
            due = asyncio.create_task(self._due.wait())
            _, pending = await asyncio.wait({timer, due}, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()

    async def _repeat(self, step: Step, seconds: float) -> None:
        while True:
            await self._guarded(step)
            await self._clock.sleep(seconds)

    async def _guarded(self, step: Step) -> None:
        """A platform or store that is away is said once; the next time makes up for it."""
        name = step.__name__
        try:
            await step()
        except (PlatformUnavailableError, StoreUnavailableError, StoreRefusedError) as error:
            if name not in self._away:
                _log.warning("%s Trying again; nothing is lost.", error)
            self._away.add(name)
            self._shown.clear()
            await self._clock.sleep(1.0)
            return
        except Exception:  # noqa: BLE001 - one defect must not end the service
            _log.exception("A defect in analytics (%s); it is tried again.", name)
            await self._clock.sleep(1.0)
            return
        if name in self._away:
            _log.info("Sharing platform and store answer again (%s).", name.strip("_"))
            self._away.discard(name)

    async def _deliver(self) -> None:
        if await asyncio.to_thread(lambda: self._publisher.pending):
            await asyncio.to_thread(self._analytics.deliver)

    async def _write_back(self) -> None:
        summaries = self._summaries
        if summaries is None:
            return
        await asyncio.to_thread(summaries.now)
        result = self.result
        now = self._clock.now()
        if self._hours_due is None or now >= self._hours_due:
            began = time.monotonic()
            await asyncio.to_thread(summaries.minute, result)
            took = timedelta(seconds=time.monotonic() - began)
            self._hours_due = now + max(HOURS_INTERVAL, 20 * took)
        if result is not None and result is not self._summed:
            await asyncio.to_thread(summaries.round, result)
            self._summed = result

    async def _check_bookings(self) -> None:
        newest = await self._newest.read(self._policy.factory, LIVE_INTERVAL_S)
        for alert in await asyncio.to_thread(self._analytics.check_bookings, newest):
            await asyncio.to_thread(self._tell, alert)

    async def _watch_bookings(self) -> None:
        found = frozenset(await asyncio.to_thread(self._publisher.refresh_bookings))
        if found != self._bookings:
            self._bookings = found
            self._due.set()

    async def _show_live(self) -> None:
        newest = await self._newest.read(self._policy.factory)
        for card in machine_cards(newest, self._policy, self._clock.now()):
            if self._shown.get(card.machine) != card:
                await asyncio.to_thread(self._publisher.show, card)
                self._shown[card.machine] = card
