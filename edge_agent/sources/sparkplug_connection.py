"""One connection to a broker on which edge nodes of Sparkplug B publish: subscriptions, requests for births, and the host's own state."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from edge_agent.mqtt_client import MqttClient, MqttError, Will
from edge_agent.sources.sparkplug_follower import Message
from edge_agent.sparkplug_session import PrimaryHost
from telemetry import Clock
from telemetry.broker import BrokerSettings
from telemetry.sparkplug import (
    REBIRTH,
    DataType,
    Metric,
    Payload,
    decode,
    encode,
    milliseconds_of,
    parse_topic,
    state_topic,
    topic,
)

MAX_PAYLOAD_BYTES = 4 * 1024 * 1024
"""A birth of a node with ten thousand metrics has about a megabyte."""
_MAX_WAITING, _MAX_WAITING_BYTES = 10_000, 32 * 1024 * 1024
_ANSWERED_WITHIN_S = 5.0
_STATE_AGAIN_S = 5.0

NodeName = tuple[str, str]
"""Group and node."""


@dataclass(frozen=True, slots=True)
class _Received:
    topic: str
    payload: bytes
    at: datetime


class SparkplugConnection:
    """Open inside `async with`. Any method raises MqttError once the connection is lost."""

    def __init__(
        self, settings: BrokerSettings, client_id: str, nodes: Sequence[NodeName], clock: Clock, host: str | None = None
    ) -> None:
        """`host`: the id under which this host application says that it is there; without it nobody is told."""
        self._nodes = nodes
        self._clock = clock
        self._host = host
        self._since_ms = milliseconds_of(clock.now())
        self.arrived = asyncio.Event()
        """Set when messages have come, or the connection is lost."""
        will = Will(state_topic(host), _state(False, self._since_ms)) if host is not None else None
        self._client = MqttClient(settings, client_id, will, on_lost=self.arrived.set)
        self._waiting: deque[_Received] = deque()
        self._waiting_bytes = 0
        self._overflown = False
        self._said_offline = False
        self._state_due = 0.0

    async def __aenter__(self) -> SparkplugConnection:
        """Raises MqttError and UserError."""
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *reason: object) -> None:
        """Says that the host is gone before it goes."""
        if self._host is not None:
            with suppress(MqttError):
                self._client.publish(
                    state_topic(self._host), _state(False, milliseconds_of(self._clock.now())), retain=True
                )
        await self._client.__aexit__(None, None, None)

    async def subscribe(self) -> dict[NodeName, str]:
        """Subscribe to what the nodes say. Returns the nodes of which the broker refuses something, and why."""
        answers = {
            name: [(one, self._client.subscribe(one, self._hear, retained=False)) for one in topics_of(name)]
            for name in self._nodes
        }
        refused: dict[NodeName, str] = {}
        try:
            async with asyncio.timeout(_ANSWERED_WITHIN_S):
                for name, asked in answers.items():
                    for one, answer in asked:
                        reason = await answer
                        if reason is not None and reason.is_failure:
                            refused[name] = f"the broker refuses the subscription to {one} ({reason})"
        except TimeoutError:
            raise MqttError("it does not answer a subscription") from None
        if self._host is not None:
            await self._say_online(self._host)
        return refused

    async def probe(self) -> datetime:
        """Ask the broker for an answer. Returns a moment before which it has passed on whatever it had heard.

        The answer to a subscription comes after the messages that the broker had for this client before it.
        """
        asked = self._clock.now()
        answer = self._client.subscribe(topics_of(self._nodes[0])[-1], self._hear, retained=False)
        try:
            async with asyncio.timeout(_ANSWERED_WITHIN_S):
                await answer
        except TimeoutError:
            raise MqttError("it does not answer any more") from None
        return asked

    def take(self, limit: int = 1000) -> list[tuple[NodeName, Message]]:
        """The next messages that have come, each with its node."""
        self._client.check()
        if self._overflown:
            raise MqttError("more messages have come than can be read in time")
        taken: list[tuple[NodeName, Message]] = []
        while self._waiting and len(taken) < limit:
            received = self._waiting.popleft()
            self._waiting_bytes -= len(received.payload)
            kind, address = parse_topic(received.topic)
            payload: Payload | None = None
            with suppress(ValueError):
                payload = decode(received.payload, MAX_PAYLOAD_BYTES)
            digest = hash((received.topic, received.payload))
            taken.append(((address.group, address.node), Message(kind, address.device, payload, received.at, digest)))
        if not self._waiting:
            self.arrived.clear()
        return taken

    def ask_for_births(self, nodes: Iterable[NodeName]) -> None:
        """Ask nodes to tell anew what they have: the only command that is ever sent, and to no machine."""
        asked = birth_request(self._clock.now())
        for group, node in nodes:
            self._client.publish(topic(group, "NCMD", node), asked, retain=False, qos=0)

    async def keep_online(self) -> None:
        """Contradict who says that this host is gone, such as an earlier connection whose end the broker has told late."""
        if self._host is not None and self._said_offline and time.monotonic() > self._state_due:
            await self._publish_online(self._host, milliseconds_of(self._clock.now()))

    async def _say_online(self, host: str) -> None:
        reason = await self._client.subscribe(state_topic(host), self._hear_state)
        if reason is not None and reason.is_failure:
            raise MqttError(f"it refuses the subscription to {state_topic(host)} ({reason})")
        await self._publish_online(host, self._since_ms)

    async def _publish_online(self, host: str, at_ms: int) -> None:
        self._said_offline, self._state_due = False, time.monotonic() + _STATE_AGAIN_S
        said = self._client.publish(state_topic(host), _state(True, at_ms), retain=True)
        await self._client.acknowledged([said])
        reason = said.result()
        if reason is not None and reason.is_failure:
            raise MqttError(f"it refuses the host's state on {state_topic(host)} ({reason})")

    def _hear_state(self, _: str, payload: bytes) -> None:
        heard = PrimaryHost()
        heard.online = True
        with suppress(ValueError):
            heard.hear(payload)
        self._said_offline = not heard.online
        self.arrived.set()

    def _hear(self, name: str, payload: bytes) -> None:
        if len(self._waiting) >= _MAX_WAITING or self._waiting_bytes + len(payload) > _MAX_WAITING_BYTES:
            self._overflown = True
        else:
            self._waiting.append(_Received(name, payload, self._clock.now()))
            self._waiting_bytes += len(payload)
        self.arrived.set()


def topics_of(name: NodeName) -> list[str]:
    """What a host hears of a node: all births, data and deaths, since all are numbered together, and no commands.

    The node's birth last: who hears that misses nothing of what follows it.
    """
    group, node = name
    return [topic(group, kind, node, "+") for kind in ("DBIRTH", "DDATA", "DDEATH")] + [
        topic(group, kind, node) for kind in ("NDATA", "NDEATH", "NBIRTH")
    ]


def birth_request(now: datetime) -> bytes:
    """The command with which a host asks an edge node for its births."""
    now_ms = milliseconds_of(now)
    return encode(Payload(now_ms, (Metric(REBIRTH, True, now_ms, DataType.BOOLEAN),)))


def _state(online: bool, since_ms: int) -> bytes:
    return json.dumps({"online": online, "timestamp": since_ms}).encode()
