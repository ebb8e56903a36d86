"""Outbox to broker: QoS 1, retained, and nothing leaves the outbox before the broker has acknowledged it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import aiomqtt
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.backoff import Backoff
from edge_agent.outbox import Outbox, QueuedReport
from telemetry import state_topic, status_topic
from telemetry.broker import BrokerSettings
from telemetry.gateway_health import GatewayHealth, encode_health
from telemetry.message import MAX_REPORTS, encode_bodies
from telemetry.topics import health_topic
from telemetry.version import __version__

_log = logging.getLogger(__name__)

WINDOW = 2_500
"""Reports taken from the outbox at a time: they leave as messages of up to 500 reports, then the next are taken."""

MAX_RESENT_BYTES = 4 * 1024 * 1024
SESSION_EXPIRY_S = 24 * 3600
_ACK_TIMEOUT_S = 10.0
_IDLE_CHECK_S = 5.0
_NOBODY_AGAIN_S = 5.0
_NO_MATCHING_SUBSCRIBERS = 0x10
_HEALTH_EVERY_S = 30.0
_HEALTH_REFUSED_S = 3600.0
"""So long it is not told again where the broker does not allow it: some (Mosquitto 2.0.11) then cut the connection, and reports go first."""


@dataclass(frozen=True, slots=True)
class Message:
    """One publication: up to 500 reports of one machine. Only the present is retained, not what came before it."""

    machine: str
    payload: bytes
    retain: bool


class RefusedError(aiomqtt.MqttError):
    """The broker takes the connection and not the reports."""


class Client(aiomqtt.Client):
    """Knows what became of publications: with MQTT 5 a broker also acknowledges what it does not take, and what it throws away because nobody has
    subscribed to it, with the reason (3.4.2.1). With 3.1.1 it has no word for that, and loses them silently."""

    def __init__(self, settings: BrokerSettings, **options: Any) -> None:
        super().__init__(settings.host, settings.port, **options)
        self._ended_unanswered = settings.ended_unanswered
        self.refusals: list[ReasonCode] = []
        """Why publications were not taken, since it was last cleared."""
        self.for_nobody = False
        """Whether the broker took something that nobody has subscribed to, since it was last cleared."""
        self.lost = asyncio.Event()
        """Set when the connection has ended."""

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: ReasonCode, properties: Any) -> None:
        if reason_code.is_failure:
            self.refusals = [reason_code]
        if reason_code.value == _NO_MATCHING_SUBSCRIBERS:
            self.for_nobody = True
        super()._on_publish(client, userdata, mid, reason_code, properties)

    def _on_disconnect(self, *arguments: Any) -> None:
        super()._on_disconnect(*arguments)
        if self._disconnected.done() and not self._disconnected.cancelled():
            self._disconnected.exception()  # else asyncio logs that nobody asked for it: `lost` tells what we need
        if self._lock.locked() and not self._connected.done():
            # The library would wait for its time-out, and say no more than that.
            self._connected.set_exception(aiomqtt.MqttError(self._ended_unanswered))
        self.lost.set()

    async def acknowledged(self, topics_and_messages: Iterable[tuple[str, Message]]) -> None:
        """Publish all with QoS 1 and return when each is acknowledged. Raises MqttError, and at once where the connection is lost meanwhile:
        the library itself would wait for its time-out."""
        publishing = asyncio.gather(
            *(self.publish(topic, one.payload, qos=1, retain=one.retain) for topic, one in topics_and_messages)
        )
        lost = asyncio.create_task(self.lost.wait())
        either: tuple[asyncio.Future[Any], ...] = (publishing, lost)
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not publishing.done():
                raise aiomqtt.MqttError("the connection was lost")
            await publishing
        finally:
            lost.cancel()
            publishing.cancel()


class DeliveredLately:
    """Messages that the broker acknowledged in the last `seconds`, at most `MAX_RESENT_BYTES` of them: the oldest go first.

    In memory: an agent that is killed in the same moment as its broker has nothing to send again.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._messages: deque[tuple[float, Message]] = deque()
        self._bytes = 0

    def add(self, messages: Sequence[Message], now: float) -> None:
        """`now`: monotonic seconds. The time counts from the last delivery: an outage of an hour makes nothing older."""
        for one in messages if self._seconds else ():
            self._messages.append((now, replace(one, retain=False)))
            self._bytes += len(one.payload)
        while self._messages and (self._messages[0][0] < now - self._seconds or self._bytes > MAX_RESENT_BYTES):
            self._bytes -= len(self._messages.popleft()[1].payload)

    def messages(self) -> list[Message]:
        """Oldest first."""
        return [one for _, one in self._messages]


