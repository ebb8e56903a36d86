"""Judges a source's clock by the gateway's, and translates the source's time stamps to the gateway's time.

PLC clocks drift, stand in local time, or start at 2000-01-01. A clock that is wrong but runs evenly is corrected by its offset; of one that is
wrong and does not run evenly no time stamp is used.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from telemetry.message import EARLIEST

_log = logging.getLogger(__name__)

TOLERANCE = timedelta(seconds=30)
"""A source's clock may differ from the gateway's by this much before it is considered wrong."""

NEVER_SET = EARLIEST + timedelta(days=2)
"""An earlier time stamp is that of a clock that was never set, or none at all: OPC UA's null is 1601-01-01."""

STEADY_AFTER = timedelta(seconds=2)
"""Comparisons closer to each other do not show whether a clock runs."""

_JITTER = timedelta(seconds=1.5)
"""Two comparisons of an even clock may differ by this much: many servers' CurrentTime moves once a second."""

_DRIFT = 0.001
"""The drift of a clock that still counts as even: ten times that of a bad quartz."""


class ClockJudgement(StrEnum):
    """What a source's time stamps are worth."""

    UNKNOWN = "unknown"
    RIGHT = "right"
    CORRECTED = "corrected"
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True)
class _Comparison:
    """The source's clock was ahead by `offset`, give or take `error`, when the gateway's clock showed `at`."""

    offset: timedelta
    error: timedelta
    at: datetime

    def agrees_with(self, earlier: _Comparison) -> bool:
        apart = abs(self.at - earlier.at)
        return abs(self.offset - earlier.offset) <= _JITTER + self.error + earlier.error + _DRIFT * apart


class SourceClock:
    """What is known of one source's clock. Has no clock itself; it may outlive a connection."""

    def __init__(self, tolerance: timedelta = TOLERANCE) -> None:
        self.tolerance = tolerance
        self.late: dict[str, timedelta] = {}
        """Machines whose changes bear times that the source had confirmed before they came, and by how much: their times are not used."""
        self._last: _Comparison | None = None
        self._even = False

    def compare(self, shown: datetime, before: datetime, after: datetime) -> None:
        """The source's clock showed `shown` at some moment between `before` and `after` on the gateway's."""
        error = abs(after - before) / 2
        comparison = _Comparison(_aware(shown) - (before + error), error, before + error)
        if self._last is None or not comparison.agrees_with(self._last):
            self._last, self._even = comparison, False
        elif abs(comparison.at - self._last.at) >= STEADY_AFTER * 0.9:
            self._last, self._even = comparison, True

    @property
    def offset(self) -> timedelta | None:
        """How far the clock is ahead of the gateway's; None while nothing is known."""
        return self._last.offset if self._last is not None else None

    @property
    def judgement(self) -> ClockJudgement:
        if self._last is None:
            return ClockJudgement.UNKNOWN
        if abs(self._last.offset) <= self.tolerance:
            return ClockJudgement.RIGHT
        return ClockJudgement.CORRECTED if self._even else ClockJudgement.UNUSABLE

    def contradicted_by(self, shown: datetime, received: datetime) -> bool:
        """Whether a time that the source has just sent does not fit what is known of its clock, so that the two should be compared anew."""
        if self._last is None or self.judgement is ClockJudgement.UNUSABLE:
            return True
        return abs(_aware(shown) - received - self._last.offset) > self.tolerance / 4

    def gateway_time(self, stamp: datetime | None, received: datetime) -> datetime:
        """The moment of a time stamp on the gateway's clock; `received` if the stamp is missing, unusable, or in the future."""
        judgement = self.judgement
        if stamp is None or judgement is ClockJudgement.UNUSABLE:
            return received
        moment = _aware(stamp)
        if judgement is ClockJudgement.CORRECTED and self._last is not None:
            try:
                moment = min(moment - self._last.offset, received)
            except OverflowError:
                return received
        return moment if NEVER_SET <= moment <= received + self.tolerance else received

    def change_time(
        self, machine: str, stamp: datetime | None, received: datetime, confirmed: datetime | None
    ) -> datetime:
        """The moment of a change that has just come, when everything up to `confirmed` was known already."""
        moment = self.gateway_time(stamp, received)
        if confirmed is None or moment >= confirmed - self.tolerance:
            self.late.pop(machine, None)
            return moment
        self.late[machine] = confirmed - moment
        return received

    def first_time(self, machine: str, stamp: datetime | None, received: datetime) -> datetime:
        """The moment of a value that is the first one since connecting, and may be old."""
        return received if machine in self.late else self.gateway_time(stamp, received)


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def describe_clock(clock: SourceClock) -> str | None:
    """What is wrong with the clock, for logs and commands; None if nothing is known to be."""
    if clock.offset is None or clock.judgement in (ClockJudgement.UNKNOWN, ClockJudgement.RIGHT):
        return None
    away = f"its clock is {in_words(abs(clock.offset))} {'ahead' if clock.offset > timedelta(0) else 'behind'}"
    if clock.judgement is ClockJudgement.CORRECTED:
        return f"{away}; its times are corrected"
    return f"{away} and does not run evenly; the gateway's time is used"


def wrong_clocks(clock: SourceClock) -> dict[str | None, str]:
    """What is wrong with the clocks of a source (None) and of the machines behind it."""
    wrong: dict[str | None, str] = {
        machine: f"changes of machine {machine!r} bear times {in_words(late)} too early; the gateway's time is used"
        for machine, late in clock.late.items()
    }
    said = describe_clock(clock)
    if said is not None:
        wrong[None] = said
    return wrong


class ClockLog:
    """Logs once what is wrong with the clocks of a source, and once that it no longer is. `own`: what the source's own clock is that of."""

    def __init__(self, source: str, own: str) -> None:
        self._source = source
        self._own = own
        self._said: dict[str | None, str] = {}

    def say(self, wrong: dict[str | None, str]) -> None:
        """`wrong`: as `wrong_clocks` gives it."""
        for whose in wrong.keys() - self._said.keys():
            _log.warning("%s: %s. Set its clock, best by NTP.", self._source, wrong[whose])
        for whose in self._said.keys() - wrong.keys():
            _log.info("%s: the clock of %s is right again.", self._source, whose or self._own)
        self._said = wrong


def in_words(length: timedelta) -> str:
    """A length of time with its two largest units: `1 day 10 min`, `45 s`."""
    seconds = round(length.total_seconds())
    parts = []
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {'day' if unit == 'days' and count == 1 else unit}")
    return " ".join(parts[:2]) or "0 s"
