"""The MQTT connection of ingest: a durable session, a bounded window, and acknowledgement only after `settle`.

A single worker receives all messages; with MQTT 5 several can share them (`$share/ingest/…`).
"""

from __future__ import annotations

import logging
import select
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.broker_session import SESSION_EXPIRY_S, Resumption, shortcomings
from ingest.metrics import Waiting
from ingest.received import Consumer, Received
from telemetry import UnavailableError
from telemetry.background import BackgroundTasks
from telemetry.broker import BrokerSettings
from telemetry.broker_client import build_client, connect_durable, end_session, refusal_of, topic_of
from telemetry.topics import STATE_FILTER, stored_topic

_log = logging.getLogger(__name__)

RECEIVE_MAXIMUM = 6000
"""Largest number of unacknowledged messages that the broker sends (MQTT 5; with 3.1.1 the broker's own limit applies)."""
MAX_WAITING_BYTES = 32 * 1024 * 1024
"""Above this limit nothing more is read from the socket until some messages are durable."""
SHARED_FILTER = f"$share/ingest/{STATE_FILTER}"
GATHER_S = 0.005
"""A pause of this length ends a batch: a broker with a small window sends no more until messages are acknowledged."""
_READS_A_TURN = 64
_TELL_AGAIN_S = 3600.0
_SUBSCRIBE_AGAIN_S = 30.0
_IDENTIFIER_IN_USE = 0x91
"""mochi counts the identifiers of its own messages among ours: the next one may be free."""
_RECONNECT_FIRST_S, _RECONNECT_MAX_S = 1.0, 30.0
_CONNECT_TIMEOUT_S, _QUIET_S = 10.0, 5.0
_CONNECTION = "ingest: the connection to the broker"


