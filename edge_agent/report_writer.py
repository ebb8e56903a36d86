"""Connects the sources to the outbox: one interval tracker per machine; reports are committed in groups, in a thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from edge_agent.interval_tracker import IntervalTracker, Observation
from edge_agent.outbox import Outbox
from telemetry import StateInterval, to_milliseconds

MAX_PENDING = 20_000
"""Reports kept in memory before the sources have to wait: about 10 MB."""

_GATHER_S = 0.02

CLOCK_NEVER_SET = datetime(2001, 1, 1, tzinfo=UTC)
"""Gateways without a battery boot in 1970 or at 2000-01-01."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MachineView:
    """A machine and its current interval."""

    machine: str
    interval: StateInterval | None


class ReportWriter:
    """Sources call `observe` on the event loop; `run` commits the resulting reports."""

    def __init__(self, outbox: Outbox, machines: Sequence[str], heartbeat: timedelta) -> None:
        self._outbox = outbox
        self._listeners: list[asyncio.Event] = []
        self.heartbeat = heartbeat
        self._trackers: dict[str, IntervalTracker] = {}
        self.follow(machines)
        self._pending: list[tuple[str, StateInterval]] = []
        self._stopping = self._clock_logged = False
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._idle = asyncio.Event()
        self._idle.set()
        self.committed = asyncio.Event()
        """Set after each commit; the publisher waits on it and clears it."""

    def observe(self, machine: str, seen: Observation) -> None:
        if seen.at < CLOCK_NEVER_SET:
            if not self._clock_logged:
                self._clock_logged = True
                _log.error("The gateway's clock shows %s: nothing is reported until it is set.", seen.at.date())
            return
        self._clock_logged = False
        at = to_milliseconds(seen.at)
        since = to_milliseconds(seen.since) if seen.since is not None else None
        reports = self._trackers[machine].observe(replace(seen, at=at, since=since))
        if reports:
            self._report(machine, reports)

    def fill(self, machine: str, intervals: Sequence[StateInterval]) -> None:
        """Report intervals that lie before the present one, which is reported again after them: the newest report is always the present state."""
        current = self._trackers[machine].current
        if intervals and current is not None:
            self._report(machine, [*intervals, current])

    def _report(self, machine: str, intervals: Iterable[StateInterval]) -> None:
        self._pending.extend((machine, interval) for interval in intervals)
        self._idle.clear()
        self._wake.set()
        if len(self._pending) >= MAX_PENDING:
            self._room.clear()

    def follow(self, machines: Sequence[str]) -> None:
        """Set the machines to report on. Trackers of machines already followed are kept; those of other machines are dropped."""
        last = self._outbox.last_reports()
        self._trackers = {
            machine: self._trackers.get(machine) or IntervalTracker(self.heartbeat, last.get(machine))
            for machine in machines
        }
        self._tell_listeners()

    def reset(self, machines: Iterable[str]) -> None:
        """Start new intervals for these machines after the clock was set back; see `clock_watch`."""
        for machine in machines:
            self._trackers[machine].reset()

    def listen(self) -> asyncio.Event:
        """A further event of the same kind as `committed`, which is also set when the machines change."""
        self._listeners.append(asyncio.Event())
        return self._listeners[-1]

    async def room(self) -> None:
        """Return when there is room for more reports; sources await this between readings."""
        await self._room.wait()

    async def flushed(self) -> None:
        """Return when every observation is committed."""
        await self._idle.wait()

    def reported(self, machine: str) -> StateInterval | None:
        """The machine's current interval, or the last one of an earlier run."""
        return self._trackers[machine].current

    def views(self) -> list[MachineView]:
        return [MachineView(machine, tracker.current) for machine, tracker in self._trackers.items()]

    async def run(self) -> None:
        """Commit pending reports until `stop` is called and none are pending."""
        while not (self._stopping and not self._pending):
            await self._wake.wait()
            self._wake.clear()
            if not self._stopping:
                # A short delay combines many reports into one commit. Real time: the disk is not simulated.
                await asyncio.sleep(_GATHER_S)
            entries, self._pending = self._pending, []
            if entries:
                await asyncio.to_thread(self._outbox.append, entries)
            self._after_commit()

    def stop(self) -> None:
        """Make `run` return once everything is committed."""
        self._stopping = True
        self._wake.set()

    def _after_commit(self) -> None:
        self.committed.set()
        self._tell_listeners()
        if len(self._pending) < MAX_PENDING:
            self._room.set()
        if not self._pending:
            self._idle.set()

    def _tell_listeners(self) -> None:
        for event in self._listeners:
            event.set()
