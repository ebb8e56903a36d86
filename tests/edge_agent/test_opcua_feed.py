"""Up to when a server has told everything, and when that is no longer known."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from asyncua import ua

from edge_agent.configuration import OpcUaServer
from edge_agent.sources.opcua_feed import Feed
from edge_agent.sources.opcua_requests import Requests

SERVER = OpcUaServer.validated({"endpoint": "opc.tcp://127.0.0.1:4840", "machine": [{"id": "m1", "browse_name": "M1"}]})


class Silent:
    """A subscription in which nothing changes."""

    subscription_id = 1
    last_publish_at: float | None = None

    def __init__(self, wanted: ua.CreateSubscriptionParameters) -> None:
        self.parameters = wanted

    async def create_monitored_items(self, items: list[Any]) -> list[int]:
        return list(range(len(items)))

    async def __aiter__(self) -> AsyncIterator[object]:
        await asyncio.Event().wait()
        yield None


class Client:
    """As much of asyncua's as a feed needs."""

    def __init__(self) -> None:
        self.uaclient: Any = SimpleNamespace(observer=None)
        self.subscriptions: list[Silent] = []

    async def create_subscription(self, wanted: ua.CreateSubscriptionParameters, **_: Any) -> Silent:
        self.subscriptions.append(Silent(wanted))
        return self.subscriptions[-1]

    def publish(self, after_s: float) -> None:
        """The server's answer is read now, so long after it was asked for."""
        self.subscriptions[0].last_publish_at = time.monotonic()
        self.uaclient.observer.on_request("PublishRequest", after_s, None)


async def started() -> tuple[Feed, Client]:
    client: Any = Client()
    feed = Feed(client, SERVER, Requests(client))
    assert await feed.start([ua.NodeId("state", 2)]) == {}
    return feed, client


async def test_what_lay_unread_while_the_gateway_stood_still_was_sent_long_ago() -> None:
    """Nothing may be confirmed up to now by it: what happened since is still at the server."""
    feed, client = await started()
    client.publish(after_s=0.1)
    assert feed.age_s() < 1
    client.publish(after_s=7.0)
    assert feed.age_s() >= 7
    client.publish(after_s=0.0)
    assert feed.age_s() < 1
    client.uaclient.observer.on_request("ReadRequest", 9.0, None)
    assert feed.age_s() < 1
    feed.stop()


async def test_after_a_long_silence_changes_may_be_missing() -> None:
    feed, client = await started()
    client.publish(after_s=9.0)
    assert feed.take() == []
    client.publish(after_s=11.0)
    assert feed.arrived.is_set()
    with pytest.raises(ConnectionError, match="changes may be missing"):
        feed.take()
    feed.stop()
