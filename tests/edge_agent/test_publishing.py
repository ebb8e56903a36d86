"""Outbox to a real Mosquitto: broker away and back, and an agent that is killed; nothing lost, nothing out of order."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge_agent.agent import Agent
from edge_agent.configuration import AgentSettings
from edge_agent.outbox import Outbox
from edge_agent.publisher import Publisher
from simulators.modbus_server import MeterServer, plc
from stores import SequenceRanges
from telemetry import MachineState, StateInterval, StateMessage, SystemClock, decode, load_settings
from telemetry.broker import BrokerSettings
from tests.servers import Mosquitto, free_port, wait_for

KILLS = 4


class Listener:
    """A subscriber with a durable session, as ingest is."""

    def __init__(self, port: int) -> None:
        self.messages: list[tuple[str, StateMessage]] = []
        self.status: list[str] = []
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="listener", clean_session=False)
        self._client.on_message = self._on_message
        self._client.on_connect = self._on_connect
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        wait_for(self._client.is_connected, "the listener to connect")

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe([("vrijloop/v1/+/+/state", 1), ("vrijloop/v1/+/+/status", 1)])

    def _on_message(self, client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:
        if message.topic.endswith("/status"):
            self.status.append(message.payload.decode())
        else:
            self.messages.append((message.topic, decode(bytes(message.payload))))

    def sequences(self) -> SequenceRanges:
        ranges = SequenceRanges()
        ranges.add(report.seq for _, message in list(self.messages) for report in message.reports)
        return ranges

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)


def commit(outbox: Outbox, committed: asyncio.Event, count: int) -> None:
    """So many reports of one machine, each an interval of its own, and the publisher is told."""
    now = SystemClock().now()
    changes = [now + timedelta(milliseconds=place) for place in range(count)]
    outbox.append([("m1", StateInterval(MachineState.EXECUTING, at, at)) for at in changes])
    committed.set()


async def test_reports_wait_while_the_broker_is_away(
    broker: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    listener = Listener(broker.port)
    outbox = Outbox(tmp_path / "outbox.sqlite")
    committed = asyncio.Event()
    publisher = Publisher(BrokerSettings(url=broker.url), "genk", "gw-1", outbox, committed)
    running = asyncio.create_task(publisher.run())
    commit(outbox, committed, 700)
    await until(lambda: listener.sequences().count == 700)
    await asyncio.to_thread(broker.stop)
    commit(outbox, committed, 700)
    await until(lambda: "Reports wait in the outbox" in caplog.text)
    assert outbox.depth() == 700
    await asyncio.to_thread(broker.start)
    await until(lambda: listener.sequences().ranges == [(1, 1400)])
    await until(lambda: outbox.depth() == 0)
    said = [record.getMessage() for record in caplog.records if "Reports wait" in record.getMessage()]
    assert len(said) == len(set(said)), "each reason is said once, not at every attempt"
    publisher.stop()
    await running
    await until(lambda: listener.status[-1:] == ["offline"])
    assert "online" in listener.status
    outbox.close()
    listener.close()


async def test_a_broker_that_comes_back_and_refuses_the_agent_is_said(
    broker: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is another fault than a broker that is away, and somebody else must act."""
    outbox, committed = Outbox(tmp_path / "outbox.sqlite"), asyncio.Event()
    publisher = Publisher(BrokerSettings(url=broker.url), "genk", "gw-1", outbox, committed)
    running = asyncio.create_task(publisher.run())
    await until(lambda: publisher.connected)
    await asyncio.to_thread(broker.stop)
    await until(lambda: "the connection was lost" in caplog.text)
    broker.extra = "allow_anonymous false\n"
    await asyncio.to_thread(broker.start)
    await until(lambda: "it refuses the connection (Not authorized)" in caplog.text)
    assert publisher.held_up
    publisher.stop()
    await running
    outbox.close()


