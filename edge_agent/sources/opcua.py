"""The machines of one OPC UA server that follows OPC 40001-1, by subscription.

    Machines folder ─▶ machine ─▶ its state machines, by type definition ─▶ CurrentState/Id ─┐
    Server/ServerStatus/CurrentTime ──────────────── confirms up to when ───────────────────┴▶ observation

The server's CurrentTime is subscribed beside the states. What the server has sent with it is complete up to that time,
so it confirms the states: a server that falls silent confirms nothing more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from asyncua import Client, Node, ua
from asyncua.common.subscription import DataChangeEvent, StatusChangeEvent, Subscription

from edge_agent.backoff import Backoff
from edge_agent.configuration import OpcUaMachine, OpcUaServer
from edge_agent.interval_tracker import Observation
from edge_agent.report_writer import ReportWriter
from edge_agent.sources.contact import Contact, SourceLostError
from edge_agent.sources.source_time import trusted_time
from telemetry import Clock, MachineState, OperationMode

_log = logging.getLogger(__name__)

MACHINERY_URI = "http://opcfoundation.org/UA/Machinery/"
MACHINES_FOLDER = 1001
ITEM_STATE_TYPE = 1002
OPERATION_MODE_TYPE = 1008

# OPC 40001-1: NodeIds of the states in the Machinery namespace. The display text is never compared.
STATE_NODES = {
    5005: MachineState.NOT_AVAILABLE,
    5004: MachineState.OUT_OF_SERVICE,
    5007: MachineState.NOT_EXECUTING,
    5006: MachineState.EXECUTING,
}
MODE_NODES = {
    5024: OperationMode.NONE,
    5025: OperationMode.MAINTENANCE,
    5027: OperationMode.SETUP,
    5026: OperationMode.PROCESSING,
}

ITEM_QUEUE = 10_000
"""Values a server may keep per item between two publishings; servers revise it down to what they have."""

_SEARCH_DEPTH = 5


@dataclass
class _Item:
    """One monitored value: which machine and what it means."""

    machine: str
    is_mode: bool


@dataclass
class _Known:
    """What is known of a machine's two state machines."""

    state: MachineState = MachineState.UNKNOWN
    mode: OperationMode | None = None
    since: datetime | None = None
    reason: str | None = None


