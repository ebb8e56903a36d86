"""Follows the machines of one OPC UA server, through restarts and lost connections."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from datetime import datetime
from urllib.parse import urlsplit

from edge_agent.backoff import Backoff, knocking
from edge_agent.configuration import OpcUaServer
from edge_agent.interval_tracker import Observation
from edge_agent.report_writer import ReportWriter
from edge_agent.sources.contact import Contact, SourceLostError
from edge_agent.sources.opcua_errors import sentence
from edge_agent.sources.opcua_security import Pki
from edge_agent.sources.opcua_session import OpcUaSession
from edge_agent.sources.opcua_values import Observed
from edge_agent.sources.source_time import ClockLog, SourceClock, wrong_clocks
from telemetry import Clock, UserError

_log = logging.getLogger(__name__)

_PROBE_TIMEOUT_S = 2.0
_WAKE_UPS_A_SECOND = 4
"""Of all that wait for servers that are away."""
_CONFIRMATIONS_PER_HEARTBEAT = 4
"""How often machines that do not change are confirmed while the server answers; besides, when contact is lost or somebody asks."""


class OpcUaSource:
    """Follows one server until cancelled, independently of all other servers."""

    def __init__(
        self,
        server: OpcUaServer,
        pki: Pki,
        writer: ReportWriter,
        clock: Clock,
        opening: asyncio.Semaphore | None = None,
    ) -> None:
        """`opening`: shared by all servers, so that no more than some are connected to at the same time."""
        self.server = server
        self._pki = pki
        self._writer = writer
        self._clock = clock
        self._opening = opening or asyncio.Semaphore()
        self._session: OpcUaSession | None = None
        self._followed: OpcUaSession | None = None
        self._first_of: set[str] = set()
        self._confirmed_all: datetime | None = None
        self._said_problems: set[str] = set()
        self._clock_log = ClockLog(server.endpoint, "the server")
        self.server_clock = SourceClock(server.clock_tolerance)
        self.contact = Contact(f"OPC UA {server.endpoint}", [machine.id for machine in server.machine], writer, clock)

    @property
    def contacts(self) -> list[Contact]:
        return [self.contact]

    @property
    def clocks(self) -> list[tuple[str, SourceClock]]:
        return [(self.server.endpoint, self.server_clock)]

    async def run(self) -> None:
        """Follow the server until cancelled."""
        backoff = Backoff()
        try:
            while True:
                try:
                    await self._follow(backoff)
                except (SourceLostError, UserError, OSError) as error:
                    self._leave()
                    self.contact.mark_lost(sentence(error))
                await self._end_session()
                await self._wait_to_retry(backoff.next_delay())
        finally:
            self._leave()
            await self._end_session()

    async def _follow(self, backoff: Backoff) -> None:
        with self._clock.hold():
            self._first_of, self._confirmed_all = set(), None
            session, found = await self._open()
            problems = set(found.values())
            for problem in problems - self._said_problems:
                _log.warning("%s: %s; the other machines are not affected.", self.server.endpoint, problem)
            self._said_problems = problems
            self._followed = session
        while True:
            self._observe(await session.changes())
            self._confirm_if_due(session)
            self._clock_log.say(wrong_clocks(self.server_clock))
            self.contact.mark_answering()
            backoff.reset()
            await self._writer.room()

    async def _open(self) -> tuple[OpcUaSession, dict[str, str]]:
        if self._opening.locked() and not await self._accepts_connections():
            raise SourceLostError("no connection")  # a device that is off keeps none waiting that is on
        async with self._opening:
            session = self._session = OpcUaSession(self.server, self._pki, self._clock, self.server_clock)
            return session, await session.open()

    def _observe(self, observed: Observed) -> None:
        for machine, seen in observed:
            fresh = machine not in self._first_of
            self._first_of.add(machine)
            self._writer.observe(machine, _as_first(seen) if fresh else seen)

    def _confirm_if_due(self, session: OpcUaSession) -> None:
        before, confirmed = self._confirmed_all, session.confirmed
        every = self._writer.heartbeat / _CONFIRMATIONS_PER_HEARTBEAT
        if confirmed is not None and (before is None or confirmed - before >= every):
            self.confirm()

    def confirm(self) -> None:
        """Confirm all machines as far as the server has, also those that have not changed."""
        if self._followed is not None:
            self._confirmed_all = self._followed.confirmed
            self._observe(self._followed.confirmations())

    def _leave(self) -> None:
        """From now on nothing is confirmed any more."""
        self.confirm()
        self._followed = None

    async def _wait_to_retry(self, seconds: float) -> None:
        """Wait for the back-off, or, if the server refuses TCP connections, only until it accepts them again.

        Opening and closing a TCP connection costs the server no session and may be tried often; a session may not.
        """
        was_down, pauses = False, knocking()
        while not await self._accepts_connections():
            was_down = True
            await _sleep_with_others(pauses.next_delay())
        if not was_down:
            await asyncio.sleep(seconds)

    async def _accepts_connections(self) -> bool:
        parts = urlsplit(self.server.endpoint)
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                _, writer = await asyncio.open_connection(parts.hostname, parts.port or 4840)
        except (OSError, TimeoutError):
            return False
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return True

    async def _end_session(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()


async def _sleep_with_others(seconds: float) -> None:
    """Sleep about so long, until a moment at which others wake up, too: a wake-up for each of hundreds of servers costs more than what follows it."""
    now = asyncio.get_running_loop().time()
    await asyncio.sleep(math.ceil((now + seconds) * _WAKE_UPS_A_SECOND) / _WAKE_UPS_A_SECOND - now)


def _as_first(seen: Observation) -> Observation:
    """The first observation after connecting: only the server's time stamp says since when its state holds."""
    return Observation(seen.state, seen.at, seen.mode, seen.since, continuous=False, reason=seen.reason)
