"""Publishes the outbox to the broker with QoS 1, and learns from ingest what is stored.

outbox.take ─▶ messages of up to 500 reports ─▶ publish ─▶ acknowledged ─▶ outbox.acknowledge
                                                   └─ connection lost or refused ─▶ outbox.give_back
ingest ─▶ retained: which reports are stored ─▶ outbox.tell: what the broker lost is taken again
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.backoff import Backoff
from edge_agent.broker_capacity import SMALLEST_PAYLOAD, BrokerCapacity
from edge_agent.delivery import BacklogPace
from edge_agent.messages import Message, messages_of
from edge_agent.mqtt_client import PACKET_TOO_LARGE, SESSION_TAKEN_OVER, Acknowledgement, MqttClient, MqttError, Will
from edge_agent.outbox import Outbox, QueuedReport
from telemetry import UserError, state_topic, status_topic
from telemetry.broker import BrokerSettings
from telemetry.gateway_health import GatewayHealth, encode_health
from telemetry.stored_reports import decode_stored
from telemetry.topics import health_topic, stored_topic
from telemetry.version import __version__

_log = logging.getLogger(__name__)

WINDOW = 2_500
"""Reports taken from the outbox at a time and published together, as messages of up to 500 reports."""

_PACKET_OVERHEAD = 64
"""Bytes of a PUBLISH packet beside topic and payload, at most."""
IDLE_CHECK_S = 5.0
_SUBSCRIBED_WITHIN_S = 5.0
_FIRST_WORD_S = 2.0
"""A gateway that never heard what is stored waits so long before it sends: its numbers may have been used before its disk was lost."""
_NEXT_WORD_S = 0.5
"""Others: what is stored is retained and comes at once."""
_UNCONFIRMED_S = 120.0
"""After so long without a word from ingest that it stores the reports, the log says so."""
_REFUSED_AGAIN_S = 3600.0
_TAKEN_OVER_PAUSE_S = 30.0
_SMALLER_PAUSE_S = 0.2
_STABLE_S, _SHORT_CONNECTIONS = 20.0, 3
HEALTH_EVERY_S = 30.0
_HEALTH_REFUSED_S = 3600.0
"""Pause after the broker refused a health message: some brokers (Mosquitto 2.0.11) then close the connection, and reports come first."""


class TooLargeError(MqttError):
    """The connection ended on a message that was perhaps too large; the next ones are smaller."""


class RefusedError(MqttError):
    """The broker accepts the connection but not the reports."""


class Publisher:
    """Keeps one connection to the broker and empties the outbox into it."""

    def __init__(
        self, settings: BrokerSettings, factory: str, gateway: str, outbox: Outbox, committed: asyncio.Event,
        certificate_days: Callable[[], int | None] = lambda: None,
    ) -> None:  # fmt: skip
        """`committed` is set by the writer after each commit to the outbox. `certificate_days`: for the gateway's health."""
        self._certificate_days = certificate_days
        self._settings = settings
        self._factory = factory
        self._gateway = gateway
        self._outbox = outbox
        self._committed = committed
        self._backoff = Backoff()
        self._pace = BacklogPace()
        self._stopping = asyncio.Event()
        self._reasons: set[str] = set()
        """Why the broker cannot be used, as far as it was logged; empty while it can."""
        self._limits_said: set[str] = set()
        self._health_due = 0.0
        self._subscribe_due = 0.0
        self._lost_at: float | None = None
        self._connected_at = 0.0
        self._short = 0
        """Connections in succession that ended soon after their start."""
        self._heard: bytes | None = None
        self._told = asyncio.Event()
        self._silent_since: float | None = None
        self._capacity = BrokerCapacity()
        self.connected = False
        self.confirmed = True
        """False while the broker takes reports and no server tells that it stores them."""
        self.drained = asyncio.Event()
        """Set while the broker has everything."""

    @property
    def held_up(self) -> bool:
        """Whether the broker cannot be used, so that the outbox cannot be emptied."""
        return bool(self._reasons) and not self.connected

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
                    self._connected_at = time.monotonic()
                    self._pace = BacklogPace()
                    self._capacity.connect()
                    await self._serve(client)
                    return
            except (MqttError, UserError) as error:
                if self.connected:
                    self._lost_at = time.monotonic()
                    short = self._lost_at - self._connected_at < _STABLE_S and not isinstance(error, TooLargeError)
                    self._short = self._short + 1 if short else 0
                    if self._short > 1 and self._capacity.make_smaller(self._capacity.sent):
                        # Some brokers acknowledge what is too large, and then end the connection.
                        error = TooLargeError(f"{error} after a message of {self._capacity.sent} bytes")
                self._warn_once(self._sentence(error))
                self.connected = False
                self._outbox.give_back()
                # Real time: the broker is real even if the machines are simulated.
                await self._pause(self._delay_after(error))

    def _delay_after(self, error: Exception) -> float:
        if isinstance(error, TooLargeError):
            return _SMALLER_PAUSE_S
        # Two agents of one name would otherwise throw each other out every second.
        return _TAKEN_OVER_PAUSE_S if getattr(error, "code", None) == SESSION_TAKEN_OVER else self._backoff.next_delay()

    def _sentence(self, error: Exception) -> str:
        names = "Give each gateway a name of its own (`gateway` under [agent])"
        if getattr(error, "code", None) == SESSION_TAKEN_OVER:
            return f"another agent with the name {self._gateway!r} is connected, and the broker lets one of them in. {names}"
        if self._short >= _SHORT_CONNECTIONS:
            return f"the connection ends soon after each start. Is another agent with the name {self._gateway!r} connected? {names}"
        return str(error).rstrip(".")

    def _mark_healthy(self) -> None:
        """Everything sent so far has been acknowledged. A connection that lasts is a good one, and the next loss a new one."""
        if time.monotonic() - self._connected_at < _STABLE_S:
            return
        self._backoff.reset()
        self._short = 0
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
        self._say_limits(client)
        await asyncio.to_thread(self._outbox.give_back)  # what waits by now is a backlog
        await self._publish_status(client, b"online")
        await self._subscribe(client)
        while not self._stopping.is_set():
            self._committed.clear()
            await self._read_told()
            room, queued = await asyncio.to_thread(self._take)
            if not queued:
                self._mark_healthy()
                if room != 0:
                    self.drained.set()
                await self._publish_health(client)
                await self._wait_for_commit(client)
                continue
            self.drained.clear()
            await self._publish(client, messages_of(queued, self._gateway, self._payload_limit(client)))
            self._mark_healthy()
            if _log.isEnabledFor(logging.DEBUG):
                for report in queued:
                    ids = {"gateway": self._gateway, "machine": report.machine, "seq": report.seq}
                    _log.debug("The broker has acknowledged the report.", extra=ids)
            seqs = [report.seq for report in queued]
            await asyncio.to_thread(self._outbox.acknowledge, seqs, time.monotonic())
            self._pace.acknowledge(time.monotonic())
            self._watch_silence()
            await self._publish_health(client)
        await self._publish_status(client, b"offline")

    def _take(self) -> tuple[int | None, list[QueuedReport]]:
        """The room for a backlog, and the reports to send. In a thread: the outbox may just be writing to a slow disk."""
        room = self._pace.room(self._outbox.on_the_way, time.monotonic())
        return room, self._outbox.take(WINDOW, room)

    def _payload_limit(self, client: MqttClient) -> int:
        packet = client.limits.maximum_packet
        longest = len(state_topic(self._factory, "x" * 63)) + _PACKET_OVERHEAD
        largest = self._capacity.largest
        return largest if packet is None else min(largest, max(SMALLEST_PAYLOAD, packet - longest))

    def _say_limits(self, client: MqttClient) -> None:
        """What the broker does not offer, once."""
        for text in client.limits.shortcomings():
            if text not in self._limits_said:
                self._limits_said.add(text)
                _log.warning("MQTT broker %s: %s.", self._settings.address, text)

    async def _subscribe(self, client: MqttClient) -> None:
        """Ask to be told what is stored. A broker that does not allow it is not asked again for an hour: some close the connection."""
        if time.monotonic() < self._subscribe_due:
            return
        self._subscribe_due = time.monotonic() + _REFUSED_AGAIN_S
        self._told.clear()
        answer = client.subscribe(stored_topic(self._factory, self._gateway), self._on_told)
        try:
            async with asyncio.timeout(_SUBSCRIBED_WITHIN_S):
                reason = await answer
        except TimeoutError:
            self._say_deaf("no answer")
            return
        except MqttError as error:
            self._say_deaf(str(error))
            raise
        if reason is None or reason.is_failure:
            self._say_deaf(str(reason))
            return
        self._subscribe_due = 0.0
        with suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_WORD_S if self._outbox.never_told else _NEXT_WORD_S):
                await self._told.wait()
        await self._read_told()
        if self._lost_at is not None:
            await asyncio.to_thread(self._outbox.reconnect, self._lost_at)
            self._lost_at = None

    def _say_deaf(self, why: str) -> None:
        _log.warning(
            "MQTT broker %s does not let this gateway read %s (%s): it does not learn what is stored, and keeps what it has sent for a "
            "while. Allow %s to read it.", self._settings.address, stored_topic(self._factory, self._gateway), why, self._user,
        )  # fmt: skip

    def _on_told(self, _: str, payload: bytes) -> None:
        self._heard = payload
        self._told.set()
        self._committed.set()

    async def _read_told(self) -> None:
        """Take over what ingest has told. Between two windows, when nothing is in flight."""
        payload, self._heard = self._heard, None
        if payload is None:
            return
        try:
            told = decode_stored(payload)
        except ValueError as error:
            _log.warning("MQTT broker %s: what is stored cannot be read: %s.", self._settings.address, error)
            return
        self._pace.tell(told, time.monotonic())
        if await asyncio.to_thread(self._outbox.tell, told, time.monotonic()):
            # Mosquitto 2.0 acknowledges a message of MQTT 3.1.1 that is larger than its `message_size_limit`, and throws it away.
            self._capacity.make_smaller()
        self._silent_since = None
        if not self.confirmed:
            _log.info("MQTT broker %s: the server tells again what it has stored.", self._settings.address)
            self.confirmed = True

    def _watch_silence(self) -> None:
        now = time.monotonic()
        if self._silent_since is None:
            self._silent_since = now
        if self.confirmed and now - self._silent_since > _UNCONFIRMED_S:
            self.confirmed = False
            _log.warning(
                "MQTT broker %s takes the reports, but no server tells that it has stored them. They are kept here and sent again if they "
                "are lost on the way. Is the server running, and not older than this agent?", self._settings.address,
            )  # fmt: skip

    async def _publish(self, client: MqttClient, messages: Sequence[Message]) -> None:
        """Publish messages and wait for their acknowledgements, with no more of them under way than the broker takes.

        Raises MqttError, and RefusedError if the broker refused one: with MQTT 5 a broker acknowledges those too, with the reason; with
        3.1.1 it discards them silently.
        """
        under_way: deque[tuple[Acknowledgement, int]] = deque()
        self._capacity.begin()
        try:
            for message in messages:
                while len(under_way) >= self._capacity.under_way(client.limits.receive_maximum):
                    await self._passes(client, *under_way.popleft())
                topic = state_topic(self._factory, message.machine)
                under_way.append((client.publish(topic, message.payload, retain=message.retain), len(message.payload)))
            while under_way:
                await self._passes(client, *under_way.popleft())
            self._capacity.complete()
        except MqttError as error:
            self._capacity.lose()
            if isinstance(error, RefusedError):
                raise
            # A refusal says more than the loss of the connection, which may follow from it.
            self._raise_refusal(one for one, _ in under_way)
            self._raise_if_too_large(client, messages, error)
            raise

    async def _passes(self, client: MqttClient, acknowledgement: Acknowledgement, size: int) -> None:
        await client.acknowledged([acknowledgement])
        self._raise_refusal([acknowledgement])
        self._capacity.acknowledge(size)

    def _raise_refusal(self, acknowledgements: Iterable[Acknowledgement]) -> None:
        for one in acknowledgements:
            if one.done() and not one.cancelled() and one.exception() is None:
                reason = one.result()
                if reason is not None and reason.is_failure:
                    raise RefusedError(self._refused(reason))

    def _raise_if_too_large(self, client: MqttClient, messages: Sequence[Message], error: MqttError) -> None:
        """Many brokers do not say how large a message may be; they end the connection."""
        largest = max((len(message.payload) for message in messages), default=0)
        if client.connected or error.code not in (None, PACKET_TOO_LARGE) or not self._capacity.blame_size(largest):
            return
        _log.info(
            "MQTT broker %s: the connection ended on a message of %d bytes; messages are now at most %d bytes long.",
            self._settings.address, largest, self._capacity.largest,
        )  # fmt: skip
        raise TooLargeError(f"{error} on a message of {largest} bytes") from error

    @property
    def _user(self) -> str:
        if self._settings.credentials_file is not None:
            return f"the user in {self._settings.credentials_file}"
        return f"the user {self._settings.username!r}" if self._settings.username else "a user without a name"

    def _refused(self, reason: ReasonCode) -> str:
        return f"it refuses reports ({reason}). Allow {self._user} to write {state_topic(self._factory, '+')}"

    async def _publish_status(self, client: MqttClient, status: bytes) -> None:
        await client.acknowledged([client.publish(self._status_topic, status, retain=True)])

    async def _publish_health(self, client: MqttClient) -> None:
        """Publish the gateway's health if it is due. Reports do not depend on it."""
        if time.monotonic() < self._health_due:
            return
        days = await asyncio.to_thread(self._certificate_days)
        health = GatewayHealth(await asyncio.to_thread(self._outbox.depth), __version__, days)
        topic = health_topic(self._factory, self._gateway)
        # Set before the attempt: a broker that closes the connection because of it is not asked again at once.
        self._health_due = time.monotonic() + _HEALTH_REFUSED_S
        acknowledgement = client.publish(topic, encode_health(health), retain=True)
        await client.acknowledged([acknowledgement])
        reason = acknowledgement.result()
        if reason is not None and reason.is_failure:
            _log.warning("MQTT broker %s refuses messages on %s; reports go on.", self._settings.address, topic)
        else:
            self._health_due = time.monotonic() + HEALTH_EVERY_S

    async def _wait_for_commit(self, client: MqttClient) -> None:
        try:
            async with asyncio.timeout(IDLE_CHECK_S):
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
