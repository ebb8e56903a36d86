"""The agent's memory of what it has reported and the broker has not yet acknowledged: SQLite, crash-safe.

A report has a number once it is committed here, and keeps it until it leaves. Numbers grow without holes and survive
restarts. Each commit is on disk before the call returns (`synchronous=FULL`), so a power cut loses nothing either.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from telemetry import MachineState, OperationMode, StateInterval, StateReport, UserError, rfc3339

_SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, machine TEXT NOT NULL, state TEXT NOT NULL, mode TEXT,
    since TEXT NOT NULL, until TEXT NOT NULL, power_w REAL, reason TEXT);
CREATE TABLE IF NOT EXISTS last_report (
    machine TEXT PRIMARY KEY, state TEXT NOT NULL, mode TEXT, since TEXT NOT NULL, until TEXT NOT NULL,
    power_w REAL, reason TEXT);
"""

Row = tuple[str, str, str | None, str, str, float | None, str | None]


@dataclass(frozen=True, slots=True)
class QueuedReport:
    """A report that waits for the broker's acknowledgement."""

    machine: str
    report: StateReport


class Outbox:
    """One writer per file. Safe to call from several threads of one process."""

    def __init__(self, path: Path) -> None:
        """Open or create. Raises UserError where the folder cannot be written or the file is no SQLite database."""
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=5.0)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise UserError(
                f"{path}: the outbox cannot be opened ({error}). The agent needs a folder it may write to; "
                "see `data_dir` under [agent]."
            ) from error

    def append(self, entries: Sequence[tuple[str, StateInterval]]) -> None:
        """Commit (machine, interval) pairs in order; each gets the next number."""
        rows = [_row(machine, interval) for machine, interval in entries]
        newest = {row[0]: row for row in rows}
        with self._lock, self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(
                "INSERT INTO outbox (machine, state, mode, since, until, power_w, reason) VALUES (?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            self._connection.executemany(
                "INSERT OR REPLACE INTO last_report VALUES (?, ?, ?, ?, ?, ?, ?)", list(newest.values())
            )

    def waiting(self, limit: int) -> list[QueuedReport]:
        """The oldest reports that have not been removed, in order of their numbers."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT machine, state, mode, since, until, power_w, reason, seq FROM outbox ORDER BY seq LIMIT ?",
                (limit,),
            ).fetchall()
        return [QueuedReport(row[0], StateReport.of(row[7], _interval(row[:7]))) for row in rows]

    def remove_up_to(self, seq: int) -> None:
        """Forget the reports with numbers up to and including `seq`: the broker has acknowledged them."""
        with self._lock, self._connection:
            self._connection.execute("DELETE FROM outbox WHERE seq <= ?", (seq,))

    def depth(self) -> int:
        """How many reports wait."""
        with self._lock:
            return int(self._connection.execute("SELECT count(*) FROM outbox").fetchone()[0])

    def last_seq(self) -> int:
        """The number of the newest report ever committed; 0 before the first."""
        with self._lock:
            row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").fetchone()
        return int(row[0]) if row else 0

    def last_reports(self) -> dict[str, StateInterval]:
        """The newest reported interval of each machine, from this run or an earlier one."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT machine, state, mode, since, until, power_w, reason FROM last_report"
            ).fetchall()
        return {row[0]: _interval(row) for row in rows}

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def _row(machine: str, interval: StateInterval) -> Row:
    return (
        machine,
        interval.state.value,
        interval.mode.value if interval.mode else None,
        rfc3339(interval.since),
        rfc3339(interval.until),
        interval.power_w,
        interval.reason,
    )


def _interval(row: Row) -> StateInterval:
    _, state, mode, since, until, power_w, reason = row
    return StateInterval(
        MachineState(state),
        datetime.fromisoformat(since),
        datetime.fromisoformat(until),
        OperationMode(mode) if mode else None,
        power_w,
        reason,
    )
