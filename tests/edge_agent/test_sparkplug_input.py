"""Machines of edge nodes of Sparkplug B, on a real Mosquitto: our own output and nodes of other makers as publishers."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from edge_agent import learn, sparkplug_check, sparkplug_learn
from edge_agent.check import check_machines
from edge_agent.configuration import AgentSettings
from edge_agent.mqtt_client import MqttClient
from edge_agent.report_writer import ReportWriter
from edge_agent.sources import sparkplug, sparkplug_connection, sparkplug_follower
from edge_agent.sources.sparkplug import SparkplugSource
from edge_agent.sparkplug_discover import Heard, discover_sparkplug
from edge_agent.sparkplug_settings import SparkplugInput
from telemetry import MachineState, SystemClock, UserError, load_settings
from telemetry.broker import BrokerSettings
from tests.edge_agent.conftest import running, until_state
from tests.edge_agent.test_mqtt_client import retained
from tests.edge_agent.test_sparkplug_node import Machines, known_when, shows
from tests.edge_agent.test_sparkplug_node import running as node_running
from tests.peer_servers import NodePeer, PythonPeer
from tests.servers import Mosquitto, free_port

pytestmark = pytest.mark.servers
RUN, WAIT, DOWN, UNKNOWN = (
    MachineState.EXECUTING, MachineState.NOT_EXECUTING, MachineState.OUT_OF_SERVICE, MachineState.UNKNOWN,
)  # fmt: skip
CLOCK = SystemClock()
OURS = {"metric": "State", "states": {state.value: state.value for state in MachineState}}


@pytest.fixture(autouse=True)
def in_short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is due now and then is due more often."""
    monkeypatch.setattr(sparkplug, "_TURN_S", 0.05)


def machine(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "group": "hal-2", "node": "gw-1", "device": name, "tag": [OURS]} | more


def source(broker: Mosquitto, writer: ReportWriter, *machines: dict[str, Any], **more: Any) -> SparkplugSource:
    table = SparkplugInput.validated({"machine": machines, "keep_alive": "5s"} | more)
    return SparkplugSource(table, BrokerSettings(url=broker.url), "host-genk-gw-9", writer, CLOCK)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_what_another_agent_publishes_is_read(broker: Mosquitto, writer: ReportWriter, protocol: str) -> None:
    machines = Machines()
    machines.put("m1", RUN)
    read = source(broker, writer, machine("m1", power="Power", report_power=True), machine("m2"))
    read.settings = BrokerSettings.validated({"url": broker.url, "protocol": protocol})
    async with running(read):
        async with node_running(broker.url, machines):
            first = await until_state(writer, "m1", RUN)
            assert first.power_w == 50.5
            machines.put("m2", WAIT)
            await until_state(writer, "m2", WAIT)
            machines.put("m1", WAIT)
            await until_state(writer, "m1", WAIT)
            machines.put("m1", None)
            assert (await until_state(writer, "m1", UNKNOWN)).reason == "no contact"
            assert (await until_state(writer, "m2", WAIT)).state is WAIT
        await until_state(writer, "m2", UNKNOWN)


EXECUTION = {
    "metric": "Execution",
    "states": {"ACTIVE": "executing", "READY": "not_executing", "FAULT": "out_of_service"},
}


