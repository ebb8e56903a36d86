"""Each template against a simulated device of its own: a new YAML file is tested without new code."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from edge_agent.configuration import ModbusDevice
from edge_agent.device_templates import DeviceTemplate, Register, template_named, templates
from edge_agent.power_state import PowerThresholds
from edge_agent.sources.modbus import ModbusReader
from simulators.modbus_server import MeterServer, SimulatedDevice
from telemetry import MachineState, UserError
from tests.servers import free_port

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def configured(template: DeviceTemplate, port: int) -> ModbusDevice:
    thresholds = PowerThresholds(off_below_w=100, idle_below_w=1000, working_from_w=2000) if template.is_meter else None
    return ModbusDevice(
        id="m1", host="127.0.0.1", port=port, unit=7, template=template.name, thresholds=thresholds, report_power=True
    )


@pytest.mark.parametrize("template", templates().values(), ids=templates())
async def test_a_device_of_this_template_is_read(template: DeviceTemplate) -> None:
    register = template.register
    if template.is_meter:
        expected = {0.0: MachineState.NOT_AVAILABLE, 800.0: MachineState.NOT_EXECUTING, 6500.0: MachineState.EXECUTING}
    else:
        expected = {float(word): template.state_of_word(word)[0] for word in range(64)}
        assert {MachineState.EXECUTING, MachineState.NOT_EXECUTING, MachineState.OUT_OF_SERVICE} <= set(
            expected.values()
        )
    shown = 0.0
    port = free_port()
    server = MeterServer([SimulatedDevice(7, 0xFFFF, lambda: {register.address: register.encode(shown)})], port)
    await server.start()
    reader = ModbusReader(configured(template, port))
    await reader.connect()
    for value, state in expected.items():
        shown = value
        seen = await reader.read(NOW, continuous=False)
        assert seen.state is state
        assert seen.power_w == (pytest.approx(value) if template.is_meter else None)
    reader.close()
    await server.stop()


def test_the_sdm630_answers_as_its_manual_says() -> None:
    template = template_named("eastron-sdm630")
    assert (template.function, template.register.address, template.register.size) == ("input", 0x0034, 2)
    # 1234.5 as IEEE 754 single precision, high word first.
    assert template.register.decode([0x449A, 0x5000]) == 1234.5


@pytest.mark.parametrize(
    ("register", "words", "value"),
    [
        (Register(address=0, encoding="int32", word_order="little", scale=0.1), [0x5678, 0x0001], 8767.2),
        (Register(address=0, encoding="uint64", scale=0.01), [0, 0, 1, 0], 655.36),
        (Register(address=0, encoding="int16"), [0xFFFF], -1),
        (Register(address=0, encoding="float64"), [0x4093, 0x4A00, 0, 0], 1234.5),
    ],
)
def test_encodings(register: Register, words: list[int], value: float) -> None:
    assert register.decode(words) == pytest.approx(value)
    assert register.encode(value) == words


def test_a_word_that_no_rule_fits_is_unknown() -> None:
    template = DeviceTemplate(
        name="x", title="x", products=(), source="x", function="holding",
        status_word=Register(address=0, encoding="uint16"),
    )  # fmt: skip
    assert template.state_of_word(3) == (MachineState.UNKNOWN, None)


def test_an_unknown_template_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UserError, match="eastron-sdm630"):
        template_named("sdm")
