"""One connection to an OPC UA server: finds its machines, follows their values, and returns observations.

The server's CurrentTime is followed with the states. The values that the server has sent are complete up to that time, so it confirms the
states (`opcua_values`). A server that does not publish it is asked for it; one that does not answer confirms nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import datetime, timedelta

from asyncua import Client, ua

from edge_agent.configuration import OpcUaServer
from edge_agent.node_names import node_text
from edge_agent.sources.contact import SourceLostError
from edge_agent.sources.opcua_connection import OpcUaConnection
from edge_agent.sources.opcua_errors import sentence
from edge_agent.sources.opcua_feed import Feed
from edge_agent.sources.opcua_finder import Finder, NotFoundError
from edge_agent.sources.opcua_requests import CURRENT_TIME, Requests
from edge_agent.sources.opcua_security import Pki, secure, why_not_connected
from edge_agent.sources.opcua_values import Observed, OpcUaValues
from edge_agent.sources.source_time import STEADY_AFTER, ClockJudgement, SourceClock
from telemetry import Clock

_log = logging.getLogger(__name__)

_ASK_PER_SILENCE = 3
"""A server that has not confirmed anything for a third of `silence` is asked for its time."""

_DOUBT_S = 2.0
"""Times that do not fit what is known of the server's clock must come for this long before the clocks are compared: a queue may be full of them."""


_Reading = tuple[datetime | None, datetime, datetime]
"""The server's time, and the gateway's before and after it was read."""


