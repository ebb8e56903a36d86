"""MQTT client for asyncio: paho-mqtt, driven by the event loop through paho's public callbacks and loop functions.

    connect: a thread opens the socket (DNS, TCP, TLS) ─▶ the event loop takes it over ─▶ CONNACK
    publish: paho.publish ─▶ socket writable: loop_write … socket readable: loop_read ─▶ on_publish ─▶ future

A client serves one connection. After a loss, make a new one: paho would send unacknowledged messages again by itself, and the outbox
already does that. Each connection is a new session too: whatever a broker would keep for a client that is away is retained or sent again.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from telemetry.broker import BrokerSettings
from telemetry.broker_client import build_client, refusal_of, topic_of

_log = logging.getLogger(__name__)

_SOCKET_TIMEOUT_S = 5.0
_CONNECT_TIMEOUT_S = 10.0
_ACK_TIMEOUT_S = 10.0
_CLOSE_TIMEOUT_S = 2.0
_LOOP_MISC_EVERY_S = 1.0

Acknowledgement = asyncio.Future[ReasonCode | None]
"""The reason code of the PUBACK; None with MQTT 3.1.1, which has none."""


SESSION_TAKEN_OVER, PACKET_TOO_LARGE = 0x8E, 0x95
"""Reason codes of DISCONNECT, MQTT 5 section 3.14.2.1."""


class MqttError(Exception):
    """The connection cannot be made, was refused, or is lost. `code`: the reason code that the broker gave, if it gave one."""

    def __init__(self, text: str, code: int | None = None) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Limits:
    """What the broker takes, as its CONNACK says (MQTT 5 section 3.2.2.3); with 3.1.1 a broker does not say."""

    receive_maximum: int = 65_535
    """Messages with QoS 1 that may be unacknowledged at a time."""
    maximum_packet: int | None = None
    """Bytes; None: no limit."""
    maximum_qos: int = 2
    retain: bool = True

    @classmethod
    def of(cls, properties: Properties | None) -> Limits:
        """Of the properties of a CONNACK."""
        unlimited = cls()
        return cls(
            getattr(properties, "ReceiveMaximum", unlimited.receive_maximum),
            getattr(properties, "MaximumPacketSize", None),
            getattr(properties, "MaximumQoS", unlimited.maximum_qos),
            bool(getattr(properties, "RetainAvailable", unlimited.retain)),
        )

    def shortcomings(self) -> list[str]:
        """What reports need and the broker does not offer, as parts of a sentence about it."""
        found = []
        if self.maximum_qos < 1:
            found.append("it takes no messages with QoS 1, so it may lose reports. Use another broker")
        if not self.retain:
            found.append(
                "it keeps no retained messages: a server that starts learns each state with the next report only"
            )
        return found


@dataclass(frozen=True, slots=True)
class Will:
    """Published by the broker with QoS 1 if the connection ends without a DISCONNECT. `also_on_disconnect`: with MQTT 5 also if it ends with one."""

    topic: str
    payload: bytes
    retain: bool = True
    also_on_disconnect: bool = False


class MqttClient:
    """One connection to the broker, open inside `async with`.

    All methods are called from the event loop's thread.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        client_id: str,
        will: Will | None = None,
        *,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_lost` is called when the connection ends."""
        self._settings = settings
        self._mqtt5 = settings.protocol == "5"
        self._client_id = client_id
        self._will = will
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._connack: asyncio.Future[None] = self._loop.create_future()
        self._socket_closed = asyncio.Event()
        self._pending: dict[int, Acknowledgement] = {}
        self.limits = Limits()
        self._client: mqtt.Client | None = None
        self._fd: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._accepted = False
        self._error: MqttError | None = None

    async def __aenter__(self) -> Self:
        """Connect. Raises MqttError, and UserError if a password or certificate file cannot be read."""
        opening = self._loop.run_in_executor(None, self._open)
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                self._take_over(await asyncio.shield(opening))
                await self._connack
        except BaseException as error:
            if self._client is None:
                opening.add_done_callback(_close_unused)
            self._drop(MqttError("the connection attempt was given up"))
            if isinstance(error, OSError):  # TimeoutError among them
                text = str(error) or f"the connection attempt timed out after {_CONNECT_TIMEOUT_S:g} s"
                raise MqttError(text) from error
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Send DISCONNECT and close the socket. If the broker does not read, the socket is closed after two seconds."""
        try:
            if self._client is not None and self.connected:
                self._client.disconnect(self._farewell())
                self._fail(MqttError("the connection is closed"))
                with suppress(TimeoutError):
                    async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                        await self._socket_closed.wait()
        finally:
            self._drop(MqttError("the connection is closed"))

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted the connection and it is not lost."""
        return self._accepted and self._error is None

    def _farewell(self) -> ReasonCode | None:
        if self._mqtt5 and self._will is not None and self._will.also_on_disconnect:
            return ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message")
        return None

    def check(self) -> None:
        """Raises MqttError, with the reason, if there is no connection (any more)."""
        if not self.connected:
            raise self._error or MqttError("there is no connection")

    def publish(self, topic: str, payload: bytes, *, retain: bool, qos: Literal[0, 1] = 1) -> Acknowledgement:
        """Send a message and return the future of its acknowledgement, with QoS 0 of its being sent; pass it to `acknowledged`.

        Raises MqttError if there is no connection: paho would queue the message and send it after a reconnection.
        """
        if self._client is None or not self.connected:
            raise self._error or MqttError("there is no connection")
        info = self._client.publish(topic, payload, qos=qos, retain=retain)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise MqttError(f"the message was not sent: {mqtt.error_string(info.rc)}")
        acknowledgement: Acknowledgement = self._loop.create_future()
        self._pending[info.mid] = acknowledgement
        return acknowledgement

    def subscribe(
        self, topic: str, on_heard: Callable[[str, bytes], None], *, retained: bool = True
    ) -> Acknowledgement:
        """Subscribe with QoS 1 and return the future of the answer. `on_heard` gets topics and payloads, the retained ones first. Raises MqttError.

        `topic` may be a filter; no two may overlap. `retained` False: what the broker has retained is passed over.
        """
        if self._client is None or not self.connected:
            raise self._error or MqttError("there is no connection")

        def hear(_: mqtt.Client, __: Any, message: mqtt.MQTTMessage) -> None:
            if retained or not message.retain:
                on_heard(topic_of(message), bytes(message.payload))

        self._client.message_callback_add(topic, hear)
        result, mid = self._client.subscribe(topic, qos=1)
        if result != MQTTErrorCode.MQTT_ERR_SUCCESS or mid is None:
            raise MqttError(f"the subscription was not sent: {mqtt.error_string(result)}")
        answer: Acknowledgement = self._loop.create_future()
        self._pending[mid] = answer
        return answer

    async def acknowledged(self, acknowledgements: Sequence[Acknowledgement]) -> None:
        """Wait until every message is acknowledged.

        Raises MqttError as soon as the connection is lost, or if no acknowledgement arrives for 10 s. Messages acknowledged before
        that have their result.
        """
        for future in acknowledgements:
            if future.done():
                future.result()
                continue
            try:
                async with asyncio.timeout(_ACK_TIMEOUT_S):
                    await future
            except TimeoutError as error:
                raise MqttError(f"the acknowledgement timed out after {_ACK_TIMEOUT_S:g} s") from error

    def _open(self) -> mqtt.Client:
        """Runs in a thread, since reading certificates, DNS, TCP and the TLS handshake block."""
        # Without `reconnect_on_failure`: paho would reconnect inside `loop_read`, and block the event loop.
        client = build_client(self._settings, self._client_id, reconnect_on_failure=False)
        client.connect_timeout = _SOCKET_TIMEOUT_S
        if self._will is not None:
            client.will_set(self._will.topic, self._will.payload, qos=1, retain=self._will.retain)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_socket_register_write
        client.on_socket_unregister_write = self._on_socket_unregister_write
        client.connect(self._settings.host, self._settings.port, keepalive=self._settings.keepalive_s)
        return client

    def _take_over(self, client: mqtt.Client) -> None:
        """From here on the event loop reads and writes."""
        connection = client.socket()
        if not isinstance(connection, socket.socket):
            raise ConnectionError("the socket is closed")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client = client
        self._fd = connection.fileno()
        self._loop.add_reader(self._fd, self._guard, self._read)
        if client.want_write():  # CONNECT; the thread could not register the writer
            self._loop.add_writer(self._fd, self._guard, client.loop_write)
        self._timer = self._loop.call_later(_LOOP_MISC_EVERY_S, self._guard, self._tick)

    def _guard(self, step: Callable[[], object]) -> None:
        """Run a step of paho's loop. An exception in it, or in one of our callbacks, ends the connection and is logged."""
        try:
            step()
        except Exception as error:  # noqa: BLE001 - otherwise the socket would stay in the event loop with nobody to read it
            _log.exception("Unexpected error in the MQTT connection to %s; reconnecting.", self._settings.address)
            self._drop(MqttError(f"the connection was lost ({error!r})"))

    def _read(self) -> None:
        client = self._client
        while client is not None:
            client.loop_read()
            connection = client.socket()
            # TLS: bytes that are already decrypted do not make the socket readable.
            if not isinstance(connection, ssl.SSLSocket) or not connection.pending():
                return

    def _tick(self) -> None:
        if self._client is not None and self._fd is not None:
            self._timer = self._loop.call_later(_LOOP_MISC_EVERY_S, self._guard, self._tick)
            self._client.loop_misc()

    def _detach(self) -> None:
        """Take the socket out of the event loop."""
        if self._fd is not None:
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
            self._fd = None
        if self._timer is not None:
            self._timer.cancel()
        self._socket_closed.set()

    def _drop(self, error: MqttError) -> None:
        """Close the socket without a DISCONNECT, if it is still open."""
        self._detach()
        if self._client is not None:
            _close_socket(self._client)
        self._fail(error)

    def _fail(self, error: MqttError) -> None:
        """Wake all that wait. The first error is the reason that later calls get."""
        if self._error is None:
            self._error = error
            self._on_lost()
        waiting: list[asyncio.Future[Any]] = [self._connack, *self._pending.values()]
        self._pending = {}
        for future in waiting:
            if not future.done():
                future.set_exception(self._error)
                future.exception()  # marks it as retrieved: perhaps nothing waits for it

    def _on_connect(self, client: mqtt.Client, userdata: Any, flags: Any, reason: ReasonCode, properties: Any) -> None:
        if reason.is_failure:
            self._fail(MqttError(refusal_of(reason), reason.value))
        elif not self._connack.done():
            self._accepted = True
            self.limits = Limits.of(properties)
            self._connack.set_result(None)

    def _on_disconnect(
        self, client: mqtt.Client, userdata: Any, flags: mqtt.DisconnectFlags, reason: ReasonCode, properties: Any
    ) -> None:
        if not self._connack.done():
            self._fail(MqttError(self._settings.ended_unanswered))
            return
        if flags.is_disconnect_packet_from_server:
            self._fail(MqttError(f"the connection was lost ({reason})", reason.value))
        else:
            self._fail(MqttError("the connection was lost"))

    def _on_publish(self, client: mqtt.Client, userdata: Any, mid: int, reason: ReasonCode, properties: Any) -> None:
        acknowledgement = self._pending.pop(mid, None)
        if acknowledgement is not None and not acknowledgement.done():
            acknowledgement.set_result(reason if self._mqtt5 else None)

    def _on_subscribe(
        self, client: mqtt.Client, userdata: Any, mid: int, reasons: list[ReasonCode], properties: Any
    ) -> None:
        answer = self._pending.pop(mid, None)
        if answer is not None and not answer.done():
            answer.set_result(reasons[0])

    def _on_socket_close(self, client: mqtt.Client, userdata: Any, connection: Any) -> None:
        self._detach()

    def _on_socket_register_write(self, client: mqtt.Client, userdata: Any, connection: Any) -> None:
        if self._fd is not None:  # None while the thread connects
            self._loop.add_writer(self._fd, self._guard, client.loop_write)

    def _on_socket_unregister_write(self, client: mqtt.Client, userdata: Any, connection: Any) -> None:
        if self._fd is not None:
            self._loop.remove_writer(self._fd)


def _close_socket(client: mqtt.Client) -> None:
    connection = client.socket()
    if connection is not None:
        connection.close()


def _close_unused(opening: asyncio.Future[mqtt.Client]) -> None:
    """Close a connection that was opened after its client had given up."""
    if not opening.cancelled() and opening.exception() is None:
        _close_socket(opening.result())
