"""Turns observations into the intervals that reports assert. Has no clock: each observation carries its time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from telemetry import MachineState, OperationMode, StateInterval


@dataclass(frozen=True, slots=True)
class Observation:
    """A source's observation of a machine.

    `at`: the state is confirmed up to this time. `since`: the beginning of the state according to the source (OPC UA SourceTimestamp),
    if known. `continuous`: no other state can have occurred since the last observation; False after a lost connection or a missed poll.
    """

    state: MachineState
    at: datetime
    mode: OperationMode | None = None
    since: datetime | None = None
    continuous: bool = True
    power_w: float | None = None
    reason: str | None = None


LATE = timedelta(seconds=30)
"""A source may tell a change this long after it has confirmed the time in which it lies."""


class IntervalTracker:
    """Holds the current interval of one machine and decides what to report.

    A new interval is reported at once, together with the end of the old one. An unchanged interval is reported again as a heartbeat when the
    last report is older than `heartbeat`. No report covers time that was not observed: it is Unknown. So an interval of Unknown goes on over
    such time, and a device that stays away is reported once and by heartbeats, however often it is tried.
    """

    def __init__(self, heartbeat: timedelta, last_reported: StateInterval | None = None) -> None:
        self._heartbeat = heartbeat
        self._current = last_reported
        self._reported_until = last_reported.until if last_reported else None

    @property
    def current(self) -> StateInterval | None:
        return self._current

    def reset(self) -> None:
        """Forget the current interval; call it when the clock was set back and the interval lies in the future."""
        self._current = self._reported_until = None

    def observe(self, seen: Observation) -> list[StateInterval]:
        """The intervals to report, in order; empty for most observations."""
        current = self._current
        if current is None:
            return self._begin(seen, seen.since or seen.at)
        # A clock that was set back must not shorten a reported interval: `at` stays the same until the clock has caught up.
        seen = replace(seen, at=max(seen.at, current.until))
        if (current.state, current.mode) == (seen.state, seen.mode):
            if seen.continuous or _still_unknown(current, seen) or (seen.since or seen.at) <= current.until:
                return self._extend(current, seen)
            return self._begin(seen, max(seen.since or seen.at, current.until))
        start = self._start_of(seen, current)
        closing = self._close(current, start) if seen.continuous and start > current.since else []
        return [*closing, *self._begin(seen, start)]

    @staticmethod
    def _start_of(seen: Observation, current: StateInterval) -> datetime:
        """The beginning of the new state. It does not overlap what was confirmed by more than `LATE`, unless that is Unknown, which asserts nothing."""
        start = seen.since or seen.at
        if current.state is MachineState.UNKNOWN:
            return max(start, current.since)
        return start if start >= max(current.since, current.until - LATE) else current.until

    def _begin(self, seen: Observation, start: datetime) -> list[StateInterval]:
        start = min(start, seen.at)
        return self._report(StateInterval(seen.state, start, seen.at, seen.mode, seen.power_w, seen.reason))

    def _extend(self, current: StateInterval, seen: Observation) -> list[StateInterval]:
        if seen.at <= current.until:
            return []
        extended = replace(current, until=seen.at, power_w=seen.power_w, reason=seen.reason or current.reason)
        if self._reported_until is None or seen.at - self._reported_until >= self._heartbeat:
            return self._report(extended)
        self._current = extended
        return []

    def _close(self, current: StateInterval, end: datetime) -> list[StateInterval]:
        """The end of the old interval at the start of the new one, unless it was reported already."""
        if self._reported_until is not None and self._reported_until >= end:
            return []
        return [replace(current, until=end)]

    def _report(self, interval: StateInterval) -> list[StateInterval]:
        self._current = interval
        self._reported_until = interval.until
        return [interval]


def _still_unknown(current: StateInterval, seen: Observation) -> bool:
    return seen.state is MachineState.UNKNOWN and seen.reason == current.reason
