"""The machines of one OPC UA server: followed for ever, through restarts and broken connections."""

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

_KNOCK_S = 1.0
_KNOCK_TIMEOUT_S = 2.0


class OpcUaSource:
    """Follows one server for ever; its trouble stays its own."""

    def __init__(self, server: OpcUaServer, pki: Pki, writer: ReportWriter, clock: Clock) -> None:
        self._server = server
        self._pki = pki
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
                except (SourceLostError, UserError, OSError) as error:
                    self.contact.broke(sentence(error))
                await self._end_session()
                await self._until_worth_trying(backoff.next_delay())
        finally:
            await self._end_session()

    async def _follow(self, backoff: Backoff) -> None:
        with self._clock.hold():
            self._session = OpcUaSession(self._server, self._pki, self._clock)
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

    async def _until_worth_trying(self, seconds: float) -> None:
        """Wait out the back-off, or until a server that took no connections takes them again.

        A connection that is opened and closed costs the server no session, so it may be tried often; a session may not.
        """
        away = False
        while not await self._takes_connections():
            away = True
            await asyncio.sleep(_KNOCK_S)
        if not away:
            await asyncio.sleep(seconds)

    async def _takes_connections(self) -> bool:
        parts = urlsplit(self._server.endpoint)
        try:
            async with asyncio.timeout(_KNOCK_TIMEOUT_S):
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
    """Right after a connection the server vouches only for what its time stamps say."""
    return Observation(seen.state, seen.at, seen.mode, seen.since, continuous=False, reason=seen.reason)
