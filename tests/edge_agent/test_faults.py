"""Faults of the network, the machines and the broker: nothing is lost, nothing is counted twice, and it comes back."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge_agent.agent import Agent
from edge_agent.configuration import AgentSettings
from simulators.opcua_server import MachineryServer
from stores.sequences import SequenceRanges
from telemetry import MachineState, SystemClock, decode, to_milliseconds
from tests.peer_servers import NodePeer
from tests.plans import ScriptedPlan, alternating, character
from tests.servers import Mosquitto, free_port, wait_for
from tests.tcp_proxy import TcpProxy

pytestmark = pytest.mark.servers
CLOCK = SystemClock()
BLACK_HOLE_S = float(os.environ.get("VRIJLOOP_BLACK_HOLE_S", "12"))
"""Longer than a client waits for an acknowledgement."""
BROKER_AWAY_S = float(os.environ.get("VRIJLOOP_BROKER_AWAY_S", "8"))
AGENT_KILLS = int(os.environ.get("VRIJLOOP_AGENT_KILLS", "5"))
"""The short form of the campaign, which is `make campaign`: two minutes, fifty kills."""
Script = Sequence[tuple[datetime, MachineState]]
CHANGES_EVERY = timedelta(milliseconds=200)


class Listener:
    """A subscriber of its own at the broker: what arrived, by number and by interval."""

    def __init__(self, port: int) -> None:
        self.sequences = SequenceRanges()
        self.intervals: dict[tuple[str, datetime], tuple[MachineState, datetime]] = {}
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id="listener", protocol=mqtt.MQTTv311, clean_session=False
        )
        self._client.on_connect = lambda client, *_: client.subscribe("vrijloop/v1/+/+/state", qos=1)
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.reconnect_delay_set(1, 1)
        self._client.loop_start()

    def _take(self, _: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        machine = message.topic.split("/")[3]
        for report in decode(bytes(message.payload)).reports:
            self.sequences.add([report.seq])
            key = (machine, report.since)
            if key not in self.intervals or self.intervals[key][1] < report.until:
                self.intervals[key] = (report.state, report.until)

    def changes(self, machine: str, start: datetime, end: datetime) -> list[tuple[datetime, MachineState]]:
        found = [
            (since, state)
            for (name, since), (state, _) in list(self.intervals.items())
            if name == machine and start < since < end and state is not MachineState.UNKNOWN
        ]
        return sorted(found)

    def wait_for_changes(self, machine: str, script: Script, start: datetime, end: datetime) -> None:
        """Until every change between the two moments has arrived, and nothing else."""
        expected = [(since, state) for since, state in script if start < since < end]
        try:
            wait_for(lambda: len(self.changes(machine, start, end)) >= len(expected), "all changes")
        except AssertionError as error:
            found = self.changes(machine, start, end)
            missing = [since.time().isoformat() for since, state in expected if (since, state) not in found]
            raise AssertionError(
                f"{error}: {len(missing)} of {len(expected)} between {start.time()} and {end.time()} are missing: {missing[:5]}; "
                f"listener connected: {self._client.is_connected()}, numbers missing: {self.sequences.missing} of {self.sequences.count}"
            ) from None
        assert self.changes(machine, start, end) == expected

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def restless_machine(port: int) -> Iterator[list[tuple[datetime, MachineState]]]:
    """An OPC UA machine that changes five times a second, in a thread of its own; yields its script."""
    script = alternating(to_milliseconds(CLOCK.now()), CHANGES_EVERY, 2500)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = MachineryServer(ScriptedPlan({"m1": script}), [character("m1")], CLOCK, port)
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(30)
    moving = asyncio.run_coroutine_threadsafe(server.run(), loop)
    yield script
    moving.cancel()
    asyncio.run_coroutine_threadsafe(server.stop(), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(20)


def settings(folder: Path, broker_port: int, opcua_port: int) -> AgentSettings:
    return AgentSettings.validated(
        {
            "agent": {"factory": "hal-2", "gateway": "gw-1", "data_dir": folder / "agent"},
            "mqtt": {"url": f"mqtt://127.0.0.1:{broker_port}", "keepalive_s": 5},
            "opcua": [
                {
                    "endpoint": f"opc.tcp://127.0.0.1:{opcua_port}/vrijloop/simulator",
                    "publishing_interval": "50ms",
                    "machine": [{"id": "m1", "browse_name": "M1"}],
                }
            ],
        }
    )


@contextmanager
def running_agent(configured: AgentSettings) -> Iterator[Agent]:
    """In a loop of its own, until the block ends; then it sends what it has."""
    started, box = threading.Event(), list[Any]()

    async def run() -> None:
        stop = asyncio.Event()
        box.extend([Agent(configured, CLOCK), asyncio.get_running_loop(), stop])
        started.set()
        await box[0].run(stop)

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert started.wait(20)
    yield box[0]
    box[1].call_soon_threadsafe(box[2].set)
    thread.join(60)
    assert not thread.is_alive()


def pause(seconds: float) -> None:
    """A fault lasts a while: this is no waiting for something to happen."""
    time.sleep(seconds)


@pytest.mark.long
def test_a_black_hole_between_agent_and_broker_loses_nothing(tmp_path: Path, broker: Mosquitto) -> None:
    """Packets vanish and nothing is closed: what counts as delivered is the acknowledgement, and nothing earlier."""
    opcua, proxy = free_port(), TcpProxy(broker.port)
    listener = Listener(broker.port)
    with restless_machine(opcua) as script, running_agent(settings(tmp_path, proxy.port, opcua)):
        wait_for(lambda: len(listener.intervals) > 10, "the first changes")
        start = CLOCK.now()
        proxy.black_hole.set()
        pause(BLACK_HOLE_S)
        proxy.black_hole.clear()
        proxy.cut()  # what the hole had swallowed never comes: the kernel gives such a connection up some time
        end = CLOCK.now() + timedelta(seconds=2)
        listener.wait_for_changes("m1", script, start, end)
    wait_for(lambda: listener.sequences.missing == 0, "no number to be missing")
    listener.close()
    proxy.close()


def test_a_gateway_that_stood_still_says_nothing_of_what_it_missed(tmp_path: Path, broker: Mosquitto) -> None:
    """Suspended, or too busy for a while: what the server has kept meanwhile comes, or nothing is said of that time."""
    opcua, listener = free_port(), Listener(broker.port)
    config = tmp_path / "agent.toml"
    config.write_text(
        f'[agent]\nfactory = "hal-2"\ngateway = "gw-1"\ndata_dir = "{tmp_path}/agent"\n[mqtt]\nurl = "{broker.url}"\n'
        f'[[opcua]]\nendpoint = "opc.tcp://127.0.0.1:{opcua}/vrijloop/simulator"\npublishing_interval = "50ms"\nsilence = "4s"\n'
        '[[opcua.machine]]\nid = "m1"\nbrowse_name = "M1"\n'
    )
    command = [sys.executable, "-m", "vrijloop", "agent", "run", "-c", str(config)]
    with restless_machine(opcua) as script:
        agent = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: len(listener.intervals) > 10, "the first changes")
            os.kill(agent.pid, signal.SIGSTOP)
            pause(2.5)
            before = len(listener.intervals)
            os.kill(agent.pid, signal.SIGCONT)
            wait_for(lambda: len(listener.intervals) > before + 10, "changes after it")
        finally:
            agent.terminate()
            agent.wait()
    changes = [since for since, _ in script]
    told = sorted((since, until, state) for (_, since), (state, until) in list(listener.intervals.items()))
    for (since, until, state), following in itertools.pairwise(told):
        end = min(until, following[0])  # a later report says it better
        missed = [change for change in changes if since < change < end]
        assert state is MachineState.UNKNOWN or not missed, f"{state} from {since} to {end} although it changed"
    listener.close()


def test_a_black_hole_between_agent_and_machine_leaves_no_wrong_state(tmp_path: Path, broker: Mosquitto) -> None:
    """What nobody saw is Unknown; the server's queues give back what they still have."""
    opcua = free_port()
    listener = Listener(broker.port)
    with restless_machine(opcua) as script:
        proxy = TcpProxy(opcua)
        with running_agent(settings(tmp_path, broker.port, proxy.port)) as agent:
            wait_for(lambda: len(listener.intervals) > 10, "the first changes")
            proxy.black_hole.set()
            wait_for(lambda: seen(agent) is MachineState.UNKNOWN, "the machine to be Unknown", 60)
            proxy.black_hole.clear()
            proxy.cut()
            wait_for(lambda: seen(agent) is not MachineState.UNKNOWN, "the machine to be back", 60)
        truth = dict(script)
        for (_, since), (state, _) in list(listener.intervals.items()):
            if state is not MachineState.UNKNOWN:
                assert truth.get(since) is state
        proxy.close()
    listener.close()


