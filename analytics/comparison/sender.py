"""Prepares contributions, lets the factory look at them for a while, and sends them; leaves the comparison when the policy says so."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from analytics.comparison.contribution import days_of, month_due, written
from analytics.comparison.figures import MonthHours, month_hours
from analytics.comparison.ledger import BudgetSpentError, Entry, Ledger
from analytics.history.newest_states import machine_names
from analytics.history.timeline import timeline
from analytics.policy.policy import Policy
from analytics.policy.process_classes import process_class_of
from analytics.publishing.network_figures import ComparisonPlatform, ContributionRefusedError, Network
from stores import StateStore
from telemetry import Clock

_log = logging.getLogger(__name__)

SYNC_EVERY = timedelta(hours=1)
RESENT = timedelta(days=366)
"""What is older is no longer compared, and not sent again."""
_PORTION = 50
"""Machines whose month is read together."""
_CONTEXT = timedelta(days=2)


class ComparisonSender:
    """`look` may be repeated at any time, and does what is due. `network`: what the platform said last, None before it was asked. `refused`: whether its people have
    left the comparison on the platform."""

    def __init__(
        self, platform: ComparisonPlatform, ledger: Ledger, store: StateStore, policy: Callable[[], Policy], clock: Clock
    ) -> None:  # fmt: skip
        self._platform = platform
        self._ledger = ledger
        self._store = store
        self._policy = policy
        self._clock = clock
        self._synced: datetime | None = None
        self._left_out: dict[tuple[str, int], date] = {}
        self.network: Network | None = None
        self.refused = False

    def look(self) -> None:
        """Raises PlatformUnavailableError, StoreUnavailableError."""
        if not self._policy().comparison.take_part:
            if self._ledger.takes_part:
                self._platform.set_comparison(False)
                self._ledger.set_takes_part(False)
                _log.info("The factory has left the comparison; the platform has deleted its contributions.")
            self._synced = self.network = None
            self.refused = False
            return
        now = self._clock.now()
        due = any(one.send_at <= now for one in self._waiting(now))
        if due or self._synced is None or now - self._synced >= SYNC_EVERY:
            self._sync(now)
            self._synced = now

    def withhold(self, month: str, process_class: int) -> Entry | None:
        """As `Ledger.withhold`."""
        return self._ledger.withhold(month, process_class, self._clock.now())

    def entries(self) -> list[Entry]:
        """As `Ledger.entries`."""
        return self._ledger.entries()

    def _waiting(self, now: datetime) -> list[Entry]:
        if self.refused:
            return []
        return [one for one in self._ledger.entries() if one.state == "waiting" and now - one.drawn < RESENT]

    def _sync(self, now: datetime) -> None:
        self.network = self._platform.comparison()
        if self.network.takes_part and not self._ledger.takes_part:
            self._ledger.set_takes_part(True)  # as after a restored backup: leaving has to be told
        standing = {(one.month, one.process_class) for one in self.network.contributions}
        for one in self.network.contributions:
            self._ledger.adopt(one.month, one.process_class, written(one.month, one.process_class, one.figures), now)
        for spent in self.network.spent:
            self._ledger.count_spent(spent.month, spent.process_class)
        self._prepare(now)
        for entry in reversed(self._ledger.entries()):
            if (entry.month, entry.process_class) in standing:
                if entry.sent is None:
                    self._ledger.mark_arrived(entry, now)
                continue
            if entry.withheld is not None or now < entry.send_at:
                continue
            if now - entry.drawn < RESENT and not self._sent(entry, now):
                return

    def _sent(self, entry: Entry, now: datetime) -> bool:
        """Whether others can follow."""
        if not self._ledger.mark_sent(entry, now):
            return True  # somebody has withheld it since it was read
        try:
            if not self._ledger.takes_part:
                self._check_may_join()
                self._platform.set_comparison(True)
                self._ledger.set_takes_part(True)
            self._platform.put_contribution(entry.body)
        except ContributionRefusedError:
            self._ledger.mark_unsent(entry)
            if not self.refused:
                _log.warning("The platform takes no figures for the comparison: somebody has left it there.")
            self.refused = True
            return False
        except Exception:
            self._ledger.mark_unsent(entry)
            raise
        self.refused = False
        _log.info("The figures of %s, process class %d, were sent to the comparison.", entry.month, entry.process_class)
        return True

    def _check_may_join(self) -> None:
        """A ledger that knows of no leaving is of before it, as from a restored backup. Raises ContributionRefusedError where people have left on the platform."""
        if self.network is not None and self.network.left and not self._ledger.has_left:
            raise ContributionRefusedError

    def _prepare(self, now: datetime) -> None:
        policy = self._policy()
        today = now.astimezone(ZoneInfo(policy.zone)).date()
        month = month_due(today)
        if month is None:
            return
        known = {one.process_class for one in self._ledger.entries() if one.month == month}
        machines = machines_by_class(machine_names(self._store, policy.factory), policy)
        for process_class in sorted(machines.keys() - known):
            if self._left_out.get((month, process_class)) == today:
                continue
            hours = read_month(self._store, machines[process_class], policy, month)
            if hours.coverage < policy.coverage_bound:
                self._leave_out(month, process_class, today, f"too little is known of {month}")
                continue
            send_at = now + policy.comparison.review
            try:
                self._ledger.prepare(month, process_class, hours.shares(), now, send_at)
            except BudgetSpentError as error:
                self._leave_out(month, process_class, today, str(error))
                continue
            _log.info(
                "The figures of %s, process class %d, are ready for the comparison and are sent on %s; `vrijloop compare preview` shows them.",
                month, process_class, send_at.isoformat(timespec="minutes"),
            )  # fmt: skip

    def _leave_out(self, month: str, process_class: int, today: date, why: str) -> None:
        """Until tomorrow: reading a month takes a while."""
        if (month, process_class) not in self._left_out:
            _log.info("Process class %d is not compared: %s.", process_class, why)
        self._left_out[month, process_class] = today


def machines_by_class(machines: Sequence[str], policy: Policy) -> dict[int, list[str]]:
    """Machines of which it is known what they do."""
    found: dict[int, list[str]] = {}
    for machine in machines:
        main_group = process_class_of(policy.for_machine(machine).process)
        if main_group is not None:
            found.setdefault(main_group, []).append(machine)
    return found


def read_month(store: StateStore, machines: Sequence[str], policy: Policy, month: str) -> MonthHours:
    """The sums of a month, of machines that were heard in it."""
    first, last = days_of(month)
    zone = ZoneInfo(policy.zone)
    begin, end = (datetime.combine(day, time(0), zone) for day in (first, last + timedelta(days=1)))
    total = MonthHours()
    for place in range(0, len(machines), _PORTION):
        some = machines[place : place + _PORTION]
        reported = store.intervals(policy.factory, begin - _CONTEXT, end, some, power=True)
        if not reported.empty:
            total += month_hours(reported, timeline(reported, begin - _CONTEXT, end), policy, first, last)
    return total
