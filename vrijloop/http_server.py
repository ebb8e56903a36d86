"""Runs an ASGI application on an address, with a clear sentence where the address cannot be used."""

from __future__ import annotations

import socket

import uvicorn
from fastapi import FastAPI

from telemetry import UserError


def listen_on(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises UserError where the address cannot be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named: without it asyncio does not set TCP_NODELAY, and every answer waits 40 ms for an acknowledgement.
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


def serve(app: FastAPI, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM."""
    # Open pages hold a live connection for hours: they are cut off after a second, and reconnect by themselves.
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1, server_header=False)
    uvicorn.Server(config).run(sockets=[listener])
