"""What a program and all that it has started take up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def tree(root: int) -> set[int]:
    """The process and its descendants, as they are now."""
    parents = dict(_parents())
    found, before = {root}, set[int]()
    while found != before:
        before = set(found)
        found |= {process for process, parent in parents.items() if parent in before}
    return found


def memory_kib(root: int) -> int:
    """Of all of them; what several share is counted once (the proportional set size)."""
    total = 0
    for process in tree(root):
        with suppress(OSError):  # it has ended
            rollup = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
            total += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total


def memory_mb(root: int) -> float:
    """As `memory_kib`."""
    return memory_kib(root) / 1000


def cpu_s(root: int) -> float:
    """Seconds of processor time of all of them, and of those that have ended and were waited for."""
    total = 0
    for process in tree(root):
        with suppress(OSError):
            total += sum(int(one) for one in _fields(process)[11:15])
    return total / _TICKS


def _parents() -> Iterator[tuple[int, int]]:
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            yield int(folder.name), int(_fields(int(folder.name))[1])


def _fields(process: int) -> list[str]:
    """Of `stat`, from the state on: the name before it may have blanks in it."""
    return Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
