"""Keeps messages that were rejected, with the reason, in SQLite. Bounded: the oldest are dropped first."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from telemetry import rfc3339
from telemetry.sqlite_file import open_sqlite_file, transaction

MAX_MESSAGES = 10_000
MAX_KEPT_BYTES = 64 * 1024
"""A longer payload is truncated to this length, which is enough to recognise it."""


MAX_KEPT_CHARACTERS = 1000
"""Of a topic and of a reason. A topic with reports has 150 at most; others may have 65,000."""


@dataclass(frozen=True, slots=True)
class QuarantinedMessage:
    """One message as it was received."""

    id: int
    topic: str
    payload: bytes
    reason: str
    received: datetime


_SCHEMA = """
CREATE TABLE IF NOT EXISTS quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, payload BLOB NOT NULL, reason TEXT NOT NULL,
    received TEXT NOT NULL);
"""


class Quarantine:
    """Thread-safe."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises UserError if it cannot be written."""
        self._lock = threading.Lock()
        self._connection = open_sqlite_file(path, _SCHEMA, "the quarantine")

    def add(self, refused: Sequence[tuple[str, bytes, str]], received: datetime) -> None:
        """Add (topic, payload, reason) rows; durable on return. At the limit the oldest messages are dropped."""
        with self._lock, transaction(self._connection):
            self._connection.executemany(
                "INSERT INTO quarantine (topic, payload, reason, received) VALUES (?, ?, ?, ?)",
                [
                    (
                        topic[:MAX_KEPT_CHARACTERS],
                        payload[:MAX_KEPT_BYTES],
                        reason[:MAX_KEPT_CHARACTERS],
                        rfc3339(received),
                    )
                    for topic, payload, reason in refused
                ],
            )
            self._connection.execute(
                "DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?", (MAX_MESSAGES,)
            )

    def messages(self) -> list[QuarantinedMessage]:
        """All messages in quarantine, oldest first."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT id, topic, payload, reason, received FROM quarantine ORDER BY id"
            ).fetchall()
        return [
            QuarantinedMessage(number, topic, payload, reason, datetime.fromisoformat(received))
            for number, topic, payload, reason, received in rows
        ]

    def drop(self, ids: Sequence[int]) -> None:
        """Delete messages; unknown ids are ignored."""
        with self._lock, transaction(self._connection):
            self._connection.executemany("DELETE FROM quarantine WHERE id = ?", [(number,) for number in ids])

    def count(self) -> int:
        with self._lock:
            return int(self._connection.execute("SELECT count(*) FROM quarantine").fetchone()[0])

    def close(self) -> None:
        with self._lock:
            self._connection.close()
