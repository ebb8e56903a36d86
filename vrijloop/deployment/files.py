"""Writes an installation's files: once, never overwriting what stands there, or anew in its place."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PLATFORM_FILE = "platform.env"
"""The platform's environment variables."""


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait for other commands that are changing the same installation: of two that read a file and write it back, one would undo what the other did."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def write_once(path: Path, text: str, mode: int = 0o644) -> bool:
    """Write the file unless it exists. Returns whether it was written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    path.chmod(mode)
    return True


def rewrite(path: Path, text: str) -> None:
    """Write other contents into the file, which keeps its owner and mode. No other file takes its place: containers in which it is mounted would
    go on reading the old one. A file that does not exist is made, readable by its owner alone."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def new_secret() -> str:
    return secrets.token_urlsafe(32)


def secret(path: Path) -> str:
    """Read the secret in a file, which is created with a random secret if it does not exist."""
    write_once(path, new_secret() + "\n", 0o600)
    return path.read_text(encoding="utf-8").strip()
