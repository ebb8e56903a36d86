"""A machine behind a Modbus TCP device: polled, by the facts of its template.

poll ─▶ decode ─▶ thresholds with hysteresis, or status word rules ─▶ observation
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pymodbus import ModbusException
from pymodbus.client import AsyncModbusTcpClient

from edge_agent.backoff import Backoff
from edge_agent.configuration import ModbusDevice
from edge_agent.interval_tracker import Observation
from edge_agent.power_state import state_from_power
from edge_agent.report_writer import ReportWriter
from edge_agent.sources.contact import Contact, SourceLostError
from telemetry import Clock, MachineState, OperationMode

MISSED_POLLS = 3
"""After a pause of more than this many polls nobody can vouch that nothing happened in between."""


class ModbusReader:
    """One connection; `read` gives one observation."""

    def __init__(self, device: ModbusDevice) -> None:
        self._device = device
        self._template = device.device
        self._client: AsyncModbusTcpClient | None = None
        self._previous: MachineState | None = None

    async def connect(self) -> None:
        """Raises SourceLostError where the device does not take the connection."""
        self.close()
        # Reconnecting is ours to pace, so the client's own is off; a request is not repeated on a suspect connection.
        client = AsyncModbusTcpClient(
            self._device.host,
            port=self._device.port,
            timeout=self._device.timeout.total_seconds(),
            retries=0,
            reconnect_delay=0,
        )
        if not await client.connect():
            raise SourceLostError(f"no connection to {self._device.host}:{self._device.port}")
        self._client = client

    async def read(self, at: datetime, continuous: bool) -> Observation:
        """One poll. Raises SourceLostError; the connection is then to be thrown away."""
        value = await self._value()
        mode: OperationMode | None = None
        if self._device.thresholds is not None:  # the configuration demands them for a meter
            state = state_from_power(value, self._previous, self._device.thresholds)
        else:
            state, mode = self._template.state_of_word(int(value))
        self._previous = state
        power_w = value if self._template.is_meter and self._device.report_power else None
        return Observation(state, at, mode, continuous=continuous, power_w=power_w)

    async def _value(self) -> float:
        client, register = self._client, self._template.register
        if client is None:
            raise SourceLostError("not connected")
        read = client.read_input_registers if self._template.function == "input" else client.read_holding_registers
        try:
            answer = await read(register.address, count=register.size, device_id=self._device.unit)
        except ModbusException as error:
            raise SourceLostError(f"no answer from {self._device.address} ({error})") from error
        if answer.isError():
            raise SourceLostError(f"{self._device.address} refuses register {register.address} ({answer})")
        if len(answer.registers) != register.size:
            raise SourceLostError(f"{self._device.address} answered {len(answer.registers)} words, not {register.size}")
        value = register.decode(list(answer.registers))
        if value != value or value in (float("inf"), float("-inf")):
            raise SourceLostError(f"{self._device.address} gives no number in register {register.address}")
        return value

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


class ModbusSource:
    """Polls one device for ever; its trouble stays its own."""

    def __init__(self, device: ModbusDevice, writer: ReportWriter, clock: Clock) -> None:
        self._device = device
        self._writer = writer
        self._clock = clock
        self._reader = ModbusReader(device)
        self.contact = Contact(f"Modbus {device.address} ({device.id})", [device.id], writer, clock)

    async def run(self) -> None:
        """Until cancelled."""
        backoff = Backoff()
        try:
            while True:
                try:
                    with self._clock.hold():
                        await self._reader.connect()
                    await self._poll_on(backoff)
                except (SourceLostError, OSError) as error:
                    self._reader.close()
                    self.contact.broke(str(error))
                    await self._clock.sleep(backoff.next_delay())
        finally:
            self._reader.close()

    async def _poll_on(self, backoff: Backoff) -> None:
        interval = self._device.poll_interval
        previous: datetime | None = None
        pace = max(interval, self._clock.resolution)
        while True:
            with self._clock.hold():
                at = self._clock.now()
                seen = await self._reader.read(at, self._vouches(previous, at, pace))
                self._writer.observe(self._device.id, seen)
                await self._writer.room()
            # How far the next poll may lie is known now: simulated time may have become real time when it comes.
            previous, pace = at, max(interval, self._clock.resolution)
            self.contact.made()
            backoff.reset()
            await self._clock.sleep(max(0.0, (at + interval - self._clock.now()).total_seconds()))

    def _vouches(self, previous: datetime | None, at: datetime, pace: timedelta) -> bool:
        if previous is None:
            # After a start or a lost connection the last report may still be fresh enough to go on from.
            last = self._writer.reported(self._device.id)
            previous = last.until if last is not None and last.state is not MachineState.UNKNOWN else None
        return previous is not None and at - previous <= MISSED_POLLS * pace
