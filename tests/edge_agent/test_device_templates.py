"""Tests each template with a simulated device, so that a new YAML file is tested without new code."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.configuration import ModbusDevice
from edge_agent.device_templates import DeviceTemplate, Function, Register, get_template, templates
from edge_agent.discover import find_unit
from edge_agent.power_state import PowerThresholds
from edge_agent.register_plan import Block, plan_reads
from edge_agent.sources.modbus import ModbusReader
from edge_agent.sources.modbus_line import ModbusLine, RefusedError
from edge_agent.stack_light import Lamp
from edge_agent.templates_page import templates_page
from simulators.modbus_server import MeterServer, SimulatedDevice
from telemetry import MachineState, UserError
from tests.servers import free_port

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "edge_agent" / "templates"


def configured(template: DeviceTemplate, port: int) -> ModbusDevice:
    thresholds = PowerThresholds(off_below_w=100, idle_below_w=1000, working_from_w=2000) if template.is_meter else None
    return ModbusDevice(
        id="m1", host="127.0.0.1", port=port, unit=7, template=template.name, thresholds=thresholds, report_power=True
    )


def expectations(template: DeviceTemplate) -> list[tuple[dict[int, list[int]], MachineState]]:
    """The registers of a device of this template (address to words), and the state that they stand for."""
    if template.is_meter:
        register = template.values["active_power"]
        states = {0.0: MachineState.NOT_AVAILABLE, 800.0: MachineState.NOT_EXECUTING, 6500.0: MachineState.EXECUTING}
        return [({register.address: register.encode(watts)}, state) for watts, state in states.items()]
    if template.stack_light is not None:
        lamps, first = template.stack_light.lamps, template.stack_light.address
        lit_and_state: list[tuple[tuple[Lamp, ...], MachineState]] = [
            ((), MachineState.NOT_AVAILABLE),
            (("green",), MachineState.EXECUTING),
            (("yellow",), MachineState.NOT_EXECUTING),
            (("red", "green"), MachineState.OUT_OF_SERVICE),
        ]
        return [({first: [sum(2 ** lamps[lamp] for lamp in lit)]}, state) for lit, state in lit_and_state]
    assert template.status_word is not None
    found = [({template.status_word.address: [word]}, template.state_of_word(word)[0]) for word in range(16)]
    assert {MachineState.EXECUTING, MachineState.NOT_EXECUTING, MachineState.OUT_OF_SERVICE} <= {
        one[1] for one in found
    }
    return found


@pytest.mark.parametrize("template", templates().values(), ids=templates())
async def test_a_device_of_this_template_is_read(template: DeviceTemplate) -> None:
    shown: dict[int, list[int]] = {}
    port = free_port()
    server = MeterServer([SimulatedDevice(7, 0xFFFF, lambda: shown)], port)
    await server.start()
    device = configured(template, port)
    line = ModbusLine(device)
    line.join()
    reader = ModbusReader(device, line)
    for words, state in expectations(template):
        shown = words
        seen = await reader.read(NOW, continuous=False)
        assert seen.state is state, words
    await line.leave()
    await server.stop()


def shown(register: Register, place: int) -> float:
    """A value that the register can hold as it is, another one for each place."""
    bits = 16 * register.size - (not register.encoding.startswith("u"))
    raw = 10_000 * (place + 1)
    return register.scale * (raw if bits > 16 else raw % 2**bits)


METERS = [one for one in templates().values() if one.is_meter]


@pytest.mark.parametrize("template", METERS, ids=lambda one: one.name)
async def test_every_value_of_a_meter_is_read_in_few_requests(template: DeviceTemplate) -> None:
    expected = {name: shown(value, place) for place, (name, value) in enumerate(template.values.items())}
    words = {template.values[name].address: template.values[name].encode(value) for name, value in expected.items()}
    port = free_port()
    server = MeterServer([SimulatedDevice(7, 0xFFFF, lambda: words)], port)
    await server.start()
    device = replace(configured(template, port), values=tuple(template.values))
    line = ModbusLine(device)
    line.join()
    reader = ModbusReader(device, line)
    seen = await reader.read(NOW, continuous=False)
    assert reader.values == {name: pytest.approx(value) for name, value in expected.items()}
    assert seen.power_w == reader.values["active_power"]
    assert len(plan_reads(template.values, template.max_words)) <= 3
    await line.leave()
    await server.stop()


REAL = {
    "active_power": 5230.0, "active_power_l1": 1800.0, "active_power_l2": 1700.0, "active_power_l3": 1730.0,
    "current_l1": 8.2, "import_energy": 12_345_678.0,
}  # fmt: skip


class Meter(ModbusLine):
    """A line to a meter that has the registers of its template alone, and refuses others or shows 0 there."""

    def __init__(self, template: DeviceTemplate, refuses: bool) -> None:
        super().__init__(configured(template, 502))
        self._template = template
        self._refuses = refuses
        words = {one.address: one.encode(REAL[name]) for name, one in template.values.items()}
        self._words = {first + place: word for first, of in words.items() for place, word in enumerate(of)}

    async def read_words(self, unit: int, function: Function, address: int, count: int, timeout: float) -> list[int]:
        asked = range(address, address + count)
        if function != self._template.function or count > self._template.max_words:
            raise RefusedError
        if self._refuses and not self._words.keys() >= set(asked):
            raise RefusedError
        return [self._words.get(one, 0) for one in asked]

    async def identification(self, unit: int, timeout: float) -> str:
        return ""


@pytest.mark.parametrize("refuses", [True, False], ids=["refuses other registers", "shows 0 elsewhere"])
@pytest.mark.parametrize("template", [one for one in METERS if one.same_as is None], ids=lambda one: one.name)
async def test_discover_proposes_the_template_for_its_meter(template: DeviceTemplate, refuses: bool) -> None:
    found = await find_unit(Meter(template, refuses), 1, 1.0)
    assert found is not None
    assert found.fitting[0] == template.name


def test_the_sdm630_answers_as_its_manual_says() -> None:
    template = get_template("eastron-sdm630")
    power = template.values["active_power"]
    assert (template.function, power.address, power.size) == ("input", 0x0034, 2)
    # 1234.5 as IEEE 754 single precision, high word first.
    assert power.decode([0x449A, 0x5000]) == 1234.5


def test_the_abb_reports_that_it_has_no_value() -> None:
    power = get_template("abb-b23").values["active_power"]
    assert power.decode([0x7FFF, 0xFFFF]) is None
    assert power.decode([0xFFFF, 0xFFFF]) is None
    assert power.decode([0x0000, 0x3039]) == pytest.approx(123.45)


def test_templates_name_their_source_and_are_told_apart() -> None:
    """Two files with the same registers name which is which, so that `discover` tries them once."""
    found = list(templates().values())
    assert len({one.name for one in found}) == len(list(TEMPLATES.glob("*.yaml")))
    assert [one.name for one in found if one.name != one.name.lower() or not one.products or len(one.source) < 20] == []
    own = [one for one in found if one.same_as is None and one.is_meter]
    registers = {(one.function, tuple(sorted((name, value) for name, value in one.values.items()))) for one in own}
    assert len(registers) == len(own)
    for one in found:
        if one.same_as is not None:
            assert get_template(one.same_as).same_as is None
            assert one.values == get_template(one.same_as).values


@pytest.mark.parametrize("template", METERS, ids=lambda one: one.name)
def test_registers_of_a_meter_do_not_overlap_and_have_their_units(template: DeviceTemplate) -> None:
    ends = sorted((value.address, value.address + value.size) for value in template.values.values())
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(ends))
    units = {"active_power": "W", "current_l1": "A", "import_energy": "Wh"}
    for name, value in template.values.items():
        assert (
            value.unit == units[name.removesuffix("_l1") if "power" in name else name] if name[-1] not in "23" else "W"
        )


# What devices say of 1,234.5 W, word for word, by their protocol.
@pytest.mark.parametrize(
    ("name", "words", "watts"),
    [
        ("shelly-pro-3em", [0x5000, 0x449A], 1234.5),
        ("carlo-gavazzi-em340", [0x3039, 0x0000], 1234.5),
        ("carlo-gavazzi-em340", [0xCFC7, 0xFFFF], -1234.5),
        ("schneider-pm5000", [0x3F9E, 0x0419], 1234.5),
        ("schneider-powertag", [0x449A, 0x5000], 1234.5),
        ("siemens-7kt1665", [0x0001, 0xE23A], 1234.5),
        ("socomec-countis-e24", [0x0000, 0x007B], 1230.0),
        ("socomec-diris-b30", [0x0000, 0x04D2], 1234.0),
        ("hager-ecr380d", [0xFFFF, 0xFF85], -1230.0),
        ("saia-ale3", [0x007B], 1230.0),
        ("wattnode-wnc", [0x5000, 0x449A], 1234.5),
        ("chint-dtsu666", [0x4640, 0xE400], 1234.5),
        ("kostal-ksem", [0x0000, 0x3039], 1234.5),
    ],
)
def test_word_order_sign_and_scale(name: str, words: list[int], watts: float) -> None:
    assert get_template(name).values["active_power"].decode(words) == pytest.approx(watts)


async def test_lamps_in_the_bits_of_a_register() -> None:
    """As on a Turck module; as many registers are read as the lamps need."""
    port = free_port()
    shown: dict[int, list[int]] = {0: [0b0000_0000_0010_0000]}
    server = MeterServer([SimulatedDevice(1, 1, lambda: shown)], port)
    await server.start()
    device = ModbusDevice(
        id="m1", host="127.0.0.1", port=port, template="turck-tben", lamps={"green": 5, "yellow": 7, "red": 6}
    )
    line = ModbusLine(device)
    reader = ModbusReader(device, line)
    assert (await reader.read(NOW, continuous=False)).state is MachineState.EXECUTING
    shown = {0: [0b0000_0000_0110_0000]}
    assert (await reader.read(NOW, continuous=False)).state is MachineState.OUT_OF_SERVICE
    await line.leave()
    await server.stop()


async def test_only_inputs_that_are_wired_are_read() -> None:
    """A coupler with one module of four inputs refuses the others of its template."""
    port = free_port()
    server = MeterServer([SimulatedDevice(1, 1, lambda: {0: [0b0001]})], port)
    await server.start()
    device = ModbusDevice(id="m1", host="127.0.0.1", port=port, template="wago-750")
    line = ModbusLine(device)
    assert (await ModbusReader(device, line).read(NOW, continuous=False)).state is MachineState.EXECUTING
    await line.leave()
    await server.stop()


def test_the_documentation_page_is_generated_from_the_files() -> None:
    page = ROOT / "docs" / "device_templates.md"
    assert page.read_text() == templates_page(), "run `vrijloop agent templates --markdown > docs/device_templates.md`"


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


def test_a_value_that_its_scale_makes_infinite_is_none() -> None:
    assert Register(address=0, encoding="float64", scale=1000).decode([0x7FE0, 0, 0, 0]) is None


_sizes = {"uint16": 1, "float32": 2, "int64": 4}


@given(
    st.dictionaries(st.integers(0, 60_000), st.sampled_from(sorted(_sizes)), min_size=1, max_size=12),
    st.integers(4, 125),
)
def test_every_value_is_read_once_and_no_request_is_too_long(places: dict[int, str], max_words: int) -> None:
    values = {
        f"v{address}": Register.model_validate({"address": address, "encoding": encoding})
        for address, encoding in places.items()
    }
    blocks = plan_reads(values, max_words)
    while blocks:
        assert sorted(name for block in blocks for name, _ in block.values) == sorted(values)
        check_blocks(blocks, max_words)
        if all(block.split() is None for block in blocks):
            break
        blocks = [part for block in blocks for part in block.split() or (block,)]


def check_blocks(blocks: list[Block], max_words: int) -> None:
    for block in blocks:
        assert block.count <= max_words
        for _, value in block.values:
            assert block.address <= value.address
            assert value.address + value.size <= block.address + block.count


def test_close_registers_share_a_request() -> None:
    template = get_template("eastron-sdm630")
    wanted = {name: template.values[name] for name in ("active_power", "current_l1", "import_energy")}
    assert [(one.address, one.count) for one in plan_reads(wanted, template.max_words)] == [(0x0006, 68)]


def test_a_refused_request_is_split_where_most_of_it_was_not_asked_for() -> None:
    template = get_template("eastron-sdm630")
    wanted = {name: template.values[name] for name in ("active_power", "current_l1", "import_energy")}
    [whole] = plan_reads(wanted, template.max_words)
    parts = whole.split()
    assert parts is not None
    assert [(one.address, one.count) for one in parts] == [(0x0006, 2), (0x0034, 22)]


def test_a_status_word_that_matches_no_rule_is_unknown() -> None:
    template = DeviceTemplate(
        name="x", title="x", products=(), source="x", function="holding",
        status_word=Register(address=0, encoding="uint16"),
    )  # fmt: skip
    assert template.state_of_word(3) == (MachineState.UNKNOWN, None)


def test_the_error_for_an_unknown_template_names_similar_ones() -> None:
    with pytest.raises(UserError, match="did you mean eastron-sdm630"):
        get_template("eastron-sdm63")
    with pytest.raises(UserError, match="`vrijloop agent templates` lists them"):
        get_template("???")


OWN = """name: own-meter
title: A meter
products: [X]
source: its manual, page 3
function: input
values:
  active_power: {address: 0x0010, encoding: int16, unit: W, scale: 10}