class OpcUaSession:
    """One connection: finds the machines, subscribes, and hands out batches of changes."""

    def __init__(self, server: OpcUaServer, clock: Clock) -> None:
        self._server = server
        self._clock = clock
        timeout = server.timeout.total_seconds()
        # The watchdog must outlast a slow server's answer, else it is taken for lost again and again.
        self._client = Client(server.endpoint, timeout=timeout, watchdog_intervall=timeout * 2.5)
        self._client.name = self._client.description = "Vrijloop edge agent"
        self._lost: Exception | None = None
        self._arrived = asyncio.Event()
        self._events: list[DataChangeEvent] = []
        self._items: dict[ua.NodeId, _Item] = {}
        self._known: dict[str, _Known] = {machine.id: _Known() for machine in server.machine}
        self._machinery = -1
        self._reader: asyncio.Task[None] | None = None

    async def open(self) -> list[str]:
        """Connect and subscribe. Returns a sentence per machine that was not found; raises SourceLostError if none was."""
        self._client.connection_lost_callback = self._on_lost
        try:
            await self._client.connect()
            self._machinery = await self._machinery_index()
            problems = await self._find_machines()
            if not self._items:
                raise SourceLostError("; ".join(problems))
            subscription = await self._subscribe()
        except (ua.UaError, OSError, TimeoutError) as error:
            raise SourceLostError(_sentence(error)) from error
        self._reader = asyncio.create_task(self._read(subscription))
        return problems

    async def changes(self) -> list[tuple[str, Observation]]:
        """Wait for news and give the observations in order of time. Raises SourceLostError after silence."""
        try:
            await asyncio.wait_for(self._arrived.wait(), self._server.silence.total_seconds())
        except TimeoutError:
            raise SourceLostError(f"silent for {self._server.silence.total_seconds():g} s") from None
        if self._lost is not None:
            raise SourceLostError(_sentence(self._lost))
        self._arrived.clear()
        events, self._events = self._events, []
        return self._observations(events)

    async def close(self) -> None:
        """End the session properly, so that a server with few sessions gets this one back."""
        if self._reader is not None:
            self._reader.cancel()
        try:
            await asyncio.wait_for(self._client.disconnect(), self._server.timeout.total_seconds())
        except Exception as error:  # noqa: BLE001 - whatever the peer's end does to a connection that is being given up
            _log.debug("%s: while disconnecting: %s", self._server.endpoint, error)

    async def _machinery_index(self) -> int:
        try:
            return int(await self._client.get_namespace_index(MACHINERY_URI))
        except ValueError:
            raise SourceLostError(f"the server does not know the namespace {MACHINERY_URI} (OPC 40001-1)") from None

    async def _find_machines(self) -> list[str]:
        folder = self._client.get_node(ua.NodeId(MACHINES_FOLDER, self._machinery))
        present = {
            str(reference.BrowseName.Name): self._client.get_node(reference.NodeId)
            for reference in await _children(folder)
        }
        problems = []
        for machine in self._server.machine:
            if machine.browse_name not in present:
                names = ", ".join(sorted(present)) or "none"
                problems.append(f"no machine {machine.browse_name!r} under Objects/Machines (there are: {names})")
            elif not await self._find_state_machines(machine, present[machine.browse_name]):
                problems.append(f"machine {machine.browse_name!r} has no MachineryItemState (OPC 40001-1)")
        return problems

    async def _find_state_machines(self, machine: OpcUaMachine, node: Node) -> bool:
        """By type definition: the official example names its state machines in a namespace of its own."""
        wanted = {
            ua.NodeId(ITEM_STATE_TYPE, self._machinery): False,
            ua.NodeId(OPERATION_MODE_TYPE, self._machinery): True,
        }
        has_state = False
        level = [node]
        seen: set[ua.NodeId] = {node.nodeid}
        for _ in range(_SEARCH_DEPTH):
            below: list[Node] = []
            for parent in level:
                for reference in await _children(parent):
                    if reference.NodeId in seen:
                        continue
                    seen.add(reference.NodeId)
                    child = self._client.get_node(reference.NodeId)
                    if reference.TypeDefinition in wanted:
                        is_mode = wanted[reference.TypeDefinition]
                        current_id = await child.get_child(["0:CurrentState", "0:Id"])
                        self._items[current_id.nodeid] = _Item(machine.id, is_mode)
                        has_state = has_state or not is_mode
                    else:
                        below.append(child)
            level = below
        return has_state

    async def _subscribe(self) -> Subscription:
        parameters = ua.CreateSubscriptionParameters()
        parameters.RequestedPublishingInterval = self._server.publishing_interval.total_seconds() * 1000
        parameters.RequestedMaxKeepAliveCount = 10
        parameters.RequestedLifetimeCount = 1000
        parameters.PublishingEnabled = True
        # Room for a full queue of every item: asyncua drops silently when its own queue is full.
        room = ITEM_QUEUE * (len(self._items) + 1)
        subscription = await self._client.create_subscription(parameters, queue_maxsize=room)
        nodes = [self._client.get_node(nodeid) for nodeid in self._items]
        nodes.append(self._current_time)
        handles = await subscription.subscribe_data_change(nodes, queuesize=ITEM_QUEUE)
        results = handles if isinstance(handles, list) else [handles]
        for node, result in zip(nodes, results, strict=True):
            if isinstance(result, ua.StatusCode):
                _log.warning("%s: item %s refused (%s)", self._server.endpoint, node, result.name)
        return subscription

    @property
    def _current_time(self) -> Node:
        return self._client.get_node(ua.ObjectIds.Server_ServerStatus_CurrentTime)

    async def _read(self, subscription: Subscription) -> None:
        async for event in subscription:
            if isinstance(event, DataChangeEvent):
                self._events.append(event)
                self._arrived.set()
            elif isinstance(event, StatusChangeEvent):
                await self._on_lost(ConnectionError(f"subscription ended ({event.notification.Status})"))
        await self._on_lost(ConnectionError("subscription ended"))

    async def _on_lost(self, error: Exception) -> None:
        self._lost = error
        self._arrived.set()

    def _observations(self, events: Sequence[DataChangeEvent]) -> list[tuple[str, Observation]]:
        received = self._clock.now()
        changes: list[tuple[datetime, str, _Item, ua.DataValue]] = []
        confirmed: datetime | None = None
        for event in events:
            value = event.data.monitored_item.Value
            item = self._items.get(event.node.nodeid)
            if item is not None:
                changes.append((trusted_time(value.SourceTimestamp, received), item.machine, item, value))
            elif isinstance(event.value, datetime):
                server_time = trusted_time(event.value, received)
                confirmed = server_time if confirmed is None else max(confirmed, server_time)
        # Sorted by time and machine, so that a state and a mode that changed together make one observation.
        changes.sort(key=lambda change: (change[0], change[1]))
        observed = []
        for (at, machine), group in groupby(changes, key=lambda change: (change[0], change[1])):
            known = self._known[machine]
            for _, _, item, value in group:
                self._take(known, item, value)
            known.since = at if known.since is None else max(known.since, at)
            observed.append((machine, self._observation(known, known.since)))
        if confirmed is not None:
            observed += [
                (machine, self._observation(known, max(confirmed, known.since)))
                for machine, known in self._known.items()
                if known.since is not None
            ]
        return observed

    def _take(self, known: _Known, item: _Item, value: ua.DataValue) -> None:
        status = value.StatusCode
        identifier = value.Value.Value if value.Value is not None else None
        number: object = None
        if (status is None or status.is_good()) and isinstance(identifier, ua.NodeId):
            number = identifier.Identifier if identifier.NamespaceIndex == self._machinery else None
        if item.is_mode:
            known.mode = MODE_NODES.get(number) if isinstance(number, int) else None
            return
        known.state = STATE_NODES.get(number, MachineState.UNKNOWN) if isinstance(number, int) else MachineState.UNKNOWN
        known.reason = None if known.state is not MachineState.UNKNOWN else "source reports no valid state"

    def _observation(self, known: _Known, at: datetime) -> Observation:
        return Observation(known.state, at, known.mode, since=known.since, reason=known.reason)


