"""Analytics as a running service: rounds on a schedule, bookings and live states in between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from analytics.cycle import Analytics, CycleResult
from analytics.live_state import machine_cards
from analytics.platform_client import Booking, MachineCard, PlatformUnavailableError, SharingPlatform
from analytics.policy import Policy
from stores import StateStore, StoreUnavailableError
from telemetry import Clock

_log = logging.getLogger(__name__)

Step = Callable[[], Awaitable[object]]

LIVE_INTERVAL_S = 0.25
BOOKING_INTERVAL_S = 1.0


class AnalyticsService:
    """`run` until cancelled. `result` is the last round's, None before the first."""

    def __init__(
        self,
        analytics: Analytics,
        store: StateStore,
        platform: SharingPlatform,
        policy: Policy,
        clock: Clock,
        interval: timedelta,
    ) -> None:
        self._analytics = analytics
        self._store = store
        self._platform = platform
        self._policy = policy
        self._clock = clock
        self._interval = interval
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

    async def cycle(self) -> CycleResult:
        """One round now; rounds never overlap. Raises what `Analytics.run_cycle` raises."""
        async with self._cycle_lock:
            self.result = await asyncio.to_thread(self._analytics.run_cycle)
            self._bookings = frozenset(self.result.bookings)
            return self.result

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
        except (PlatformUnavailableError, StoreUnavailableError) as error:
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

    async def _watch_bookings(self) -> None:
        found = frozenset(await asyncio.to_thread(self._platform.bookings, self._policy.factory))
        if found != self._bookings:
            self._bookings = found
            self._due.set()

    async def _show_live(self) -> None:
        latest = await asyncio.to_thread(self._store.latest, self._policy.factory)
        for card in machine_cards(latest, self._policy, self._clock.now()):
            if self._shown.get(card.machine) != card:
                await asyncio.to_thread(self._platform.put_machine, self._policy.factory, card)
                self._shown[card.machine] = card
