"""Lines that several Modbus devices share: serial ones, RTU over TCP, and slow ones."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import threading
import tty
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from pymodbus import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer

from edge_agent.configuration import AgentSettings, ModbusDevice
from edge_agent.device_templates import Function
from edge_agent.report_writer import ReportWriter
from edge_agent.sources.modbus import ModbusReader, ModbusSource
from edge_agent.sources.modbus_line import ModbusLine, ModbusLines
from simulators.modbus_server import SimulatedDevice, _sim_device, plc, sdm630
from telemetry import MachineState, SystemClock
from tests.edge_agent.conftest import running
from tests.edge_agent.modbus_devices import EXECUTING_WORD, THRESHOLDS, WAITING_WORD, status_word
from tests.servers import free_port

RUN, WAIT = MachineState.EXECUTING, MachineState.NOT_EXECUTING
CLOCK = SystemClock()


class SlowClock(SystemClock):
    """Time passes when somebody waits, and without any waiting in the other tests' time."""

    def __init__(self) -> None:
        self.time = CLOCK.now()

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        await asyncio.sleep(0)


class SlowLine(ModbusLine):
    """A line that many devices share: each round takes as long as `rounds` says; after that it answers no more."""

    def __init__(self, device: ModbusDevice, clock: SlowClock, rounds: list[float]) -> None:
        super().__init__(device)
        self._clock, self._rounds = clock, rounds
        self.done = asyncio.Event()

    async def read_words(self, unit: int, function: Function, address: int, count: int, timeout: float) -> list[int]:
        if not self._rounds:
            self.done.set()
            await asyncio.Event().wait()
        await self._clock.sleep(self._rounds.pop(0))
        return [EXECUTING_WORD] * count


@pytest.mark.parametrize(
    ("rounds", "covered", "logged"),
    [
        pytest.param([0.1] * 30, 29, 0, id="quick"),
        pytest.param([8.0] * 10, 64, 1, id="slow: forty meters on a serial line"),
        pytest.param([0.1] * 10 + [50.0] + [0.1] * 10, 9, 0, id="one long gap is not covered"),
    ],
)
async def test_a_machine_on_a_slow_line_is_known_at_the_pace_of_the_line(
    writer: ReportWriter, caplog: pytest.LogCaptureFixture, rounds: list[float], covered: int, logged: int
) -> None:
    clock = SlowClock()
    device = status_word(1, poll_interval="1s", timeout="1s")
    line = SlowLine(device, clock, list(rounds))
    async with running(ModbusSource(device, line, writer, clock)):
        await line.done.wait()
        current = writer.reported("m1")
    assert current is not None
    assert (current.until - current.since).total_seconds() == pytest.approx(covered, abs=1)
    assert caplog.text.count("polled every 8 s instead of every 1 s") == logged


async def test_rtu_over_tcp() -> None:
    port = free_port()
    server = ModbusTcpServer(
        [_sim_device(plc(3, lambda: EXECUTING_WORD))], framer=FramerType.RTU, address=("127.0.0.1", port)
    )
    await server.serve_forever(background=True)
    device = status_word(port, unit=3, transport="rtu-over-tcp")
    line = ModbusLine(device)
    assert (await ModbusReader(device, line).read(CLOCK.now(), continuous=False)).state is RUN
    await line.leave()
    await server.shutdown()  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def serial_cable(sent: bytearray | None = None) -> Iterator[tuple[str, str]]:
    """Two connected pseudo-terminals, as a serial line; yields the names of both ends. What the first end sends is added to `sent`."""
    ends = [pty.openpty() for _ in range(2)]
    for _, near in ends:
        tty.setraw(near)

    def carry(source: int, target: int) -> None:
        with contextlib.suppress(OSError):
            while chunk := os.read(source, 1024):
                if sent is not None and source == ends[0][0]:
                    sent.extend(chunk)
                os.write(target, chunk)

    for source, target in ((ends[0][0], ends[1][0]), (ends[1][0], ends[0][0])):
        threading.Thread(target=carry, args=(source, target), daemon=True).start()
    yield os.ttyname(ends[0][1]), os.ttyname(ends[1][1])
    for far, near in ends:
        os.close(near)
        os.close(far)


def test_devices_share_a_line_only_with_the_same_settings() -> None:
    """A baud rate that is changed while the agent runs opens the line anew."""
    cable = {"transport": "serial", "serial_port": "/dev/ttyUSB0", "template": "plc-status-word"}
    slow, fast = (ModbusDevice.validated({"id": f"m{rate}", "baudrate": rate} | cable) for rate in (9600, 19200))
    lines = ModbusLines()
    assert lines.for_device(slow) is lines.for_device(replace(slow, unit=2))
    assert lines.for_device(slow) is not lines.for_device(fast)
    both = {"agent": {"factory": "genk", "gateway": "gw-1"}, "modbus": [slow, fast]}
    with pytest.raises(ValueError, match="'m9600' and 'm19200' share /dev/ttyUSB0"):
        AgentSettings.validated(both)


@pytest.mark.parametrize(
    "where", [{"transport": "serial", "serial_port": "/dev/ttyUSB0"}, {"transport": "rtu-over-tcp", "host": "h"}]
)
def test_the_broadcast_address_of_a_line_is_no_unit(where: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="none of them answers"):
        ModbusDevice.validated({"id": "m1", "template": "plc-status-word", "unit": 0} | where)


async def test_two_units_on_a_serial_line() -> None:
    with serial_cable() as (ours, theirs):
        units = [sdm630(1, lambda: 6000.0), SimulatedDevice(2, 8, lambda: {0: [WAITING_WORD]})]
        server = ModbusSerialServer([_sim_device(one) for one in units], port=theirs, baudrate=19200)
        await server.serve_forever(background=True)
        shared = {"transport": "serial", "serial_port": ours, "baudrate": 19200, "timeout": "2s"}
        meter = ModbusDevice.validated(
            {"id": "m1", "template": "eastron-sdm630", "thresholds": THRESHOLDS, "values": ["current_l1"]} | shared
        )
        other = ModbusDevice.validated({"id": "m2", "unit": 2, "template": "plc-status-word"} | shared)
        line = ModbusLine(meter)
        readers = [ModbusReader(meter, line), ModbusReader(other, line)]
        seen = await asyncio.gather(*(reader.read(CLOCK.now(), continuous=False) for reader in readers))
        assert [one.state for one in seen] == [RUN, WAIT]
        assert readers[0].values["current_l1"] == pytest.approx(6000 / 3 / 230, rel=1e-3)
        await line.leave()
        await server.shutdown()  # type: ignore[no-untyped-call]
