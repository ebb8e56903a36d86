"""Publishes the outbox to the broker with QoS 1. A report leaves the outbox once the broker has acknowledged it and has a subscriber for it.

outbox.take ─▶ messages of up to 500 reports ─▶ publish ─▶ acknowledged ─▶ outbox.remove
                                                   └─ connection lost, refused, or no subscriber ─▶ outbox.give_back
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.backoff import Backoff
from edge_agent.mqtt_client import MqttClient, MqttError, Will
from edge_agent.outbox import Outbox, QueuedReport
from telemetry import UserError, state_topic, status_topic
from telemetry.broker import BrokerSettings
from telemetry.gateway_health import GatewayHealth, encode_health
from telemetry.message import MAX_REPORTS, encode_bodies
from telemetry.topics import health_topic
from telemetry.version import __version__

_log = logging.getLogger(__name__)

WINDOW = 2_500
"""Reports taken from the outbox at a time and published together, as messages of up to 500 reports."""

MAX_RESENT_BYTES = 4 * 1024 * 1024
_IDLE_CHECK_S = 5.0
_NO_SUBSCRIBER_RETRY_S = 5.0
_NO_MATCHING_SUBSCRIBERS = 0x10
"""Reason code of PUBACK, MQTT 5 section 3.4.2.1."""
_HEALTH_EVERY_S = 30.0
_HEALTH_REFUSED_S = 3600.0
"""Pause after the broker refused a health message: some brokers (Mosquitto 2.0.11) then close the connection, and reports come first."""


@dataclass(frozen=True, slots=True)
class Message:
    """One publication: up to 500 reports of one machine. Only the current state is retained, not the backlog."""

    machine: str
    payload: bytes
    retain: bool


class RefusedError(MqttError):
    """The broker accepts the connection but not the reports."""


class RecentDeliveries:
    """Messages that the broker acknowledged in the last `seconds`, at most `MAX_RESENT_BYTES` of them; the oldest are dropped first.

    Kept in memory: an agent that is killed together with its broker cannot send them again.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._messages: deque[tuple[float, Message]] = deque()
        self._bytes = 0

    def add(self, messages: Sequence[Message], now: float) -> None:
        """`now`: monotonic seconds. Old messages are dropped here only, so the age counts to the last delivery and not through an outage."""
        for message in messages if self._seconds else ():
            self._messages.append((now, replace(message, retain=False)))
            self._bytes += len(message.payload)
        while self._messages and (self._messages[0][0] < now - self._seconds or self._bytes > MAX_RESENT_BYTES):
            self._bytes -= len(self._messages.popleft()[1].payload)

    def messages(self) -> list[Message]:
        """Oldest first."""
        return [message for _, message in self._messages]


def messages_of(queued: Sequence[QueuedReport], gateway: str) -> list[Message]:
    """Group reports by machine, in order of sequence number, with current reports and backlog in separate messages."""
    groups: dict[tuple[bool, str], list[tuple[int, str]]] = defaultdict(list)
    for report in queued:
        groups[not report.live, report.machine].append((report.seq, report.body))
    return [
        Message(machine, encode_bodies(gateway, sorted(bodies)[start : start + MAX_REPORTS]), not late)
        for (late, machine), bodies in groups.items()
        for start in range(0, len(bodies), MAX_REPORTS)
    ]


