"""The agent as a whole: sources write, the writer commits, the publisher sends. Each device is a task of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.clock_watch import watch_clock
from edge_agent.configuration import AgentSettings, ModbusDevice, OpcUaServer
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
_CANCEL_AGAIN_S = 1.0

Device = OpcUaServer | ModbusDevice
Source = OpcUaSource | ModbusSource


@dataclass
class _Running:
    source: Source
    task: asyncio.Task[None]


class Agent:
    """Build it, then `run`. Every part is a constructor argument of the next, so the flow can be read off here."""

    def __init__(self, settings: AgentSettings, clock: Clock) -> None:
        """Opens the outbox; raises UserError where that fails."""
        self._clock = clock
        self.settings = settings
        bounds = Bounds(settings.agent.outbox_max_mb * 1024 * 1024, settings.agent.outbox_max_age)
        self.outbox = Outbox(settings.agent.data_dir / OUTBOX_FILE, bounds)
        self.writer = ReportWriter(self.outbox, settings.machines, settings.agent.heartbeat)
        self.publisher = Publisher(
            settings.mqtt,
            settings.agent.factory,
            settings.agent.gateway,
            self.outbox,
            self.writer.committed,
            settings.agent.resend,
        )
        self._lines, self._pki = ModbusLines(), Pki(settings.agent.data_dir / PKI_FOLDER)
        self._running: dict[Device, _Running] = {}
        self._started = asyncio.Event()

    @property
    def sources(self) -> Sequence[Source]:
        return [one.source for one in self._running.values()]

    async def reached(self) -> None:
        """Return when every device was tried once, whether it answered or not."""
        await self._started.wait()
        await asyncio.gather(*(source.contact.first.wait() for source in self.sources))

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set. Then sources end first, what they saw is committed, and what can be sent is sent."""
        for device in self.settings.devices:
            self._start(device)
        self._started.set()
        writing = asyncio.create_task(self.writer.run(), name="writer")
        publishing = asyncio.create_task(self.publisher.run(), name="publisher")
        watching = asyncio.create_task(watch_clock(self._clock, self.writer), name="clock")
        try:
            await stop.wait()
        finally:
            watching.cancel()
            await self._end(list(self._running))
            self.writer.stop()
            await writing
            if not self.publisher.held_up:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_DRAIN_ON_STOP_S):
                        await self.drained()
            self.publisher.stop()
            await publishing
            self.outbox.close()

    async def take_over(self, settings: AgentSettings) -> None:
        """Go on with a changed configuration: devices that did not change are not disturbed."""
        if (settings.agent, settings.mqtt) != (self.settings.agent, self.settings.mqtt):
            _log.warning("What changed under [agent] and [mqtt] is taken over at the next start.")
        gone = [device for device in self._running if device not in settings.devices]
        await self._end(gone)
        self.writer.follow(settings.machines)
        new = [device for device in settings.devices if device not in self._running]
        for device in new:
            self._start(device)
        self.settings = settings
        _log.info("The configuration was taken over: %d devices started, %d ended.", len(new), len(gone))

    async def drained(self) -> None:
        """Return when all that was observed has been acknowledged by the broker."""
        await self.writer.flushed()
        while await asyncio.to_thread(self.outbox.depth):
            self.publisher.drained.clear()
            self.writer.committed.set()
            await self.publisher.drained.wait()

    def _start(self, device: Device) -> None:
        source: Source
        if isinstance(device, OpcUaServer):
            source = OpcUaSource(device, self._pki, self.writer, self._clock)
        else:
            source = ModbusSource(device, self._lines.of(device), self.writer, self._clock)
        self._running[device] = _Running(source, asyncio.create_task(_kept_running(source)))

    async def _end(self, devices: Sequence[Device]) -> None:
        ending = [self._running.pop(device) for device in devices]
        left = {one.task for one in ending}
        while left:
            # More than once: a library that awaits with `asyncio.wait_for` may swallow a cancellation (Python < 3.12).
            for task in left:
                task.cancel()
            _, left = await asyncio.wait(left, timeout=_CANCEL_AGAIN_S)


async def _kept_running(source: Source) -> None:
    """A defect in one source must not end the others, nor end this one for good."""
    while True:
        try:
            await source.run()
        except Exception:  # noqa: BLE001 - one source's defect must not end the others
            _log.exception("A source ended by a defect; it is started again in 5 s.")
            source.contact.broke("defect in the agent")
            await asyncio.sleep(5.0)
