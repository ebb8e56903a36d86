"""Writes files once and never overwrites them."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

PLATFORM_FILE = "platform.env"
"""The platform's environment variables."""


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


def secret(path: Path) -> str:
    """Read the secret in a file, which is created with a random secret if it does not exist."""
    write_once(path, secrets.token_urlsafe(32) + "\n", 0o600)
    return path.read_text(encoding="utf-8").strip()
