"""A Sparkplug node on a real Mosquitto, followed by a host application of another maker: births, changes, rebirths, deaths of each kind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent import sparkplug_node
from edge_agent.check import check_sparkplug
from edge_agent.configuration import AgentSettings
from edge_agent.mqtt_client import Acknowledgement, MqttClient
from edge_agent.sparkplug_node import SparkplugNode
from edge_agent.sparkplug_session import Device
from edge_agent.sparkplug_settings import SparkplugTable
from edge_agent.supervision import ask_status
from simulators.modbus_server import MeterServer, plc
from telemetry import MachineState, StateInterval, SystemClock, load_settings, to_milliseconds
from telemetry.broker import BrokerSettings
from tests.peer_servers import NodePeer, Peer, PythonPeer
from tests.servers import Mosquitto, free_port

pytestmark = pytest.mark.servers
RUN, WAIT, UNKNOWN = MachineState.EXECUTING, MachineState.NOT_EXECUTING, MachineState.UNKNOWN
CLOCK = SystemClock()
NODE = "hal-2/gw-1"


@pytest.fixture
def host(broker: Mosquitto) -> Iterator[NodePeer]:
    peer = NodePeer("sparkplug_host.mjs", str(broker.port))
    yield peer
    peer.stop()


async def test_another_host_follows_it_too(broker: Mosquitto) -> None:
    """On pysparkplug: state of the host, births, data, rebirth, deaths; no number is missing."""
    host = PythonPeer("sparkplug_host.py", "pysparkplug", str(broker.port))
    machines = Machines()
    machines.put("m1", RUN)
    async with running(broker.url, machines, host="scada"):
        host.tell(state={"online": True, "timestamp": 1000}, host="scada")
        known = await known_when(host, shows("m1", RUN))
        assert known["devices"]["m1"]["metrics"]["Power"]["value"] == 50.5
        machines.put("m1", UNKNOWN)
        await known_when(host, shows("m1", UNKNOWN))
        host.tell(rebirth=NODE)
        async with asyncio.timeout(60):
            while kinds(host).count("DBIRTH") < 2:
                await asyncio.sleep(0.02)
        machines.put("m1", None)
        await known_when(host, lambda known: not known["devices"]["m1"]["online"])
    known = await known_when(host, lambda known: not known["online"])
    assert (known["gaps"], known["deathsOfOthers"]) == (0, 0)
    host.stop()


async def known_when(host: Peer, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What the host knows of the node, once the condition holds; the bound is for a hang."""
    async with asyncio.timeout(60):
        while True:
            known: dict[str, Any] = host.tell(known=True)["nodes"].get(NODE, {"online": False, "devices": {}})
            if condition(known):
                return known
            await asyncio.sleep(0.02)


def shows(machine: str, state: MachineState) -> Callable[[dict[str, Any]], bool]:
    def condition(known: dict[str, Any]) -> bool:
        found = known["devices"].get(machine)
        return found is not None and found["online"] and found["metrics"]["State"]["value"] == state.value

    return condition


def kinds(host: Peer) -> list[str]:
    return [message["kind"] for message in host.tell(known=True)["messages"]]


class Machines:
    """What the node publishes."""

    def __init__(self) -> None:
        self.devices: dict[str, Device] = {}
        self.changed = asyncio.Event()

    def put(self, machine: str, state: MachineState | None) -> None:
        """None: it does not answer."""
        now = to_milliseconds(CLOCK.now())
        self.devices.pop(machine, None)
        if state is not None:
            self.devices[machine] = Device(machine, StateInterval(state, now, now, power_w=50.5), True)
        self.changed.set()


