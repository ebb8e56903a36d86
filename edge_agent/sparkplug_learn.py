"""Power of a machine over Sparkplug B, for `vrijloop agent learn`: the value that its metric has at each moment, however rarely it is told."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from edge_agent.mqtt_client import MqttError
from edge_agent.sources.source_time import SourceClock
from edge_agent.sources.sparkplug_connection import SparkplugConnection
from edge_agent.sources.sparkplug_follower import NodeFollower
from edge_agent.sources.sparkplug_values import NodeValues
from edge_agent.sparkplug_settings import SparkplugInput, SparkplugMachine
from telemetry import Clock
from telemetry.broker import BrokerSettings

_ASK_EVERY_S = 10.0


@dataclass(slots=True)
class _Meter:
    table: SparkplugInput
    machine: SparkplugMachine
    connect: Callable[[], SparkplugConnection]
    connections: AsyncExitStack
    connection: SparkplugConnection | None = None
    asked_at: float = float("-inf")
    values: NodeValues = field(init=False)
    follower: NodeFollower = field(init=False)

    async def read(self) -> float | None:
        """Watts; None if they are not known. A lost connection is made again with the next reading."""
        try:
            connection = self.connection or await self._open()
            self._follow(connection)
        except MqttError:
            self.connection = None
            await self.connections.aclose()
            return None
        known = self.follower.complete and self.follower.knows(self.machine.device)
        return self.values.power_w(self.machine) if known else None

    async def _open(self) -> SparkplugConnection:
        self.values = NodeValues([self.machine], SourceClock(self.table.clock_tolerance))
        self.follower = NodeFollower(self.values.wanted, self.table.reorder.total_seconds())
        connection = await self.connections.enter_async_context(self.connect())
        await connection.subscribe()
        self.connection, self.asked_at = connection, float("-inf")
        return connection

    def _follow(self, connection: SparkplugConnection) -> None:
        now = time.monotonic()
        events = [event for _, message in connection.take() for event in self.follower.hear(message, now)]
        for event in [*events, *self.follower.tick(now)]:
            self.values.take(event)
        if self.table.rebirth and self.follower.wants_birth and now - self.asked_at > _ASK_EVERY_S:
            self.asked_at = now
            connection.ask_for_births([(self.machine.group, self.machine.node)])


@asynccontextmanager
async def sparkplug_power(
    table: SparkplugInput, machine: SparkplugMachine, broker: BrokerSettings, client_id: str, clock: Clock
) -> AsyncIterator[Callable[[], Awaitable[float | None]]]:
    """Reads the machine's power inside `async with`."""
    name = (machine.group, machine.node)
    async with AsyncExitStack() as connections:
        yield _Meter(table, machine, lambda: SparkplugConnection(broker, client_id, [name], clock), connections).read
