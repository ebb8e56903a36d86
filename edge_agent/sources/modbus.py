"""Polls a machine through its Modbus device, as described by the device template.

poll ─▶ decode ─▶ thresholds with hysteresis, status word rules, or lamps ─▶ dwell ─▶ observation
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from edge_agent.backoff import Backoff
from edge_agent.configuration import ModbusDevice
from edge_agent.device_templates import state_of_lamps
from edge_agent.dwell import DwellFilter
from edge_agent.interval_tracker import Observation
from edge_agent.power_state import state_from_power
from edge_agent.register_plan import Block, plan_reads
from edge_agent.report_writer import ReportWriter
from edge_agent.sources.contact import Contact, SourceLostError
from edge_agent.sources.modbus_line import LineDownError, ModbusLine, RefusedError
from telemetry import Clock, MachineState, OperationMode

_RECONNECT_S = 2.0

NO_THRESHOLDS = "no thresholds are configured"

MISSED_POLLS = 3
"""After a gap of more than this many polls a change of state may have been missed."""


class ModbusReader:
    """Reads one device over a line; `read` returns one observation. `values`: the last values by name, in SI units."""

    def __init__(self, device: ModbusDevice, line: ModbusLine) -> None:
        self._device = device
        self._template = device.device
        self._line = line
        self._timeout = device.timeout.total_seconds()
        self._blocks = self._plan()
        self._dwell = DwellFilter(dict(device.dwell))
        self._previous: MachineState | None = None
        self.values: dict[str, float | None] = {}

    async def read(self, at: datetime, continuous: bool) -> Observation:
        """Poll once. Raises SourceLostError."""
        if not continuous:
            self._dwell.reset()
        state, mode = await self._state()
        self._previous = state
        settled = self._dwell.settle(state, mode, at)
        power_w = self.values.get("active_power") if self._device.report_power else None
        reason = NO_THRESHOLDS if self._template.is_meter and self._device.thresholds is None else None
        return Observation(settled.state, settled.at, settled.mode, settled.since, continuous, power_w, reason)

    async def _state(self) -> tuple[MachineState, OperationMode | None]:
        unit, template = self._device.unit, self._template
        if template.stack_light is not None:
            light = template.stack_light
            bits = await self._line.read_bits(unit, template.function, light.address, light.count, self._timeout)
            return state_of_lamps({lamp: bits[place] for lamp, place in self._device.wired_lamps.items()}), None
        if template.status_word is not None:
            word = template.status_word
            words = await self._line.read_words(unit, template.function, word.address, word.size, self._timeout)
            self.values = {"status_word": word.decode(words)}
            return template.state_of_word(int(self.values["status_word"] or 0))
        self.values = await self.read_values()
        power = self.values["active_power"]
        if power is None:
            raise SourceLostError(f"{self._device.address} gives no value for active_power")
        if self._device.thresholds is None:
            return MachineState.UNKNOWN, None
        return state_from_power(power, self._previous, self._device.thresholds), None

    async def read_values(self) -> dict[str, float | None]:
        """The configured values of a meter. Raises SourceLostError."""
        values: dict[str, float | None] = {}
        for block in list(self._blocks):
            try:
                values |= await self._read_block(block)
            except RefusedError:
                if len(block.values) == 1:
                    raise
                # Some devices refuse a request that spans registers they do not have: read one by one from now on.
                self._blocks = self._plan(max_gap=-1)
                return await self.read_values()
        return values

    async def _read_block(self, block: Block) -> dict[str, float | None]:
        words = await self._line.read_words(
            self._device.unit, self._template.function, block.address, block.count, self._timeout
        )
        return block.decode(words)

    def _plan(self, **options: int) -> list[Block]:
        wanted = {name: self._template.values[name] for name in self._device.wanted_values}
        return plan_reads(wanted, self._template.max_words, **options)


class ModbusSource:
    """Polls one device until cancelled, independently of all other devices."""

    def __init__(self, device: ModbusDevice, line: ModbusLine, writer: ReportWriter, clock: Clock) -> None:
        self.device = device
        self._line = line
        self._writer = writer
        self._clock = clock
        self.reader = ModbusReader(device, line)
        self.contact = Contact(f"Modbus {device.address} ({device.id})", [device.id], writer, clock)

    async def run(self) -> None:
        """Poll until cancelled. A unit that does not answer is polled less and less often, since others wait for the same line."""
        backoff, reconnecting = (
            Backoff(longest_s=self.device.longest_pause.total_seconds()),
            Backoff(longest_s=_RECONNECT_S),
        )
        self._line.join()
        try:
            while True:
                try:
                    await self._poll_on([backoff, reconnecting])
                except LineDownError as error:
                    self.contact.mark_lost(str(error))
                    await self._clock.sleep(reconnecting.next_delay())
                except (SourceLostError, OSError) as error:
                    self.contact.mark_lost(str(error))
                    await self._clock.sleep(backoff.next_delay())
        finally:
            await self._line.leave()

    async def _poll_on(self, backoffs: Sequence[Backoff]) -> None:
        interval = self.device.poll_interval
        # Behind a gateway a poll may have to wait until another unit's request has timed out.
        patience = max(interval, self.device.timeout)
        previous: datetime | None = None
        pace = max(patience, self._clock.resolution)
        while True:
            with self._clock.hold():
                at = self._clock.now()
                seen = await self.reader.read(at, self._is_continuous(previous, at, pace))
                self._writer.observe(self.device.id, seen)
                await self._writer.room()
            # Computed now, not at the next poll: a simulated clock may have become a real one by then.
            previous, pace = at, max(patience, self._clock.resolution)
            self.contact.mark_answering()
            for backoff in backoffs:
                backoff.reset()
            # At most one interval: the clock may have been set back meanwhile.
            pause = min(interval, at + interval - self._clock.now())
            await self._clock.sleep(max(0.0, pause.total_seconds()))

    def _is_continuous(self, previous: datetime | None, at: datetime, pace: timedelta) -> bool:
        if previous is None:
            # After a start or a lost connection the last report may still be recent enough to continue.
            last = self._writer.reported(self.device.id)
            previous = last.until if last is not None and last.state is not MachineState.UNKNOWN else None
        return previous is not None and at - previous <= MISSED_POLLS * pace