@asynccontextmanager
async def running(url: str, machines: Machines, protocol: Any = "5", **table: Any) -> AsyncIterator[SparkplugNode]:
    node = SparkplugNode(
        SparkplugTable.validated(table),
        BrokerSettings(url=url, protocol=protocol),
        ("hal-2", "gw-1"),
        lambda: list(machines.devices.values()),
        lambda: 0,
        machines.changed,
        CLOCK,
    )
    task = asyncio.create_task(node.run())
    yield node
    node.stop()
    await task


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_host_follows_the_machines_from_birth_to_death(
    broker: Mosquitto, host: NodePeer, protocol: str
) -> None:
    machines = Machines()
    machines.put("m1", RUN)
    async with running(broker.url, machines, protocol):
        known = await known_when(host, shows("m1", RUN))
        assert known["online"]
        assert known["metrics"]["Node Control/Rebirth"]["value"] is False
        metrics = known["devices"]["m1"]["metrics"]
        assert {one["quality"] for one in metrics.values()} == {192}
        assert metrics["Power"]["value"] == 50.5
        assert metrics["Since"]["value"] == metrics["State"]["at"]
        machines.put("m1", WAIT)
        await known_when(host, shows("m1", WAIT))
        machines.put("m1", UNKNOWN)
        known = await known_when(host, shows("m1", UNKNOWN))
        assert known["devices"]["m1"]["metrics"]["State"]["quality"] == 500
        machines.put("m2", RUN)
        await known_when(host, shows("m2", RUN))
        machines.put("m1", None)
        known = await known_when(host, lambda known: not known["devices"]["m1"]["online"])
    known = await known_when(host, lambda known: not known["online"])
    assert (known["gaps"], known["deathsOfOthers"]) == (0, 0)
    assert set(kinds(host)) == {"NBIRTH", "DBIRTH", "DDATA", "DDEATH", "NDEATH"}


async def test_a_rebirth_is_the_only_command_that_is_taken(
    broker: Mosquitto, host: NodePeer, caplog: pytest.LogCaptureFixture
) -> None:
    """A second one within a second is answered once, too."""
    machines = Machines()
    machines.put("m1", RUN)
    async with running(broker.url, machines):
        first = await known_when(host, shows("m1", RUN))
        for _ in range(3):
            host.tell(command="spBv1.0/hal-2/DCMD/gw-1/m1", name="State")
            host.tell(command="spBv1.0/hal-2/NCMD/gw-1", name="Node Control/Reboot")
        host.tell(rebirth=NODE)
        host.tell(rebirth=NODE)
        async with asyncio.timeout(60):
            while kinds(host).count("DBIRTH") < 2:
                await asyncio.sleep(0.02)
        machines.put("m1", WAIT)
        known = await known_when(host, shows("m1", WAIT))
        assert (known["gaps"], known["bdSeq"]) == (0, first["bdSeq"])
        assert kinds(host).count("NBIRTH") == 2
    assert caplog.text.count("the agent never writes to a machine") == 1, "whoever may publish cannot fill the log"
    assert caplog.text.count("a command for 'Node Control/Reboot' is ignored") == 1


async def test_a_new_connection_is_a_new_session(broker: Mosquitto, host: NodePeer) -> None:
    """The will of the old one does not end the new one: its number is another."""
    machines = Machines()
    machines.put("m1", RUN)
    async with running(broker.url, machines):
        first = await known_when(host, shows("m1", RUN))
        await asyncio.to_thread(broker.stop)
        await asyncio.to_thread(broker.start)
        again = NodePeer("sparkplug_host.mjs", str(broker.port))
        again.tell(rebirth=NODE)
        known = await known_when(again, shows("m1", RUN))
        assert known["bdSeq"] == first["bdSeq"] + 1
        again.stop()


