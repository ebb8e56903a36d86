"""A gateway that boots in 1970, and clocks that are set forwards and back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from edge_agent.clock_watch import watch_clock
from edge_agent.configuration import ModbusDevice
from edge_agent.interval_tracker import Observation
from edge_agent.report_writer import ReportWriter
from edge_agent.sources.modbus import ModbusSource
from edge_agent.sources.modbus_line import ModbusLine
from simulators.modbus_server import MeterServer, plc
from telemetry import MachineState, SystemClock
from tests.edge_agent.conftest import running, until_state
from tests.servers import free_port

RUN, WAIT = MachineState.EXECUTING, MachineState.NOT_EXECUTING


class SetClock(SystemClock):
    """A system clock that the test sets."""

    offset = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.offset


def test_nothing_is_reported_before_the_clock_is_set(writer: ReportWriter, caplog: pytest.LogCaptureFixture) -> None:
    boot = datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
    for second in range(10):
        writer.observe("m1", Observation(RUN, boot + timedelta(seconds=second)))
    assert writer.reported("m1") is None
    assert caplog.text.count("nothing is reported until it is set") == 1
    now = SystemClock().now()
    writer.observe("m1", Observation(RUN, now, continuous=False))
    assert writer.reported("m1").since - now < timedelta(milliseconds=1)  # type: ignore[union-attr]


async def test_a_gateway_that_boots_in_1970_then_a_year_ahead_then_right(
    writer: ReportWriter, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    server = MeterServer([plc(1, lambda: 0b0011)], port)
    await server.start()
    clock = SetClock()
    device = ModbusDevice.validated(
        {"id": "m1", "host": "127.0.0.1", "port": port, "template": "plc-status-word", "poll_interval": "20ms"}
    )
    clock.offset = datetime(1970, 1, 1, tzinfo=UTC) - SystemClock().now()
    watching = asyncio.create_task(watch_clock(clock, writer, check_every_s=0.05))
    async with running(ModbusSource(device, ModbusLine(device), writer, clock)):
        async with asyncio.timeout(60):
            while "nothing is reported" not in caplog.text:
                await asyncio.sleep(0.01)
        clock.offset = timedelta(days=365)
        ahead = await until_state(writer, "m1", RUN)
        assert ahead.until > SystemClock().now() + timedelta(days=364)
        clock.offset = timedelta(0)
        async with asyncio.timeout(60):
            while (current := writer.reported("m1")) is None or current.until > SystemClock().now():
                await asyncio.sleep(0.01)
        assert current.state is RUN
        assert current.since <= current.until <= SystemClock().now()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await server.stop()
    assert "clock was set back" in caplog.text
