"""States derived from a machine's values; the expected results were worked out by hand from the specifications' tables."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.configuration import OpcUaMachine, OpcUaServer, OpcUaTag
from edge_agent.node_names import UA_URI, parse_node_name
from edge_agent.opcua_profiles import (
    MACHINERY_URI,
    MACHINETOOL_URI,
    PACKML_NUMBERS,
    PACKML_URI,
    Meaning,
    NodeName,
    Value,
    machinery,
    machinetool,
    packml,
    packml_state,
    tags,
)
from telemetry import MachineState, OperationMode
from tests.servers import shared_file

RUN, WAIT, DOWN, OFF, UNKNOWN = (
    MachineState.EXECUTING, MachineState.NOT_EXECUTING, MachineState.OUT_OF_SERVICE,
    MachineState.NOT_AVAILABLE, MachineState.UNKNOWN,
)  # fmt: skip


def of(uri: str, number: int) -> NodeName:
    return NodeName(uri, number)


@pytest.mark.parametrize(
    ("values", "state", "mode"),
    [
        (
            {"item_state": of(MACHINERY_URI, 5006), "operation_mode": of(MACHINERY_URI, 5026)},
            RUN,
            OperationMode.PROCESSING,
        ),
        ({"item_state": of(MACHINERY_URI, 5007), "operation_mode": of(MACHINERY_URI, 5027)}, WAIT, OperationMode.SETUP),
        ({"item_state": of(MACHINERY_URI, 5004)}, DOWN, None),
        ({"item_state": of(MACHINERY_URI, 5005)}, OFF, None),
        ({"item_state": None, "operation_mode": of(MACHINERY_URI, 5026)}, UNKNOWN, OperationMode.PROCESSING),
        ({"item_state": of("urn:another", 5006)}, UNKNOWN, None),
        ({}, UNKNOWN, None),
    ],
)
def test_machinery(values: dict[str, Value], state: MachineState, mode: OperationMode | None) -> None:
    seen = machinery(values)
    assert (seen.state, seen.mode) == (state, mode)
    assert (seen.reason is None) == (state is not UNKNOWN)


def packml_values(base: int | None, machine: int | None, execute: int | None, mode: Value = 1) -> dict[str, Value]:
    names = {"packml_base": base, "packml_machine": machine, "packml_execute": execute}
    return {role: of(PACKML_URI, one) if one else None for role, one in names.items()} | {"packml_mode": mode}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (packml_values(71, 75, 36), Meaning(RUN, OperationMode.PROCESSING)),  # Cleared, Running, Execute
        (packml_values(71, 75, 28, 3), Meaning(WAIT, OperationMode.SETUP)),  # Idle in manual
        (packml_values(71, 75, 34, 2), Meaning(WAIT, OperationMode.MAINTENANCE)),  # Held
        (packml_values(71, 53, None), Meaning(WAIT, OperationMode.PROCESSING)),  # Stopped: nothing below is active
        (packml_values(71, 55, 36), Meaning(DOWN, OperationMode.PROCESSING)),  # Clearing
        (packml_values(62, 75, 36), Meaning(DOWN, OperationMode.PROCESSING)),  # Aborted, whatever stands below
    ],
)
def test_packml(values: dict[str, Value], expected: Meaning) -> None:
    assert packml(values) == expected


def test_packml_without_its_outermost_state_machine() -> None:
    values = packml_values(None, 75, 36)
    del values["packml_base"]
    assert packml(values).state is RUN
    assert packml(packml_values(None, 75, 36)).state is UNKNOWN


def test_packml_numbers_are_those_of_the_nodeset() -> None:
    text = shared_file("nodesets", "Opc.Ua.PackML.NodeSet2.xml").read_text()
    pattern = r'BrowseName="StateNumber" ParentNodeId="ns=1;i=(\d+)".*?<uax:UInt32[^>]*>(\d+)</uax:UInt32>'
    assert {int(node): int(number) for node, number in re.findall(pattern, text, re.DOTALL)} == PACKML_NUMBERS


def test_every_packml_number_has_a_state() -> None:
    assert {number for number in range(1, 18) if packml_state(number) is UNKNOWN} == set()
    assert packml_state(0) is packml_state(20) is UNKNOWN


@pytest.mark.parametrize(
    ("values", "state", "mode"),
    [
        ({"item_state": of(MACHINERY_URI, 5006), "channel:0": 2}, RUN, None),
        ({"item_state": of(MACHINERY_URI, 5007), "tool_mode": 2}, WAIT, OperationMode.SETUP),
        ({"channel:0": 0, "tool_mode": 1}, RUN, OperationMode.PROCESSING),
        ({"channel:0": 2, "channel:1": 0}, RUN, None),
        ({"channel:0": 2, "channel:1": 1, "tool_mode": 4}, WAIT, OperationMode.MAINTENANCE),
        ({"channel:0": 2, "channel:1": None}, UNKNOWN, None),
        ({"channel:0": 9}, UNKNOWN, None),
        ({"program": of(MACHINETOOL_URI, 5041)}, RUN, None),
        ({"program": of(MACHINETOOL_URI, 140)}, WAIT, None),
        ({"program": None}, UNKNOWN, None),
    ],
)
def test_machinetool(values: dict[str, Value], state: MachineState, mode: OperationMode | None) -> None:
    seen = machinetool(values)
    assert (seen.state, seen.mode) == (state, mode)


MTCONNECT = [
    OpcUaTag(node="nsu=urn:v;s=Estop", states={"TRIGGERED": DOWN, "true": DOWN}),
    OpcUaTag(
        node="nsu=urn:v;s=Execution",
        states={"ACTIVE": RUN, "READY": WAIT, "3": RUN, "UNAVAILABLE": UNKNOWN},
        modes={"ACTIVE": OperationMode.PROCESSING},
    ),
]


@pytest.mark.parametrize(
    ("values", "state", "mode"),
    [
        ({"tag:0": "ARMED", "tag:1": "ACTIVE"}, RUN, OperationMode.PROCESSING),
        ({"tag:0": "TRIGGERED", "tag:1": "ACTIVE"}, DOWN, OperationMode.PROCESSING),
        ({"tag:0": False, "tag:1": 3}, RUN, None),
        ({"tag:0": True, "tag:1": 3.0}, DOWN, None),
        ({"tag:0": "ARMED", "tag:1": "STRANGE"}, UNKNOWN, None),
        ({"tag:0": "ARMED", "tag:1": "UNAVAILABLE"}, UNKNOWN, None),
        ({"tag:0": None, "tag:1": "ACTIVE"}, UNKNOWN, OperationMode.PROCESSING),
        ({"tag:0": "TRIGGERED", "tag:1": None}, DOWN, None),
    ],
)
def test_tags(values: dict[str, Value], state: MachineState, mode: OperationMode | None) -> None:
    seen = tags(values, MTCONNECT)
    assert (seen.state, seen.mode) == (state, mode)
    assert (seen.reason is None) == (state is not UNKNOWN)


_values = st.one_of(st.none(), st.booleans(), st.integers(-5, 6000), st.floats(), st.text(max_size=5))
_roles = st.sampled_from(
    ["item_state", "channel:0", "program", "packml_base", "packml_execute", "tool_mode", "tag:0", "tag:1"]
)


@given(st.dictionaries(_roles, st.one_of(_values, st.builds(NodeName, st.just(MACHINERY_URI), _values))))
def test_no_value_of_a_machine_is_an_error(values: dict[str, Value]) -> None:
    for seen in (machinery(values), packml(values), machinetool(values), tags(values, MTCONNECT)):
        assert isinstance(seen.state, MachineState)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("nsu=urn:vendor:mill;s=Machine.Status", NodeName("urn:vendor:mill", "Machine.Status")),
        ("nsu=http://a.be/UA/;i=5006", NodeName("http://a.be/UA/", 5006)),
        ("i=2258", NodeName(UA_URI, 2258)),
        ("nsu=urn:x;b=AQI=", NodeName("urn:x", b"\x01\x02")),
    ],
)
def test_node_names(text: str, name: NodeName) -> None:
    assert parse_node_name(text) == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ns=2;s=Status", "by its index"),
        ("Machine.Status", "not a node"),
        ("nsu=urn:x;i=five", "not an identifier of kind i="),
    ],
)
def test_an_invalid_node_name_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_node_name(text)


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        ({"id": "m"}, "browse_name"),
        ({"id": "m", "browse_name": "M", "node": "i=1"}, "browse_name"),
        ({"id": "m", "profile": "tags", "tag": [{"node": "i=1"}]}, "states"),
        ({"id": "m", "browse_name": "M", "tag": [{"node": "i=1", "states": {"1": "executing"}}]}, "belong to profile"),
        ({"id": "m", "profile": "tags", "tag": [{"node": "ns=3;s=X", "states": {"1": "executing"}}]}, "by its index"),
    ],
)
def test_machines_that_cannot_be_found_are_refused(machine: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        OpcUaMachine.validated(machine)


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ({"username": "u", "password_file": "f"}, "needs a `security_policy`"),
        ({"password_file": "f", "security_policy": "Basic256Sha256"}, "needs a `username`"),
        ({"user_certificate": "c", "security_policy": "Basic256Sha256"}, "belong together"),
        ({"security_policy": "Basic128Rsa15"}, "Basic256Sha256"),
    ],
)
def test_log_ins_that_are_not_safe_are_refused(server: dict[str, object], said: str) -> None:
    machine = {"id": "m", "browse_name": "M"}
    with pytest.raises(ValueError, match=said):
        OpcUaServer.validated({"endpoint": "opc.tcp://127.0.0.1:1", "machine": [machine]} | server)