class OpcUaSource:
    """Follows one server for ever; its trouble stays its own."""

    def __init__(self, server: OpcUaServer, writer: ReportWriter, clock: Clock) -> None:
        self._server = server
        self._writer = writer
        self._clock = clock
        self._session: OpcUaSession | None = None
        self.contact = Contact(f"OPC UA {server.endpoint}", [machine.id for machine in server.machine], writer, clock)

    async def run(self) -> None:
        """Until cancelled."""
        backoff = Backoff()
        try:
            while True:
                try:
                    await self._follow(backoff)
                except (SourceLostError, OSError) as error:
                    self.contact.broke(str(error))
                await self._end_session()
                await asyncio.sleep(backoff.next_delay())
        finally:
            await self._end_session()

    async def _follow(self, backoff: Backoff) -> None:
        with self._clock.hold():
            self._session = OpcUaSession(self._server, self._clock)
            for problem in await self._session.open():
                _log.warning("%s: %s; the other machines go on.", self._server.endpoint, problem)
        first_of: set[str] = set()
        while True:
            for machine, seen in await self._session.changes():
                fresh = machine not in first_of
                first_of.add(machine)
                self._writer.observe(machine, _as_first(seen) if fresh else seen)
            self.contact.made()
            backoff.reset()
            await self._writer.room()

    async def _end_session(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()


def _as_first(seen: Observation) -> Observation:
    """Right after a connection the server vouches only for what its time stamps say."""
    return Observation(seen.state, seen.at, seen.mode, seen.since, continuous=False, reason=seen.reason)


async def _children(node: Node) -> list[ua.ReferenceDescription]:
    found = await node.get_references(ua.ObjectIds.HierarchicalReferences, ua.BrowseDirection.Forward)
    return list(found)


def _sentence(error: BaseException) -> str:
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
