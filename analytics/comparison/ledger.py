"""What has been prepared for the comparison and what has left, so that noise is drawn once for a month and no more leaves in a year than was decided. SQLite."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from analytics.comparison.contribution import A_YEAR, contribution
from telemetry import rfc3339
from telemetry.sqlite_file import open_sqlite_file, transaction

LEDGER_FILE = "comparison.sqlite"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS contribution (
    month TEXT NOT NULL, process_class INTEGER NOT NULL, body BLOB NOT NULL, exact TEXT, drawn TEXT NOT NULL, send_at TEXT NOT NULL,
    sent TEXT, withheld TEXT, PRIMARY KEY (month, process_class));
CREATE TABLE IF NOT EXISTS spent (month TEXT NOT NULL, process_class INTEGER NOT NULL, PRIMARY KEY (month, process_class));
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_TIMES = ("drawn", "send_at", "sent", "withheld")


class BudgetSpentError(Exception):
    """So many months of this process class have been prepared in the calendar year as may leave in it, or this month has left before."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A contribution. `body`: the bytes that are sent; `exact`: the figures without noise, from 0 to 1, which never leave; None where they are not known here. It is sent from
    `send_at` on, unless somebody has withheld it."""

    month: str
    process_class: int
    body: bytes
    exact: dict[str, float | None] | None
    drawn: datetime
    send_at: datetime
    sent: datetime | None
    withheld: datetime | None

    @property
    def state(self) -> str:
        # What arrived without an answer, and was then withheld, has left all the same.
        return "sent" if self.sent is not None else "withheld" if self.withheld is not None else "waiting"


class Ledger:
    """Every change is durable when the call returns. Thread-safe."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises UserError if it cannot be written."""
        self._lock = threading.Lock()
        self._connection = open_sqlite_file(path, _SCHEMA, "the comparison's ledger")
        self._connection.row_factory = sqlite3.Row

    def entries(self) -> list[Entry]:
        """The newest first."""
        with self._lock:
            rows = self._connection.execute("SELECT * FROM contribution ORDER BY month DESC, process_class").fetchall()
        return [_entry(dict(row)) for row in rows]

    def prepare(
        self, month: str, process_class: int, exact: Mapping[str, float | None], now: datetime, send_at: datetime
    ) -> Entry:
        """The contribution of a month. Its noise is drawn the first time; from then on it stays as it is, whatever the figures are. Raises BudgetSpentError."""
        with self._lock, transaction(self._connection):
            known = self._find(month, process_class)
            if known is not None:
                return known
            self._check_budget(month, process_class)
            body = contribution(month, process_class, exact)
            self._insert(month, process_class, body, json.dumps(dict(exact)), now, send_at, None)
            return Entry(month, process_class, body, dict(exact), now, send_at, None, None)

    def adopt(self, month: str, process_class: int, body: bytes, now: datetime) -> None:
        """Take over what the platform has of this factory and this file does not, as after a restored backup: fresh noise would tell more of the same month."""
        with self._lock, transaction(self._connection):
            if self._find(month, process_class) is None:
                self._insert(month, process_class, body, None, now, now, now)

    def count_spent(self, month: str, process_class: int) -> None:
        """The platform has had figures of this month: where this file does not know them, as after a restored backup, none are drawn anew."""
        with self._lock:
            self._connection.execute("INSERT OR IGNORE INTO spent VALUES (?, ?)", (month, process_class))

    def mark_sent(self, entry: Entry, now: datetime) -> bool:
        """Before it is sent, so that nobody withholds it meanwhile. Returns False if somebody has: then it must not be sent."""
        with self._lock:
            changed = self._connection.execute(
                "UPDATE contribution SET sent = ? WHERE month = ? AND process_class = ? AND withheld IS NULL",
                (rfc3339(now), entry.month, entry.process_class),
            ).rowcount
        return bool(changed)

    def mark_arrived(self, entry: Entry, now: datetime) -> None:
        """The platform has it, although no answer came: whatever somebody did then, it was sent."""
        self._set_sent(entry, now)

    def mark_unsent(self, entry: Entry) -> None:
        """It could not be sent: it is again as it was."""
        self._set_sent(entry, entry.sent)

    def withhold(self, month: str, process_class: int, now: datetime) -> Entry | None:
        """A contribution that waits is never sent. Returns None if none waits."""
        with self._lock:
            changed = self._connection.execute(
                "UPDATE contribution SET withheld = ? WHERE month = ? AND process_class = ? AND sent IS NULL AND withheld IS NULL",
                (rfc3339(now), month, process_class),
            ).rowcount
            return self._find(month, process_class) if changed else None

    @property
    def takes_part(self) -> bool:
        """Whether the platform was told that the factory takes part."""
        return bool(self._setting("takes_part"))

    @property
    def has_left(self) -> bool:
        """Whether the platform was told that the factory no longer takes part."""
        return self._setting("takes_part") is False

    def set_takes_part(self, takes_part: bool) -> None:
        with self._lock:
            self._connection.execute(
                "INSERT OR REPLACE INTO setting VALUES ('takes_part', ?)", (json.dumps(takes_part),)
            )

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _set_sent(self, entry: Entry, sent: datetime | None) -> None:
        with self._lock:
            self._connection.execute(
                "UPDATE contribution SET sent = ? WHERE month = ? AND process_class = ?",
                (rfc3339(sent) if sent is not None else None, entry.month, entry.process_class),
            )

    def _setting(self, name: str) -> Any:
        with self._lock:
            row = self._connection.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return json.loads(row["value"]) if row is not None else None

    def _find(self, month: str, process_class: int) -> Entry | None:
        query = "SELECT * FROM contribution WHERE month = ? AND process_class = ?"
        row = self._connection.execute(query, (month, process_class)).fetchone()
        return _entry(dict(row)) if row is not None else None

    def _check_budget(self, month: str, process_class: int) -> None:
        # What was withheld counts, too: choosing by looking at it tells something.
        query = """SELECT month FROM contribution WHERE substr(month, 1, 4) = ?1 AND process_class = ?2
            UNION SELECT month FROM spent WHERE substr(month, 1, 4) = ?1 AND process_class = ?2"""
        spent = {row["month"] for row in self._connection.execute(query, (month[:4], process_class))}
        if month in spent:
            raise BudgetSpentError(
                f"the platform has had other figures of {month}, which a restored backup does not have"
            )
        if len(spent) >= A_YEAR:
            raise BudgetSpentError(
                f"{A_YEAR} months of {month[:4]} have been prepared for process class {process_class}"
            )

    def _insert(
        self, month: str, process_class: int, body: bytes, exact: str | None, now: datetime, send_at: datetime, sent: datetime | None
    ) -> None:  # fmt: skip
        values = (month, process_class, body, exact, rfc3339(now), rfc3339(send_at), rfc3339(sent) if sent else None)
        self._connection.execute("INSERT INTO contribution VALUES (?, ?, ?, ?, ?, ?, ?, NULL)", values)


def _entry(row: dict[str, Any]) -> Entry:
    times = {name: datetime.fromisoformat(row[name]) if row[name] is not None else None for name in _TIMES}
    exact = json.loads(row["exact"]) if row["exact"] is not None else None
    return Entry(**{**row, "body": bytes(row["body"]), "exact": exact, **times})
