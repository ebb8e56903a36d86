"""Brings the values of nodes from an OPC UA server: by subscriptions, and by polling what the server does not let subscribe.

Servers limit the items of a subscription, the subscriptions of a session, and the items of a request; many have no subscriptions at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence

from asyncua import Client, ua
from asyncua.common.subscription import DataChangeEvent, StatusChangeEvent, Subscription
from asyncua.observer import Observer

from edge_agent.configuration import OpcUaServer
from edge_agent.sources.opcua_errors import sentence
from edge_agent.sources.opcua_requests import CURRENT_TIME, NO_SUCH_SERVICE, TOO_MANY, Operation, Requests
from edge_agent.sources.opcua_values import Change

_log = logging.getLogger(__name__)

ITEM_QUEUE = 10_000
"""Requested queue length per item; servers reduce it to what they support."""

_NO_SUBSCRIPTIONS = (*NO_SUCH_SERVICE, ua.StatusCodes.BadTooManySubscriptions)
_FULL = (
    ua.StatusCodes.BadTooManyMonitoredItems,
    ua.StatusCodes.BadOutOfMemory,
    ua.StatusCodes.BadResourceUnavailable,
)
"""The subscription takes no more items."""

_GONE = (
    ua.StatusCodes.BadSessionIdInvalid,
    ua.StatusCodes.BadSessionClosed,
    ua.StatusCodes.BadSubscriptionIdInvalid,
    ua.StatusCodes.BadSecureChannelIdInvalid,
    ua.StatusCodes.BadSecureChannelClosed,
    ua.StatusCodes.BadConnectionClosed,
)
_SHORTEST_POLL_S = 1.0
_SIGNS_PER_SILENCE = 4
"""How often CurrentTime and keep-alives come within `silence`: hundreds of servers that send them more often keep a gateway busy."""

_LIFETIME_PER_KEEP_ALIVE = 40
_PUBLISHES = 100
"""That are remembered: more than a session has subscriptions."""


class _Ear(Observer):  # type: ignore[misc]
    """Hears from asyncua what it does not tell otherwise."""

    def __init__(self, published: Callable[[float], None]) -> None:
        self._published = published

    def on_request(self, request_type: str, duration: float, error: BaseException | None) -> None:
        if request_type == "PublishRequest":
            self._published(duration)


class Feed:
    """The values of one connection's nodes. `start` it once; then wait for `arrived`, and `take`."""

    def __init__(self, client: Client, server: OpcUaServer, requests: Requests) -> None:
        self._client = client
        self._server = server
        self._requests = requests
        self._changes: list[Change] = []
        self._lost: Exception | None = None
        self._subscriptions: list[tuple[Subscription, float]] = []
        self._handles = itertools.count(1)
        self._publishes: deque[tuple[float, float]] = deque(maxlen=_PUBLISHES)
        """The latest: when they were read, and how long after they had been asked for."""
        self._polled_at: float | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.arrived = asyncio.Event()

    async def start(self, nodes: Sequence[ua.NodeId]) -> dict[ua.NodeId, str]:
        """Begin to follow the nodes and CurrentTime. Returns the nodes that the server refuses, and why."""
        self._client.uaclient.observer = _Ear(self._heard)
        left, refused = list(nodes), dict[ua.NodeId, str]()
        try:
            left = await self._subscribe(left, refused)
            reason = "no more items can be monitored"
        except ua.UaStatusCodeError as error:
            if error.code not in _NO_SUBSCRIPTIONS:
                raise
            reason = sentence(error)
        if left:
            _log.info("%s: %d values are polled (%s).", self._server.endpoint, len(left), reason)
            self._tasks.append(asyncio.create_task(self._poll([*left, CURRENT_TIME])))
        # Their machines are Unknown; the other nodes are not affected.
        bad = ua.DataValue(StatusCode=ua.StatusCode(ua.UInt32(ua.StatusCodes.BadNodeIdUnknown)))
        self._changes += [(node, bad) for node in refused]
        return refused

    def take(self) -> list[Change]:
        """What has arrived since the last call, in order. Raises the error with which the connection was lost."""
        if self._lost is not None:
            raise self._lost
        self.arrived.clear()
        changes, self._changes = self._changes, []
        return changes

    def age_s(self) -> float:
        """Everything that happened this many seconds ago or earlier has been sent."""
        now = time.monotonic()
        heard = [subscription.last_publish_at or created for subscription, created in self._subscriptions]
        # When it was read is not when it was sent: while this gateway stood still, it lay here. Sent it was after it had been asked for.
        while len(self._publishes) > 1 and self._publishes[0][0] < min(heard, default=now):
            self._publishes.popleft()
        heard = [min(heard) - max((took for _, took in self._publishes), default=0.0)] if heard else []
        if self._polled_at is not None:
            heard.append(self._polled_at)
        return now - min(heard, default=now)

    def _heard(self, took: float) -> None:
        """The server has sent what it had, so many seconds after it was asked.

        If server, network or this gateway stood still for long, servers with short queues have not kept every change.
        """
        self._publishes.append((time.monotonic(), took))
        if took > self._server.silence.total_seconds():
            self.lose(ConnectionError("nothing was heard for too long, and changes may be missing"))

    def lose(self, error: Exception) -> None:
        """The connection is lost; `take` will raise this error."""
        self._lost = self._lost or error
        self.arrived.set()

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _subscribe(self, nodes: list[ua.NodeId], refused: dict[ua.NodeId, str]) -> list[ua.NodeId]:
        """Open as many subscriptions as the nodes need. Returns the nodes that the server has no room for."""
        left = nodes
        while left:
            try:
                subscription = await self._create_subscription(len(left))
            except ua.UaStatusCodeError:
                if not self._subscriptions:
                    raise
                return left
            rest = await self._monitor(subscription, left, refused, with_time=not self._subscriptions)
            if len(rest) == len(left):
                with contextlib.suppress(ua.UaError):
                    await subscription.delete()
                return left
            self._subscriptions.append((subscription, time.monotonic()))
            self._tasks.append(asyncio.create_task(self._read(subscription)))
            left = rest
        return left

    async def _create_subscription(self, items: int) -> Subscription:
        wanted = ua.CreateSubscriptionParameters()
        wanted.RequestedPublishingInterval = self._server.publishing_interval.total_seconds() * 1000
        wanted.RequestedMaxKeepAliveCount = self._keep_alive_count(wanted.RequestedPublishingInterval)
        wanted.RequestedLifetimeCount = wanted.RequestedMaxKeepAliveCount * _LIFETIME_PER_KEEP_ALIVE
        wanted.PublishingEnabled = True
        # Room for a full queue of every item: asyncua drops values silently when its own queue is full.
        subscription = await self._client.create_subscription(wanted, queue_maxsize=ITEM_QUEUE * items)
        # Where a server publishes less often than it was asked to, asyncua asks for a keep-alive every 45 minutes.
        got = subscription.parameters
        count = self._keep_alive_count(got.RequestedPublishingInterval)
        if got.RequestedMaxKeepAliveCount != count:
            better = ua.ModifySubscriptionParameters()
            better.SubscriptionId = subscription.subscription_id
            better.RequestedPublishingInterval = got.RequestedPublishingInterval
            better.RequestedMaxKeepAliveCount = count
            better.RequestedLifetimeCount = count * _LIFETIME_PER_KEEP_ALIVE
            await subscription.update(better)
        return subscription

    def _keep_alive_count(self, interval_ms: float) -> int:
        """Publishing intervals after which an idle server sends a sign of life."""
        return max(1, int(self._sign_every_ms / max(interval_ms, 1)))

    @property
    def _sign_every_ms(self) -> float:
        return float(self._server.silence.total_seconds() * 1000 / _SIGNS_PER_SILENCE)

    async def _monitor(
        self, subscription: Subscription, nodes: Sequence[ua.NodeId], refused: dict[ua.NodeId, str], *, with_time: bool
    ) -> list[ua.NodeId]:
        """Monitor nodes in requests that are halved when the server refuses one. Returns those for which the subscription has no room.

        `with_time`: CurrentTime, too; first, so that the first values are confirmed at once. A server that does not let it subscribe is asked for it.
        """
        nodes = [CURRENT_TIME, *nodes] if with_time else nodes
        place, size = 0, self._requests.size(Operation.MONITOR)
        while place < len(nodes):
            part = nodes[place : place + size]
            try:
                results = await subscription.create_monitored_items([self._item(node) for node in part])
            except ua.UaStatusCodeError as error:
                if error.code in _GONE:
                    raise
                if len(part) > 1:
                    size = (len(part) + 1) // 2
                    if error.code in TOO_MANY:
                        self._requests.limit(Operation.MONITOR, size)
                    continue
                results = [ua.StatusCode(ua.UInt32(error.code))]
            answers = [(node, result) for node, result in zip(part, results, strict=True) if node != CURRENT_TIME]
            full = [node for node, result in answers if _is_full(result)]
            for node, result in answers:
                if isinstance(result, ua.StatusCode) and not _is_full(result):
                    refused[node] = result.name
            place += len(part)
            if full:
                return [*full, *nodes[place:]]
        return []

    def _item(self, node: ua.NodeId) -> ua.MonitoredItemCreateRequest:
        """Every change of a node; of CurrentTime the newest, now and then."""
        is_time = node == CURRENT_TIME
        parameters = ua.MonitoringParameters()
        parameters.ClientHandle = next(self._handles)
        parameters.SamplingInterval = self._sign_every_ms if is_time else 0.0
        parameters.QueueSize = 1 if is_time else ITEM_QUEUE
        parameters.DiscardOldest = True
        item = ua.MonitoredItemCreateRequest()
        item.ItemToMonitor.NodeId = node
        item.ItemToMonitor.AttributeId = ua.AttributeIds.Value
        item.MonitoringMode = ua.MonitoringMode.Reporting
        item.RequestedParameters = parameters
        return item

    async def _read(self, subscription: Subscription) -> None:
        async for event in subscription:
            if isinstance(event, DataChangeEvent):
                self._changes.append((event.node.nodeid, event.data.monitored_item.Value))
                self.arrived.set()
            elif isinstance(event, StatusChangeEvent):
                self.lose(ConnectionError(f"subscription ended ({event.notification.Status})"))
        self.lose(ConnectionError("subscription ended"))

    async def _poll(self, nodes: Sequence[ua.NodeId]) -> None:
        pause = max(self._server.publishing_interval.total_seconds(), _SHORTEST_POLL_S)
        before: dict[ua.NodeId, tuple[object, object]] = {}
        try:
            while True:
                begun = time.monotonic()
                for node, value in zip(nodes, await self._requests.read(nodes), strict=True):
                    current = (value.Value, value.StatusCode)
                    if before.get(node) != current:
                        before[node] = current
                        self._changes.append((node, value))
                self._polled_at = begun
                self.arrived.set()
                await asyncio.sleep(pause)
        except (ua.UaError, OSError, TimeoutError) as error:
            self.lose(error)


def _is_full(result: int | ua.StatusCode) -> bool:
    return isinstance(result, ua.StatusCode) and result.value in _FULL
