"""Reads machines from the edge nodes of Sparkplug B that publish on one broker, as a host application.

messages ─▶ follower of the node (births, deaths, numbers) ─▶ values of its machines ─▶ observation
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from edge_agent.backoff import Backoff
from edge_agent.clock_watch import TOO_FAR_AHEAD
from edge_agent.mqtt_client import MqttError
from edge_agent.report_writer import ReportWriter
from edge_agent.sources import sparkplug_follower
from edge_agent.sources.contact import Contact
from edge_agent.sources.source_time import ClockJudgement, ClockLog, SourceClock, wrong_clocks
from edge_agent.sources.sparkplug_connection import NodeName, SparkplugConnection
from edge_agent.sources.sparkplug_follower import (
    Born,
    Changed,
    Device,
    DeviceLost,
    Event,
    Message,
    NodeFollower,
    NodeLost,
    compare_clock,
)
from edge_agent.sources.sparkplug_history import History
from edge_agent.sources.sparkplug_values import NodeValues, Observed
from edge_agent.sparkplug_settings import SparkplugInput, SparkplugMachine
from telemetry import Clock, UserError
from telemetry.broker import BrokerSettings

_log = logging.getLogger(__name__)

_TURN_S, _LOOK_EVERY_S = 1.0, 0.1
_PROBE_EVERY_S = 5.0
_BORN_WITHIN_S = 5.0
"""A node that has not been born so long after the subscription is lost."""
_STABLE_S = 60.0
_ASK_FIRST_S, _ASK_LONGEST_S = 5.0, 300.0
"""A node is asked for its birth at once, and then less and less often."""
_CONFIRMATIONS_PER_HEARTBEAT = 4
_SAID_AGAIN_S = 3600.0

_ODDITIES = {
    "unknown_aliases": "it uses aliases that its births have not told",
    "before_birth": "it sends data of what has not been born",
    "unreadable": "it sends payloads that are not of Sparkplug B",
    "old_history": "it sends history from before what is known already",
}
"""What is counted and also said. Gaps and deaths are said by the contact that is lost."""


class FollowedNode:
    """One edge node over all connections: its machines, its contacts, and what is known of its clock."""

    def __init__(
        self,
        name: NodeName,
        machines: Sequence[SparkplugMachine],
        table: SparkplugInput,
        writer: ReportWriter,
        clock: Clock,
    ) -> None:
        self.name = name
        self.machines = machines
        self._table = table
        self.source_clock = SourceClock(table.clock_tolerance)
        self.label = f"Sparkplug node {'/'.join(name)}"
        self.contact = Contact(self.label, [machine.id for machine in machines], writer, clock)
        self.devices: dict[str, Contact] = {}
        for machine in machines:
            if (device := machine.device) is not None and device not in self.devices:
                ids = [one.id for one in machines if one.device == device]
                self.devices[device] = Contact(f"Sparkplug device {'/'.join(name)}/{device}", ids, writer, clock)
        self.histories = {machine.id: History(machine) for machine in machines}
        self.backoff = Backoff(_ASK_FIRST_S, _ASK_LONGEST_S)
        self.ask_at = 0.0
        self.born_at: float | None = None
        self.counted: Counter[str] = Counter()
        self.said: dict[str, tuple[int, float]] = {}
        self.clock_log = ClockLog(self.label, "the node")
        self.refused: str | None = None
        self.begin()

    def begin(self) -> None:
        """Start anew in a new connection."""
        self.values = NodeValues(self.machines, self.source_clock)
        self.follower = NodeFollower(self.values.wanted, self._table.reorder.total_seconds(), counted=self.counted)
        self.ask_at, self.born_at, self.refused = 0.0, None, None

    @property
    def contacts(self) -> list[Contact]:
        return [self.contact, *self.devices.values()]

    def stay_lost(self) -> None:
        """What is lost is still so, which extends the reports of it."""
        for contact in self.contacts:
            if contact.why is not None:
                contact.mark_lost(contact.why)

    def known(self) -> list[Device]:
        """The devices whose values are complete."""
        return (
            [device for device in self.values.wanted if self.follower.knows(device)] if self.follower.complete else []
        )


@dataclass(slots=True)
class _Turns:
    """When things were last done, in monotonic seconds of one connection."""

    began: float = field(default_factory=time.monotonic)
    probed: float = 0.0
    looked: float = 0.0
    confirmed: dict[NodeName, datetime] = field(default_factory=dict)


class SparkplugSource:
    """Follows the nodes of one broker until cancelled. What becomes of one node does not concern the others."""

    def __init__(
        self,
        table: SparkplugInput,
        settings: BrokerSettings,
        client_id: str,
        writer: ReportWriter,
        clock: Clock,
    ) -> None:
        self.table = table
        self.settings = settings
        self._client_id = client_id
        self._writer = writer
        self._clock = clock
        self.nodes = {
            name: FollowedNode(name, machines, table, writer, clock) for name, machines in table.nodes.items()
        }
        self.broker = Contact(
            f"Sparkplug broker {settings.address}", [machine.id for machine in table.machine], writer, clock
        )
        self._lag = table.keep_alive * 1.5
        self._passed_on: datetime | None = None
        """The broker has passed on everything that it had heard up to this moment."""
        self._turn_at = clock.now()
        self.connected = False

    @property
    def contacts(self) -> list[Contact]:
        return [self.broker, *(contact for node in self.nodes.values() for contact in node.contacts)]

    @property
    def clocks(self) -> list[tuple[str, SourceClock]]:
        return [(node.label, node.source_clock) for node in self.nodes.values()]

    async def run(self) -> None:
        """Follow the nodes until cancelled."""
        backoff = Backoff()
        while True:
            connection = SparkplugConnection(
                self.settings, self._client_id, list(self.nodes), self._clock, self.table.host
            )
            began = time.monotonic()
            try:
                async with connection:
                    await self._follow(connection)
            except (MqttError, UserError) as error:
                self._lose_broker(str(error).rstrip("."))
            except asyncio.CancelledError:
                self.confirm()
                raise
            finally:
                self.connected = False
            if time.monotonic() - began > _STABLE_S:
                backoff.reset()
            await asyncio.sleep(backoff.next_delay())

    def confirm(self) -> None:
        """Confirm the machines of all nodes as far as they are known, also those that have not changed."""
        if self.connected:
            for node in self.nodes.values():
                self._confirm(node)

    def _lose_broker(self, why: str) -> None:
        self.confirm()
        self.connected = False
        for node in self.nodes.values():
            self._note_loss(node, node.machines)
            node.begin()
        self.broker.mark_lost(why)
        for contact in self.contacts:
            contact.first.set()

    async def _follow(self, connection: SparkplugConnection) -> None:
        for node in self.nodes.values():
            node.begin()
        refused = await connection.subscribe()
        self._passed_on, self._turn_at, turns = None, self._clock.now(), _Turns()
        self.connected = True
        self.broker.mark_answering()
        for name, why in refused.items():
            self.nodes[name].refused = why
            self._lose(self.nodes[name], why)
        while True:
            self._watch_clock()
            for name, message in connection.take():
                self._hear(self.nodes[name], message)
            await self._look(connection, turns)
            await self._writer.room()
            await asyncio.sleep(0)  # thousands of messages may have come
            with suppress(TimeoutError):
                async with asyncio.timeout(_TURN_S):
                    await connection.arrived.wait()

    async def _look(self, connection: SparkplugConnection, turns: _Turns) -> None:
        """What is due now and then."""
        now = time.monotonic()
        if now - turns.looked > _LOOK_EVERY_S:
            turns.looked = now
            for node in self.nodes.values():
                self._look_after(node, now, turns)
            if self.table.rebirth:
                connection.ask_for_births(self._to_ask(now))
            await connection.keep_online()
        if now - turns.probed > _PROBE_EVERY_S:
            turns.probed = now
            self._passed_on = await connection.probe()
            for node in self.nodes.values():
                node.stay_lost()

    def _watch_clock(self) -> None:
        before, self._turn_at = self._turn_at, self._clock.now()
        if before - self._turn_at > TOO_FAR_AHEAD:
            raise MqttError("the gateway's clock was set back; its nodes are read anew")

    def _hear(self, node: FollowedNode, message: Message) -> None:
        if node.refused is not None:
            return
        if not self._clock.resolution:
            compare_clock(node.source_clock, message)
        if message.kind in ("NDEATH", "DDEATH"):
            self._confirm(node)
        for event in node.follower.hear(message, time.monotonic()):
            self._tell(node, event)
        if message.kind == "NBIRTH" and not node.follower.alive:
            # It is there, and its birth may count once its last death is long enough ago.
            node.backoff.reset()
            node.ask_at = time.monotonic() + sparkplug_follower.LATE_BIRTH_S
        if node.follower.alive and node.born_at is None:
            node.born_at = time.monotonic()
            node.contact.mark_answering()
        if node.follower.complete:
            node.values.confirmed = max(message.received, node.values.confirmed or message.received)

    def _tell(self, node: FollowedNode, event: Event) -> None:
        if isinstance(event, NodeLost):
            self._lose(node, event.why)
            return
        concerned = [machine for machine in node.machines if machine.device == event.device]
        if isinstance(event, DeviceLost) and event.device is not None:
            self._note_loss(node, concerned)
            node.devices[event.device].mark_lost(event.why)
        if isinstance(event, Born) and event.device is not None:
            node.devices[event.device].mark_answering()
        self._observe(node.values.take(event))
        for machine in concerned:
            node.histories[machine.id].find(self._writer.reported(machine.id))
            if isinstance(event, Changed):
                self._fill(node, machine, event)

    def _note_loss(self, node: FollowedNode, machines: Sequence[SparkplugMachine]) -> None:
        """Before they are reported as Unknown."""
        for machine in machines:
            node.histories[machine.id].lose(self._writer.reported(machine.id), node.values.shown(machine))

    def _fill(self, node: FollowedNode, machine: SparkplugMachine, event: Changed) -> None:
        """What the node has stored while nothing was known of it."""
        told = [one for one in event.samples if one.is_historical and one.metric in machine.metrics]
        if told:
            clock = node.source_clock
            dated = [(clock.gateway_time(one.at, event.received), one) for one in told]
            intervals, outside = node.histories[machine.id].fill(dated)
            node.counted["old_history"] += outside
            self._writer.fill(machine.id, intervals)

    def _lose(self, node: FollowedNode, why: str) -> None:
        self._note_loss(node, node.machines)
        node.values.take(NodeLost(why))
        node.born_at = None
        node.contact.mark_lost(why)
        for contact in node.contacts:
            contact.first.set()

    def _look_after(self, node: FollowedNode, now: float, turns: _Turns) -> None:
        for event in node.follower.tick(now):
            self._tell(node, event)
        if not node.follower.alive and not node.contact.lost and now - turns.began > _BORN_WITHIN_S:
            self._lose(node, self._why_not_born(node))
        confirmed, before = self._confirmed(node), turns.confirmed.get(node.name)
        every = self._writer.heartbeat / _CONFIRMATIONS_PER_HEARTBEAT
        if confirmed is not None and (before is None or confirmed - before >= every):
            turns.confirmed[node.name] = confirmed
            self._confirm(node)
        if node.born_at is not None and now - node.born_at > _STABLE_S and not node.follower.wants_birth:
            node.backoff.reset()
        self._say(node, now)

    def _why_not_born(self, node: FollowedNode) -> str:
        if not self.table.rebirth:
            return "it has not been born since the agent has listened, and is not asked (`rebirth = false`)"
        group, name = node.name
        return f"it has not been born, although it was asked. Is it there, and may this gateway write spBv1.0/{group}/NCMD/{name}?"

    def _to_ask(self, now: float) -> list[NodeName]:
        asked = []
        for node in self.nodes.values():
            if node.follower.wants_birth and node.refused is None and now >= node.ask_at:
                node.ask_at = now + node.backoff.next_delay()
                asked.append(node.name)
        return asked

    def _confirmed(self, node: FollowedNode) -> datetime | None:
        """Up to when everything of the node is known: its last message, or so long before the broker's last answer as a node that is gone may
        have gone unnoticed."""
        if not node.follower.complete:
            return None
        heard = node.values.confirmed
        noticed = self._passed_on - self._lag if self._passed_on is not None else None
        return max((one for one in (heard, noticed) if one is not None), default=None)

    def _confirm(self, node: FollowedNode) -> None:
        confirmed = self._confirmed(node)
        if confirmed is not None:
            self._observe(node.values.confirm(confirmed, node.known()))

    def _say(self, node: FollowedNode, now: float) -> None:
        """What is odd about a node, once an hour; what is wrong with its clock, once, and once that it no longer is."""
        for what, text in _ODDITIES.items():
            said, at = node.said.get(what, (0, float("-inf")))
            if node.counted[what] > said and now - at > _SAID_AGAIN_S:
                node.said[what] = (node.counted[what], now)
                _log.warning("%s: %s (%d times so far).", node.label, text, node.counted[what])
        wrong = wrong_clocks(node.source_clock)
        if node.source_clock.judgement is ClockJudgement.UNUSABLE and now - (node.born_at or now) < _STABLE_S:
            wrong.pop(None, None)  # whether it runs evenly shows with the next messages
        node.clock_log.say(wrong)

    def _observe(self, observed: Observed) -> None:
        for machine, seen in observed:
            self._writer.observe(machine, seen)
