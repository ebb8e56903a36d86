"""Tracks whether a device answers, and why not; logged when contact is lost, when there is another reason, and when it is restored."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from edge_agent.interval_tracker import Observation
from edge_agent.report_writer import ReportWriter
from telemetry import Clock, MachineState

_log = logging.getLogger(__name__)

NO_CONTACT = "no contact"


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
        self.why: str | None = None
        """Why the device does not answer; None while it does."""
        self.first = asyncio.Event()

    @property
    def lost(self) -> bool:
        return self.why is not None

    def mark_answering(self) -> None:
        """The device has answered."""
        if self.why is not None:
            _log.info("%s: answers again.", self._device)
        self.why = None
        self._reasons.clear()
        self.first.set()

    def mark_lost(self, why: str) -> None:
        """The device does not answer: report its machines as Unknown from now on. Each reason is logged once in an outage."""
        if why not in self._reasons:
            _log.warning("%s: %s. Its machines are Unknown until it answers; trying again.", self._device, why)
            self._reasons.add(why)
        self.why = why
        self.first.set()
        now = self._clock.now()
        for machine in self.machines:
            self._writer.observe(machine, Observation(MachineState.UNKNOWN, now, reason=NO_CONTACT, continuous=False))