"""


async def test_a_template_of_ones_own_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(OWN)
    port = free_port()
    server = MeterServer([SimulatedDevice(1, 0x20, lambda: {0x10: [650]})], port)
    await server.start()
    thresholds = PowerThresholds(off_below_w=100, idle_below_w=1000, working_from_w=2000)
    device = ModbusDevice(id="m1", host="127.0.0.1", port=port, template=str(file), thresholds=thresholds)
    line = ModbusLine(device)
    reader = ModbusReader(device, line)
    assert (await reader.read(NOW, continuous=False)).state is MachineState.EXECUTING
    assert reader.values == {"active_power": 6500.0}
    await line.leave()
    await server.stop()


def test_a_template_of_ones_own_may_have_the_registers_of_another(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("name: own\ntitle: A meter\nproducts: [X]\nsource: its manual\nsame_as: carlo-gavazzi-em24\n")
    own, base = get_template(str(file)), get_template("carlo-gavazzi-em24")
    assert (own.function, own.max_words, own.values) == (base.function, base.max_words, base.values)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read as a device template"),
        ("values: [", "is not valid YAML"),
        ("values: " + "[" * 400, "is not valid YAML"),
        ("values: " + "[{" * 1000, "has more brackets than a device template"),
        ("title: 2026-13-45", "is not valid YAML"),
        ("a sentence", "holds no device template"),
        (OWN.replace("int16", "int17"), "`values.active_power.encoding`"),
        (OWN.replace("active_power:", "voltage:"), "exactly one of: values.active_power"),
        (OWN.replace("function: input", "function: coil"), "is for a stack light only"),
        (OWN.replace("title: A meter\n", ""), "`title`: Field required"),
        (OWN.replace("function: input", "same_as: nothing"), "there is no device template 'nothing'"),
        (OWN.replace("function: input", "same_as: {file}"), "`same_as` leads back to this file"),
        (OWN + " " * 100_000, "is too large"),
    ],
)
def test_what_is_wrong_with_a_template_of_ones_own_is_said(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "own.yaml"
    if text is not None:
        file.write_text(text.replace("{file}", str(file)))
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        ModbusDevice.validated({"id": "m1", "host": "127.0.0.1", "template": str(file)})
    assert str(file) in str(caught.value) or "nothing" in said
