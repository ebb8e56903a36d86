"""The agent's MQTT client: connections that are not answered, that are cut, and that are cancelled while they open."""

from __future__ import annotations

import asyncio
import gc
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge_agent import mqtt_client
from edge_agent.mqtt_client import MqttClient, MqttError, Will
from telemetry import UserError
from telemetry.broker import BrokerSettings
from telemetry.broker_client import build_client, connect_durable
from tests.servers import Mosquitto, free_port
from tests.tcp_proxy import TcpProxy

pytestmark = pytest.mark.servers


@pytest.fixture(autouse=True)
async def nothing_left_behind() -> AsyncIterator[None]:
    """No task is left, and no error was reported to the event loop, not even an exception that was never retrieved."""
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    gc.freeze()  # to look through what other tests have left takes a second
    yield
    gc.collect()
    await asyncio.sleep(0.05)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert reported == []


@asynccontextmanager
async def silent_server() -> AsyncIterator[tuple[int, list[bytes]]]:
    """Accepts connections and never answers; yields its port and what it received, b"" at the end of a connection."""
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            received.append(await reader.read(1000))
            if not received[-1]:
                break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], received
    finally:
        server.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def settings(port: int, **more: Any) -> BrokerSettings:
    return BrokerSettings(url=f"mqtt://127.0.0.1:{port}", **more)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_an_acknowledgement_carries_the_reason_code_of_mqtt_5(broker: Mosquitto, protocol: str) -> None:
    async with MqttClient(settings(broker.port, protocol=protocol), "agent") as client:
        first, second = (client.publish(f"t/{place}", b"x", retain=False) for place in range(2))
        await client.acknowledged([first, second])
        reason = first.result()
        assert (reason.value if reason else None) == (0x10 if protocol == "5" else None), "no matching subscribers"
    assert not client.connected
    with pytest.raises(MqttError, match="closed"):
        client.publish("t", b"x", retain=False)


async def test_small_messages_are_not_held_back(broker: Mosquitto) -> None:
    async with MqttClient(settings(broker.port), "agent") as client:
        assert client._client is not None
        connection = client._client.socket()
        assert isinstance(connection, socket.socket)
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_a_cut_wakes_all_that_wait_at_once(broker: Mosquitto) -> None:
    proxy = TcpProxy(broker.port)
    async with MqttClient(settings(proxy.port), "agent") as client:
        proxy.black_hole.set()
        waiting = [client.publish("t", b"x", retain=False) for _ in range(100)]
        others = [asyncio.create_task(client.acknowledged(waiting[start::10])) for start in range(10)]
        await asyncio.sleep(0.05)
        start = time.monotonic()
        proxy.cut()
        results = await asyncio.gather(*others, return_exceptions=True)
        assert time.monotonic() - start < 1.0
        assert {str(one) for one in results} == {"the connection was lost"}
        assert all(one.done() for one in waiting)
        with pytest.raises(MqttError, match="the connection was lost"):
            client.publish("t", b"x", retain=False)
    proxy.close()


async def test_a_missing_acknowledgement_ends_the_wait(broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_client, "_ACK_TIMEOUT_S", 0.2)
    proxy = TcpProxy(broker.port)
    async with MqttClient(settings(proxy.port), "agent") as client:
        proxy.black_hole.set()
        with pytest.raises(MqttError, match="acknowledgement timed out"):
            await client.acknowledged([client.publish("t", b"x", retain=False) for _ in range(3)])
    proxy.close()


async def test_a_keepalive_that_is_not_answered_ends_the_connection(broker: Mosquitto) -> None:
    proxy = TcpProxy(broker.port)
    async with MqttClient(settings(proxy.port, keepalive_s=5), "agent") as client:
        proxy.black_hole.set()
        await until(lambda: not client.connected)
    proxy.close()


async def test_a_server_that_does_not_speak_mqtt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_client, "_CONNECT_TIMEOUT_S", 0.3)
    async with silent_server() as (port, received):
        with pytest.raises(MqttError, match=r"timed out after 0\.3 s"):
            async with MqttClient(settings(port), "agent"):
                pass
        await until(lambda: received[-1:] == [b""])


async def test_a_tls_handshake_that_hangs_does_not_block_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection attempt is given up; its thread closes the socket later."""
    monkeypatch.setattr(mqtt_client, "_CONNECT_TIMEOUT_S", 0.3)
    monkeypatch.setattr(mqtt_client, "_SOCKET_TIMEOUT_S", 0.6)
    async with silent_server() as (port, received):
        turns = 0
        connecting = asyncio.create_task(
            MqttClient(BrokerSettings(url=f"mqtts://127.0.0.1:{port}"), "agent").__aenter__()
        )
        while not connecting.done():
            await asyncio.sleep(0.01)
            turns += 1
        assert turns > 3, "of an event loop that is blocked, one"
        with pytest.raises(MqttError, match="timed out"):
            connecting.result()
        await until(lambda: received[-1:] == [b""])


async def test_given_up_while_it_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that opens after its task was cancelled is closed."""

    connect = mqtt.Client.connect

    def slow(*arguments: Any, **options: Any) -> None:
        time.sleep(0.3)
        connect(*arguments, **options)

    monkeypatch.setattr(mqtt.Client, "connect", slow)
    async with silent_server() as (port, received):
        client = MqttClient(settings(port), "agent")
        connecting = asyncio.create_task(client.__aenter__())
        await asyncio.sleep(0.05)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await until(lambda: received == [b""])


