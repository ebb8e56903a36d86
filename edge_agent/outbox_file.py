"""SQLite file of the outbox. Used by one process; set aside when it can no longer be read."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from telemetry import UserError

_log = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS report (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, machine TEXT NOT NULL, since_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL,
    body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS last_report (machine TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS dropped (kind TEXT PRIMARY KEY, count INTEGER NOT NULL);
"""

_DROP_SHARE = 0.1
"""Share of the reports dropped at once when the limit is reached, so that it is not done for every report."""


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A row of the file. `body`: the report as JSON without its number, as written by `telemetry.message.report_body`."""

    seq: int
    machine: str
    since_ms: int
    until_ms: int
    body: str


class OutboxFile:
    """All methods raise sqlite3.OperationalError on disk errors and sqlite3.DatabaseError if the file is damaged."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises UserError if the folder cannot be written or another process uses the file."""
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._guard = path.with_suffix(".lock").open("w")
        except OSError as error:
            raise UserError(_cannot_open(path, error)) from error
        try:
            fcntl.flock(self._guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._guard.close()
            raise UserError(
                f"{path}: another agent is running with this `data_dir`. Stop it, or give this one its own."
            ) from None
        try:
            self._connection = self._connect()
        except sqlite3.OperationalError as error:
            raise UserError(_cannot_open(path, error)) from error
        except sqlite3.DatabaseError as error:
            self._connection = self._new_file(str(error), 0)

    def write(self, reports: Iterable[StoredReport]) -> None:
        """Insert reports, replacing those with the same number; durable on return."""
        rows = [(report.seq, report.machine, report.since_ms, report.until_ms, report.body) for report in reports]
        if not rows:
            return
        newest = {row[1]: row[4] for row in sorted(rows)}
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR REPLACE INTO report VALUES (?, ?, ?, ?, ?)", rows)
            self._connection.executemany("INSERT OR REPLACE INTO last_report VALUES (?, ?)", list(newest.items()))

    def delete(self, seqs: Collection[int]) -> None:
        """Delete reports; missing ones are ignored. Not durable: reports that a power failure brings back are sent again, which is harmless."""
        if not seqs:
            return
        self._connection.execute("PRAGMA synchronous=NORMAL")
        try:
            self._delete(seqs)
        finally:
            self._connection.execute("PRAGMA synchronous=FULL")

    def _delete(self, seqs: Collection[int]) -> None:
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("DELETE FROM report WHERE seq = ?", [(seq,) for seq in seqs])

    def read(self, seqs: Sequence[int]) -> list[StoredReport]:
        found = []
        for seq in seqs:
            found += self._select("WHERE seq = ?", (seq,))
        return found

    def waiting(self, border: int, limit: int, newer: bool) -> list[StoredReport]:
        """Reports in order of sequence number: those above `border` (`newer`), or those up to it."""
        return self._select(f"WHERE seq {'>' if newer else '<='} ? ORDER BY seq LIMIT ?", (border, limit))

    def newest_per_machine(self) -> list[StoredReport]:
        return self._select("WHERE seq IN (SELECT max(seq) FROM report GROUP BY machine)", ())

    def count(self) -> int:
        return int(self._connection.execute("SELECT count(*) FROM report").fetchone()[0])

    def last_seq(self) -> int:
        """The highest sequence number ever written; 0 before the first."""
        row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'report'").fetchone()
        return int(row[0]) if row else 0

    def last_reports(self) -> dict[str, str]:
        """The newest body of each machine."""
        return dict(self._connection.execute("SELECT machine, body FROM last_report").fetchall())

    def dropped(self) -> tuple[int, int]:
        """Number of reports dropped so far: superseded, oldest."""
        counts = dict(self._connection.execute("SELECT kind, count FROM dropped").fetchall())
        return counts.get("superseded", 0), counts.get("oldest", 0)

    def enforce_bounds(self, max_bytes: int, max_age_ms: int, in_flight: Collection[int]) -> tuple[int, int]:
        """Drop reports beyond the limits, superseded ones first. Returns the numbers of superseded and of oldest reports dropped."""
        superseded = oldest = 0
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            newest = self._connection.execute("SELECT max(until_ms) FROM report").fetchone()[0] or 0
            kept = f"seq NOT IN ({','.join(str(int(seq)) for seq in in_flight) or '0'})"
            oldest += self._connection.execute(
                f"DELETE FROM report WHERE until_ms < ? AND {kept}", (newest - max_age_ms,)
            ).rowcount
            if self._used_bytes() > max_bytes:
                superseded = self._connection.execute(
                    f"DELETE FROM report WHERE {kept} AND seq NOT IN (SELECT max(seq) FROM report GROUP BY machine, since_ms)"
                ).rowcount
            if self._used_bytes() > max_bytes:
                some = max(1, int(self.count() * _DROP_SHARE))
                oldest += self._connection.execute(
                    f"DELETE FROM report WHERE seq IN (SELECT seq FROM report WHERE {kept} ORDER BY seq LIMIT ?)",
                    (some,),
                ).rowcount
            for kind, count in (("superseded", superseded), ("oldest", oldest)):
                if count:
                    self._connection.execute(
                        "INSERT INTO dropped VALUES (?, ?) ON CONFLICT (kind) DO UPDATE SET count = count + excluded.count",
                        (kind, count),
                    )
        return superseded, oldest

    def start_anew(self, why: str, last_seq: int) -> None:
        """Set the file aside and start a new one whose numbers continue after `last_seq`."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()
        self._connection = self._new_file(why, last_seq)

    def close(self) -> None:
        self._connection.close()
        self._guard.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None, timeout=5.0)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA journal_size_limit=4194304")
            connection.executescript(_SCHEMA)
            connection.execute("SELECT count(*) FROM report").fetchone()
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _new_file(self, why: str, last_seq: int) -> sqlite3.Connection:
        aside = next(
            name
            for number in range(1, 10_000)
            if not (name := self.path.with_name(f"{self.path.name}.unreadable-{number}")).exists()
        )
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self.path}{suffix}").replace(f"{aside}{suffix}")
        reports, highest = _recovered(aside)
        _log.error(
            "%s could not be read (%s). It is kept as %s; %d reports were recovered into a new file.",
            self.path, why, aside.name, len(reports),
        )  # fmt: skip
        connection = self._connect()
        with connection:
            connection.executemany("INSERT OR REPLACE INTO report VALUES (?, ?, ?, ?, ?)", reports)
            connection.execute("DELETE FROM sqlite_sequence WHERE name = 'report'")
            connection.execute("INSERT INTO sqlite_sequence VALUES ('report', ?)", (max(highest, last_seq),))
        return connection

    def _used_bytes(self) -> int:
        pages, free, size = (
            int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size

    def _select(self, clause: str, parameters: tuple[object, ...]) -> list[StoredReport]:
        rows = self._connection.execute(
            f"SELECT seq, machine, since_ms, until_ms, body FROM report {clause}", parameters
        )
        return [StoredReport(*row) for row in rows.fetchall()]


def _recovered(path: Path) -> tuple[list[tuple[object, ...]], int]:
    """The reports and the highest sequence number that can still be read from a damaged file."""
    reports: list[tuple[object, ...]] = []
    highest = 0
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as damaged:
        with contextlib.suppress(sqlite3.Error):
            row = damaged.execute("SELECT seq FROM sqlite_sequence WHERE name = 'report'").fetchone()
            highest = int(row[0]) if row else 0
        # Row by row, so that rows before the damage are kept.
        cursor = damaged.execute("SELECT seq, machine, since_ms, until_ms, body FROM report ORDER BY seq")
        while (row := cursor.fetchone()) is not None:
            reports.append(row)
    return reports, max([highest, *(int(str(row[0])) for row in reports)])


def _cannot_open(path: Path, error: Exception) -> str:
    return (
        f"{path}: the outbox cannot be opened ({error}). The agent needs a folder it may write to; "
        "see `data_dir` under [agent]."
    )
