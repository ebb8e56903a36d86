"""Simulated meters and PLCs behind a real Modbus TCP server: one unit per device; values are computed for the clock's current time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pymodbus.client.mixin import ModbusClientMixin
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from simulators.factory_plan import MachineCharacter, MachinePlan, Spell
from telemetry import Clock, MachineState, OperationMode, UserError

# Eastron SDM630: input registers, float32, big-endian words.
SDM630_POWER_PER_PHASE = (0x000C, 0x000E, 0x0010)
SDM630_CURRENT_L1 = 0x0006
SDM630_TOTAL_POWER = 0x0034
SDM630_REGISTERS = 0x0050

_MAINS_V = 230.0

# The PLC's status word, holding register 0.
POWER_ON, CYCLE_RUNNING, FAULT, SET_UP = 0b0001, 0b0010, 0b0100, 0b1000

logging.getLogger("pymodbus").setLevel(logging.ERROR)


@dataclass(frozen=True)
class SimulatedDevice:
    """One unit: its number of registers, and the current content of some of them (address to words)."""

    unit: int
    registers: int
    answer: Callable[[], dict[int, list[int]] | None]
    """Returns None if the device has no value; it then answers with the exception "device failure"."""


def sdm630(unit: int, power_w: Callable[[], float | None]) -> SimulatedDevice:
    """A meter that shows the active power returned by `power_w` at the time of the request."""

    def answer() -> dict[int, list[int]] | None:
        power = power_w()
        if power is None:
            return None
        words = {address: _float32(power / 3) for address in SDM630_POWER_PER_PHASE}
        words[SDM630_TOTAL_POWER] = _float32(power)
        words[SDM630_CURRENT_L1] = _float32(power / 3 / _MAINS_V)
        return words

    return SimulatedDevice(unit, SDM630_REGISTERS, answer)


def plc(unit: int, status_word: Callable[[], int]) -> SimulatedDevice:
    """A PLC with its status word in register 0."""
    return SimulatedDevice(unit, 8, lambda: {0: [status_word()]})


def metered_machine(unit: int, plan: MachinePlan, character: MachineCharacter, clock: Clock) -> SimulatedDevice:
    return sdm630(unit, lambda: power_of(plan.spell_at(character.machine, clock.now()), character))


def plc_machine(unit: int, plan: MachinePlan, character: MachineCharacter, clock: Clock) -> SimulatedDevice:
    return plc(unit, lambda: status_word_of(plan.spell_at(character.machine, clock.now())))


def power_of(spell: Spell, character: MachineCharacter) -> float:
    """Power in watts: standby when off, base load when waiting or being set up, working when executing."""
    standby, base, working = character.power_w
    if spell.state is MachineState.NOT_AVAILABLE:
        return standby
    return working if spell.state is MachineState.EXECUTING else base


def status_word_of(spell: Spell) -> int:
    """The status word that a PLC shows during this spell."""
    if spell.state is MachineState.NOT_AVAILABLE:
        return 0
    word = POWER_ON
    if spell.state is MachineState.EXECUTING:
        word |= CYCLE_RUNNING
    if spell.state is MachineState.OUT_OF_SERVICE:
        word |= FAULT
    if spell.mode is OperationMode.SETUP:
        word |= SET_UP
    return word


class MeterServer:
    """A Modbus TCP server with several units."""

    def __init__(self, devices: Sequence[SimulatedDevice], port: int) -> None:
        self._devices = devices
        self._port = port
        self._server: ModbusTcpServer | None = None

    async def start(self) -> None:
        """Start listening. Raises UserError if the port is in use."""
        self._server = ModbusTcpServer(
            [_sim_device(device) for device in self._devices], address=("127.0.0.1", self._port)
        )
        try:
            await self._server.serve_forever(background=True)
        except (OSError, RuntimeError) as error:
            raise UserError(
                f"Modbus simulator: port {self._port} on 127.0.0.1 cannot be used. "
                "Stop the program that uses it, or choose another port."
            ) from error

    async def run(self) -> None:
        """Wait until cancelled. Values are computed at each request, so nothing has to be updated."""
        await asyncio.Event().wait()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]


def _sim_device(device: SimulatedDevice) -> SimDevice:
    async def on_access(
        _function: int,
        start: int,
        _address: int,
        _count: int,
        registers: list[int],
        values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        if values is not None:
            return ExcCodes.ILLEGAL_FUNCTION  # these devices cannot be written
        answer = device.answer()
        if answer is None:
            return ExcCodes.DEVICE_FAILURE
        for first, words in answer.items():
            registers[first - start : first - start + len(words)] = words
        return None

    data = SimData(0, count=device.registers, values=0, datatype=DataType.REGISTERS)
    return SimDevice(device.unit, simdata=[data], action=on_access)


def _float32(value: float) -> list[int]:
    return ModbusClientMixin.convert_to_registers(value, ModbusClientMixin.DATATYPE.FLOAT32)
