"""Ports of 127.0.0.1 for servers of the tests, which no other process of a test run takes in between.

A port that the kernel hands out (`bind` to 0) and that is closed again may be given to the next process that asks, or to an outgoing
connection, before the server has it. Each process of a run therefore holds a block of ports of its own, by a lock on a file for as long as
it lives, outside the range from which the kernel gives ports to connections.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import socket
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TextIO

FIRST, LAST = 10_200, 32_000
"""Above 10,080, which browsers refuse (`ERR_UNSAFE_PORT`), as they do other ports, all of them lower: https://fetch.spec.whatwg.org/#port-blocking"""
BLOCK = 200
"""Ports in a block: they are used in turn, so that one that a server has just left is not the next one given."""

_held: list[TextIO] = []
"""Open files, whose locks end with the process."""


def free_port() -> int:
    """A port on which nobody listens, of this process's block."""
    for _ in range(BLOCK):
        port = next(_block())
        if _is_free(port):
            return port
    raise AssertionError(f"all {BLOCK} ports of this process's block are taken")


@cache
def _block() -> Iterator[int]:
    folder = Path(tempfile.gettempdir()) / f"vrijloop-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for first in range(FIRST, LAST, BLOCK):
        lock = (folder / str(first)).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        _held.append(lock)
        return itertools.cycle(range(first, first + BLOCK))
    raise AssertionError("all blocks of ports are held by other processes")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
