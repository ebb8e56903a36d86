"""Polls a machine through its Modbus device, as described by the device template.

poll ─▶ decode ─▶ thresholds with hysteresis, status word rules, or lamps ─▶ dwell ─▶ observation
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from edge_agent.backoff import Backoff, knocking
from edge_agent.configuration import ModbusDevice
from edge_agent.device_templates import BIT_FUNCTIONS
from edge_agent.dwell import DwellFilter
from edge_agent.interval_tracker import Observation
from edge_agent.power_state import NO_THRESHOLDS, state_from_power
from edge_agent.register_plan import Block, plan_reads
from edge_agent.report_writer import ReportWriter
from edge_agent.sources.contact import Contact, SourceLostError
from edge_agent.sources.modbus_line import LineDownError, ModbusLine, NoAnswerError, RefusedError
from edge_agent.sources.source_time import SourceClock
from edge_agent.stack_light import state_of_lamps
from telemetry import Clock, MachineState, OperationMode

_log = logging.getLogger(__name__)

_WHOLE_AGAIN = timedelta(minutes=10)
"""After this time requests that were split, and values that were refused, are tried again as planned."""

MISSED_POLLS = 3
"""After a gap of more than this many polls a change of state may have been missed. What counts is the pace that the line attains: with forty
meters on a serial line a round may take ten seconds, whatever the configured interval."""

_SLOWEST_PACE = timedelta(minutes=1)


class ModbusReader:
    """Reads one device over a line; `read` returns one observation.

    `values`: the last values by name, in SI units. `refused`: the values that the device does not give, and why.
    """

    def __init__(self, device: ModbusDevice, line: ModbusLine) -> None:
        self._device = device
        self._template = device.device
        self._line = line
        self._timeout = device.timeout.total_seconds()
        self._blocks: list[Block] = []
        self._planned: datetime | None = None
        self._dwell = DwellFilter(dict(device.dwell))
        self._previous: MachineState | None = None
        self.values: dict[str, float | None] = {}
        self.refused: dict[str, str] = {}

    async def read(self, at: datetime, continuous: bool) -> Observation:
        """Poll once. Raises SourceLostError."""
        if not continuous:
            self._dwell.reset()
        state, mode = await self._state(at)
        self._previous = state
        settled = self._dwell.settle(state, mode, at)
        power_w = self.values.get("active_power") if self._device.report_power else None
        reason = NO_THRESHOLDS if self._template.is_meter and self._device.thresholds is None else None
        return Observation(settled.state, settled.at, settled.mode, settled.since, continuous, power_w, reason)

    async def _state(self, at: datetime) -> tuple[MachineState, OperationMode | None]:
        unit, template = self._device.unit, self._template
        if template.stack_light is not None:
            wired = self._device.wired_lamps
            # No more inputs than are wired: a modular device has as many as it has modules, and refuses the others.
            bits = await self._inputs(template.stack_light.address, max(wired.values()) + 1)
            return state_of_lamps({lamp: bits[place] for lamp, place in wired.items()}), None
        if template.status_word is not None:
            word = template.status_word
            words = await self._line.read_words(unit, template.function, word.address, word.size, self._timeout)
            self.values = {"status_word": word.decode(words)}
            return template.state_of_word(int(self.values["status_word"] or 0))
        self.values = await self.read_values(at)
        power = self.values["active_power"]
        if power is None:
            raise SourceLostError(f"{self._device.address} gives no value for active_power")
        if self._device.thresholds is None:
            return MachineState.UNKNOWN, None
        return state_from_power(power, self._previous, self._device.thresholds), None

    async def _inputs(self, address: int, count: int) -> list[bool]:
        unit, function = self._device.unit, self._template.function
        if function in BIT_FUNCTIONS:
            return await self._line.read_bits(unit, function, address, count, self._timeout)
        words = await self._line.read_words(unit, function, address, math.ceil(count / 16), self._timeout)
        return [bool(word >> bit & 1) for word in words for bit in range(16)]

    async def read_values(self, at: datetime) -> dict[str, float | None]:
        """The configured values of a meter; None for those that it refuses. Raises SourceLostError."""
        if self._planned is None or abs(at - self._planned) >= _WHOLE_AGAIN:
            self._planned, self._blocks, self.refused = at, self._plan(), {}
        values: dict[str, float | None] = dict.fromkeys(self._device.wanted_values)
        given, refused = list[Block](), dict(self.refused)
        unit, function = self._device.unit, self._template.function
        async for block, got in self._line.read_values(unit, function, self._blocks, self._timeout):
            if not isinstance(got, RefusedError):
                values |= got
                given.append(block)
            elif (name := block.values[0][0]) == "active_power":
                raise got
            else:
                refused[name] = str(got)
        self._blocks, self.refused = given, refused
        return values

    def _plan(self) -> list[Block]:
        wanted = {name: self._template.values[name] for name in self._device.wanted_values}
        return plan_reads(wanted, self._template.max_words)


class ModbusSource:
    """Polls one device until cancelled, independently of all other devices."""

    def __init__(self, device: ModbusDevice, line: ModbusLine, writer: ReportWriter, clock: Clock) -> None:
        self.device = device
        self._line = line
        self._writer = writer
        self._clock = clock
        self.reader = ModbusReader(device, line)
        self._name = f"Modbus {device.address} ({device.id})"
        self._logged: set[str] = set()
        self._slow_logged = False
        self.contact = Contact(self._name, [device.id], writer, clock)

    @property
    def contacts(self) -> list[Contact]:
        return [self.contact]

    @property
    def clocks(self) -> list[tuple[str, SourceClock]]:
        return []  # Modbus has no time stamps

    def confirm(self) -> None:
        """Each poll does."""

    async def run(self) -> None:
        """Poll until cancelled. A unit that does not answer is polled less and less often, since others wait for the same line."""
        backoff, reconnecting = Backoff(longest_s=self.device.longest_pause.total_seconds()), knocking()
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
        answered = False
        while True:
            with self._clock.hold():
                at = self._clock.now()
                continuous = self._is_continuous(previous, at, pace)
                try:
                    seen = await self.reader.read(at, continuous)
                except NoAnswerError:
                    # A frame may be lost on any line: a unit that has just answered is asked once more before it counts as lost.
                    if not answered:
                        raise
                    answered = False
                    continue
                self._writer.observe(self.device.id, seen)
                await self._writer.room()
            answered = True
            # Computed now, not at the next poll: a simulated clock may have become a real one by then.
            attained = min(at - previous, _SLOWEST_PACE) if previous is not None else timedelta(0)
            self._log_slow(min(attained, pace), patience)
            previous, pace = at, max(patience, self._clock.resolution, attained)
            self.contact.mark_answering()
            self._log_refused()
            for backoff in backoffs:
                backoff.reset()
            # At most one interval: the clock may have been set back meanwhile.
            pause = min(interval, at + interval - self._clock.now())
            await self._clock.sleep(max(0.0, pause.total_seconds()))

    def _log_slow(self, pace: timedelta, patience: timedelta) -> None:
        """Log once that the line is too slow for all that share it."""
        if not self._slow_logged and pace > MISSED_POLLS * max(patience, self._clock.resolution):
            self._slow_logged = True
            _log.warning(
                "%s: polled every %.0f s instead of every %g s: its line takes that long for all devices on it.",
                self._name,
                pace.total_seconds(),
                self.device.poll_interval.total_seconds(),
            )

    def _log_refused(self) -> None:
        for name, why in self.reader.refused.items():
            if name not in self._logged:
                self._logged.add(name)
                _log.warning("%s: %s is not available (%s); the other values are read.", self._name, name, why)

    def _is_continuous(self, previous: datetime | None, at: datetime, pace: timedelta) -> bool:
        if previous is None:
            # After a start or a lost connection the last report may still be recent enough to continue.
            last = self._writer.reported(self.device.id)
            previous = last.until if last is not None and last.state is not MachineState.UNKNOWN else None
        return previous is not None and at - previous <= MISSED_POLLS * pace
