"""Opens a session with an OPC UA server, and attends to its secure channel.

asyncua's `Client.connect` does that, too, but starts three tasks for each server, one of which wakes up twice a second, and another asks for the server's state
every few seconds: with hundreds of servers that was a third of what an idle agent did. Whether a server gives signs of life the agent watches itself
(`opcua_session`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from asyncua import Client, ua
from asyncua.client.ua_client import UaClientState

from edge_agent.configuration import OpcUaServer

_RENEWED_AFTER = 0.75
"""The share of a secure channel's lifetime after which it is renewed (OPC 10000-4, 5.5.2.1)."""

_SHORTEST_LIFETIME_S = 10.0


class OpcUaConnection:
    """A client's connection. `on_lost` is called once with the reason if it is lost."""

    def __init__(self, client: Client, server: OpcUaServer, on_lost: Callable[[Exception], None]) -> None:
        self._client = client
        self._server = server
        self._on_lost = on_lost
        self._attending: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect and log in, with what `opcua_security.secure` has set."""
        client = self._client
        await client.connect_socket()
        try:
            await client.send_hello()
            await client.open_secure_channel()
            await client.create_session()
            name = self._server.username
            password = self._server.password() if name is not None else None
            await client.activate_session(name, password, client.user_certificate)
        except Exception:
            await client.disconnect()
            raise
        self._attending = asyncio.create_task(self._attend())

    async def close(self) -> None:
        """Close the session, the channel and the socket, as far as they are open."""
        if self._attending is not None:
            self._attending.cancel()
        await self._client.disconnect()

    async def _attend(self) -> None:
        """Renew the channel in time, until the connection is lost."""
        client = self._client
        try:
            async with client.uaclient.subscribe_state() as states:
                while client.state is UaClientState.CONNECTED:
                    lifetime_s = max(client.secure_channel_timeout / 1000, _SHORTEST_LIFETIME_S)
                    try:
                        async with asyncio.timeout(lifetime_s * _RENEWED_AFTER):
                            await states.next_change()
                    except TimeoutError:
                        await client.open_secure_channel(renew=True)
                        client.uaclient.revolve_security_token()
            self._on_lost(ConnectionError("transport lost"))
        except (ua.UaError, OSError, TimeoutError) as error:
            self._on_lost(error)