def seen(agent: Agent) -> MachineState | None:
    current = agent.writer.reported("m1")
    return current.state if current else None


@pytest.mark.long
def test_a_broker_that_is_away_for_long_loses_nothing(tmp_path: Path, broker: Mosquitto) -> None:
    opcua = free_port()
    listener = Listener(broker.port)
    with restless_machine(opcua) as script, running_agent(settings(tmp_path, broker.port, opcua)) as agent:
        wait_for(lambda: len(listener.intervals) > 10, "the first changes")
        start = CLOCK.now()
        broker.stop()
        pause(BROKER_AWAY_S)
        assert agent.outbox.depth() >= BROKER_AWAY_S / CHANGES_EVERY.total_seconds() * 0.9
        broker.start()
        end = CLOCK.now()
        listener.wait_for_changes("m1", script, start, end)
    wait_for(lambda: listener.sequences.missing == 0, "no number to be missing")
    listener.close()


@pytest.mark.long
def test_connections_cut_in_mid_frame_lose_nothing(
    tmp_path: Path, broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    opcua = free_port()
    listener = Listener(broker.port)
    chance = random.Random(1)
    with restless_machine(opcua) as script:
        to_machine, to_broker = TcpProxy(opcua), TcpProxy(broker.port)
        with running_agent(settings(tmp_path, to_broker.port, to_machine.port)):
            wait_for(lambda: len(listener.intervals) > 10, "the first changes")
            start = CLOCK.now()
            for _ in range(5):
                before = len(listener.intervals)
                to_broker.cut_after(chance.randint(1, 400))
                wait_for(lambda before=before: len(listener.intervals) > before + 3, "changes after the cut")  # type: ignore[misc]
            end = CLOCK.now() - timedelta(seconds=1)
            listener.wait_for_changes("m1", script, start, end)
            for _ in range(2):  # and towards the machine: it is followed again, and nothing wrong is said
                before = len(listener.intervals)
                to_machine.cut_after(chance.randint(1, 400))
                wait_for(lambda before=before: len(listener.intervals) > before + 3, "changes after the cut")  # type: ignore[misc]
        assert "timed out" not in caplog.text, "a cut is noticed at once, not at the end of a time-out"
        truth = dict(script)
        assert all(
            truth.get(since) is state
            for (_, since), (state, _) in list(listener.intervals.items())
            if state is not MachineState.UNKNOWN
        )
        to_machine.close()
        to_broker.close()
    wait_for(lambda: listener.sequences.missing == 0, "no number to be missing")
    listener.close()


@pytest.mark.long
def test_killed_at_random_moments_it_loses_nothing(tmp_path: Path, broker: Mosquitto) -> None:
    """Against a Modbus server of another maker (npm modbus-serial)."""
    peer = NodePeer("modbus_server.mjs", "0")
    config = tmp_path / "agent.toml"
    config.write_text(
        f'[agent]\nfactory = "hal-2"\ngateway = "gw-1"\ndata_dir = "{tmp_path}/agent"\n[mqtt]\nurl = "{broker.url}"\n'
        f'[[modbus]]\nid = "m1"\nhost = "127.0.0.1"\nport = {peer.said["port"]}\nunit = 1\ntemplate = "plc-status-word"\n'
        'poll_interval = "10ms"\n'
    )
    listener = Listener(broker.port)
    chance = random.Random(7)
    moving = threading.Event()

    def restless() -> None:
        word = 1
        while not moving.wait(0.03):
            word = 4 - word
            peer.tell(set=word)

    mover = threading.Thread(target=restless, daemon=True)
    mover.start()
    command = [sys.executable, "-m", "vrijloop", "agent", "run", "-c", str(config)]
    try:
        for _ in range(AGENT_KILLS):
            before = listener.sequences.count
            agent = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            more = chance.randint(1, 20)
            wait_for(lambda before=before, more=more: listener.sequences.count >= before + more, "reports to arrive")  # type: ignore[misc]
            os.kill(agent.pid, signal.SIGKILL)
            agent.wait()
        agent = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        before = listener.sequences.count
        wait_for(lambda: listener.sequences.count >= before + 5, "reports to arrive")
        agent.terminate()
        assert agent.wait(30) == 0
        wait_for(lambda: listener.sequences.missing == 0, "no number to be missing")
    finally:
        moving.set()
        mover.join(20)
        peer.stop(kill=True)
    # One start of an interval has one state, and none overlaps the next.
    spells = sorted((since, until) for (_, since), (_, until) in listener.intervals.items())
    for earlier, later in itertools.pairwise(spells):
        assert earlier[1] <= later[0]
    listener.close()
