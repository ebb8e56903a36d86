"""File systems that are soon full."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def mount(size: str, folder: Path) -> bool:
    """A file system of `size` on `folder`; False without the right to mount."""
    return not subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True
    ).returncode


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def disk_of(size: str, folder: Path) -> Iterator[Path]:
    """A file system of `size` (as `mount` writes it: "1m") below `folder`. Without the right to mount, the test is skipped."""
    disk = folder / "disk"
    disk.mkdir()
    if not mount(size, disk):
        pytest.skip("a small file system cannot be mounted here: this test needs root.")
    try:
        yield disk
    finally:
        unmount(disk)


def fill(disk: Path) -> Path:
    """Take all room that is left; the file to remove for having it back."""
    subprocess.run(["dd", "if=/dev/zero", f"of={disk}/ballast", "bs=1k"], capture_output=True)
    return disk / "ballast"