@pytest.mark.servers
async def test_what_the_broker_may_not_take_stays_in_the_outbox(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With MQTT 5 a broker acknowledges also what it refuses. A right that was forgotten must cost nothing but time."""
    rights = tmp_path / "acl"
    rights.write_text("topic read vrijloop/#\ntopic write vrijloop/v1/+/+/status\n")
    broker = Mosquitto(tmp_path, extra=f"acl_file {rights}\n")
    await asyncio.to_thread(broker.start)
    listener = Listener(broker.port)
    outbox, committed = Outbox(tmp_path / "outbox.sqlite"), asyncio.Event()
    publisher = Publisher(BrokerSettings(url=broker.url), "genk", "gw-1", outbox, committed)
    commit(outbox, committed, 700)
    running = asyncio.create_task(publisher.run())
    await until(lambda: "refuses reports" in caplog.text)
    assert "vrijloop/v1/genk/+/state" in caplog.text
    assert outbox.depth() == 700
    # The administrator mends it; nobody touches the agent. The health topic is still not allowed, and stops nothing.
    rights.write_text("topic read vrijloop/#\ntopic write vrijloop/v1/+/+/status\ntopic write vrijloop/v1/+/+/state\n")
    assert broker.process is not None
    broker.process.send_signal(signal.SIGHUP)
    await until(lambda: listener.sequences().ranges == [(1, 700)])
    await until(lambda: outbox.depth() == 0)
    publisher.stop()
    await running
    outbox.close()
    listener.close()
    await asyncio.to_thread(broker.stop)


@pytest.mark.servers
async def test_a_broker_that_does_not_let_the_agent_hear_what_is_stored_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The access list of an installation of an older version. Reports go on; what was sent is kept for a while."""
    rights = tmp_path / "acl"
    rights.write_text("topic write vrijloop/#\ntopic read vrijloop/v1/+/+/state\ntopic read vrijloop/v1/+/+/status\n")
    broker = Mosquitto(tmp_path, extra=f"acl_file {rights}\n")
    await asyncio.to_thread(broker.start)
    listener = Listener(broker.port)
    outbox, committed = Outbox(tmp_path / "outbox.sqlite"), asyncio.Event()
    publisher = Publisher(BrokerSettings(url=broker.url), "genk", "gw-1", outbox, committed)
    commit(outbox, committed, 700)
    running = asyncio.create_task(publisher.run())
    await until(lambda: listener.sequences().ranges == [(1, 700)])
    await until(lambda: outbox.depth() == 0)
    assert outbox.unconfirmed() == 700
    publisher.stop()
    await running
    outbox.close()
    listener.close()
    await asyncio.to_thread(broker.stop)


async def test_an_older_server_that_tells_nothing_is_said_once(
    broker: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.publisher._UNCONFIRMED_S", 0.0)
    listener = Listener(broker.port)
    outbox, committed = Outbox(tmp_path / "outbox.sqlite"), asyncio.Event()
    publisher = Publisher(BrokerSettings(url=broker.url), "genk", "gw-1", outbox, committed)
    running = asyncio.create_task(publisher.run())
    for count in range(100, 400, 100):
        commit(outbox, committed, 100)
        await until(lambda count=count: listener.sequences().count == count)  # type: ignore[misc]
        await until(lambda: outbox.depth() == 0)
    assert caplog.text.count("no server tells that it has stored them") == 1
    assert not publisher.confirmed
    assert not publisher.held_up, "nothing waits for it"
    publisher.stop()
    await running
    outbox.close()
    listener.close()


@pytest.mark.servers
@pytest.mark.parametrize(
    ("protocol", "limit"),
    [
        ("5", "max_packet_size 8000"), ("3.1.1", "max_packet_size 8000"), ("5", "message_size_limit 6000"),
        ("5", "max_inflight_messages 5"),
    ],
)  # fmt: skip
async def test_a_broker_with_narrow_limits_gets_the_whole_backlog(tmp_path: Path, protocol: str, limit: str) -> None:
    """As rumqttd and Moquette (8 to 10 kB a message) and HiveMQ (10 messages under way) are delivered."""
    broker = Mosquitto(tmp_path, extra=f"{limit}\n")
    await asyncio.to_thread(broker.start)
    listener = Listener(broker.port)
    outbox, committed = Outbox(tmp_path / "outbox.sqlite"), asyncio.Event()
    settings = BrokerSettings.validated({"url": broker.url, "protocol": protocol})
    publisher = Publisher(settings, "genk", "gw-1", outbox, committed)
    commit(outbox, committed, 3_000)
    now = SystemClock().now()
    outbox.append([(f"m{number}", StateInterval(MachineState.EXECUTING, now, now)) for number in range(2, 60)])
    running = asyncio.create_task(publisher.run())
    await until(lambda: listener.sequences().ranges == [(1, 3_058)])
    await until(lambda: outbox.depth() == 0)
    publisher.stop()
    await running
    outbox.close()
    listener.close()
    await asyncio.to_thread(broker.stop)


async def test_two_agents_with_one_name_are_said_and_do_not_fight(
    broker: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    publishers, running, boxes = [], [], []
    for number in range(2):
        outbox = Outbox(tmp_path / f"outbox-{number}.sqlite")
        publisher = Publisher(BrokerSettings(url=broker.url), "genk", "gw-1", outbox, asyncio.Event())
        running.append(asyncio.create_task(publisher.run()))
        await until(lambda publisher=publisher: publisher.connected)  # type: ignore[misc]
        publishers.append(publisher)
        boxes.append(outbox)
    await until(lambda: "Is another agent with the name 'gw-1' connected?" in caplog.text)
    for publisher, task, outbox in zip(publishers, running, boxes, strict=True):
        publisher.stop()
        await task
        outbox.close()


def agent_config(folder: Path, broker: Mosquitto, port: int) -> Path:
    path = folder / "agent.toml"
    path.write_text(
        f'[agent]\nfactory = "genk"\ngateway = "gw-1"\ndata_dir = "{folder}/agent"\nheartbeat = "50ms"\n'
        f'[mqtt]\nurl = "{broker.url}"\n'
        f'[[modbus]]\nid = "m1"\nhost = "127.0.0.1"\nport = {port}\ntemplate = "plc-status-word"\npoll_interval = "5ms"\n'
    )
    return path


async def test_an_agent_without_a_broker_stops_at_once(
    broker: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has to say waits in the outbox, and not the technician who starts it again."""
    monkeypatch.setattr("edge_agent.agent._DRAIN_ON_STOP_S", 3600)
    configured = load_settings(agent_config(tmp_path, broker, free_port()), AgentSettings)
    await asyncio.to_thread(broker.stop)
    agent, stop = Agent(configured, SystemClock()), asyncio.Event()
    running = asyncio.create_task(agent.run(stop))
    await until(lambda: agent.publisher.held_up and agent.outbox.depth() > 0)
    stop.set()
    await running
    kept = Outbox(tmp_path / "agent" / "outbox.sqlite")
    assert kept.depth() > 0
    kept.close()


@pytest.mark.long
async def test_an_agent_killed_again_and_again_loses_nothing(broker: Mosquitto, tmp_path: Path) -> None:
    """SIGKILL at random moments, while the machine changes all the time; then count."""
    listener = Listener(broker.port)
    chance, word, port = random.Random(3), [0b0001], free_port()

    def next_word() -> int:
        word[0] = chance.choice([0b0001, 0b0011, 0b0101])
        return word[0]

    device = MeterServer([plc(1, next_word)], port)
    await device.start()
    config = agent_config(tmp_path, broker, port)
    for _ in range(KILLS):
        before = listener.sequences().count
        agent = subprocess.Popen([sys.executable, "-m", "vrijloop", "agent", "run", "-c", str(config)])
        more = chance.randint(1, 40)
        await until(lambda: listener.sequences().count >= before + more)
        os.kill(agent.pid, signal.SIGKILL)
        await asyncio.to_thread(agent.wait)
    last = subprocess.Popen([sys.executable, "-m", "vrijloop", "agent", "run", "-c", str(config)])
    await until(lambda: listener.status.count("online") > KILLS)
    last.terminate()
    assert await asyncio.to_thread(last.wait) == 0
    await device.stop()

    outbox = Outbox(tmp_path / "agent" / "outbox.sqlite")
    assert outbox.depth() == 0
    emitted = outbox.last_seq()
    outbox.close()
    await until(lambda: listener.sequences().count >= emitted)
    assert listener.sequences().ranges == [(1, emitted)]
    assert "offline" in listener.status, "the will message tells that a killed agent is gone"
    by_seq = {report.seq: report for _, message in listener.messages for report in message.reports}
    known = [by_seq[seq].interval for seq in sorted(by_seq)]
    assert all(earlier.since <= later.since for earlier, later in itertools.pairwise(known))
    assert all(one.until - one.since < timedelta(minutes=5) for one in known)
    listener.close()
