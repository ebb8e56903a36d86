"""Ends of files as a disk leaves them after a power failure."""

from __future__ import annotations

import random
from pathlib import Path

_HEADER, _FRAME_HEADER = 32, 24
"""Of SQLite's write-ahead log, in bytes (https://www.sqlite.org/fileformat2.html, 4.1)."""


def tear(folder: Path, by: float) -> None:
    """Overwrite the end of a log with garbage, as a disk may have it that had not yet written what it said was written."""
    logs = _logs(folder)
    if not logs:
        return
    chosen = logs[min(int(by * len(logs)), len(logs) - 1)]
    size = chosen.stat().st_size
    length = min(size, 1 + round(by * 300))
    _put_garbage(chosen, size - length, length, by)


def tear_unfinished(folder: Path, by: float) -> None:
    """Garbage where the next transaction would have been written: a disk that tells the truth has all that was committed, and anything of what comes after it."""
    for log in _logs(folder):
        _put_garbage(log, end_of_commits(log.read_bytes()), 1 + round(by * 9_000), by)


def end_of_commits(log: bytes) -> int:
    """Where the last transaction ends that is whole in a write-ahead log of SQLite; frames of earlier rounds may follow."""
    page_size, salts = int.from_bytes(log[8:12]), log[16:24]
    frame = _FRAME_HEADER + page_size
    end = at = _HEADER
    while at + frame <= len(log) and log[at + 8 : at + 16] == salts:
        at += frame
        # How many pages the database has: in a transaction's last frame alone.
        if log[at - frame + 4 : at - frame + 8] != bytes(4):
            end = at
    return end


def _logs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.name.endswith(("-wal", ".wal")) and path.stat().st_size)


def _put_garbage(file: Path, at: int, length: int, seed: float) -> None:
    with file.open("r+b") as opened:
        opened.seek(at)
        opened.write(random.Random(seed).randbytes(length))