@pytest.mark.long
async def test_a_node_of_another_maker_is_read_from_birth_to_death(
    broker: Mosquitto, writer: ReportWriter, caplog: pytest.LogCaptureFixture
) -> None:
    """sparkplug-client, which sends data by alias alone; a message that gets lost; a device that leaves, and the node."""
    node = NodePeer("sparkplug_node.mjs", str(broker.port), "hal-2", "gw-1")
    node.tell(device="m1", born={"Execution": "READY", "Power": 1.5})
    read = source(
        broker, writer, machine("m1", tag=[EXECUTION], power="Power", power_unit="kW", report_power=True),
        machine("m2", tag=[], power="Power", thresholds={"idle_below_w": 10, "working_from_w": 20}), reorder="200ms",
    )  # fmt: skip
    async with running(read):
        assert (await until_state(writer, "m1", WAIT)).power_w == 1500.0
        node.tell(device="m2", born={"Power": 5.0})
        await until_state(writer, "m2", WAIT)
        node.tell(device="m1", data={"Execution": "ACTIVE"})
        node.tell(device="m2", data={"Power": 25.0})
        await until_state(writer, "m1", RUN)
        await until_state(writer, "m2", RUN)
        node.tell(skip=True)
        assert len(node.tell(device="m1", data={"Execution": "FAULT"})["commands"]) == 1, "the birth at the beginning"
        await until_state(writer, "m1", UNKNOWN)
        await until_state(writer, "m1", DOWN)
        assert read.nodes["hal-2", "gw-1"].counted["gaps"] == 1
        assert set(node.tell(skip=False)["commands"]) == {"Node Control/Rebirth"}, "and never anything else"
        node.tell(device="m1", dies=True)
        assert (await until_state(writer, "m1", UNKNOWN)).reason == "no contact"
        await until_state(writer, "m2", RUN)
        node.stop()
        await until_state(writer, "m2", UNKNOWN)
    assert "Sparkplug node hal-2/gw-1: it has left the broker. Its machines are Unknown" in caplog.text


