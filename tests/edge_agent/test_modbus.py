"""Modbus devices that are silent or late, or answer for others, behind one gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from edge_agent.check import check_machines
from edge_agent.configuration import AgentSettings, ModbusDevice
from edge_agent.report_writer import ReportWriter
from edge_agent.sources.contact import SourceLostError
from edge_agent.sources.modbus import ModbusReader, ModbusSource
from edge_agent.sources.modbus_line import ModbusLine
from simulators.modbus_server import MeterServer, plc, sdm630
from telemetry import MachineState, SystemClock
from tests.edge_agent.conftest import running, until_state
from tests.edge_agent.faulty_modbus import Behaviour, Closes, FaultyDevice
from tests.edge_agent.modbus_devices import EXECUTING_WORD, WAITING_WORD, sdm630_at, status_word
from tests.servers import free_port

RUN, WAIT, UNKNOWN = MachineState.EXECUTING, MachineState.NOT_EXECUTING, MachineState.UNKNOWN
CLOCK = SystemClock()


@pytest.fixture
async def faulty() -> AsyncIterator[tuple[FaultyDevice, int]]:
    device, port = FaultyDevice(lambda unit: EXECUTING_WORD), free_port()
    await device.start(port)
    yield device, port
    await device.stop()


async def until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_device_that_falls_silent_is_unknown_and_comes_back(writer: ReportWriter) -> None:
    port = free_port()
    power: list[float | None] = [6000.0]
    meter = MeterServer([sdm630(1, lambda: power[0]), plc(2, lambda: EXECUTING_WORD)], port)
    await meter.start()
    metered = sdm630_at(port, poll_interval="50ms", timeout="1s")
    line = ModbusLine(metered)
    async with (
        running(ModbusSource(metered, line, writer, CLOCK)),
        running(ModbusSource(status_word(port, "m2", 2), line, writer, CLOCK)),
    ):
        first = await until_state(writer, "m1", RUN)
        assert first.power_w is None, "power leaves the factory only where the configuration says so"
        power[0] = 500.0
        await until_state(writer, "m1", WAIT)
        power[0] = None
        await until_state(writer, "m1", UNKNOWN)
        neighbour = await until_state(writer, "m2", RUN)
        await until(lambda: writer.reported("m2").until > neighbour.until)  # type: ignore[union-attr]
        power[0] = 6000.0
        await until_state(writer, "m1", RUN)
    await meter.stop()


@pytest.mark.long
@pytest.mark.parametrize("behaviour", ["silent", "late", "other_unit", "garbage", "half_a_frame", "refuses"])
async def test_a_misbehaving_unit_does_not_affect_the_other(
    faulty: tuple[FaultyDevice, int], writer: ReportWriter, behaviour: Behaviour
) -> None:
    """Two units behind one gateway, over one connection. An answer of one is never taken for an answer of the other."""
    device, port = faulty
    device.value = lambda unit: {1: WAITING_WORD, 2: EXECUTING_WORD}[unit]
    line = ModbusLine(status_word(port))
    sources = [ModbusSource(status_word(port, f"m{unit}", unit), line, writer, CLOCK) for unit in (1, 2)]
    async with running(sources[0]), running(sources[1]):
        await until_state(writer, "m1", WAIT)
        good = await until_state(writer, "m2", RUN)
        device.behaviour[1] = behaviour
        await until_state(writer, "m1", UNKNOWN)
        asked = len(device.asked)
        await until(lambda: sum(unit == 2 for unit, _, _ in device.asked[asked:]) >= 60)
        neighbour = writer.reported("m2")
        assert neighbour is not None
        assert neighbour.state is RUN
        assert neighbour.since == good.since, "the neighbour never lost contact"
        # Ever more rarely: the silent unit takes a small part of the requests.
        assert sum(unit == 1 for unit, _, _ in device.asked[asked:]) <= 12
        device.behaviour[1] = "answers"
        await until_state(writer, "m1", WAIT)
        current = writer.reported("m2")
        assert current is not None
        assert current.state is RUN


async def test_units_behind_a_gateway_share_one_connection(
    faulty: tuple[FaultyDevice, int], writer: ReportWriter
) -> None:
    device, port = faulty
    line = ModbusLine(status_word(port))
    sources = [ModbusSource(status_word(port, f"m{unit}", unit), line, writer, CLOCK) for unit in (1, 2)]
    async with running(sources[0]), running(sources[1]):
        await until(lambda: len(device.asked) >= 40)
    shares = [sum(one == unit for one, _, _ in device.asked) for unit in (1, 2)]
    assert device.connections == 1
    assert min(shares) >= 15


async def test_reading_can_be_cancelled_at_any_moment(faulty: tuple[FaultyDevice, int]) -> None:
    """Even in the same iteration of the event loop in which an answer or a connection arrives."""
    _, port = faulty
    device = status_word(port)

    async def for_ever(line: ModbusLine) -> None:
        while True:
            await line.read_words(1, "holding", 0, 1, 20)  # a busy computer must not be what ends it

    for turns in range(150):
        line = ModbusLine(device)
        line.join()
        reading = asyncio.create_task(for_ever(line))
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        done, _ = await asyncio.wait({reading}, timeout=20)
        await line.leave()
        assert done, f"cancelled after {turns} turns, it went on"
        assert reading.cancelled()


async def test_a_request_that_times_out_closes_its_connection(faulty: tuple[FaultyDevice, int]) -> None:
    """Its answer may still arrive, and with RTU, which has no transaction ids, it would be taken for the next one's."""
    device, port = faulty
    device.behaviour[1] = "late"
    line = ModbusLine(status_word(port))
    with pytest.raises(SourceLostError, match="no answer"):
        await ModbusReader(status_word(port, unit=1), line).read(CLOCK.now(), continuous=False)
    assert (await ModbusReader(status_word(port, unit=2), line).read(CLOCK.now(), continuous=False)).state is RUN
    assert device.connections == 2
    await line.leave()


