"""What a Sparkplug node says in a session: a host that follows it knows at any time what the machines do, and misses no number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.configuration import AgentSettings
from edge_agent.report_writer import MachineView
from edge_agent.sparkplug_node import devices_of
from edge_agent.sparkplug_session import Command, Device, Outgoing, PrimaryHost, SparkplugSession, command_of
from edge_agent.sparkplug_settings import SparkplugTable
from telemetry import MachineState, OperationMode, StateInterval
from telemetry.sparkplug import REBIRTH, DataType, Metric, Payload, Quality, decode, encode

NOW = datetime(2026, 11, 30, 8, 0, 0, 123000, tzinfo=UTC)
NOW_MS = 1796025600123
SECOND = timedelta(seconds=1)
RUN, UNKNOWN = MachineState.EXECUTING, MachineState.UNKNOWN


def device(state: MachineState | None, machine: str = "m1", power_w: float | None = None, **more: Any) -> Device:
    interval = None if state is None else StateInterval(state, NOW - SECOND, NOW, power_w=power_w, **more)
    return Device(machine, interval, power_w is not None)


def session() -> SparkplugSession:
    return SparkplugSession("hal-2", "gw-1", 7)


def said(out: list[Outgoing]) -> list[tuple[str, int | None, dict[str, Any]]]:
    """Kind and device, seq, values."""
    read = [(topic.split("/"), decode(data)) for topic, data in out]
    return [
        (" ".join([parts[2], *parts[4:]]), payload.seq, {one.name: one.value for one in payload.metrics})
        for parts, payload in read
    ]


def test_birth_tells_all_and_starts_the_numbers() -> None:
    node, first, second = said(session().birth([device(RUN, power_w=6000.0), device(None, "m2")], 3, NOW))
    assert node[:2] == ("NBIRTH", 0)
    assert node[2] | {"Properties/Vrijloop Version": ""} == {
        "bdSeq": 7, REBIRTH: False, "Properties/Vrijloop Version": "", "Outbox/Waiting": 3,
    }  # fmt: skip
    assert first == ("DBIRTH m1", 1, {"State": "executing", "Mode": None, "Since": NOW_MS - 1000, "Power": 6000.0})
    assert second == ("DBIRTH m2", 2, {"State": "unknown", "Mode": None, "Since": None})


@pytest.mark.parametrize(
    ("shown", "quality", "power"),
    [
        (device(RUN, power_w=6000.0), Quality.GOOD, 6000.0),
        (device(UNKNOWN, power_w=6000.0), Quality.STALE, None),
        (Device("m1", None, True), Quality.STALE, None),
    ],
)
def test_unknown_is_stale(shown: Device, quality: Quality, power: float | None) -> None:
    metrics = decode(session().birth([shown], 0, NOW)[1][1]).metrics
    assert {one.quality for one in metrics} == {quality}
    assert metrics[-1].value == power
    assert [one.at_ms for one in metrics] == sorted(one.at_ms or 0 for one in metrics), (
        "as the specification orders them"
    )


def test_only_what_changes_is_said_until_the_next_birth() -> None:
    node = session()
    node.birth([device(RUN, power_w=6000.0)], 0, NOW)
    assert node.changes([device(RUN, power_w=6000.0)], NOW) == []
    later = StateInterval(RUN, NOW - SECOND, NOW + SECOND, OperationMode.SETUP, 50.0)
    assert said(node.changes([Device("m1", later, True)], NOW)) == [("DDATA m1", 2, {"Mode": "setup", "Power": 50.0})]
    assert said(node.changes([], NOW)) == [("DDEATH m1", 3, {})]
    assert [kind for kind, *_ in said(node.changes([Device("m1", later, False)], NOW))] == ["DBIRTH m1"]
    assert [kind for kind, *_ in said(node.changes([Device("m1", later, True)], NOW))] == ["DBIRTH m1"], "a new metric"
    assert node.node_changes(0, NOW) == []
    assert said(node.node_changes(12, NOW)) == [("NDATA", 6, {"Outbox/Waiting": 12})]
    assert [seq for _, seq, _ in said(node.birth([device(RUN)], 12, NOW))] == [0, 1]


def test_death_names_the_birth_and_has_no_number() -> None:
    topic, data = session().death(NOW)
    assert topic == "spBv1.0/hal-2/NDEATH/gw-1"
    assert decode(data) == Payload(NOW_MS, (Metric("bdSeq", 7, NOW_MS, DataType.INT64),), None)


_DEVICES = st.dictionaries(
    st.sampled_from(["m1", "m2", "m3"]),
    st.tuples(st.sampled_from(MachineState), st.integers(0, 3), st.none() | st.sampled_from(OperationMode), st.booleans()),
)  # fmt: skip
_STEPS = st.lists(st.tuples(st.booleans(), _DEVICES), min_size=1, max_size=12)


@pytest.mark.long
@settings(max_examples=40)
@given(_STEPS, st.sampled_from([1, 100]))
def test_a_host_knows_what_a_birth_would_tell_and_misses_no_number(steps: list[Any], repeated: int) -> None:
    """Whatever happens to the machines: the metrics that a host has kept are those that a birth at that moment would have."""
    node, known, seq = session(), dict[str, dict[str, Any]](), -1
    steps = [(True, {}), *(steps * repeated)[:300]]
    for birth, shown in steps:
        devices = [
            Device(machine, StateInterval(state, NOW + begun * SECOND, NOW + begun * SECOND, mode), power)
            for machine, (state, begun, mode, power) in shown.items()
        ]
        for topic, data in node.birth(devices, 0, NOW) if birth else node.changes(devices, NOW):
            kind, *machine = topic.split("/")[2::2]
            payload = decode(data)
            if kind == "NBIRTH":
                known, seq = {}, -1
            seq = (seq + 1) % 256
            assert payload.seq == seq
            kept = {one.name: (one.value, one.quality) for one in payload.metrics}
            if kind == "DDEATH":
                del known[machine[0]]
            elif kind == "DDATA":
                assert kept.keys() <= known[machine[0]].keys()
                known[machine[0]] |= kept
            elif kind == "DBIRTH":
                known[machine[0]] = kept
        fresh = [(topic.split("/")[4], decode(data)) for topic, data in session().birth(devices, 0, NOW)[1:]]
        assert known == {
            machine: {one.name: (one.value, one.quality) for one in payload.metrics} for machine, payload in fresh
        }


def ncmd(*metrics: tuple[str, Any, DataType]) -> bytes:
    return encode(Payload(NOW_MS, tuple(Metric(name, value, NOW_MS, kind) for name, value, kind in metrics)))


@pytest.mark.parametrize(
    ("data", "command"),
    [
        (ncmd((REBIRTH, True, DataType.BOOLEAN)), Command(True, ())),
        (ncmd((REBIRTH, False, DataType.BOOLEAN)), Command(False, ())),
        (ncmd((REBIRTH, 1, DataType.INT32)), Command(False, ())),
        (ncmd(("Node Control/Reboot", True, DataType.BOOLEAN)), Command(False, ("Node Control/Reboot",))),
        (ncmd(("x", 1, DataType.INT8), (REBIRTH, True, DataType.BOOLEAN)), Command(True, ("x",))),
        (b"", Command(False, ())),
    ],
)
def test_rebirth_is_the_only_command(data: bytes, command: Command) -> None:
    assert command_of(data) == command


def test_an_older_state_of_the_host_counts_for_nothing() -> None:
    host, shown = PrimaryHost(), []
    for text in (
        '{"online": true, "timestamp": 100}', '{"online": false, "timestamp": 99}', '{"online": false, "timestamp": 100}',
        '{"online": true, "timestamp": 101.0}',
    ):  # fmt: skip
        host.hear(text.encode())
        shown.append(host.online)
    assert shown == [True, True, False, True]


@pytest.mark.parametrize(
    "data",
    [b"", b"ONLINE", b"[]", b'{"online": 1, "timestamp": 1}', b'{"online": true}', b'{"online": true, "timestamp": true}',
     b'{"online": true, "timestamp": "1"}', b"\xff", b"[" * 100_000],
)  # fmt: skip
def test_a_state_of_another_form_is_an_error(data: bytes) -> None:
    host = PrimaryHost()
    with pytest.raises(ValueError, match="not of the form"):
        host.hear(data)
    assert not host.online


class FakeContact:
    def __init__(self, machine: str, tried: bool = True, lost: bool = False) -> None:
        self.machines, self.lost = [machine], lost
        self.first = type("Event", (), {"is_set": lambda _: tried})()


def test_what_an_earlier_run_has_reported_is_not_the_present_state() -> None:
    old, new = StateInterval(RUN, NOW - SECOND, NOW - SECOND), StateInterval(RUN, NOW - SECOND, NOW)
    views = [MachineView("m1", old), MachineView("m2", new), MachineView("m3", new), MachineView("m4", new)]
    contacts: Any = [FakeContact("m1"), FakeContact("m2"), FakeContact("m3", lost=True), FakeContact("m4", tried=False)]
    assert devices_of(views, contacts, {"m2"}, NOW) == [Device("m1", None), Device("m2", new, True)]


@pytest.mark.parametrize(
    ("table", "what"),
    [
        ({"group": "a/b"}, "without `/`"),
        ({"node": ""}, "1 to 200"),
        ({"host": "a\n"}, "1 to 200"),
        ({"group": "STATE"}, "STATE"),
        ({"mqtt": {"url": "mqtts://other:8883", "username": "gw"}}, "password_file"),
    ],
)
def test_a_table_that_cannot_work_is_refused(table: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        SparkplugTable.validated(table)


def test_no_table_no_sparkplug() -> None:
    machine = {"id": "m1", "host": "127.0.0.1", "template": "plc-status-word"}
    settings = {"agent": {"factory": "hal-2", "gateway": "gw-1"}, "modbus": [machine]}
    assert AgentSettings.validated(settings).sparkplug is None
    assert AgentSettings.validated(settings | {"sparkplug": {}}).sparkplug == SparkplugTable()
