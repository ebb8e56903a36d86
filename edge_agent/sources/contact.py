"""Tracks whether a device answers, and why not; logged when contact is lost, when there is another reason, and when it is restored."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from edge_agent.interval_tracker import Observation
from edge_agent.report_writer import ReportWriter
from telemetry import Clock, MachineState

_log = logging.getLogger(__name__)

NO_CONTACT = "no contact"

_LOGGED_IN_AN_HOUR = 5
"""A device that comes and goes fills no log: after so many losses it is said once that it keeps losing contact."""


class SourceLostError(Exception):
    """The device does not answer, or its answer cannot be interpreted. The message names the device and the reason."""


class Contact:
    """Contact with one device and its machines. `first` is set after the first attempt, whether it succeeded or failed."""

    def __init__(self, device: str, machines: Sequence[str], writer: ReportWriter, clock: Clock) -> None:
        self._device = device
        self.machines = machines
        self._writer = writer
        self._clock = clock
        self._reasons: set[str] = set()
        self._losses: list[datetime] = []
        self._logged = True
        self.why: str | None = None
        """Why the device does not answer; None while it does."""
        self.first = asyncio.Event()

    @property
    def lost(self) -> bool:
        return self.why is not None

    def mark_answering(self) -> None:
        """The device has answered."""
        if self.why is not None and self._logged:
            _log.info("%s: answers again.", self._device)
        self.why = None
        self._reasons.clear()
        self.first.set()

    def mark_lost(self, why: str) -> None:
        """The device does not answer: report its machines as Unknown from now on. Each reason is logged once in an outage."""
        now = self._clock.now()
        if self.why is None:
            self._count_loss(now)
        if self._logged and why not in self._reasons:
            _log.warning("%s: %s. Its machines are Unknown until it answers; trying again.", self._device, why)
            self._reasons.add(why)
        self.why = why
        self.first.set()
        for machine in self.machines:
            self._writer.observe(machine, Observation(MachineState.UNKNOWN, now, reason=NO_CONTACT, continuous=False))

    def _count_loss(self, now: datetime) -> None:
        self._losses = [loss for loss in self._losses if timedelta(0) <= now - loss < timedelta(hours=1)] + [now]
        self._logged = len(self._losses) <= _LOGGED_IN_AN_HOUR
        if len(self._losses) == _LOGGED_IN_AN_HOUR:
            text = "%s: loses contact for the %dth time within an hour. It is tried as before, but no longer logged until that is over."
            _log.warning(text, self._device, _LOGGED_IN_AN_HOUR)