class OpcUaSession:
    """Call `open`, then `changes` repeatedly, then `close`."""

    def __init__(self, server: OpcUaServer, pki: Pki, clock: Clock, source_clock: SourceClock | None = None) -> None:
        """`source_clock`: what earlier connections have shown of the server's clock."""
        self._server = server
        self._pki = pki
        self._clock = clock
        self.source_clock = source_clock or SourceClock(server.clock_tolerance)
        self._client = Client(server.endpoint, timeout=server.timeout.total_seconds())
        self._client.name = self._client.description = "Vrijloop edge agent"
        self._requests = Requests(self._client)
        self._feed = Feed(self._client, server, self._requests)
        self._connection = OpcUaConnection(self._client, server, self._feed.lose)
        self._values: OpcUaValues | None = None
        self._quiet_from = time.monotonic()
        self._doubt_from: float | None = None

    @property
    def confirmed(self) -> datetime | None:
        """Everything up to this moment has been observed."""
        return self._values.confirmed if self._values is not None else None

    async def open(self) -> dict[str, str]:
        """Connect and follow. Returns what is wrong with machines that are not found, or not wholly; raises SourceLostError if none is found."""
        try:
            await secure(self._client, self._server, self._pki, self._clock.now())
            await self._connection.open()
        except (ua.UaError, OSError, TimeoutError) as error:
            raise SourceLostError(await why_not_connected(error, self._server, self._pki)) from error
        try:
            before = self._clock.now()
            namespaces, value = await self._requests.learn()
            shown, received = await self._compare_clocks((_time_of(value), before, self._clock.now()))
            problems = await self._follow(
                Finder(self._requests, namespaces), self.source_clock.gateway_time(shown, received)
            )
        except (ua.UaError, OSError, TimeoutError) as error:
            raise SourceLostError(sentence(error)) from error
        self._quiet_from = time.monotonic()
        return problems

    async def changes(self) -> Observed:
        """Wait for changes and return the observations of the machines that changed, in order of time; `confirmed` holds for all of them.

        Raises SourceLostError if the server gives no sign of life for `silence`.
        """
        if self._values is None:
            raise SourceLostError("not connected")
        try:
            asked = await self._wait()
            arrived = self._feed.take()
        except (ua.UaError, OSError, TimeoutError) as error:
            raise SourceLostError(sentence(error)) from error
        received = self._clock.now()
        shown = [value for node, value in arrived if node == CURRENT_TIME]
        confirmed = self._confirmed_by(shown[-1], received) if shown else asked
        observed = self._values.take([change for change in arrived if change[0] != CURRENT_TIME], received, confirmed)
        if confirmed is not None:
            self._quiet_from = time.monotonic()
        return observed

    def confirmations(self) -> Observed:
        """All machines, as far as they are known, up to `confirmed`."""
        return self._values.confirmations() if self._values is not None else []

    async def close(self) -> None:
        """Close the session, so that a server with few sessions can reuse it."""
        self._feed.stop()
        try:
            async with asyncio.timeout(self._server.timeout.total_seconds()):
                await self._connection.close()
        except Exception as error:  # noqa: BLE001 - any error is possible here, and the connection is given up anyway
            _log.debug("%s: while disconnecting: %s", self._server.endpoint, error)

    async def _follow(self, finder: Finder, begun: datetime) -> dict[str, str]:
        """`begun`: values are first asked for after this moment, so what they say holds at least up to then."""
        values = self._values = OpcUaValues(self._server.machine, self.source_clock, finder.name_of, begun)
        problems: dict[str, str] = {}
        for machine, found in (await finder.nodes_of(self._server.machine)).items():
            if isinstance(found, NotFoundError):
                problems[machine] = str(found)
            else:
                values.follow(machine, found)
        if not values.nodes:
            raise SourceLostError("; ".join(problems.values()))
        for node, why in (await self._feed.start(values.nodes)).items():
            for machine in values.machines_of(node):
                said = f"node {node_text(finder.name_of(node))} cannot be read ({why})"
                problems[machine] = (
                    f"{problems[machine]}; {said}" if machine in problems else f"machine {machine!r}: {said}"
                )
        return problems

    async def _wait(self) -> datetime | None:
        """Return when something has arrived, or the time up to which the server has confirmed everything on being asked."""
        quiet = self._server.silence.total_seconds() / _ASK_PER_SILENCE
        left = self._quiet_from + quiet - time.monotonic()
        if left > 0:
            try:
                async with asyncio.timeout(left):
                    await self._feed.arrived.wait()
            except TimeoutError:
                pass
            else:
                if self._doubt_from is None or time.monotonic() - self._doubt_from < _DOUBT_S:
                    return None
        self._doubt_from = None
        return await self._ask()

    async def _ask(self) -> datetime:
        """Ask for the server's time, and return the time up to which it has sent everything."""
        shown, received = await self._compare_clocks()
        age = timedelta(seconds=self._feed.age_s())
        if age > self._server.silence:
            raise SourceLostError(f"silent for {self._server.silence.total_seconds():g} s")
        return self.source_clock.gateway_time(shown, received) - age

    async def _compare_clocks(self, read: _Reading | None = None) -> tuple[datetime | None, datetime]:
        """Read the server's time and judge its clock; of one that is wrong, also whether it runs evenly. Returns its time and the gateway's.

        `read`: what has been read just now.
        """
        while True:
            shown, before, received = read or await self._read_time()
            if shown is None or self._clock.resolution:
                return shown, received  # simulated time moves during a request
            known = self.source_clock.judgement
            self.source_clock.compare(shown, before, received)
            if known is ClockJudgement.UNUSABLE or self.source_clock.judgement is not ClockJudgement.UNUSABLE:
                return shown, received
            await asyncio.sleep(STEADY_AFTER.total_seconds())  # real time, as the device is real
            read = None

    async def _read_time(self) -> _Reading:
        before = self._clock.now()
        [value] = await self._requests.read([CURRENT_TIME])
        return _time_of(value), before, self._clock.now()

    def _confirmed_by(self, value: ua.DataValue, received: datetime) -> datetime | None:
        """The time up to which a CurrentTime that the server has just sent confirms everything."""
        shown = _time_of(value)
        if shown is None:
            return None
        if self._clock.resolution or not self.source_clock.contradicted_by(shown, received):
            self._doubt_from = None
        elif self._doubt_from is None:
            self._doubt_from = time.monotonic()
        return self.source_clock.gateway_time(shown, received)


def _time_of(value: ua.DataValue) -> datetime | None:
    moment = value.Value.Value if value.Value is not None else None
    return moment if isinstance(moment, datetime) else None