def messages_of(queued: Sequence[QueuedReport], gateway: str) -> list[Message]:
    """Each machine's reports in order of their numbers, the present apart from the backlog."""
    groups: dict[tuple[bool, str], list[tuple[int, str]]] = defaultdict(list)
    for one in queued:
        groups[not one.live, one.machine].append((one.seq, one.body))
    return [
        Message(machine, encode_bodies(gateway, sorted(bodies)[start : start + MAX_REPORTS]), not late)
        for (late, machine), bodies in groups.items()
        for start in range(0, len(bodies), MAX_REPORTS)
    ]


def mqtt_client(settings: BrokerSettings, identifier: str, will: aiomqtt.Will | None = None) -> Client:
    """Not yet connected. Raises UserError where the password file cannot be read."""
    five = settings.protocol == "5"
    session = Properties(PacketTypes.CONNECT) if five else None  # type: ignore[no-untyped-call]
    if session is not None:
        session.SessionExpiryInterval = SESSION_EXPIRY_S
    client = Client(
        settings,
        identifier=identifier,
        protocol=aiomqtt.ProtocolVersion.V5 if five else aiomqtt.ProtocolVersion.V311,
        clean_session=None if five else False,
        clean_start=False if five else MQTT_CLEAN_START_FIRST_ONLY,
        properties=session,
        username=settings.username,
        password=settings.password(),
        tls_context=settings.tls_context(),
        keepalive=settings.keepalive_s,
        timeout=_ACK_TIMEOUT_S,
        will=will,
    )
    # A window's messages are all under way at once; that is meant, and no reason for a warning each.
    client.pending_calls_threshold = WINDOW
    return client


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
        self._settings = settings
        self._factory = factory
        self._gateway = gateway
        self._outbox = outbox
        self._committed = committed
        self._backoff = Backoff()
        self._delivered = DeliveredLately(resend.total_seconds())
        self._stopping = asyncio.Event()
        self._away = False
        self._health_due = 0.0
        self.connected = False
        self.subscribed = True
        """False while the broker says that nobody there has subscribed to reports: it would throw them away."""
        self.drained = asyncio.Event()
        """Set while the outbox is empty."""

    @property
    def held_up(self) -> bool:
        """Whether the broker is away, or nobody there takes reports: what waits goes on waiting."""
        return self._away or not self.subscribed

    def stop(self) -> None:
        """Let `run` end; reports that wait stay in the outbox."""
        self._stopping.set()
        self._committed.set()

    async def run(self) -> None:
        """Until `stop`. A broker that is away is tried again for as long as it takes."""
        while not self._stopping.is_set():
            try:
                async with self._client() as client:
                    self.connected = True
                    await self._serve(client)
                    return
            except (aiomqtt.MqttError, OSError) as error:
                if not self._away:
                    _log.warning(
                        "MQTT broker %s: %s. Reports wait in the outbox; trying again.", self._settings.address, error
                    )
                self._away, self.connected = True, False
                self._outbox.give_back()
                # Real time: the broker is not simulated even where the machines are.
                await self._pause(self._backoff.next_delay())

    def _goes_well(self) -> None:
        """The broker has taken what there was."""
        self._backoff.reset()
        if self._away:
            _log.info("MQTT broker %s: connected again.", self._settings.address)
            self._away = False

    def _client(self) -> Client:
        will = aiomqtt.Will(self._status_topic, b"offline", qos=1, retain=True)
        return mqtt_client(self._settings, f"vrijloop-agent-{self._factory}-{self._gateway}", will)

    @property
    def _status_topic(self) -> str:
        return status_topic(self._factory, self._gateway)

    async def _serve(self, client: Client) -> None:
        await client.publish(self._status_topic, b"online", qos=1, retain=True)
        await self._resend(client)
        while not self._stopping.is_set():
            self._committed.clear()
            queued = await asyncio.to_thread(self._outbox.take, WINDOW)
            if not queued:
                self._goes_well()
                self.drained.set()
                await self._tell_health(client)
                await self._committed_or_idle(client)
                continue
            self.drained.clear()
            messages = messages_of(queued, self._gateway)
            if not await self._publish(client, messages):
                self._outbox.give_back()
                await self._wait_for_somebody(client)
                continue
            self._goes_well()
            self._delivered.add(messages, time.monotonic())
            if _log.isEnabledFor(logging.DEBUG):
                for one in queued:
                    ids = {"gateway": self._gateway, "machine": one.machine, "seq": one.seq}
                    _log.debug("The broker has it.", extra=ids)
            await asyncio.to_thread(self._outbox.remove, [one.seq for one in queued])
            await self._tell_health(client)
        await client.publish(self._status_topic, b"offline", qos=1, retain=True)

    async def _publish(self, client: Client, messages: Sequence[Message]) -> bool:
        """Returns when the broker has acknowledged all of them: whether there is somebody whom each of them reaches, now or later.
        Raises RefusedError."""
        client.refusals.clear()
        client.for_nobody = False
        cut: Exception | None = None
        try:
            await client.acknowledged((state_topic(self._factory, one.machine), one) for one in messages)
        except (aiomqtt.MqttError, OSError) as error:
            if not client.refusals:
                raise
            cut = error  # for the refusal, which says more
        if client.refusals:
            user = f"the user {self._settings.username!r}" if self._settings.username else "a user without a name"
            topic = state_topic(self._factory, "+")
            raise RefusedError(f"it refuses reports ({client.refusals[0]}). Allow {user} to write {topic}") from cut
        if not self.subscribed and not client.for_nobody:
            _log.info("MQTT broker %s: somebody takes reports again.", self._settings.address)
            self.subscribed = True
        return not client.for_nobody

    async def _wait_for_somebody(self, client: Client) -> None:
        """A broker that stands before ingest has subscribed throws away what it acknowledges; so does Mosquitto for a shared subscription after it
        was started again, until ingest is back."""
        if self.subscribed:
            _log.warning(
                "MQTT broker %s: nobody there takes reports. They wait in the outbox until ingest has subscribed.",
                self._settings.address,
            )
            self.subscribed = False
        await self._tell_health(client)
        await self._pause(_NOBODY_AGAIN_S)

    async def _resend(self, client: Client) -> None:
        """After a lost connection: what the broker had acknowledged lately, since a broker that was killed or lost its
        power has forgotten what it had not saved yet. Repeating is harmless, and the present follows."""
        lately = self._delivered.messages()
        for start in range(0, len(lately), WINDOW):
            while not await self._publish(client, lately[start : start + WINDOW]) and not self._stopping.is_set():
                await self._wait_for_somebody(client)

    async def _tell_health(self, client: Client) -> None:
        """Now and then, after the reports: nothing hangs on it."""
        if time.monotonic() < self._health_due:
            return
        health = GatewayHealth(await asyncio.to_thread(self._outbox.depth), __version__)
        topic = health_topic(self._factory, self._gateway)
        # Until it has gone well: a broker that cuts the connection for it is not asked at once again.
        self._health_due = time.monotonic() + _HEALTH_REFUSED_S
        client.refusals.clear()
        try:
            await client.publish(topic, encode_health(health), qos=1, retain=True)
        finally:
            if client.refusals:
                _log.warning(
                    "MQTT broker %s does not allow %s to be written; reports go on.", self._settings.address, topic
                )
        if not client.refusals:
            self._health_due = time.monotonic() + _HEALTH_EVERY_S

    async def _committed_or_idle(self, client: Client) -> None:
        try:
            async with asyncio.timeout(_IDLE_CHECK_S):
                await self._committed.wait()
        except TimeoutError:
            # Nothing to say for a while: saying so shows at once whether the connection still stands.
            await client.publish(self._status_topic, b"online", qos=1, retain=True)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