async def test_the_primary_host_is_waited_for_and_followed(broker: Mosquitto, host: NodePeer) -> None:
    machines = Machines()
    machines.put("m1", RUN)
    async with running(broker.url, machines, host="scada") as node:
        async with asyncio.timeout(60):
            while not node.connected:
                await asyncio.sleep(0.02)
        host.tell(state={"online": True, "timestamp": 1000}, host="another")
        host.tell(state="ONLINE", host="scada")
        assert node.waits_for_host
        host.tell(state={"online": True, "timestamp": 1000}, host="scada")
        first = await known_when(host, shows("m1", RUN))
        assert kinds(host) == ["NBIRTH", "DBIRTH"]
        host.tell(state={"online": False, "timestamp": 999}, host="scada")
        host.tell(rebirth=NODE)
        async with asyncio.timeout(60):
            while kinds(host).count("NBIRTH") < 2:
                await asyncio.sleep(0.02)
        assert "NDEATH" not in kinds(host), "an old message of the host's end is no end"
        host.tell(state={"online": False, "timestamp": 1001}, host="scada")
        await known_when(host, lambda known: not known["online"])
        host.tell(state={"online": True, "timestamp": 1002}, host="scada")
        second = await known_when(host, lambda known: bool(known["online"]))
        assert second["bdSeq"] > first["bdSeq"]


async def test_the_log_says_what_is_missing(
    broker: Mosquitto, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mosquitto grants every subscription and sends nothing; other brokers refuse what a user may not read."""
    monkeypatch.setattr(sparkplug_node, "_WAITED_S", -1.0)
    async with running(broker.url, Machines(), host="scada"):
        async with asyncio.timeout(60):
            while "nothing is published until host 'scada' is online" not in caplog.text:
                await asyncio.sleep(0.02)

    def refuse(client: MqttClient, topic: str, on_heard: Any) -> Acknowledgement:
        answer: Acknowledgement = asyncio.get_running_loop().create_future()
        answer.set_result(ReasonCode(PacketTypes.SUBACK, "Not authorized"))
        return answer

    monkeypatch.setattr(MqttClient, "subscribe", refuse)
    async with running(broker.url, Machines(), host="scada"):
        async with asyncio.timeout(60):
            while "it refuses the subscription to spBv1.0/STATE/scada (Not authorized)" not in caplog.text:
                await asyncio.sleep(0.02)
    assert "the broker refuses the subscription to spBv1.0/hal-2/NCMD/gw-1" in caplog.text
    assert "DCMD" not in caplog.text, "nobody needs it"


@pytest.mark.long
async def test_an_agent_that_is_killed_is_dead_to_the_host(broker: Mosquitto, host: NodePeer, tmp_path: Path) -> None:
    """The whole agent: a machine that answers, one that does not; SIGKILL; and again."""
    word, port = [0b0011], free_port()
    server = MeterServer([plc(1, lambda: word[0])], port)
    await server.start()
    config = tmp_path / "agent.toml"
    config.write_text(
        f'[agent]\nfactory = "hal-2"\ngateway = "gw-1"\ndata_dir = "{tmp_path}/agent"\n[mqtt]\nurl = "{broker.url}"\n[sparkplug]\n'
        f'[[modbus]]\nid = "m1"\nhost = "127.0.0.1"\nport = {port}\ntemplate = "plc-status-word"\npoll_interval = "20ms"\n'
        f'[[modbus]]\nid = "m2"\nhost = "127.0.0.1"\nport = {free_port()}\ntemplate = "plc-status-word"\n'
    )
    command = [sys.executable, "-m", "vrijloop", "agent", "run", "-c", str(config)]
    agent = subprocess.Popen(command)
    known = await known_when(host, shows("m1", RUN))
    assert "m2" not in known["devices"]
    word[0] = 0b0001
    await known_when(host, shows("m1", WAIT))
    assert (await ask_status(tmp_path / "agent"))["sparkplug"] == {
        "address": f"127.0.0.1:{broker.port}", "connected": True, "waits_for_host": False,
    }  # fmt: skip
    assert await check_sparkplug(load_settings(config, AgentSettings)) is None
    os.kill(agent.pid, signal.SIGKILL)
    await asyncio.to_thread(agent.wait)
    known = await known_when(host, lambda known: not known["online"])
    again = subprocess.Popen(command)
    await known_when(host, lambda known: known["online"] and shows("m1", WAIT)(known))
    again.terminate()
    assert await asyncio.to_thread(again.wait) == 0
    known = await known_when(host, lambda known: not known["online"])
    assert (known["gaps"], known["deathsOfOthers"]) == (0, 0)
    await server.stop()