async def test_a_device_that_refuses_long_requests_is_read_value_by_value(faulty: tuple[FaultyDevice, int]) -> None:
    device, port = faulty
    device.value = lambda unit: 0x45FA  # 0x45FA45FA is 8008.7 as float32
    device.behaviour[1] = "small_requests_only"
    meter = sdm630_at(port, values=["current_l1", "import_energy"])
    line = ModbusLine(meter)
    reader = ModbusReader(meter, line)
    for _ in range(2):
        assert (await reader.read(CLOCK.now(), continuous=False)).state is RUN
    assert [count for _, _, count in device.asked] == [68, 2, 22, 2, 2, 2, 2, 2]
    await line.leave()


def meter_of(port: int, **more: Any) -> ModbusDevice:
    values = ["current_l1", "active_power_l1", "import_energy"]
    return sdm630_at(port, **({"values": values, "poll_interval": "20ms"} | more))


CURRENT, ENERGY, POWER = 0x0006, 0x0048, 0x0034


def spans(address: int, count: int, *registers: int) -> bool:
    return any(address <= register < address + count for register in registers)


@pytest.mark.parametrize("code", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("refused", "missing"),
    [
        pytest.param(ENERGY, ["import_energy"], id="last"),
        pytest.param(CURRENT, ["current_l1"], id="first"),
        pytest.param(0x0020, [], id="hole"),
        pytest.param(POWER, None, id="power"),
    ],
)
async def test_a_refused_register_costs_no_other_value(
    faulty: tuple[FaultyDevice, int], code: int, refused: int, missing: list[str] | None
) -> None:
    device, port = faulty
    device.value = lambda unit: 0x45FA
    device.exception = lambda unit, address, count: code if spans(address, count, refused) else 0
    meter = meter_of(port)
    line = ModbusLine(meter)
    reader = ModbusReader(meter, line)
    if missing is None:
        with pytest.raises(
            SourceLostError, match=rf"does not give input registers 52 to 53: it .+ \(exception {code}\)"
        ):
            await reader.read(CLOCK.now(), continuous=False)
        await line.leave()
        return
    for _ in range(3):
        assert (await reader.read(CLOCK.now(), continuous=False)).state is RUN
        assert [name for name, value in reader.values.items() if value is None] == missing
        assert list(reader.refused) == missing
    before = len(device.asked)
    await reader.read(CLOCK.now(), continuous=True)
    assert not any(spans(address, count, refused) for _, address, count in device.asked[before:]), "it is left alone"
    device.exception = lambda unit, address, count: 0
    await reader.read(CLOCK.now() + timedelta(minutes=11), continuous=True)
    assert None not in reader.values.values(), "after a while it is asked for again"
    assert not reader.refused
    await line.leave()


async def test_a_value_that_is_not_available_is_logged_once(
    faulty: tuple[FaultyDevice, int], writer: ReportWriter, caplog: pytest.LogCaptureFixture
) -> None:
    device, port = faulty
    device.value = lambda unit: 0x45FA
    device.exception = lambda unit, address, count: 2 if spans(address, count, ENERGY) else 0
    meter = meter_of(port)
    [checked] = await check_machines(
        AgentSettings.validated({"agent": {"factory": "genk", "gateway": "gw-1"}, "modbus": [meter]}), CLOCK
    )
    assert checked.seen is not None
    assert checked.seen.state is RUN
    assert "import_energy: unit 1 at" in (checked.problem or "")
    async with running(ModbusSource(meter, ModbusLine(meter), writer, CLOCK)):
        await until(lambda: len(device.asked) > 30)
    assert caplog.text.count("import_energy is not available") == 1