async def test_cancelled_while_it_waits_for_the_answer() -> None:
    async with silent_server() as (port, received):
        client = MqttClient(settings(port), "agent")
        connecting = asyncio.create_task(client.__aenter__())
        await until(lambda: bool(received))
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        assert not client.connected
        await until(lambda: received[-1:] == [b""])


async def test_cancelled_in_the_moment_of_the_answer(broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cancellation wins, and the accepted connection is closed."""
    on_connect, connecting = MqttClient._on_connect, list[asyncio.Task[MqttClient]]()

    def cancelling(self: MqttClient, *arguments: Any) -> None:
        on_connect(self, *arguments)
        connecting[0].cancel()

    monkeypatch.setattr(MqttClient, "_on_connect", cancelling)
    client = MqttClient(settings(broker.port), "agent")
    connecting.append(asyncio.create_task(client.__aenter__()))
    with pytest.raises(asyncio.CancelledError):
        await connecting[0]
    assert not client.connected
    assert client._fd is None


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_the_broker_keeps_nothing_for_an_agent_that_is_away(broker: Mosquitto, protocol: Any) -> None:
    """Also where an agent of a version before has left a session."""
    for name, leaves in (("agent", False), ("other", True)):
        if leaves:
            assert not await asyncio.to_thread(session_present, broker, name, protocol)
        async with MqttClient(settings(broker.port, protocol=protocol), name) as client:
            await client.subscribe("t", lambda *_: None)
        assert not await asyncio.to_thread(session_present, broker, name, protocol)


def session_present(broker: Mosquitto, name: str, protocol: Any) -> bool:
    """Whether the broker has a session of this name; afterwards it has one."""
    present: list[bool] = []
    chosen = BrokerSettings(url=broker.url, protocol=protocol)
    client = build_client(chosen, name, durable=True)

    def on_connect(client: mqtt.Client, _: Any, flags: mqtt.ConnectFlags, *__: Any) -> None:
        present.append(flags.session_present)
        client.disconnect()

    client.on_connect = on_connect
    connect_durable(client, chosen, session_expiry_s=60)
    client.loop_forever()
    return present[0]


async def test_no_broker_and_no_password_file(tmp_path: Path) -> None:
    with pytest.raises(MqttError, match="refused"):
        await MqttClient(settings(free_port()), "agent").__aenter__()
    with pytest.raises(UserError, match=r"none\.txt"):
        await MqttClient(settings(free_port(), username="a", password_file=tmp_path / "none.txt"), "agent").__aenter__()


async def test_an_error_in_a_callback_is_logged_and_ends_the_connection(
    broker: Mosquitto, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defective(self: MqttClient, *_: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(MqttClient, "_on_publish", defective)
    async with MqttClient(settings(broker.port), "agent") as client:
        with pytest.raises(MqttError, match="a defect"):
            await client.acknowledged([client.publish("t", b"x", retain=False)])
        assert not client.connected
    assert "ZeroDivisionError" in caplog.text


async def test_the_will_is_published_for_a_connection_that_breaks_and_not_for_one_that_is_closed(
    broker: Mosquitto,
) -> None:
    """A retained will is what the next subscriber sees."""
    proxy = TcpProxy(broker.port)
    async with MqttClient(settings(proxy.port), "agent", Will("will", b"offline")) as client:
        proxy.cut()
        await until(lambda: not client.connected)
    assert await retained(broker, "will") == b"offline"
    async with MqttClient(settings(broker.port), "agent", Will("other", b"offline")):
        pass
    assert await retained(broker, "other") is None
    proxy.close()


async def retained(broker: Mosquitto, topic: str) -> bytes | None:
    """The retained message of `topic`; None if a message published after subscribing arrives without it."""
    received: dict[str, bytes] = {}
    subscriber = mqtt.Client(CallbackAPIVersion.VERSION2)
    subscriber.on_message = lambda _, __, message: received.update({message.topic: bytes(message.payload)})
    subscriber.on_connect = lambda client, *_: client.subscribe([(topic, 1), ("marker", 1)])
    subscriber.on_subscribe = lambda client, *_: client.publish("marker", b"x", qos=1)
    subscriber.connect("127.0.0.1", broker.port)
    subscriber.loop_start()
    await until(lambda: "marker" in received)
    subscriber.disconnect()
    subscriber.loop_stop()
    return received.get(topic)
