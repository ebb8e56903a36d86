"""One round of analytics: read new intervals, forecast, decide what to offer, deliver it, and check past promises."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from analytics.capacity.weekly import Capacity, weekly_capacity
from analytics.executors import Executor, InlineExecutor
from analytics.forecast.explanation import Condition, TakenHours, explain
from analytics.forecast.hourly import ForecastHours, hourly
from analytics.forecast.promise import parts_kept, was_kept
from analytics.forecast.promise_cost import PromiseCost, promise_costs
from analytics.forecast.spare_capacity import Fitted, Proposal, adjusted_rate, fit, propose
from analytics.forecast.tally import Tally
from analytics.history.snapshot import Snapshot, advance_snapshot, read_snapshot
from analytics.policy.approvals import Approval, apply_approvals, approved_hours
from analytics.policy.calendar_feeds import CalendarFeeds, PlannedPeriods
from analytics.policy.policy import Policy
from analytics.policy.slot import BusyHours, Slot
from analytics.policy.vetoes import Veto
from analytics.publishing import publications as outcomes
from analytics.publishing.alerts import Alert
from analytics.publishing.bookings_at_risk import bookings_at_risk
from analytics.publishing.platform_client import Booking, PlatformUnavailableError
from analytics.publishing.publications import Publications
from analytics.publishing.publisher import Delivery, Publisher
from analytics.publishing.slots_to_offer import slots_to_offer
from analytics.publishing.state import PublisherState
from stores import LatestState, StateStore
from telemetry import Clock

_log = logging.getLogger(__name__)

RECENT_PROMISES = timedelta(weeks=8)
"""How far back what was published counts as evidence of how well promises hold now."""
ENOUGH_DAYS = 20
"""From so many days of a machine on: a single bad night is no trend."""

REFIT = timedelta(days=1)
"""How often all history is read again and the forecast trained anew. In between, only new intervals are read."""


@dataclass(frozen=True)
class CycleResult:
    """What a round found and did. `target_rate`: the share of broken promises that the round was fitted to, None if
    too many were broken lately and publishing stopped. `platform_error`: why the platform does not show the slots
    yet."""

    at: datetime
    slots: tuple[Slot, ...] = ()
    put: int = 0
    withdrawn: int = 0
    bookings: tuple[Booking, ...] = ()
    promised: Tally = field(default_factory=Tally)
    target_rate: float | None = None
    platform_error: str | None = None
    forecast: ForecastHours = field(default_factory=ForecastHours)


@dataclass(frozen=True)
class Explanation:
    """Whether hours are on offer, and every condition for it, as of the round at `at`."""

    at: datetime
    offered: bool
    conditions: tuple[Condition, ...]


class Analytics:
    """The state kept between rounds. `run_cycle` must not run twice at the same time."""

    def __init__(
        self,
        store: StateStore,
        publisher: Publisher,
        state: PublisherState,
        publications: Publications,
        policy: Policy,
        clock: Clock,
        feeds: CalendarFeeds,
        executor: Executor | None = None,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._state = state
        self._publications = publications
        self._policy = policy
        self._clock = clock
        self._feeds = feeds
        self._executor = executor or InlineExecutor()
        self._snapshot: Snapshot | None = None
        self._read_at: datetime | None = None
        self._cursor = ""
        self._fitted: Fitted | None = None
        self._taken: tuple[Alert, ...] = ()
        self._last: tuple[Snapshot, Fitted | None, Proposal] | None = None
        self._costs: tuple[datetime, list[PromiseCost]] | None = None
        self.planned = PlannedPeriods()

    def run_cycle(self) -> CycleResult:
        """Run a round. Raises StoreUnavailableError; the next round catches up. If the platform is unavailable, the
        result says so; what should be offered is stored and delivered later."""
        now = self._clock.now()
        platform_error = self._refresh_bookings()
        bookings = self._state.bookings()
        snapshot = self._current_snapshot(now)
        self.planned = self._feeds.read(now, list(snapshot.grids))
        rate = adjusted_rate(self._policy.max_broken_promises, self._recent_promises(now))
        fitted = self._fitted_for(snapshot, rate) if snapshot.grids and rate is not None else None
        busy = _busy(bookings, self.planned, self._state.vetoes(now))
        found = Proposal()
        if fitted is not None:
            outlooks = self._last[2].outlooks if self._last is not None else ()
            found = propose(fitted, snapshot, self._policy, busy, self._executor, outlooks)
        self._last = (snapshot, fitted, found)
        self._check_promises(snapshot, now, bookings)
        offerable = slots_to_offer(found.slots, self._policy) if self._publisher.has_platform else []
        slots, approvals = apply_approvals(offerable, self._state.approvals(), self._policy, now)
        self._state.set_approvals(approvals)
        self._publisher.set_wanted(slots)
        done = Delivery()
        if platform_error is None:
            try:
                done = self.deliver()
            except PlatformUnavailableError as error:
                platform_error = str(error)
        if done.put or done.withdrawn:
            _log.info("%d slots are free; %d offered or changed, %d withdrawn.", len(slots), done.put, done.withdrawn)
        tally, forecast = self._publications.tally(), hourly(snapshot, found.shares)
        return CycleResult(now, slots, done.put, done.withdrawn, bookings, tally, rate, platform_error, forecast)

    def use_policy(self, policy: Policy) -> None:
        """Go by another policy from the next round on, which reads all history again: the policy also says what was idle. Must not run during a
        round."""
        self._policy = policy
        self._publisher.use_policy(policy)
        self._feeds.use_policy(policy)
        self._snapshot = self._fitted = self._last = self._costs = None

    def explain(self, machine: str, start: datetime, end: datetime) -> Explanation | None:
        """Why these hours of a machine are on offer, or not, as of the last round. None for a machine that it did not know."""
        if self._last is None or machine not in self._last[0].grids:
            return None
        snapshot, fitted, found = self._last
        now, wanted = self._clock.now(), self._state.wanted()
        taken = [
            *(TakenHours("planned", entry.start, entry.end, entry.what) for entry in self.planned.entries if entry.machine == machine),
            *(TakenHours("vetoed" if b.kept else "booked", b.start, b.end) for b in self._state.bookings() if b.machine == machine),
            *(TakenHours("vetoed", veto.start, veto.end) for veto in self._state.vetoes(now) if veto.machine == machine),
        ]  # fmt: skip
        conditions = explain(machine, start, end, snapshot, fitted, found.outlooks, self._policy, taken)
        if self._policy.for_machine(machine).approval == "ask":
            conditions.append(_approved(self._state.approvals(), machine, start, end))
        conditions.append(Condition("kill_switch", not self._state.kill_switch))
        offered = any(
            slot.machine == machine and any(window.start <= start and end <= window.end for window in slot.bookable)
            for slot in (wanted.slots if wanted is not None else ())
        )
        return Explanation(snapshot.now, offered, tuple(conditions))

    def capacity(self) -> Capacity | None:
        """Open and free hours of the coming weeks, from what the last round knew; None before it."""
        if self._last is None:
            return None
        snapshot, _, found = self._last
        busy = _busy(self._state.bookings(), self.planned, self._state.vetoes(self._clock.now()))
        return weekly_capacity(snapshot, found.shares, self._policy, busy)

    def promise_costs(self) -> list[PromiseCost]:
        """What stricter and laxer promises cost, in the trials of the last fit; none before it."""
        fitted = self._fitted
        if fitted is None or fitted.trials is None:
            return []
        if self._costs is None or self._costs[0] != fitted.now:
            trials, names = fitted.trials
            found = promise_costs(trials, names, [self._policy.for_machine(name) for name in names])
            self._costs = (fitted.now, found)
        return self._costs[1]

    def deliver(self) -> Delivery:
        """Make the platform show what should be offered. Raises PlatformUnavailableError."""
        done = self._publisher.deliver()
        self._taken = done.taken
        return done

    def set_kill_switch(self, on: bool, person: str | None = None) -> None:
        """Set the kill switch. When turned on, all offers are withdrawn and all requests cancelled at once. Raises
        PlatformUnavailableError; the switch is set nevertheless."""
        self._state.set_kill_switch(on, person, self._clock.now())
        if on:
            self._publisher.set_wanted(())
            self.deliver()
            self._publisher.cancel_requests(booking for booking in self._publisher.refresh_bookings() if booking.held)
            self.deliver()  # an offer whose request is cancelled stands open again

    def veto(self, veto: Veto) -> None:
        """Add a veto: withdraw what is offered of these hours and cancel requests for them. Bookings stay, because
        they were promised. Raises PlatformUnavailableError; the veto holds nevertheless."""
        self._state.add_veto(veto)
        wanted = self._state.wanted()
        self._publisher.set_wanted(wanted.slots if wanted is not None else ())
        self.deliver()
        bookings = self._publisher.refresh_bookings()
        self._publisher.cancel_requests(
            booking for booking in bookings if booking.held and veto.meets(booking.machine, booking.start, booking.end)
        )
        self.deliver()

    def check_bookings(self, latest: list[LatestState]) -> list[Alert]:
        """Update the alerts for bookings that may not be kept, and cancel requests that may not be kept. Returns the
        new alerts. Raises PlatformUnavailableError."""
        now = self._clock.now()
        bookings = self._state.bookings()
        requests = [booking for booking in bookings if booking.held]
        endangered = {
            alert.booking for alert in bookings_at_risk(requests, latest, self.planned.entries, now, self._policy)
        }
        self._publisher.cancel_requests(booking for booking in requests if booking.id in endangered)
        confirmed = [booking for booking in bookings if booking.agreed]
        alerts = bookings_at_risk(confirmed, latest, self.planned.entries, now, self._policy)
        new_alerts = self._state.update_alerts([*alerts, *self._taken], now)
        for alert in new_alerts:
            _log.warning("Booking at risk: %s", alert.sentence)
        return new_alerts

    def _refresh_bookings(self) -> str | None:
        try:
            self._publisher.refresh_bookings()
        except PlatformUnavailableError as error:
            return str(error)
        return None

    def _current_snapshot(self, now: datetime) -> Snapshot:
        cursor = self._store.cursor()
        known = self._snapshot
        snapshot = None
        if known is not None and known.grids and self._read_at is not None and now - self._read_at < REFIT:
            changed, cursor = self._store.changed_since(self._policy.factory, self._cursor)
            snapshot = advance_snapshot(known, self._store, changed, now, self._policy)
        if snapshot is None:
            snapshot, self._read_at = read_snapshot(self._store, now, self._policy, self._executor), now
        self._snapshot, self._cursor = snapshot, cursor
        return snapshot

    def _fitted_for(self, snapshot: Snapshot, rate: float) -> Fitted | None:
        fitted = self._fitted
        if fitted is None or snapshot.now - fitted.now >= REFIT or fitted.rate != rate:
            self._fitted = fit(snapshot, self._policy, rate, self._executor, all_day=True)
        return self._fitted

    def _recent_promises(self, now: datetime) -> Tally | None:
        """None where too few days can tell."""
        since = now - RECENT_PROMISES
        return self._publications.tally(since) if self._publications.checked_days(since) >= ENOUGH_DAYS else None

    def _check_promises(self, snapshot: Snapshot, now: datetime, bookings: tuple[Booking, ...]) -> None:
        """Compare promises whose time has passed with what happened."""
        self._publications.settle_booked((b.machine, b.start, b.end) for b in bookings if b.agreed)
        for publication in self._publications.due_for_check(now):
            grid = snapshot.grids.get(publication.machine)
            values, counted = np.empty(0, dtype=np.int8), []
            if grid is not None:
                begin, end = (max(0, grid.index_of(moment)) for moment in (publication.start, publication.end))
                values = grid.values[begin:end]
                earlier = self._publications.counted(publication.machine, publication.start, publication.end)
                counted = [(grid.index_of(start) - begin, grid.index_of(stop) - begin) for start, stop in earlier]
            kept = was_kept(values)
            verdict = outcomes.UNKNOWN if kept is None else outcomes.KEPT if kept else outcomes.BROKEN
            parts = parts_kept(values, counted) if kept is not None else None
            self._publications.settle(publication.id, verdict, parts)


def _approved(approvals: Sequence[Approval], machine: str, start: datetime, end: datetime) -> Condition:
    of_machine = [one for one in approvals if one.machine == machine]
    if any(first <= start and end <= last for first, last in approved_hours(of_machine)):
        return Condition("approval", True, {"status": "approved"})
    near = [one.status for one in of_machine if one.start < end and start < one.end and one.status != "approved"]
    return Condition("approval", False, {"status": near[0] if near else "not_asked"})


def _busy(bookings: tuple[Booking, ...], planned: PlannedPeriods, vetoes: Sequence[Veto]) -> BusyHours:
    busy = {machine: list(times) for machine, times in planned.busy().items()}
    for booking in bookings:
        busy.setdefault(booking.machine, []).append((booking.start, booking.end))
    for veto in vetoes:
        busy.setdefault(veto.machine, []).append((veto.start, veto.end))
    return busy
