"""The sockets that services listen on."""

from __future__ import annotations

import asyncio
import socket

import httpx2
import pytest
from fastapi import FastAPI, Request

from telemetry import UserError
from vrijloop.http_server import http_config, listen_on

_NGINX_KEEPS_S = 60
"""`keepalive_timeout` of upstreams, as nginx has it by default."""


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


@pytest.mark.parametrize(
    ("trusted", "peer", "seen"),
    [
        ((), "127.0.0.1", "127.0.0.1"),
        (("127.0.0.1",), "127.0.0.1", "203.0.113.9"),
        (("127.0.0.1",), "127.0.0.2", "127.0.0.2"),
        (("10.0.0.0/24",), "10.0.0.8", "203.0.113.9"),
        (("10.0.0.0/24",), "127.0.0.1", "127.0.0.1"),
        (("*",), "198.51.100.1", "203.0.113.9"),
    ],
)
async def test_a_clients_address_is_believed_from_trusted_proxies_alone(
    trusted: tuple[str, ...], peer: str, seen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # nobody's word but the operator's option counts
    app = FastAPI()

    @app.get("/")
    def address(request: Request) -> str:
        return request.client.host if request.client else ""

    config = http_config(app, trusted)
    config.load()
    transport = httpx2.ASGITransport(config.loaded_app, client=(peer, 4711))
    async with httpx2.AsyncClient(transport=transport, base_url="http://platform") as http:
        answer = await http.get("/", headers={"X-Forwarded-For": "203.0.113.9"})
    assert answer.json() == seen


def test_clients_and_proxies_close_idle_connections_before_the_server_does() -> None:
    """With uvicorn's own five seconds, which are httpx's as well, one request in ten thousand met a connection that was just being closed."""
    keeps = http_config(FastAPI()).timeout_keep_alive
    expiry = httpx2.Limits().keepalive_expiry
    assert expiry is not None
    assert keeps > max(expiry, _NGINX_KEEPS_S) + 5
