"""One round of analytics: read what is new, forecast, decide what to offer, deliver it, and check old promises."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from analytics.executors import InlineExecutor, Workers
from analytics.forecast.calibration import Tally
from analytics.forecast.hourly import ForecastHours, hourly
from analytics.forecast.slots import was_kept
from analytics.forecast.spare_capacity import Fitted, Proposal, adjusted_rate, fit, propose
from analytics.history.snapshot import Snapshot, advance_snapshot, read_snapshot
from analytics.policy.approvals import apply_approvals
from analytics.policy.calendar_feeds import CalendarFeeds, PlannedPeriods
from analytics.policy.policy import Policy
from analytics.policy.slot import BusyHours, Slot
from analytics.policy.vetoes import Veto
from analytics.publishing import publications as outcomes
from analytics.publishing.bookings_at_risk import Alert, bookings_at_risk
from analytics.publishing.platform_client import Booking, PlatformUnavailableError
from analytics.publishing.publications import Publications
from analytics.publishing.publisher import Delivery, Publisher
from analytics.publishing.state import PublisherState
from stores import LatestState, StateStore
from telemetry import Clock

_log = logging.getLogger(__name__)

RECENT_PROMISES = timedelta(weeks=8)
"""Published slots of so long ago still say how far promises hold now."""

REFIT = timedelta(days=1)
"""So often everything is read again and the forecast learns anew; in between, only what is new is read."""


@dataclass(frozen=True)
class CycleResult:
    """What a round found and did. `aimed_at`: the share of broken promises that the round allowed itself, None where too many of
    late were broken and publishing stops. `away`: why the platform does not show it yet."""

    at: datetime
    slots: tuple[Slot, ...] = ()
    put: int = 0
    withdrawn: int = 0
    bookings: tuple[Booking, ...] = ()
    promised: Tally = field(default_factory=Tally)
    aimed_at: float | None = None
    away: str | None = None
    forecast: ForecastHours = field(default_factory=ForecastHours)


class Analytics:
    """Holds what a round needs. `run_cycle` is called from one thread at a time."""

    def __init__(
        self,
        store: StateStore,
        publisher: Publisher,
        state: PublisherState,
        publications: Publications,
        policy: Policy,
        clock: Clock,
        feeds: CalendarFeeds,
        workers: Workers | None = None,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._state = state
        self._publications = publications
        self._policy = policy
        self._clock = clock
        self._feeds = feeds
        self._workers = workers or InlineExecutor()
        self._past: Snapshot | None = None
        self._read_at: datetime | None = None
        self._cursor = ""
        self._fitted: Fitted | None = None
        self._taken: tuple[Alert, ...] = ()
        self.planned = PlannedPeriods((), {})

    def run_cycle(self) -> CycleResult:
        """Raises StoreUnavailableError; the next round makes up for it. A platform that is away is in the result: what should be
        offered is kept, and delivered when it is back."""
        now = self._clock.now()
        away = self._asked_for_bookings()
        bookings = self._state.bookings()
        past = self._past_at(now)
        self.planned = self._feeds.read(now, list(past.grids))
        rate = adjusted_rate(self._policy.max_broken_promises, self._publications.tally(since=now - RECENT_PROMISES))
        fitted = self._fitted_for(past, rate) if past.grids and rate is not None else None
        busy = _busy(bookings, self.planned, self._state.vetoes(now))
        found = propose(fitted, past, self._policy, busy, self._workers) if fitted is not None else Proposal()
        self._check_promises(past, now, bookings)
        slots, approvals = apply_approvals(found.slots, self._state.approvals(), self._policy, now)
        self._state.set_approvals(approvals)
        self._publisher.want(slots)
        done = Delivery()
        if away is None:
            try:
                done = self.deliver()
            except PlatformUnavailableError as error:
                away = str(error)
        if done.put or done.withdrawn:
            _log.info("%d slots are free; %d offered or changed, %d withdrawn.", len(slots), done.put, done.withdrawn)
        tally, forecast = self._publications.tally(), hourly(past, found.shares)
        return CycleResult(now, slots, done.put, done.withdrawn, bookings, tally, rate, away, forecast)

    def deliver(self) -> Delivery:
        """Make the platform show what should be offered. Raises PlatformUnavailableError."""
        done = self._publisher.deliver()
        self._taken = done.taken
        return done

    def switch_off(self, on: bool) -> None:
        """The kill switch: with `on`, everything is withdrawn at once, and so is what somebody is asking for. Raises
        PlatformUnavailableError; it holds all the same."""
        self._state.kill_switch = on
        if on:
            self._publisher.want(())
            self.deliver()
            self._publisher.cancel_requests(one for one in self._publisher.refresh_bookings() if one.held)

    def veto(self, veto: Veto) -> None:
        """Nothing of these hours is offered any more, at once, and requests for them are taken back. What is booked stays: that was
        promised. Raises PlatformUnavailableError; it holds all the same."""
        self._state.add_veto(veto)
        wanted = self._state.wanted()
        self._publisher.want(wanted.slots if wanted is not None else ())
        self.deliver()
        bookings = self._publisher.refresh_bookings()
        self._publisher.cancel_requests(
            one for one in bookings if one.held and veto.meets(one.machine, one.start, one.end)
        )

    def check_bookings(self, latest: list[LatestState]) -> list[Alert]:
        """Raise and clear alerts for bookings that may not be kept; what is only being asked for is taken back. Returns the new
        alerts. Raises PlatformUnavailableError."""
        now = self._clock.now()
        bookings = self._state.bookings()
        held = [one for one in bookings if one.held]
        endangered = {one.booking for one in bookings_at_risk(held, latest, self.planned.entries, now, self._policy)}
        self._publisher.cancel_requests(one for one in held if one.id in endangered)
        firm = [one for one in bookings if not one.held]
        alerts = bookings_at_risk(firm, latest, self.planned.entries, now, self._policy)
        fresh = self._state.show_alerts([*alerts, *self._taken], now)
        for one in fresh:
            _log.warning("Booking endangered: %s", one.sentence)
        return fresh

    def _asked_for_bookings(self) -> str | None:
        try:
            self._publisher.refresh_bookings()
        except PlatformUnavailableError as error:
            return str(error)
        return None

    def _past_at(self, now: datetime) -> Snapshot:
        cursor = self._store.cursor()
        known = self._past
        past = None
        if known is not None and known.grids and self._read_at is not None and now - self._read_at < REFIT:
            changed, cursor = self._store.changed_since(self._policy.factory, self._cursor)
            past = advance_snapshot(known, self._store, changed, now, self._policy)
        if past is None:
            past, self._read_at = read_snapshot(self._store, now, self._policy, self._workers), now
        self._past, self._cursor = past, cursor
        return past

    def _fitted_for(self, past: Snapshot, rate: float) -> Fitted | None:
        held = self._fitted
        if held is None or past.now - held.now >= REFIT or held.rate != rate:
            self._fitted = fit(past, self._policy, rate, self._workers)
        return self._fitted

    def _check_promises(self, past: Snapshot, now: datetime, bookings: tuple[Booking, ...]) -> None:
        """Compare promises whose time has passed with what then happened."""
        for one in self._publications.over(now):
            if any(b.machine == one.machine and b.start < one.end and one.start < b.end for b in bookings):
                self._publications.settle([one.id], outcomes.BOOKED)
                continue
            grid = past.grids.get(one.machine)
            kept = None
            if grid is not None:
                kept = was_kept(grid.values[max(0, grid.index_of(one.start)) : max(0, grid.index_of(one.end))])
            verdict = outcomes.UNKNOWN if kept is None else outcomes.KEPT if kept else outcomes.BROKEN
            self._publications.settle([one.id], verdict)


def _busy(bookings: tuple[Booking, ...], planned: PlannedPeriods, vetoes: Sequence[Veto]) -> BusyHours:
    busy = {machine: list(times) for machine, times in planned.busy().items()}
    for booking in bookings:
        busy.setdefault(booking.machine, []).append((booking.start, booking.end))
    for veto in vetoes:
        busy.setdefault(veto.machine, []).append((veto.start, veto.end))
    return busy
