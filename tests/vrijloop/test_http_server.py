"""The sockets that services listen on."""

from __future__ import annotations

import asyncio
import socket

import pytest

from telemetry import UserError
from vrijloop.http_server import listen_on


async def test_answers_do_not_wait_for_an_acknowledgement() -> None:
    """asyncio sets TCP_NODELAY only on sockets whose protocol is given; without it, every answer took 40 ms."""
    seen: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with listen_on("127.0.0.1", 0) as listener:
        async with await asyncio.start_server(answer, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            assert await seen
            writer.close()


def test_an_address_in_use_is_an_error() -> None:
    with listen_on("127.0.0.1", 0) as listener:
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(UserError, match=f"127.0.0.1:{port} cannot be used"):
            listen_on("127.0.0.1", port)
