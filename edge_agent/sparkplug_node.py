"""Publishes the machines' states a second time, as an edge node of Sparkplug B 3.0, on a connection of its own.

connect, with the NDEATH as will ─▶ (wait for the primary host) ─▶ NBIRTH, DBIRTHs ─▶ DDATA, DBIRTH, DDEATH, NDATA as things change ─▶ NDEATH

This is for hosts that show the present: what changes while the broker is away is not sent later. Reports take the other connection.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime

from edge_agent.backoff import Backoff
from edge_agent.mqtt_client import MqttClient, MqttError, Will
from edge_agent.report_writer import MachineView
from edge_agent.sources.contact import Contact
from edge_agent.sparkplug_session import Device, Outgoing, PrimaryHost, SparkplugSession, command_of
from edge_agent.sparkplug_settings import SparkplugTable
from telemetry import Clock, UserError
from telemetry.broker import BrokerSettings
from telemetry.sparkplug import next_number, state_topic, topic

_log = logging.getLogger(__name__)

_LOOK_EVERY_S = 5.0
"""Machines are compared with what was published at least this often."""
NODE_DATA_EVERY_S = 30.0
_BIRTHS_EVERY_S = 1.0
"""Rebirths that are asked for more often are answered together."""
_CONNECT_ANEW_S = 1.0
"""After the primary host has left, the node connects anew so soon."""
_SUBSCRIBED_WITHIN_S = 5.0
_STABLE_S = 20.0
_WAITED_S = 10.0
"""After so long without the primary host the log says that it is waited for."""
_SAID_AGAIN_S = 3600.0


class SparkplugNode:
    """Keeps one session with the broker after the other until it is stopped."""

    def __init__(
        self,
        table: SparkplugTable,
        settings: BrokerSettings,
        names: tuple[str, str],
        devices: Callable[[], Sequence[Device]],
        waiting: Callable[[], int],
        changed: asyncio.Event,
        clock: Clock,
    ) -> None:
        """`names`: factory and gateway. `devices`: the machines that answer at this moment. `changed` is set when they may have changed."""
        self.settings = settings
        self._group, self._node = table.group or names[0], table.node or names[1]
        self._client_id = f"vrijloop-sparkplug-{names[0]}-{names[1]}"
        self._devices = devices
        self._waiting = waiting
        self._changed = changed
        self._clock = clock
        self._host_id = table.host
        self._host = PrimaryHost()
        self._bd_seq = 0
        self._rebirth = False
        self._stopping = asyncio.Event()
        self._backoff = Backoff()
        self._reasons: set[str] = set()
        self._said: dict[str, float] = {}
        self.connected = False

    @property
    def waits_for_host(self) -> bool:
        """Whether nothing is published because the primary host is away."""
        return self._host_id is not None and not self._host.online

    def stop(self) -> None:
        """Make `run` return, with a death."""
        self._stopping.set()
        self._changed.set()

    async def run(self) -> None:
        """Run until `stop`. A broker that cannot be reached is tried again without end."""
        while not self._stopping.is_set():
            session = SparkplugSession(self._group, self._node, self._bd_seq)
            self._bd_seq = next_number(self._bd_seq)
            began = time.monotonic()
            try:
                async with self._client(session) as client:
                    self.connected = True
                    await self._serve(client, session)
                await self._wait(self._stopping, _CONNECT_ANEW_S)
                continue
            except (MqttError, UserError) as error:
                self._warn_once(str(error).rstrip("."))
            except Exception:  # noqa: BLE001 - an error in this output must not stop the reports
                _log.exception("Sparkplug: unexpected error; connecting again.")
            finally:
                self.connected = False
            if time.monotonic() - began > _STABLE_S:
                self._backoff.reset()
            await self._wait(self._stopping, self._backoff.next_delay())

    def _client(self, session: SparkplugSession) -> MqttClient:
        will = Will(*session.death(self._clock.now()), retain=False, also_on_disconnect=True)
        return MqttClient(self.settings, self._client_id, will, on_lost=self._changed.set)

    async def _serve(self, client: MqttClient, session: SparkplugSession) -> None:
        """Until `stop`, or until the primary host leaves: then the node connects anew, as the specification wants it."""
        self._host.online = self._rebirth = False
        await self._subscribe(client)
        began = time.monotonic()
        while self.waits_for_host and not self._stopping.is_set():
            await self._next_change(client)
            if self.waits_for_host and time.monotonic() - began > _WAITED_S:
                self._say_hourly(
                    "nothing is published until host %r is online; it says so on %s",
                    self._host_id, state_topic(self._host_id or ""),
                )  # fmt: skip
        if not self._stopping.is_set():
            await self._publish_changes(client, session)
        await client.acknowledged([client.publish(*session.death(self._clock.now()), retain=False)])

    async def _publish_changes(self, client: MqttClient, session: SparkplugSession) -> None:
        born_at, node_data_at = 0.0, 0.0
        self._rebirth = True
        while not self._stopping.is_set() and not self.waits_for_host:
            now = time.monotonic()
            if self._rebirth:
                await self._wait(self._stopping, born_at + _BIRTHS_EVERY_S - now)
                self._rebirth = False
                born_at = node_data_at = time.monotonic()
                out = session.birth(self._devices(), await self._depth(), self._clock.now())
            else:
                out = session.changes(self._devices(), self._clock.now())
                if now - node_data_at > NODE_DATA_EVERY_S:
                    node_data_at = now
                    out += session.node_changes(await self._depth(), self._clock.now())
            await self._send(client, out)
            self._mark_healthy(born_at)
            await self._next_change(client)

    async def _send(self, client: MqttClient, out: Sequence[Outgoing]) -> None:
        await client.acknowledged([client.publish(*message, retain=False, qos=0) for message in out])

    async def _depth(self) -> int:
        return await asyncio.to_thread(self._waiting)

    async def _next_change(self, client: MqttClient) -> None:
        await self._wait(self._changed, _LOOK_EVERY_S)
        self._changed.clear()
        client.check()

    async def _subscribe(self, client: MqttClient) -> None:
        """To rebirths, and where it is configured to the host's state, without which nothing would ever be published. Raises MqttError.

        Commands to devices are subscribed to only in order to say that they are ignored, so a broker may refuse that.
        """
        await self._subscribe_to(client, topic(self._group, "DCMD", self._node, "+"), self._on_device_command)
        commands = topic(self._group, "NCMD", self._node)
        if (why := await self._subscribe_to(client, commands, self._on_command)) is not None:
            self._say_hourly(
                "the broker refuses the subscription to %s (%s): no host can ask for a rebirth", commands, why
            )
        if self._host_id is None:
            return
        states = state_topic(self._host_id)
        if (why := await self._subscribe_to(client, states, self._on_state)) is not None:
            raise MqttError(f"it refuses the subscription to {states} ({why})")

    async def _subscribe_to(self, client: MqttClient, name: str, on_heard: Callable[[str, bytes], None]) -> str | None:
        """Why it is refused; None if it is not. Raises MqttError."""
        try:
            async with asyncio.timeout(_SUBSCRIBED_WITHIN_S):
                reason = await client.subscribe(name, on_heard)
        except TimeoutError:
            raise MqttError(f"it does not answer the subscription to {name}") from None
        return str(reason) if reason is not None and reason.is_failure else None

    def _on_command(self, _: str, payload: bytes) -> None:
        try:
            command = command_of(payload)
        except ValueError as error:
            self._say_hourly("a command cannot be read: %s", error)
            return
        if command.ignored:
            name = repr(command.ignored[0][:80])
            self._say_hourly("a command for %s is ignored: the agent takes the command for a rebirth alone", name)
        if command.rebirth:
            self._rebirth = True
            self._changed.set()

    def _on_device_command(self, *_: object) -> None:
        self._say_hourly("a command to a machine is ignored: the agent never writes to a machine")

    def _on_state(self, _: str, payload: bytes) -> None:
        try:
            self._host.hear(payload)
        except ValueError as error:
            self._say_hourly("the state of host %r cannot be read: %s", self._host_id, error)
        self._changed.set()

    def _say_hourly(self, text: str, *values: object) -> None:
        """Each sentence once an hour, whatever its values: who may publish at the broker must not be able to fill the log."""
        now = time.monotonic()
        if now - self._said.get(text, float("-inf")) > _SAID_AGAIN_S:
            self._said[text] = now
            _log.warning("Sparkplug, %s/%s: %s.", self._group, self._node, text % values)

    def _warn_once(self, reason: str) -> None:
        if reason not in self._reasons:
            self._reasons.add(reason)
            _log.warning("Sparkplug, broker %s: %s. Trying again.", self.settings.address, reason)

    def _mark_healthy(self, born_at: float) -> None:
        if time.monotonic() - born_at < _STABLE_S:
            return
        self._backoff.reset()
        if self._reasons:
            _log.info("Sparkplug, broker %s: connected again.", self.settings.address)
            self._reasons.clear()

    async def _wait(self, event: asyncio.Event, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await event.wait()
        except TimeoutError:
            return


def devices_of(
    views: Iterable[MachineView], contacts: Iterable[Contact], with_power: Collection[str], began: datetime
) -> list[Device]:
    """The machines that answer. `began`: when this run did; what an earlier one has reported is not the present state."""
    known, silent = set[str](), set[str]()
    for contact in contacts:
        (known if contact.first.is_set() and not contact.lost else silent).update(contact.machines)
    answering = known - silent
    return [
        Device(
            view.machine,
            view.interval if view.interval is not None and view.interval.until >= began else None,
            view.machine in with_power,
        )
        for view in views
        if view.machine in answering
    ]
