"""The whole agent: sources observe, the writer commits to the outbox, the publisher sends. Each device has its own task."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from edge_agent.certificate_watch import certificates_of
from edge_agent.clock_watch import watch_clock
from edge_agent.configuration import AgentSettings, ModbusDevice, OpcUaServer
from edge_agent.outbox import Outbox
from edge_agent.outbox_file import Bounds
from edge_agent.publisher import Publisher
from edge_agent.report_writer import ReportWriter
from edge_agent.sources.contact import Contact
from edge_agent.sources.source_time import SourceClock
from edge_agent.sparkplug_settings import SparkplugInput, SparkplugTable
from telemetry import Clock
from telemetry.certificates import Certificate, fewest_days

if TYPE_CHECKING:
    from edge_agent.sources.modbus_line import ModbusLines
    from edge_agent.sparkplug_node import SparkplugNode

_log = logging.getLogger(__name__)

OUTBOX_FILE, PKI_FOLDER = "outbox.sqlite", "pki"
_DRAIN_ON_STOP_S = 5.0
_CANCEL_AGAIN_S = 1.0
_OPENING = 100
"""OPC UA servers that are connected to at the same time. With hundreds at once, answers take longer than `timeout`, and all of them start over."""

Device = OpcUaServer | ModbusDevice | SparkplugInput


class Source(Protocol):
    """Reads the machines of one device. A machine answers while none of its contacts is lost."""

    @property
    def contacts(self) -> Sequence[Contact]: ...

    @property
    def clocks(self) -> Sequence[tuple[str, SourceClock]]:
        """The clocks that its time stamps are from, each with whose it is."""
        ...

    async def run(self) -> None:
        """Read until cancelled."""
        ...

    def confirm(self) -> None:
        """Confirm the machines as far as they are known by now, as somebody asks for their status."""
        ...


@dataclass
class _Running:
    source: Source
    task: asyncio.Task[None]


class Agent:
    """Builds the parts of an agent and runs them until it is stopped."""

    def __init__(self, settings: AgentSettings, clock: Clock) -> None:
        """Open the outbox. Raises UserError if that fails."""
        self._clock = clock
        self.settings = settings
        table = settings.agent
        megabyte = 1024 * 1024
        bounds = Bounds(
            table.outbox_max_mb * megabyte, table.outbox_max_age, table.keep_stored_mb * megabyte, table.keep_stored
        )
        self.outbox = Outbox(settings.agent.data_dir / OUTBOX_FILE, bounds)
        self.writer = ReportWriter(self.outbox, settings.machines, settings.agent.heartbeat)
        self.publisher = Publisher(
            settings.mqtt,
            settings.agent.factory,
            settings.agent.gateway,
            self.outbox,
            self.writer.committed,
            lambda: fewest_days(self.certificates(), clock.now()),
        )
        self.sparkplug = self._sparkplug_node(settings.sparkplug) if settings.sparkplug is not None else None
        self._lines: ModbusLines | None = None
        self._opening = asyncio.Semaphore(_OPENING)
        self._running: dict[Device, _Running] = {}
        self._started = asyncio.Event()

    @property
    def sources(self) -> Sequence[Source]:
        return [running.source for running in self._running.values()]

    def certificates(self) -> list[Certificate]:
        """Those that the gateway depends on, read anew; the first to expire comes first."""
        return certificates_of(self.settings, self.settings.agent.data_dir / PKI_FOLDER, self._clock.now())

    async def reached(self) -> None:
        """Return when every device has been tried once, whether it answered or not."""
        await self._started.wait()
        await asyncio.gather(*(contact.first.wait() for source in self.sources for contact in source.contacts))

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set. Then the sources are stopped, their observations committed, and the outbox sent for up to 5 s."""
        for device in self.settings.devices:
            self._start(device)
        self._started.set()
        writing = asyncio.create_task(self.writer.run(), name="writer")
        publishing = asyncio.create_task(self.publisher.run(), name="publisher")
        watching = asyncio.create_task(watch_clock(self._clock, self.writer), name="clock")
        mirroring = asyncio.create_task(self.sparkplug.run(), name="sparkplug") if self.sparkplug is not None else None
        try:
            await stop.wait()
        finally:
            watching.cancel()
            if self.sparkplug is not None:
                self.sparkplug.stop()
            await self._end(list(self._running))
            self.writer.stop()
            await writing
            if not self.publisher.held_up:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_DRAIN_ON_STOP_S):
                        await self.drained()
            self.publisher.stop()
            await publishing
            if mirroring is not None:
                await mirroring
            self.outbox.close()

    async def reconfigure(self, settings: AgentSettings) -> None:
        """Apply a changed configuration. Devices whose configuration is unchanged keep running."""
        before = self.settings
        if (settings.agent, settings.mqtt, settings.sparkplug) != (before.agent, before.mqtt, before.sparkplug):
            _log.warning("Changes under [agent], [mqtt] and [sparkplug] take effect at the next start.")
        removed = [device for device in self._running if device not in settings.devices]
        await self._end(removed)
        self.writer.follow(settings.machines)
        new = [device for device in settings.devices if device not in self._running]
        for device in new:
            self._start(device)
        self.settings = settings
        _log.info("New configuration applied: %d devices started, %d stopped.", len(new), len(removed))

    async def drained(self) -> None:
        """Return when the broker has acknowledged every observation."""
        await self.writer.flushed()
        while await asyncio.to_thread(self.outbox.depth):
            self.publisher.drained.clear()
            self.writer.committed.set()
            await self.publisher.drained.wait()

    def _sparkplug_node(self, table: SparkplugTable) -> SparkplugNode:
        # Imported here: protobuf takes some megabytes, which no other agent needs.
        from edge_agent.sparkplug_node import SparkplugNode, devices_of

        began = self._clock.now()
        return SparkplugNode(
            table,
            table.mqtt or self.settings.mqtt,
            (self.settings.agent.factory, self.settings.agent.gateway),
            lambda: devices_of(
                self.writer.views(),
                [contact for source in self.sources for contact in source.contacts],
                self.settings.with_power,
                began,
            ),
            self.outbox.depth,
            self.writer.listen(),
            self._clock,
        )

    def _start(self, device: Device) -> None:
        source = self._source_of(device)
        self._running[device] = _Running(source, asyncio.create_task(_run_forever(source)))

    def _source_of(self, device: Device) -> Source:
        # Imported here: what each kind of device is read with takes megabytes (OPC UA 25, Modbus 5), which an agent without one does not need.
        if isinstance(device, OpcUaServer):
            from edge_agent.sources.opcua import OpcUaSource
            from edge_agent.sources.opcua_security import Pki

            pki = Pki(self.settings.agent.data_dir / PKI_FOLDER)
            return OpcUaSource(device, pki, self.writer, self._clock, self._opening)
        if isinstance(device, ModbusDevice):
            from edge_agent.sources.modbus import ModbusSource
            from edge_agent.sources.modbus_line import ModbusLines

            self._lines = self._lines or ModbusLines()
            return ModbusSource(device, self._lines.for_device(device), self.writer, self._clock)
        from edge_agent.sources.sparkplug import SparkplugSource

        broker, client_id = self.settings.broker_of(device), self.settings.host_client_id()
        return SparkplugSource(device, broker, client_id, self.writer, self._clock)

    async def _end(self, devices: Sequence[Device]) -> None:
        ending = [self._running.pop(device) for device in devices]
        left = {running.task for running in ending}
        while left:
            # Repeated: a library that uses `asyncio.wait_for` may swallow a cancellation (Python < 3.12).
            for task in left:
                task.cancel()
            _, left = await asyncio.wait(left, timeout=_CANCEL_AGAIN_S)


async def _run_forever(source: Source) -> None:
    """Run a source and restart it after an unexpected error, so that it neither stops for good nor stops the others."""
    while True:
        try:
            await source.run()
        except Exception:  # noqa: BLE001 - an error in one source must not stop the others
            _log.exception("A source stopped after an unexpected error; it is restarted in 5 s.")
            for contact in source.contacts:
                contact.mark_lost("error in the agent")
            await asyncio.sleep(5.0)
