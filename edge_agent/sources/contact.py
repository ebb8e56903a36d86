"""Tracks whether a device answers; logged once when contact is lost and once when it is restored."""

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
        self._lost = False
        self.first = asyncio.Event()

    @property
    def lost(self) -> bool:
        return self._lost

    def mark_answering(self) -> None:
        """The device has answered."""
        if self._lost:
            _log.info("%s: answers again.", self._device)
        self._lost = False
        self.first.set()

    def mark_lost(self, why: str) -> None:
        """The device does not answer: report its machines as Unknown from now on."""
        if not self._lost:
            _log.warning("%s: %s. Its machines are Unknown until it answers; trying again.", self._device, why)
        self._lost = True
        self.first.set()
        now = self._clock.now()
        for machine in self.machines:
            self._writer.observe(machine, Observation(MachineState.UNKNOWN, now, reason=NO_CONTACT, continuous=False))