async def test_a_busy_unit_is_asked_again_soon(
    faulty: tuple[FaultyDevice, int], writer: ReportWriter, caplog: pytest.LogCaptureFixture
) -> None:
    """It is Unknown only if that lasts, and meanwhile the other unit behind the same gateway is read."""
    device, port = faulty
    line = ModbusLine(status_word(port))
    busy, times = 0, 0

    def exception(unit: int, address: int, count: int) -> int:
        nonlocal busy, times
        if unit == 2 or not busy:
            return 0
        busy, times = busy - 1, times + 1
        return (6, 5)[busy % 2]

    device.exception = exception
    sources = [ModbusSource(status_word(port, f"m{unit}", unit), line, writer, CLOCK) for unit in (1, 2)]
    async with running(sources[0]), running(sources[1]):
        first = await until_state(writer, "m1", RUN)
        for _ in range(3):
            busy, asked = 2, len(device.asked)
            await until(lambda asked=asked: not busy and sum(unit == 1 for unit, _, _ in device.asked[asked:]) > 5)
        assert writer.reported("m1").since == first.since  # type: ignore[union-attr]
        assert caplog.text == ""
        busy, times = 1_000_000, 0
        other = sum(unit == 2 for unit, _, _ in device.asked)
        await until_state(writer, "m1", UNKNOWN)
        assert times == 5
        assert sum(unit == 2 for unit, _, _ in device.asked) > other + 20
        busy = 0
        await until_state(writer, "m1", RUN)
    assert caplog.text.count("is Unknown") + caplog.text.count("are Unknown") == 1
    assert "does not give holding register 0: it " in caplog.text


@pytest.mark.parametrize("closes", ["after each answer", "between units"])
async def test_a_device_that_closes_connections_is_read_without_a_gap(
    faulty: tuple[FaultyDevice, int], writer: ReportWriter, caplog: pytest.LogCaptureFixture, closes: Closes
) -> None:
    """Behind it are two units, and it takes one connection at a time."""
    device, port = faulty
    device.closes, device.one_connection = closes, True
    line = ModbusLine(status_word(port))
    sources = [ModbusSource(status_word(port, f"m{unit}", unit), line, writer, CLOCK) for unit in (1, 2)]
    async with running(sources[0]), running(sources[1]):
        first = [await until_state(writer, machine, RUN) for machine in ("m1", "m2")]
        await until(lambda: all(sum(one == unit for one, _, _ in device.asked) > 20 for unit in (1, 2)))
        assert [writer.reported(machine).since for machine in ("m1", "m2")] == [one.since for one in first]  # type: ignore[union-attr]
    assert caplog.text == ""


async def test_a_single_lost_frame_is_no_loss_of_contact(
    faulty: tuple[FaultyDevice, int], writer: ReportWriter, caplog: pytest.LogCaptureFixture
) -> None:
    device, port = faulty
    async with running(ModbusSource(status_word(port, timeout="100ms"), ModbusLine(status_word(port)), writer, CLOCK)):
        first = await until_state(writer, "m1", RUN)
        for _ in range(2):
            device.loses, asked = 1, len(device.asked)
            await until(lambda asked=asked: len(device.asked) > asked + 5)
        assert writer.reported("m1").since == first.since  # type: ignore[union-attr]
        assert caplog.text == ""
        device.loses = 2
        await until_state(writer, "m1", UNKNOWN)
    assert "no answer from unit 1" in caplog.text


async def test_a_device_that_closes_instead_of_answering_is_asked_once(faulty: tuple[FaultyDevice, int]) -> None:
    """And noticed at once, not at the end of the time-out."""
    device, port = faulty
    patient = status_word(port, timeout="1h")
    line = ModbusLine(patient)
    device.closes = "instead of answering"
    async with asyncio.timeout(20):
        with pytest.raises(SourceLostError, match="closes the connection instead of answering"):
            await ModbusReader(patient, line).read(CLOCK.now(), continuous=False)
    assert len(device.asked) == 1
    await line.leave()


@pytest.mark.parametrize("unit", [0, 255])
async def test_the_first_and_the_last_unit_number(faulty: tuple[FaultyDevice, int], unit: int) -> None:
    """Devices with a single unit often answer only to one of these."""
    _, port = faulty
    device = status_word(port, unit=unit)
    line = ModbusLine(device)
    assert (await ModbusReader(device, line).read(CLOCK.now(), continuous=False)).state is RUN
    await line.leave()


async def test_a_refused_connection_is_reported(writer: ReportWriter) -> None:
    port = free_port()
    reader = ModbusReader(status_word(port), ModbusLine(status_word(port)))
    with pytest.raises(SourceLostError, match=f"no connection to 127.0.0.1:{port}"):
        await reader.read(CLOCK.now(), continuous=False)


async def test_a_start_up_current_is_not_a_part(writer: ReportWriter) -> None:
    """With a dwell time of 300 ms a short spike is not work; longer work counts from its beginning."""
    port = free_port()
    power = [500.0]
    meter = MeterServer([sdm630(1, lambda: power[0])], port)
    await meter.start()
    device = sdm630_at(port, poll_interval="20ms", dwell={"executing": "300ms"})
    source = ModbusSource(device, ModbusLine(device), writer, CLOCK)
    async with running(source):
        first = await until_state(writer, "m1", WAIT)
        for watts in (6000.0, 500.0) * 3:
            power[0] = watts
            await until(lambda watts=watts: source.reader.values.get("active_power") == watts)
        assert writer.reported("m1").since == first.since  # type: ignore[union-attr]
        began = CLOCK.now()
        power[0] = 6000.0
        worked = await until_state(writer, "m1", RUN)
        assert CLOCK.now() - began >= timedelta(milliseconds=250)
        assert worked.since - began < timedelta(milliseconds=250)
    await meter.stop()