async def test_a_node_that_is_killed_and_returns_under_the_same_number(
    broker: Mosquitto, writer: ReportWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As sparkplug-client does: its first birth may be one that its death has overtaken, and it is asked for another."""
    monkeypatch.setattr(sparkplug_follower, "LATE_BIRTH_S", 1.0)
    async with running(source(broker, writer, machine("m1", tag=[EXECUTION]))) as read:
        for birth in range(2):
            node = NodePeer("sparkplug_node.mjs", str(broker.port), "hal-2", "gw-1")
            node.tell(device="m1", born={"Execution": "READY"})
            await until_state(writer, "m1", WAIT)
            assert read.nodes["hal-2", "gw-1"].counted["late_births"] <= birth
            node.stop(kill=True)
            await until_state(writer, "m1", UNKNOWN)


async def test_another_node_of_another_maker(broker: Mosquitto, writer: ReportWriter) -> None:
    """pysparkplug, which answers no request for its birth: it is there when the node comes."""
    async with running(source(broker, writer, machine("m1", tag=[EXECUTION]), machine("m2", tag=[EXECUTION]))) as read:
        async with asyncio.timeout(60):
            while not read.connected:
                await asyncio.sleep(0.02)
        node = PythonPeer("sparkplug_node.py", "pysparkplug", str(broker.port), "hal-2", "gw-1", "m1", "m2")
        await until_state(writer, "m1", WAIT)
        node.tell(device="m1", data={"Execution": "ACTIVE"})
        await until_state(writer, "m1", RUN)
        await until_state(writer, "m2", WAIT)
        node.tell(device="m2", dies=True)
        await until_state(writer, "m2", UNKNOWN)
        node.stop()
        await until_state(writer, "m1", UNKNOWN)


async def test_without_a_rebirth_the_next_birth_is_waited_for(
    broker: Mosquitto, writer: ReportWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sparkplug, "_BORN_WITHIN_S", 0.1)
    machines = Machines()
    machines.put("m1", RUN)
    host = NodePeer("sparkplug_host.mjs", str(broker.port))
    async with node_running(broker.url, machines):
        await known_when(host, shows("m1", RUN))
        async with running(source(broker, writer, machine("m1"), rebirth=False)) as read:
            await until_state(writer, "m1", UNKNOWN)
            assert "`rebirth = false`" in (read.nodes["hal-2", "gw-1"].contact.why or "")
            assert "NCMD" not in [one["kind"] for one in host.tell(known=True)["messages"]]
            host.tell(rebirth="hal-2/gw-1")  # another host has asked
            await until_state(writer, "m1", RUN)
    host.stop()


async def test_a_broker_that_is_lost_and_the_state_of_this_host(
    broker: Mosquitto, writer: ReportWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that waits for this host as its primary one publishes once it is there, and after each restart of the broker."""
    monkeypatch.setattr(sparkplug_connection, "_STATE_AGAIN_S", 0.1)
    machines = Machines()
    machines.put("m1", RUN)
    async with node_running(broker.url, machines, host="vrijloop"):
        read = source(broker, writer, machine("m1"), host="vrijloop")
        async with running(read):
            await until_state(writer, "m1", RUN)
            await asyncio.to_thread(broker.stop)
            await until_state(writer, "m1", UNKNOWN)
            assert not read.connected
            await asyncio.to_thread(broker.start)
            before = await until_state(writer, "m1", RUN)
            async with MqttClient(BrokerSettings(url=broker.url), "another") as another:
                gone = json.dumps({"online": False, "timestamp": round(CLOCK.now().timestamp() * 1000)}).encode()
                await another.acknowledged([another.publish("spBv1.0/STATE/vrijloop", gone, retain=True)])
            # Unknown lasts as long as a tenth of a second: a new spell says that it has been there.
            async with asyncio.timeout(60):
                while (await until_state(writer, "m1", RUN)).since == before.since:
                    await asyncio.sleep(0.01)
    assert json.loads(await retained(broker, "spBv1.0/STATE/vrijloop") or b"{}")["online"] is False


@pytest.mark.parametrize(
    "data", [b"", b"\x00", b"not protobuf", b"\x12\xff\xff\xff\xff\x0f", b"\xff" * 100, b"\x0a" * 5, bytes(range(256))]
)  # fmt: skip
async def test_what_no_node_would_send_harms_nobody_else(broker: Mosquitto, writer: ReportWriter, data: bytes) -> None:
    machines = Machines()
    machines.put("m1", RUN)
    async with node_running(broker.url, machines):
        other = {"id": "m2", "group": "hal-2", "node": "gw-2", "device": "m2", "tag": [OURS]}
        async with (
            running(source(broker, writer, machine("m1"), other)) as read,
            MqttClient(BrokerSettings(url=broker.url), "odd") as odd,
        ):
            await until_state(writer, "m1", RUN)
            kinds = ("NBIRTH", "NDATA", "NDEATH", "DBIRTH", "DDATA", "DDEATH")
            names = [f"spBv1.0/hal-2/{kind}/gw-2{'/m2' if kind[0] == 'D' else ''}" for kind in kinds]
            await odd.acknowledged([odd.publish(name, data, retain=False) for name in names])
            machines.put("m1", WAIT)
            await until_state(writer, "m1", WAIT)
            assert read.nodes["hal-2", "gw-1"].counted == {}
            assert writer.reported("m2") is None or writer.reported("m2").state is UNKNOWN  # type: ignore[union-attr]


async def test_check_says_what_is_missing(broker: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparkplug_check, "_LISTEN_S", 2.0)
    machines = Machines()
    machines.put("m1", RUN)
    wrong = {"metric": "State", "states": {"x": "executing"}}
    table = {
        "machine": [
            machine("m1"),
            machine("m2"),
            machine("m3", device="m1", tag=[{"metric": "Execution", "states": {"x": "executing"}}]),
            machine("m4", device="m1", tag=[wrong]),
            machine("m5", node="gw-7"),
            machine("m7", device="m1", tag=[], power="Power"),
        ]
    }
    settings = AgentSettings.validated(
        {
            "agent": {"factory": "genk", "gateway": "gw-9", "data_dir": tmp_path},
            "mqtt": {"url": broker.url},
            "sparkplug_input": [
                table,
                {"mqtt": {"url": f"mqtt://127.0.0.1:{free_port()}"}, "machine": [machine("m6")]},
            ],
        }
    )
    async with node_running(broker.url, machines):
        results = {one.machine: one for one in await check_machines(settings, CLOCK)}
    assert results["m1"].problem is None
    assert results["m1"].seen is not None
    assert (results["m1"].seen.state, results["m1"].address) == (RUN, f"127.0.0.1:{broker.port} hal-2/gw-1/m1")
    for name, said in {
        "m2": "edge node hal-2/gw-1 has no device 'm2' (there are: 'm1')",
        "m3": "no metric 'Execution' (there are: 'Mode', 'Power', 'Since', 'State')",
        "m4": "gives no valid state (State = executing)",
        "m5": "edge node hal-2/gw-7 does not answer the request for its birth",
        "m6": "refused",
        "m7": "`vrijloop agent learn m7` proposes them",
    }.items():
        assert said in (results[name].problem or ""), results[name]


async def test_learn_takes_the_power_that_holds_at_each_moment(
    broker: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after the broker was away, and however rarely the node tells it."""
    monkeypatch.setattr(learn, "_SAMPLE_EVERY", timedelta(milliseconds=10))
    monkeypatch.setattr(sparkplug_learn, "_ASK_EVERY_S", 0.5)
    table = {"machine": [machine("m1", tag=[], power="Power")]}
    settings = AgentSettings.validated(
        {"agent": {"factory": "genk", "gateway": "gw-9"}, "mqtt": {"url": broker.url}, "sparkplug_input": [table]}
    )
    machines, stop, read = Machines(), asyncio.Event(), list[float]()
    machines.put("m1", RUN)
    async with node_running(broker.url, machines):
        meter = learn.meter_of(settings, "m1")
        watching = asyncio.create_task(
            learn.watch_power(meter, CLOCK, timedelta(hours=1), stop, lambda _, power_w: read.append(power_w))
        )
        async with asyncio.timeout(60):
            while len(read) < 20:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(broker.stop)
            await asyncio.to_thread(broker.start)
            before = len(read)
            while len(read) < before + 20:
                await asyncio.sleep(0.01)
        stop.set()
        assert set(await watching) == {50.5}
    with pytest.raises(UserError, match=r"no machine 'm2' with a power meter .* \(there are: m1\)"):
        learn.meter_of(settings, "m2")


async def test_discover_prints_a_configuration_that_loads(broker: Mosquitto, tmp_path: Path) -> None:
    machines = Machines()
    machines.put("m1", RUN)
    node = NodePeer("sparkplug_node.mjs", str(broker.port), "hal-2", "lijn 1")
    node.tell(device="Draaibank1", born={"Execution": "READY", "Power/Active": 1.5})
    node.tell(device="Oven", born={"Temperature\n[x]": 200.0})
    node.tell(device="Pers", born={"Power": 200.0})
    settings = BrokerSettings(url=broker.url)
    async with node_running(broker.url, machines):
        stop, all_born = asyncio.Event(), asyncio.Event()

        def on_heard(heard: Heard) -> None:
            if len(heard.born) == 6:
                all_born.set()

        finding = asyncio.create_task(
            discover_sparkplug(settings, "hal-2", 60, CLOCK.now, rebirth=True, stop=stop, on_heard=on_heard)
        )
        async with asyncio.timeout(60):
            while not all_born.is_set():  # who says something is asked for its birth
                machines.put("m1", RUN if machines.devices["m1"].interval.state is WAIT else WAIT)  # type: ignore[union-attr]
                node.tell(device="Draaibank1", data={"Power/Active": 1.5})
                await asyncio.sleep(0.1)
        stop.set()
        printed = await finding
    node.stop()
    assert "Power/Active (double) = 1.5" in printed
    assert "Temperature?[x] (double) = 200" in printed
    assert 'device = "Oven"' in printed
    (tmp_path / "agent.toml").write_text('[agent]\nfactory = "hal-2"\ngateway = "gw-9"\n' + printed)
    [table] = load_settings(tmp_path / "agent.toml", AgentSettings).sparkplug_input
    assert [(one.id, one.node, one.device, one.metrics) for one in table.machine] == [
        ("m-1", "gw-1", "m1", ("State",)), ("draaibank-1", "lijn 1", "Draaibank1", ("Execution",)),
        ("pers", "lijn 1", "Pers", ("Power",)),
    ]  # fmt: skip
    assert table.machine[1].tag[0].states["ACTIVE"] is RUN
    assert table.mqtt == settings
