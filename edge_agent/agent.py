"""The agent: every device a task of its own, one writer, one publisher.

OpcUaSource ─┐
ModbusSource ─┼─▶ ReportWriter ─▶ Outbox ─▶ Publisher ─▶ broker
ModbusSource ─┘
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence

from edge_agent.clock_watch import watch_clock
from edge_agent.configuration import AgentSettings
from edge_agent.outbox import Bounds, Outbox
from edge_agent.publisher import Publisher
from edge_agent.report_writer import ReportWriter
from edge_agent.sources.modbus import ModbusSource
from edge_agent.sources.modbus_line import ModbusLines
from edge_agent.sources.opcua import OpcUaSource
from edge_agent.sources.opcua_security import Pki
from telemetry import Clock

_log = logging.getLogger(__name__)

OUTBOX_FILE, PKI_FOLDER = "outbox.sqlite", "pki"
_DRAIN_ON_STOP_S = 5.0


class Agent:
    """Build it, then `run`. Every part is a constructor argument of the next, so the flow can be read off here."""

    def __init__(self, settings: AgentSettings, clock: Clock) -> None:
        """Opens the outbox; raises UserError where that fails."""
        self._clock = clock
        bounds = Bounds(settings.agent.outbox_max_mb * 1024 * 1024, settings.agent.outbox_max_age)
        self.outbox = Outbox(settings.agent.data_dir / OUTBOX_FILE, bounds)
        self.writer = ReportWriter(self.outbox, settings.machines, settings.agent.heartbeat)
        self.publisher = Publisher(
            settings.mqtt, settings.agent.factory, settings.agent.gateway, self.outbox, self.writer.committed
        )
        lines, pki = ModbusLines(), Pki(settings.agent.data_dir / PKI_FOLDER)
        self.sources: Sequence[OpcUaSource | ModbusSource] = [
            *(OpcUaSource(server, pki, self.writer, clock) for server in settings.opcua),
            *(ModbusSource(device, lines.of(device), self.writer, clock) for device in settings.modbus),
        ]

    async def reached(self) -> None:
        """Return when every device was tried once, whether it answered or not."""
        await asyncio.gather(*(source.contact.first.wait() for source in self.sources))

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set. Then sources end first, what they saw is committed, and what can be sent is sent."""
        devices = [asyncio.create_task(_kept_running(source), name=type(source).__name__) for source in self.sources]
        writing = asyncio.create_task(self.writer.run(), name="writer")
        publishing = asyncio.create_task(self.publisher.run(), name="publisher")
        watching = asyncio.create_task(watch_clock(self._clock, self.writer), name="clock")
        try:
            await stop.wait()
        finally:
            for task in (*devices, watching):
                task.cancel()
            await asyncio.gather(*devices, watching, return_exceptions=True)
            self.writer.stop()
            await writing
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.drained(), _DRAIN_ON_STOP_S)
            self.publisher.stop()
            await publishing
            self.outbox.close()

    async def drained(self) -> None:
        """Return when all that was observed has been acknowledged by the broker."""
        await self.writer.flushed()
        while await asyncio.to_thread(self.outbox.depth):
            self.publisher.drained.clear()
            self.writer.committed.set()
            await self.publisher.drained.wait()


async def _kept_running(source: OpcUaSource | ModbusSource) -> None:
    """A defect in one source must not end the others, nor end this one for good."""
    while True:
        try:
            await source.run()
        except Exception:  # noqa: BLE001 - one source's defect must not end the others
            _log.exception("A source ended by a defect; it is started again in 5 s.")
            source.contact.broke("defect in the agent")
            await asyncio.sleep(5.0)
