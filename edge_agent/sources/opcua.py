"""Follows the machines of one OPC UA server, through restarts and lost connections."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from urllib.parse import urlsplit

from edge_agent.backoff import Backoff
from edge_agent.configuration import OpcUaServer
from edge_agent.interval_tracker import Observation
from edge_agent.report_writer import ReportWriter
from edge_agent.sources.contact import Contact, SourceLostError
from edge_agent.sources.opcua_security import Pki
from edge_agent.sources.opcua_session import OpcUaSession, sentence
from telemetry import Clock, UserError

_log = logging.getLogger(__name__)

_PROBE_EVERY_S = 1.0
_PROBE_TIMEOUT_S = 2.0


class OpcUaSource:
    """Follows one server until cancelled, independently of all other servers."""

    def __init__(self, server: OpcUaServer, pki: Pki, writer: ReportWriter, clock: Clock) -> None:
        self._server = server
        self._pki = pki
        self._writer = writer
        self._clock = clock
        self._session: OpcUaSession | None = None
        self.contact = Contact(f"OPC UA {server.endpoint}", [machine.id for machine in server.machine], writer, clock)

    async def run(self) -> None:
        """Follow the server until cancelled."""
        backoff = Backoff()
        try:
            while True:
                try:
                    await self._follow(backoff)
                except (SourceLostError, UserError, OSError) as error:
                    self.contact.mark_lost(sentence(error))
                await self._end_session()
                await self._wait_to_retry(backoff.next_delay())
        finally:
            await self._end_session()

    async def _follow(self, backoff: Backoff) -> None:
        with self._clock.hold():
            self._session = OpcUaSession(self._server, self._pki, self._clock)
            for problem in await self._session.open():
                _log.warning("%s: %s; the other machines are not affected.", self._server.endpoint, problem)
        first_of: set[str] = set()
        while True:
            for machine, seen in await self._session.changes():
                fresh = machine not in first_of
                first_of.add(machine)
                self._writer.observe(machine, _as_first(seen) if fresh else seen)
            self.contact.mark_answering()
            backoff.reset()
            await self._writer.room()

    async def _wait_to_retry(self, seconds: float) -> None:
        """Wait for the back-off, or, if the server refuses TCP connections, only until it accepts them again.

        Opening and closing a TCP connection costs the server no session and may be tried often; a session may not.
        """
        was_down = False
        while not await self._accepts_connections():
            was_down = True
            await asyncio.sleep(_PROBE_EVERY_S)
        if not was_down:
            await asyncio.sleep(seconds)

    async def _accepts_connections(self) -> bool:
        parts = urlsplit(self._server.endpoint)
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


def _as_first(seen: Observation) -> Observation:
    """The first observation after connecting: only the server's time stamp says since when its state holds."""
    return Observation(seen.state, seen.at, seen.mode, seen.since, continuous=False, reason=seen.reason)