class Subscription:
    """One connection with its own thread, which alone reads, acknowledges and reconnects.

    Acknowledging from a second thread would double the cost: each acknowledgement is a system call that releases the GIL.
    """

    def __init__(
        self, settings: BrokerSettings, worker: str, consumer: Consumer, shared: bool, tasks: BackgroundTasks
    ) -> None:
        self._settings = settings
        self._tasks = tasks
        self._five = settings.protocol == "5"
        self._filter = SHARED_FILTER if shared and self._five else STATE_FILTER
        self._consumer = consumer
        self._answered = threading.Event()
        self._unsubscribed = threading.Event()
        self._refusal: str | None = None
        self._stopping = threading.Event()
        self._retiring = False
        self._connection = 0
        self._messages = 0
        self._waiting: deque[Received] = deque()
        self._waiting_bytes = 0
        self._durable: deque[list[Received]] = deque()
        self._settled: set[int] = set()
        self._to_tell: deque[tuple[str, bytes]] = deque()
        self._told: int | None = None
        """The first message that told a gateway what is stored, until the broker has acknowledged it."""
        self._may_tell = False
        self._tell_due = 0.0
        self._reconnected = threading.Event()
        self._session_present = False
        self._resumption = Resumption()
        self._subscribe_due: float | None = None
        """When a refused subscription is tried again. The session, where there is one, goes on."""
        self._limits_said: set[str] = set()
        self._delay = _RECONNECT_FIRST_S
        self._misc_at = 0.0
        self._woken, self._waker = socket.socketpair()
        for end in (self._woken, self._waker):
            end.setblocking(False)
        self._client_id = f"vrijloop-ingest-{worker}"
        self._client = self._build_client()
        self._thread = threading.Thread(target=self._run, name="ingest-network", daemon=True)
        self.connected = False

    def start(self) -> None:
        """Connect and subscribe; returns when the subscription is acknowledged. Raises UnavailableError."""
        address = self._settings.address
        try:
            connect_durable(
                self._client, self._settings, session_expiry_s=SESSION_EXPIRY_S, receive_maximum=RECEIVE_MAXIMUM
            )
        except OSError as error:
            raise UnavailableError(
                f"MQTT broker {address}: no connection ({error}). Is it running, and is `url` under [mqtt] right?"
            ) from error
        self._thread.start()
        if not self._answered.wait(_CONNECT_TIMEOUT_S) or self._refusal is not None:
            self.stop()
            why = self._refusal or "no answer in time"
            raise UnavailableError(f"MQTT broker {address}: {why}.")

    def settle(self, taken: list[Received]) -> None:
        """Acknowledge messages that are durable. Thread-safe."""
        self._durable.append(taken)
        self.wake()

    def tell(self, messages: list[tuple[str, bytes]]) -> None:
        """Publish pairs of topic and payload as retained. What cannot be published now is dropped, as newer ones follow. Thread-safe."""
        if messages:
            self._to_tell.extend(messages)
            self.wake()

    def take_reconnected(self) -> bool:
        """Whether there is a new connection since the last call. Thread-safe."""
        reconnected = self._reconnected.is_set()
        self._reconnected.clear()
        return reconnected

    def waiting(self) -> Waiting:
        """Messages received but not yet durable. Thread-safe."""
        try:
            oldest = self._waiting[0].at
        except IndexError:
            return Waiting(0, 0.0)
        return Waiting(len(self._waiting), time.monotonic() - oldest)

    def retire(self) -> bool:
        """Unsubscribe and wait until the broker has no more messages for this worker. Returns False if that takes too long.

        The caller then ends the session: for one that remains, the broker would keep assigning messages to a worker that never returns.
        """
        self._retiring = True
        self._client.unsubscribe(self._filter)
        self.wake()
        if not self._unsubscribed.wait(_CONNECT_TIMEOUT_S):
            return False
        quiet_since, seen = time.monotonic(), self._messages
        while time.monotonic() - quiet_since < _QUIET_S:
            time.sleep(0.1)
            if self.waiting().messages or self._messages != seen:
                quiet_since, seen = time.monotonic(), self._messages
        return True

    def wake(self) -> None:
        """Wake the network thread."""
        with suppress(BlockingIOError):  # it has unread wake-ups already
            self._waker.send(b"1")

    def stop(self, end_session: bool = False) -> None:
        """Disconnect. The broker keeps unacknowledged messages unless the session is ended."""
        self._stopping.set()
        self.wake()
        if self._thread.is_alive():
            self._thread.join(timeout=30)
        properties = None
        if end_session and self._five:
            properties = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = 0
        self._client.disconnect(properties=properties)

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self._tasks.attempt(_CONNECTION, self._step) and not self._stopping.wait(_RECONNECT_FIRST_S):
                self._tasks.attempt(_CONNECTION, self._client.disconnect)
        self._acknowledge()
        self._publish_told()

    def _step(self) -> None:
        """Reconnect, or take a turn in the connection that there is."""
        connection = self._client.socket()
        if connection is None:
            self._acknowledge()
            self._consumer.gathered(quiet=True)
            self._stopping.wait(min(self._delay, 0.5) if self._waiting else self._delay)
            self._delay = min(self._delay * 2, _RECONNECT_MAX_S)
            if not self._stopping.is_set():
                self._reconnect()
            return
        if self.connected:
            self._delay = _RECONNECT_FIRST_S
        self._turn(connection)
        now = time.monotonic()
        if now - self._misc_at > 1.0:
            self._misc_at = now
            self._client.loop_misc()
            if self._subscribe_due is not None and now > self._subscribe_due and self.connected:
                self._subscribe_due = None
                self._subscribe(self._client, session_present=True)

    def _turn(self, connection: Any) -> None:
        """Wait for the socket or a wake-up, read the available messages, and acknowledge durable ones."""
        room = self._waiting_bytes < MAX_WAITING_BYTES and not self._consumer.full()
        # TLS: bytes that are already decrypted do not make the socket readable.
        pending = room and hasattr(connection, "pending") and connection.pending() > 0
        readers = [self._woken, connection] if room else [self._woken]
        writers = [connection] if self._client.want_write() else []
        readable, writable, _ = select.select(
            readers, writers, [], 0 if pending else GATHER_S if self._waiting else 1.0
        )
        if self._woken in readable:
            with suppress(BlockingIOError):
                self._woken.recv(65536)
            self._acknowledge()
            self._publish_told()
        if writable:
            self._client.loop_write()
        if pending or connection in readable:
            self._read()
        self._consumer.gathered(quiet=not readable and not pending)

    def _read(self) -> None:
        for _ in range(_READS_A_TURN):
            before = self._messages
            if self._client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS or self._messages == before:
                break

    def _acknowledge(self) -> None:
        """Acknowledge durable messages of this connection.

        Those of an earlier connection are not acknowledged: the broker sends them again, and if it lost the session their message ids may belong
        to other messages.
        """
        while self._durable:
            for received in self._durable.popleft():
                if received.connection == self._connection:
                    self._client.ack(received.mid, received.qos)
                self._settled.add(id(received))
                self._waiting_bytes -= len(received.payload)
        while self._waiting and id(self._waiting[0]) in self._settled:
            self._settled.discard(id(self._waiting.popleft()))

    def _publish_told(self) -> None:
        """The first one alone: if the broker refuses it, or closes the connection over it, none is sent for an hour."""
        while self._to_tell:
            topic, payload = self._to_tell.popleft()
            paused = not self._may_tell and time.monotonic() < self._tell_due
            if not self.connected or self._told is not None or paused:
                continue
            info = self._client.publish(topic, payload, qos=1, retain=True)
            if not self._may_tell:
                self._told = info.mid
                self._tell_due = time.monotonic() + _TELL_AGAIN_S

    def _on_publish(
        self, client: mqtt.Client, userdata: object, mid: int, reason: ReasonCode, properties: object
    ) -> None:
        if mid == self._told:
            self._told = None
            self._may_tell = not reason.is_failure
            if reason.is_failure:
                self._say_untold(str(reason))
            else:
                self._reconnected.set()  # all gateways are told now

    def _say_untold(self, why: str) -> None:
        _log.warning(
            "MQTT broker %s does not let ingest tell gateways what is stored (%s): they keep what they have sent for a while. "
            "Allow ingest's user to write %s.", self._settings.address, why, stored_topic("+", "+"),
        )  # fmt: skip

    def _reconnect(self) -> None:
        try:
            if self._resumption.take_hopeless():
                _log.warning(
                    "MQTT broker %s cannot resume this worker's session, which is given up: gateways send again what waited in "
                    "it.", self._settings.address,
                )  # fmt: skip
                end_session(self._settings, self._client_id)
            self._client.reconnect()
        except OSError as error:
            _log.debug("MQTT broker %s: %s.", self._settings.address, error)

    def _build_client(self) -> mqtt.Client:
        client = build_client(self._settings, self._client_id, durable=True, manual_ack=True)
        client.connect_timeout = _CONNECT_TIMEOUT_S
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_unsubscribe = self._on_unsubscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        return client

    def _on_connect(
        self, client: mqtt.Client, userdata: object, flags: mqtt.ConnectFlags, reason: ReasonCode, properties: object
    ) -> None:
        if reason.is_failure:
            if self._refusal is None:
                _log.warning("MQTT broker %s: %s.", self._settings.address, refusal_of(reason))
            self._refusal = refusal_of(reason)
            self._answered.set()
            return
        self.connected = True
        self._session_present = flags.session_present
        self._resumption.connected(session_present=flags.session_present)
        self._subscribe_due = None
        self._reconnected.set()
        self._say_limits(properties)
        if not self._retiring:
            self._subscribe(client, flags.session_present)

    def _say_limits(self, properties: object) -> None:
        """What the broker does not offer, once."""
        for text in shortcomings(properties, shared=self._filter == SHARED_FILTER):
            if text not in self._limits_said:
                self._limits_said.add(text)
                _log.warning("MQTT broker %s: %s.", self._settings.address, text)

    def _subscribe(self, client: mqtt.Client, session_present: bool) -> None:
        if not self._five:
            client.subscribe(self._filter, qos=1)
            return
        if session_present and not self._answered.is_set():
            # The session may have the other kind of subscription, if the number of workers has changed. It is removed first, because Mosquitto
            # before 2.0.19 confuses the two when a session has both.
            client.unsubscribe(SHARED_FILTER if self._filter == STATE_FILTER else STATE_FILTER)
        # Retained messages are sent for a new subscription only, not at every connection.
        client.subscribe(
            self._filter, options=SubscribeOptions(1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
        )

    def _on_subscribe(
        self, client: mqtt.Client, userdata: object, mid: int, reasons: list[ReasonCode], properties: object
    ) -> None:
        self._resumption.subscribed()
        if all(reason.value == _IDENTIFIER_IN_USE for reason in reasons):
            self._subscribe_due = time.monotonic()
        elif any(reason.is_failure for reason in reasons):
            why = f"it refuses the subscription to {self._filter} ({', '.join(str(reason) for reason in reasons)}). Check the rights of ingest's user"
            _log.error("MQTT broker %s: %s.", self._settings.address, why)
            self._subscribe_due = time.monotonic() + _SUBSCRIBE_AGAIN_S
            if not self._session_present:
                self._refusal = why
        self._answered.set()

    def _on_unsubscribe(
        self, client: mqtt.Client, userdata: object, mid: int, reasons: object, properties: object
    ) -> None:
        if self._retiring:
            self._unsubscribed.set()

    def _on_disconnect(
        self, client: mqtt.Client, userdata: object, flags: object, reason: ReasonCode, properties: object
    ) -> None:
        self._connection += 1
        self._resumption.ended()
        if self._told is not None and not self._stopping.is_set():
            self._told = None
            self._say_untold("it ended the connection")
        if self.connected and not self._stopping.is_set():
            _log.warning("MQTT broker %s: connection lost (%s); trying again.", self._settings.address, reason)
        if not self.connected and not self._answered.is_set():
            self._refusal = self._settings.ended_unanswered
            self._answered.set()
        self.connected = False

    def _on_message(self, client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:
        payload = bytes(message.payload)
        received = Received(topic_of(message), payload, message.mid, message.qos, self._connection, time.monotonic())
        self._messages += 1
        self._waiting.append(received)
        self._waiting_bytes += len(payload)
        self._consumer.take(received)
