"""Subscribe, validate, write, and only then acknowledge.

    broker ─▶ on_message ─▶ queue ─▶ batch ─▶ validate ─┬─▶ store ──────┬─▶ acknowledge
                                                        └─▶ quarantine ─┘

What is not acknowledged stays with the broker, and comes again: any kill of this process loses nothing. The broker sends
no more than `RECEIVE_MAXIMUM` unacknowledged messages, which bounds the queue.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from dataclasses import dataclass

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from ingest.quarantine import Quarantine
from ingest.validation import reports_of
from stores import StateStore, StoredReport, StoreUnavailableError
from telemetry import Clock, UnavailableError
from telemetry.broker import BrokerSettings
from telemetry.topics import STATE_FILTER

_log = logging.getLogger(__name__)

RECEIVE_MAXIMUM = 1000
BATCH_WAIT_S = 0.1
SESSION_EXPIRY_S = 7 * 24 * 3600
_STORE_RETRY_S = (0.5, 1.0, 2.0, 5.0, 10.0)
_CONNECT_TIMEOUT_S = 10.0


@dataclass
class IngestCounters:
    """Since the start of the process."""

    messages: int = 0
    reports: int = 0
    quarantined: int = 0
    batches: int = 0


class IngestService:
    """One worker: paho's network thread reads, one thread of ours writes."""

    def __init__(
        self,
        settings: BrokerSettings,
        store: StateStore,
        quarantine: Quarantine,
        clock: Clock,
        client_id: str = "vrijloop-ingest",
    ) -> None:
        self._settings = settings
        self._store = store
        self._quarantine = quarantine
        self._clock = clock
        self._received: queue.Queue[mqtt.MQTTMessage | None] = queue.Queue()
        self._subscribed = threading.Event()
        self._refusal: str | None = None
        self._stopping = threading.Event()
        self._connected = False
        self.counters = IngestCounters()
        self._client = self._build_client(client_id)
        self._worker = threading.Thread(target=self._work, name="ingest", daemon=True)

    @property
    def connected(self) -> bool:
        return self._connected

    def start(self) -> None:
        """Connect and subscribe; returns when the subscription stands. Raises UnavailableError with the address."""
        address = self._settings.address
        try:
            self._connect()
        except OSError as error:
            raise UnavailableError(
                f"MQTT broker {address}: no connection ({error}). Is it running, and is `url` under [mqtt] right?"
            ) from error
        self._client.loop_start()
        if not self._subscribed.wait(_CONNECT_TIMEOUT_S):
            self._client.loop_stop()
            why = self._refusal or "no answer in time"
            raise UnavailableError(f"MQTT broker {address} refuses: {why}. Check user name, password file and rights.")
        self._worker.start()

    def stop(self) -> None:
        """Finish the batch in hand, acknowledge it, leave. The rest waits at the broker."""
        self._stopping.set()
        self._received.put(None)
        if self._worker.is_alive():
            self._worker.join(timeout=30)
        self._client.disconnect()
        self._client.loop_stop()

    def _build_client(self, client_id: str) -> mqtt.Client:
        settings = self._settings
        five = settings.protocol == "5"
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=mqtt.MQTTv5 if five else mqtt.MQTTv311,
            clean_session=None if five else False,
            manual_ack=True,
        )
        if settings.username is not None:
            client.username_pw_set(settings.username, settings.password())
        context = settings.tls_context()
        if context is not None:
            client.tls_set_context(context)
        client.reconnect_delay_set(min_delay=1, max_delay=30)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        return client

    def _connect(self) -> None:
        settings = self._settings
        if settings.protocol != "5":
            self._client.connect(settings.host, settings.port, keepalive=settings.keepalive_s)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_EXPIRY_S
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        self._client.connect(
            settings.host, settings.port, keepalive=settings.keepalive_s, clean_start=False, properties=properties
        )

    def _on_connect(
        self, client: mqtt.Client, userdata: object, flags: mqtt.ConnectFlags, reason: ReasonCode, properties: object
    ) -> None:
        if reason.is_failure:
            if self._refusal is None:
                _log.warning("MQTT broker %s refuses the connection: %s.", self._settings.address, reason)
            self._refusal = str(reason)
            return
        self._connected = True
        client.subscribe(STATE_FILTER, qos=1)

    def _on_subscribe(
        self, client: mqtt.Client, userdata: object, mid: int, reasons: list[ReasonCode], properties: object
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._refusal = f"the subscription to {STATE_FILTER} ({', '.join(str(reason) for reason in reasons)})"
            _log.error("MQTT broker %s refuses %s.", self._settings.address, self._refusal)
            return
        self._subscribed.set()

    def _on_disconnect(
        self, client: mqtt.Client, userdata: object, flags: object, reason: ReasonCode, properties: object
    ) -> None:
        if self._connected and not self._stopping.is_set():
            _log.warning("MQTT broker %s: connection lost (%s); trying again.", self._settings.address, reason)
        self._connected = False

    def _on_message(self, client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:
        # Nothing here may raise: an exception would end paho's thread.
        self._received.put(message)

    def _work(self) -> None:
        while not self._stopping.is_set():
            batch = self._next_batch()
            try:
                self._settle(batch)
            except Exception:  # noqa: BLE001 - one batch must not end the service
                # Not acknowledged, so the broker keeps these messages and sends them again on the next connection.
                _log.exception("A batch of %d messages could not be settled; it stays unacknowledged.", len(batch))

    def _next_batch(self) -> list[mqtt.MQTTMessage]:
        """Messages until the window is full or a short while has passed, so that an idle system is quick."""
        batch: list[mqtt.MQTTMessage] = []
        # Waiting for company is about throughput here, not about simulated time.
        deadline: float | None = None
        while len(batch) < RECEIVE_MAXIMUM:
            timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
            try:
                message = self._received.get(timeout=timeout)
            except queue.Empty:
                break
            if message is None:
                break
            batch.append(message)
            deadline = deadline if deadline is not None else time.monotonic() + BATCH_WAIT_S
        return batch

    def _settle(self, batch: list[mqtt.MQTTMessage]) -> None:
        reports: list[StoredReport] = []
        for message in batch:
            try:
                reports += reports_of(message.topic, bytes(message.payload), self._clock.now())
            except ValueError as error:
                if not self._set_aside(message, str(error)):
                    return
        if not self._write(reports):
            return
        for message in batch:
            if self._client.ack(message.mid, message.qos) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                break  # the connection is gone; what is not acknowledged comes again and is stored once
        self.counters.messages += len(batch)
        self.counters.reports += len(reports)
        self.counters.batches += 1

    def _set_aside(self, message: mqtt.MQTTMessage, reason: str) -> bool:
        """Whether the message is durable in quarantine; False when told to stop meanwhile."""
        _log.warning("A message on %s goes to quarantine: %s", message.topic, reason)
        attempts = 0
        while True:
            try:
                self._quarantine.add(message.topic, bytes(message.payload), reason, self._clock.now())
            except sqlite3.Error as error:
                attempts = self._store_pause(attempts, f"The quarantine cannot be written: {error}")
                if self._stopping.is_set():
                    return False
                continue
            self.counters.quarantined += 1
            return True

    def _write(self, reports: list[StoredReport]) -> bool:
        """Whether the reports are durable. Tries for as long as it takes; False when told to stop meanwhile."""
        attempts = 0
        while True:
            try:
                self._store.write(reports)
            except StoreUnavailableError as error:
                attempts = self._store_pause(attempts, str(error))
                if self._stopping.is_set():
                    return False
                continue
            if attempts:
                _log.info("The store takes reports again.")
            return True

    def _store_pause(self, attempts: int, why: str) -> int:
        if attempts == 0:
            _log.error("%s. Nothing is acknowledged until it is stored; trying again.", why)
        self._stopping.wait(_STORE_RETRY_S[min(attempts, len(_STORE_RETRY_S) - 1)])
        return attempts + 1
