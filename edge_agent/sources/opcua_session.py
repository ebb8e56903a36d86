"""One connection to an OPC UA server: finds its machines, subscribes to their values, and returns observations.

    nodes of the machines ─▶ values ─▶ profile ─▶ state ─┐
    Server/ServerStatus/CurrentTime ── confirms up to ───┴▶ observation

The server's CurrentTime is monitored with the states. The values that the server has sent are complete up to that time, so it confirms the
states; a server that falls silent confirms nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from asyncua import Client, Node, ua
from asyncua.common.subscription import DataChangeEvent, StatusChangeEvent, Subscription

from edge_agent import opcua_profiles as profiles
from edge_agent.configuration import OpcUaMachine, OpcUaServer
from edge_agent.interval_tracker import Observation
from edge_agent.opcua_profiles import Meaning, Value
from edge_agent.sources.contact import SourceLostError
from edge_agent.sources.opcua_finder import Finder, NotFoundError
from edge_agent.sources.opcua_security import Pki, secure
from edge_agent.sources.source_time import trusted_time
from telemetry import Clock

_log = logging.getLogger(__name__)

ITEM_QUEUE = 10_000
"""Requested queue length per item; servers reduce it to what they support."""

BATCH = 100
"""Items per request: an S7-1200 accepts no more."""

_NO_SUBSCRIPTIONS = (
    ua.StatusCodes.BadServiceUnsupported,
    ua.StatusCodes.BadNotImplemented,
    ua.StatusCodes.BadTooManySubscriptions,
    ua.StatusCodes.BadNotSupported,
)
_SHORTEST_POLL_S = 1.0

Change = tuple[ua.NodeId, ua.DataValue]


@dataclass
class _Machine:
    """The values of one machine in this connection."""

    settings: OpcUaMachine
    values: dict[str, Value] = field(default_factory=dict)
    since: datetime | None = None

    def meaning(self) -> Meaning:
        profile = self.settings.profile
        if profile == "tags":
            return profiles.tags(self.values, self.settings.tag)
        return {"machinery": profiles.machinery, "packml": profiles.packml, "machinetool": profiles.machinetool}[
            profile
        ](self.values)


class OpcUaSession:
    """Call `open`, then `changes` repeatedly, then `close`."""

    def __init__(self, server: OpcUaServer, pki: Pki, clock: Clock) -> None:
        self._server = server
        self._pki = pki
        self._clock = clock
        timeout = server.timeout.total_seconds()
        # The watchdog must wait longer than a slow server takes to answer, or the connection is dropped again and again.
        self._client = Client(server.endpoint, timeout=timeout, watchdog_intervall=timeout * 2.5)
        self._client.name = self._client.description = "Vrijloop edge agent"
        self._lost: Exception | None = None
        self._arrived = asyncio.Event()
        self._changes: list[Change] = []
        self._machines = {machine.id: _Machine(machine) for machine in server.machine}
        self._roles: dict[ua.NodeId, tuple[_Machine, str]] = {}
        self._finder: Finder | None = None
        self._reader: asyncio.Task[None] | None = None

    async def open(self) -> list[str]:
        """Connect and subscribe. Returns a message for each machine not found; raises SourceLostError if none is found."""
        self._client.connection_lost_callback = self._on_lost
        try:
            await secure(self._client, self._server, self._pki, self._clock.now())
            await self._client.connect()
            self._finder = Finder(self._client, await self._client.get_namespace_array())
            problems = await self._find()
            if not self._roles:
                raise SourceLostError("; ".join(problems))
            self._reader = await self._follow()
        except (ua.UaError, OSError, TimeoutError) as error:
            raise SourceLostError(sentence(error)) from error
        return problems

    async def changes(self) -> list[tuple[str, Observation]]:
        """Wait for changes and return the observations in order of time. Raises SourceLostError if none come for `silence`."""
        try:
            async with asyncio.timeout(self._server.silence.total_seconds()):
                await self._arrived.wait()
        except TimeoutError:
            raise SourceLostError(f"silent for {self._server.silence.total_seconds():g} s") from None
        if self._lost is not None:
            raise SourceLostError(sentence(self._lost))
        self._arrived.clear()
        changes, self._changes = self._changes, []
        return self._observations(changes)

    async def close(self) -> None:
        """Close the session, so that a server with few sessions can reuse it."""
        if self._reader is not None:
            self._reader.cancel()
        try:
            async with asyncio.timeout(self._server.timeout.total_seconds()):
                await self._client.disconnect()
        except Exception as error:  # noqa: BLE001 - any error is possible here, and the connection is given up anyway
            _log.debug("%s: while disconnecting: %s", self._server.endpoint, error)

    async def _find(self) -> list[str]:
        problems = []
        for machine in self._machines.values():
            try:
                nodes = await self._found.nodes_of(machine.settings)
            except NotFoundError as error:
                problems.append(str(error))
            except ua.UaStatusCodeError as error:
                problems.append(f"machine {machine.settings.id!r}: {sentence(error)}")
            else:
                self._roles |= {node: (machine, role) for node, role in nodes.items()}
        return problems

    @property
    def _found(self) -> Finder:
        if self._finder is None:
            raise SourceLostError("not connected")
        return self._finder

    async def _follow(self) -> asyncio.Task[None]:
        try:
            subscription = await self._subscribe()
        except ua.UaStatusCodeError as error:
            if error.code not in _NO_SUBSCRIPTIONS:
                raise
            _log.info(
                "%s: the server does not support subscriptions (%s); polling.", self._server.endpoint, sentence(error)
            )
            return asyncio.create_task(self._poll())
        return asyncio.create_task(self._read(subscription))

    async def _subscribe(self) -> Subscription:
        parameters = ua.CreateSubscriptionParameters()
        parameters.RequestedPublishingInterval = self._server.publishing_interval.total_seconds() * 1000
        parameters.RequestedMaxKeepAliveCount = 10
        parameters.RequestedLifetimeCount = 1000
        parameters.PublishingEnabled = True
        # Room for a full queue of every item: asyncua drops values silently when its own queue is full.
        room = ITEM_QUEUE * (len(self._roles) + 1)
        subscription = await self._client.create_subscription(parameters, queue_maxsize=room)
        nodes = [self._client.get_node(node) for node in self._roles]
        # CurrentTime first, so that the first values are confirmed at once.
        await self._monitor(subscription, [self._current_time, *nodes], BATCH)
        return subscription

    async def _monitor(self, subscription: Subscription, nodes: Sequence[Node], batch: int) -> None:
        """Monitor nodes in requests of `batch` items, halved when the server refuses one. A single item that is refused is left out."""
        for start in range(0, len(nodes), batch):
            part = list(nodes[start : start + batch])
            try:
                handles = await subscription.subscribe_data_change(part, queuesize=ITEM_QUEUE)
            except ua.UaStatusCodeError as error:
                if len(part) == 1:
                    self._refused(part[0], sentence(error))
                else:
                    await self._monitor(subscription, part, (len(part) + 1) // 2)
                continue
            results = handles if isinstance(handles, list) else [handles]
            for node, result in zip(part, results, strict=True):
                if isinstance(result, ua.StatusCode):
                    self._refused(node, result.name)

    def _refused(self, node: Node, why: str) -> None:
        """Set the node's value to Bad, so that its machine is Unknown; the other nodes are not affected."""
        _log.warning("%s: node %s cannot be monitored (%s); the others continue.", self._server.endpoint, node, why)
        bad = ua.DataValue(StatusCode=ua.StatusCode(ua.UInt32(ua.StatusCodes.BadNodeIdUnknown)))
        self._changes.append((node.nodeid, bad))
        self._arrived.set()

    @property
    def _current_time(self) -> Node:
        return self._client.get_node(ua.ObjectIds.Server_ServerStatus_CurrentTime)

    async def _read(self, subscription: Subscription) -> None:
        async for event in subscription:
            if isinstance(event, DataChangeEvent):
                self._changes.append((event.node.nodeid, event.data.monitored_item.Value))
                self._arrived.set()
            elif isinstance(event, StatusChangeEvent):
                await self._on_lost(ConnectionError(f"subscription ended ({event.notification.Status})"))
        await self._on_lost(ConnectionError("subscription ended"))

    async def _poll(self) -> None:
        nodes = [*(self._client.get_node(node) for node in self._roles), self._current_time]
        pause = max(self._server.publishing_interval.total_seconds(), _SHORTEST_POLL_S)
        before: dict[ua.NodeId, tuple[object, object]] = {}
        try:
            while True:
                for start in range(0, len(nodes), BATCH):
                    part = nodes[start : start + BATCH]
                    values = await self._client.read_attributes(part)
                    for node, value in zip(part, values, strict=True):
                        current = (value.Value, value.StatusCode)
                        if before.get(node.nodeid) != current:
                            before[node.nodeid] = current
                            self._changes.append((node.nodeid, value))
                self._arrived.set()
                await asyncio.sleep(pause)
        except (ua.UaError, OSError, TimeoutError) as error:
            await self._on_lost(error)

    async def _on_lost(self, error: Exception) -> None:
        self._lost = error
        self._arrived.set()

    def _observations(self, arrived: Sequence[Change]) -> list[tuple[str, Observation]]:
        received = self._clock.now()
        changes: list[tuple[datetime, str, str, ua.DataValue]] = []
        confirmed: datetime | None = None
        for node, value in arrived:
            followed = self._roles.get(node)
            if followed is not None:
                machine, role = followed
                changes.append((trusted_time(value.SourceTimestamp, received), machine.settings.id, role, value))
            elif value.Value is not None and isinstance(value.Value.Value, datetime):
                server_time = trusted_time(value.Value.Value, received)
                confirmed = server_time if confirmed is None else max(confirmed, server_time)
        # Sorted by time and machine, so that a state and a mode that changed together become one observation.
        changes.sort(key=lambda change: (change[0], change[1]))
        observed: list[tuple[str, Observation]] = []
        last_of: dict[str, int] = {}
        for (at, name), group in groupby(changes, key=lambda change: (change[0], change[1])):
            machine = self._machines[name]
            for _, _, role, value in group:
                machine.values[role] = self._plain(value)
            machine.since = at if machine.since is None else max(machine.since, at)
            last_of[name] = len(observed)
            observed.append((name, _observation(machine, machine.since)))
        if confirmed is None:
            return observed
        for name, machine in self._machines.items():
            if machine.since is None:
                continue
            seen = _observation(machine, max(confirmed, machine.since))
            if name in last_of:
                # A change that has just arrived is confirmed up to now, which its first report includes.
                observed[last_of[name]] = (name, seen)
            else:
                observed.append((name, seen))
        return observed

    def _plain(self, value: ua.DataValue) -> Value:
        """The value as a Python object; None if its status is not Good."""
        good = value.StatusCode is None or value.StatusCode.is_good()
        inner = value.Value.Value if good and value.Value is not None else None
        if isinstance(inner, ua.NodeId):
            return self._found.name_of(inner)
        if isinstance(inner, ua.LocalizedText):
            return str(inner.Text or "")
        return inner if isinstance(inner, bool | int | float | str) else None


def _observation(machine: _Machine, at: datetime) -> Observation:
    meaning = machine.meaning()
    return Observation(meaning.state, at, meaning.mode, since=machine.since, reason=meaning.reason)


def sentence(error: BaseException) -> str:
    """The error as text for a message."""
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
