"""Runs an ASGI application at an address."""

from __future__ import annotations

import gc
import socket
from collections.abc import Collection

import uvicorn
from fastapi import FastAPI

from telemetry import UserError

_KEEP_ALIVE_S = 75
"""Longer than clients and proxies keep a connection that is not used: httpx five seconds, nginx a minute. Where the server is the first to close it, a request that is just on its way is
lost."""


def listen_on(host: str, port: int) -> socket.socket:
    """Open a listening socket; port 0 chooses a free one. Raises UserError if the address cannot be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is given because asyncio sets TCP_NODELAY only then; without it every answer waits 40 ms for an
    # acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise UserError(
            f"{host}:{port} cannot be used ({error.strerror}). Stop the program that listens there, "
            "or choose another port."
        ) from error
    return listener


def serve(app: FastAPI, listener: socket.socket, trusted_proxies: Collection[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM. `trusted_proxies`: as `http_config`."""
    # What has been loaded stays. Python would look through all of it for garbage again and again, and every request would wait for a sixth of a second.
    gc.collect()
    gc.freeze()
    uvicorn.Server(http_config(app, trusted_proxies)).run(sockets=[listener])


def http_config(app: FastAPI, trusted_proxies: Collection[str] | None = None) -> uvicorn.Config:
    """`trusted_proxies`: addresses or networks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed, `*` for all. None: as uvicorn does by itself,
    which is for servers to which the client's address means nothing."""
    believed = {} if trusted_proxies is None else {
        "proxy_headers": bool(trusted_proxies), "forwarded_allow_ips": ",".join(sorted(trusted_proxies)),
    }  # fmt: skip
    return uvicorn.Config(
        app,
        log_level="warning",
        timeout_keep_alive=_KEEP_ALIVE_S,
        # Open pages keep a stream open for hours. It is closed after a second, and the pages reconnect by themselves.
        timeout_graceful_shutdown=1,
        server_header=False,
        **believed,  # type: ignore[arg-type]
    )