class Publisher:
    """Keeps one connection to the broker and empties the outbox into it."""

    def __init__(
        self,
        settings: BrokerSettings,
        factory: str,
        gateway: str,
        outbox: Outbox,
        committed: asyncio.Event,
        resend: timedelta = timedelta(minutes=2),
    ) -> None:
        """`committed` is set by the writer after each commit to the outbox."""
        self._settings = settings
        self._factory = factory
        self._gateway = gateway
        self._outbox = outbox
        self._committed = committed
        self._backoff = Backoff()
        self._recent = RecentDeliveries(resend.total_seconds())
        self._stopping = asyncio.Event()
        self._reasons: set[str] = set()
        """Why the broker cannot be used, as far as it was logged; empty while it can."""
        self._health_due = 0.0
        self.connected = False
        self.subscribed = True
        """False while the broker reports that reports have no subscriber: it would discard them."""
        self.drained = asyncio.Event()
        """Set while the outbox is empty."""

    @property
    def held_up(self) -> bool:
        """Whether the broker is unreachable or has no subscriber for reports, so that the outbox cannot be emptied."""
        return bool(self._reasons) or not self.subscribed

    def stop(self) -> None:
        """Make `run` return; reports not yet acknowledged stay in the outbox."""
        self._stopping.set()
        self._committed.set()

    async def run(self) -> None:
        """Run until `stop`. A broker that cannot be reached is tried again without end."""
        while not self._stopping.is_set():
            try:
                async with self._client() as client:
                    self.connected = True
                    await self._serve(client)
                    return
            except (MqttError, UserError) as error:
                self._warn_once(str(error).rstrip("."))
                self.connected = False
                self._outbox.give_back()
                # Real time: the broker is real even if the machines are simulated.
                await self._pause(self._backoff.next_delay())

    def _mark_healthy(self) -> None:
        """Everything sent so far has been acknowledged."""
        self._backoff.reset()
        if self._reasons:
            _log.info("MQTT broker %s: connected again.", self._settings.address)
            self._reasons.clear()

    def _warn_once(self, reason: str) -> None:
        """Each reason once in an outage: a broker that is back but refuses the connection is not the one that could not be reached."""
        if reason not in self._reasons:
            _log.warning(
                "MQTT broker %s: %s. Reports wait in the outbox; trying again.", self._settings.address, reason
            )
            self._reasons.add(reason)

    def _client(self) -> MqttClient:
        will = Will(self._status_topic, b"offline")
        return MqttClient(self._settings, f"vrijloop-agent-{self._factory}-{self._gateway}", will)

    @property
    def _status_topic(self) -> str:
        return status_topic(self._factory, self._gateway)

    async def _serve(self, client: MqttClient) -> None:
        await self._publish_status(client, b"online")
        await self._resend(client)
        while not self._stopping.is_set():
            self._committed.clear()
            queued = await asyncio.to_thread(self._outbox.take, WINDOW)
            if not queued:
                self._mark_healthy()
                self.drained.set()
                await self._publish_health(client)
                await self._wait_for_commit(client)
                continue
            self.drained.clear()
            messages = messages_of(queued, self._gateway)
            if not await self._publish(client, messages):
                self._outbox.give_back()
                await self._wait_for_subscriber(client)
                continue
            self._mark_healthy()
            self._recent.add(messages, time.monotonic())
            if _log.isEnabledFor(logging.DEBUG):
                for report in queued:
                    ids = {"gateway": self._gateway, "machine": report.machine, "seq": report.seq}
                    _log.debug("The broker has acknowledged the report.", extra=ids)
            await asyncio.to_thread(self._outbox.remove, [report.seq for report in queued])
            await self._publish_health(client)
        await self._publish_status(client, b"offline")

    async def _publish(self, client: MqttClient, messages: Sequence[Message]) -> bool:
        """Publish messages and wait for their acknowledgements.

        Returns whether each has a subscriber, connected or with a durable session. Raises MqttError, and RefusedError if the broker
        refused one: with MQTT 5 a broker acknowledges those too, with the reason; with 3.1.1 it discards them silently.
        """
        lost: MqttError | None = None
        acknowledgements = [
            client.publish(state_topic(self._factory, message.machine), message.payload, retain=message.retain)
            for message in messages
        ]
        try:
            await client.acknowledged(acknowledgements)
        except MqttError as error:
            lost = error
        reasons = [
            future.result()
            for future in acknowledgements
            if future.done() and not future.cancelled() and not future.exception()
        ]
        refusal = next((reason for reason in reasons if reason is not None and reason.is_failure), None)
        if refusal is not None:  # it says more than the loss of the connection, which may follow from it
            raise RefusedError(self._refused(refusal)) from lost
        if lost is not None:
            raise lost
        has_subscriber = all(reason is None or reason.value != _NO_MATCHING_SUBSCRIBERS for reason in reasons)
        if has_subscriber and not self.subscribed:
            _log.info("MQTT broker %s: reports have a subscriber again.", self._settings.address)
            self.subscribed = True
        return has_subscriber

    def _refused(self, reason: ReasonCode) -> str:
        user = f"the user {self._settings.username!r}" if self._settings.username else "a user without a name"
        return f"it refuses reports ({reason}). Allow {user} to write {state_topic(self._factory, '+')}"

    async def _wait_for_subscriber(self, client: MqttClient) -> None:
        """A broker discards what it acknowledges before ingest has subscribed. After a restart Mosquitto also discards what only a shared
        subscription would receive, until ingest is back."""
        if self.subscribed:
            _log.warning(
                "MQTT broker %s: nobody there takes reports. They wait in the outbox until ingest has subscribed.",
                self._settings.address,
            )
            self.subscribed = False
        await self._publish_health(client)
        await self._pause(_NO_SUBSCRIBER_RETRY_S)

    async def _resend(self, client: MqttClient) -> None:
        """Repeat recent deliveries after a lost connection: a broker that was killed or lost power has forgotten what it had not saved yet.
        Repeated reports are harmless, and current ones follow."""
        messages = self._recent.messages()
        for start in range(0, len(messages), WINDOW):
            while not await self._publish(client, messages[start : start + WINDOW]) and not self._stopping.is_set():
                await self._wait_for_subscriber(client)

    async def _publish_status(self, client: MqttClient, status: bytes) -> None:
        await client.acknowledged([client.publish(self._status_topic, status, retain=True)])

    async def _publish_health(self, client: MqttClient) -> None:
        """Publish the gateway's health if it is due. Reports do not depend on it."""
        if time.monotonic() < self._health_due:
            return
        health = GatewayHealth(await asyncio.to_thread(self._outbox.depth), __version__)
        topic = health_topic(self._factory, self._gateway)
        # Set before the attempt: a broker that closes the connection because of it is not asked again at once.
        self._health_due = time.monotonic() + _HEALTH_REFUSED_S
        acknowledgement = client.publish(topic, encode_health(health), retain=True)
        await client.acknowledged([acknowledgement])
        reason = acknowledgement.result()
        if reason is not None and reason.is_failure:
            _log.warning("MQTT broker %s refuses messages on %s; reports go on.", self._settings.address, topic)
        else:
            self._health_due = time.monotonic() + _HEALTH_EVERY_S

    async def _wait_for_commit(self, client: MqttClient) -> None:
        try:
            async with asyncio.timeout(_IDLE_CHECK_S):
                await self._committed.wait()
        except TimeoutError:
            # A message on an idle connection shows at once whether it still works.
            await self._publish_status(client, b"online")

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
