"""Analytics as a running service: rounds on a schedule, and bookings, live states and deliveries in between."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from analytics.capacity.weekly import Capacity
from analytics.cycle import Analytics, CycleResult, Explanation
from analytics.forecast.promise_cost import PromiseCost
from analytics.history.newest_states import NewestStates
from analytics.policy.calendar_feeds import FeedReport
from analytics.policy.policy import Policy
from analytics.policy.vetoes import Veto
from analytics.publishing.alerts import Alert
from analytics.publishing.live_state import machine_cards, says_something_new
from analytics.publishing.platform_client import Booking, MachineCard, PlatformUnavailableError
from analytics.publishing.publisher import Publisher
from analytics.summaries.writer import SummaryWriter
from stores import StateStore, StoreRefusedError, StoreUnavailableError
from telemetry import Clock
from telemetry.background import BackgroundTasks

_log = logging.getLogger(__name__)

Step = Callable[[], Awaitable[object]]

LIVE_INTERVAL_S = 0.25
BOOKING_INTERVAL_S = 1.0
WRITE_BACK_INTERVAL_S = 5.0
HOURS_INTERVAL = timedelta(minutes=1)
"""How often the dashboards' hourly figures are written; less often with many machines, so that it takes at most a
twentieth of the time."""
_NAMES = {
    "cycle": "analytics: rounds",
    "_watch_bookings": "analytics: reading bookings",
    "_show_live": "analytics: showing live states",
    "_deliver": "analytics: delivering offers",
    "_check_bookings": "analytics: checking bookings",
    "_write_back": "analytics: writing what dashboards show",
}
"""Of the tasks, as status, metrics and log call them."""
ROUND_AGAIN_AFTER = timedelta(minutes=1)
"""After a round that failed, for instance while the store was away; the interval may be an hour."""
DELIVERY_INTERVAL_S = 5.0
"""How often delivery to an unavailable platform is retried."""


class AnalyticsService:
    """`run` runs until cancelled. `result` is that of the last round, None before the first."""

    def __init__(
        self,
        analytics: Analytics,
        store: StateStore,
        publisher: Publisher,
        policy: Policy,
        clock: Clock,
        interval: timedelta,
        notify: Callable[[Alert, str], None] = lambda _, __: None,
        summaries: SummaryWriter | None = None,
        tasks: BackgroundTasks | None = None,
    ) -> None:
        self._analytics = analytics
        self._newest = NewestStates(store)
        self._publisher = publisher
        self._policy = policy
        self._clock = clock
        self._interval = interval
        self._notify = notify
        self._summaries = summaries
        self._summed: CycleResult | None = None
        self._hours_due: datetime | None = None
        self._cycle_lock = asyncio.Lock()
        self._round_requested = asyncio.Event()
        self._bookings: frozenset[Booking] = frozenset()
        self._cards: dict[str, MachineCard] = {}
        self._tasks = tasks or BackgroundTasks(clock)
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
        """Run one round now. Rounds never overlap. Raises what `Analytics.run_cycle` raises."""
        async with self._cycle_lock:
            self.result = await asyncio.to_thread(self._analytics.run_cycle)
            self._bookings = frozenset(self.result.bookings)
            return self.result

    async def use_policy(self, policy: Policy) -> None:
        """Go by another policy, after the round that is under way, and request a round."""
        async with self._cycle_lock:
            await asyncio.to_thread(self._analytics.use_policy, policy)
            self._policy = policy
        self._cards.clear()
        self._round_requested.set()

    def explain(self, machine: str, start: datetime, end: datetime) -> Explanation | None:
        """As `Analytics.explain`."""
        return self._analytics.explain(machine, start, end)

    def capacity(self) -> Capacity | None:
        """As `Analytics.capacity`."""
        return self._analytics.capacity()

    def promise_costs(self) -> list[PromiseCost]:
        """As `Analytics.promise_costs`; takes seconds after each fit."""
        return self._analytics.promise_costs()

    def calendars(self) -> tuple[FeedReport, ...]:
        """What the calendars said at the last round."""
        return self._analytics.planned.feeds

    async def set_kill_switch(self, on: bool, person: str | None = None) -> None:
        """Set the kill switch and request a round. Raises PlatformUnavailableError; the switch is set nevertheless."""
        try:
            await asyncio.to_thread(self._analytics.set_kill_switch, on, person)
        finally:
            self._round_requested.set()

    async def veto(self, veto: Veto) -> None:
        """Add a veto and request a round. Raises PlatformUnavailableError; the veto holds nevertheless."""
        try:
            await asyncio.to_thread(self._analytics.veto, veto)
        finally:
            self._round_requested.set()

    def request_round(self) -> None:
        """Request a round now instead of waiting for the next scheduled one."""
        self._round_requested.set()

    async def bookings_changed(self) -> None:
        """Read the bookings now, because the platform reported a change."""
        await self._attempt(self._watch_bookings)

    async def _rounds(self) -> None:
        while True:
            self._round_requested.clear()
            done = await self._attempt(self.cycle)
            pause = self._interval if done else min(self._interval, ROUND_AGAIN_AFTER)
            timer = asyncio.create_task(self._clock.sleep(pause.total_seconds()))
            due = asyncio.create_task(self._round_requested.wait())
            _, pending = await asyncio.wait({timer, due}, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()

    async def _repeat(self, step: Step, seconds: float) -> None:
        while True:
            await self._attempt(step)
            await self._clock.sleep(seconds)

    async def _attempt(self, step: Step) -> bool:
        """Run a step; returns whether it came through. If the platform or store is unavailable, log it once when it begins and once when it ends; the
        next run catches up."""
        name = _NAMES.get(step.__name__, step.__name__)
        try:
            await step()
        except (PlatformUnavailableError, StoreUnavailableError, StoreRefusedError) as error:
            if self._tasks.failed(name, error):
                _log.warning("%s Retrying; no data is lost.", error)
            self._cards.clear()
            await self._clock.sleep(1.0)
            return False
        except Exception as error:  # noqa: BLE001 - one defect must not end the service
            if self._tasks.failed(name, error):
                _log.exception("Unexpected error in %s; retrying.", name)
            await self._clock.sleep(1.0)
            return False
        if self._tasks.works(name):
            _log.info("%s works again.", name.capitalize())
        return True

    async def _deliver(self) -> None:
        if await asyncio.to_thread(lambda: self._publisher.pending):
            await asyncio.to_thread(self._analytics.deliver)

    async def _write_back(self) -> None:
        summaries = self._summaries
        if summaries is None:
            return
        summaries.use_policy(self._policy)
        await asyncio.to_thread(summaries.write_states)
        result = self.result
        now = self._clock.now()
        if self._hours_due is None or now >= self._hours_due:
            began = time.monotonic()
            await asyncio.to_thread(summaries.write_minute, result)
            took = timedelta(seconds=time.monotonic() - began)
            self._hours_due = now + max(HOURS_INTERVAL, 20 * took)
        if result is not None and result is not self._summed:
            await asyncio.to_thread(summaries.write_round, result)
            self._summed = result

    async def _check_bookings(self) -> None:
        newest = await self._newest.read(self._policy.factory, LIVE_INTERVAL_S)
        for alert in await asyncio.to_thread(self._analytics.check_bookings, newest):
            await asyncio.to_thread(self._notify, alert, self._policy.zone)

    async def _watch_bookings(self) -> None:
        found = frozenset(await asyncio.to_thread(self._publisher.refresh_bookings))
        if found != self._bookings:
            self._bookings = found
            self._round_requested.set()

    async def _show_live(self) -> None:
        newest = await self._newest.read(self._policy.factory)
        for card in machine_cards(newest, self._policy, self._clock.now()):
            if says_something_new(card, self._cards.get(card.machine)):
                await asyncio.to_thread(self._publisher.put_machine_card, card)
                self._cards[card.machine] = card
