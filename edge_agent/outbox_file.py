"""SQLite file of the outbox. Used by one process; set aside when it can no longer be read."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from telemetry import UserError
from telemetry.ranges import Ranges

_log = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS report (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, machine TEXT NOT NULL, since_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL,
    body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS last_report (machine TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS dropped (kind TEXT PRIMARY KEY, count INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS delivery (
    one INTEGER PRIMARY KEY CHECK (one = 1), stored TEXT NOT NULL, acknowledged TEXT NOT NULL);
"""

_PUT_REPORT = "INSERT OR REPLACE INTO report VALUES (?, ?, ?, ?, ?)"

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

    @property
    def row(self) -> tuple[int, str, int, int, str]:
        return self.seq, self.machine, self.since_ms, self.until_ms, self.body


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of the outbox: of everything in it, and of what is kept although it is stored."""

    max_bytes: int = 256 * 1024 * 1024
    max_age: timedelta = timedelta(days=30)
    keep_bytes: int = 100 * 1024 * 1024
    keep: timedelta = timedelta(days=7)

    @property
    def max_age_ms(self) -> int:
        return round(self.max_age.total_seconds() * 1000)

    @property
    def keep_ms(self) -> int:
        return round(self.keep.total_seconds() * 1000)


@dataclass(slots=True)
class Dropped:
    """Numbers of reports that were deleted although they are not known to be stored."""

    acknowledged: int = 0
    superseded: int = 0
    oldest: int = 0


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
        rows = [report.row for report in reports]
        if not rows:
            return
        newest = {row[1]: row[4] for row in sorted(rows)}
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(_PUT_REPORT, rows)
            self._connection.executemany("INSERT OR REPLACE INTO last_report VALUES (?, ?)", list(newest.items()))

    def write_delivery(self, stored: str, acknowledged: str) -> None:
        """Ranges as JSON. Not durable: after a power failure some reports are sent once more, which is harmless."""
        self._connection.execute("PRAGMA synchronous=NORMAL")
        try:
            self._connection.execute("INSERT OR REPLACE INTO delivery VALUES (1, ?, ?)", (stored, acknowledged))
        finally:
            self._connection.execute("PRAGMA synchronous=FULL")

    def delivery(self) -> tuple[str, str]:
        """(stored, acknowledged), as written last."""
        row = self._connection.execute("SELECT stored, acknowledged FROM delivery").fetchone()
        return (row[0], row[1]) if row else ("[]", "[]")

    def renumber(self, ranges: Ranges, first: int) -> list[StoredReport]:
        """Give the reports in `ranges` the numbers from `first` on, in their order. Returns them with their new numbers."""
        reports = [
            replace(report, seq=first + place)
            for place, report in enumerate(report for one in ranges for report in self._between(*one))
        ]
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("DELETE FROM report WHERE seq BETWEEN ? AND ?", list(ranges))
            self._connection.executemany(_PUT_REPORT, [report.row for report in reports])
        return reports

    def read(self, seqs: Sequence[int]) -> list[StoredReport]:
        found = []
        for seq in seqs:
            found += self._select("WHERE seq = ?", (seq,))
        return found

    def first_of(self, ranges: Ranges, limit: int) -> list[StoredReport]:
        """The reports in these ranges with the smallest numbers, in order."""
        found: list[StoredReport] = []
        for one in ranges:
            if len(found) >= limit:
                break
            found += self._between(*one, limit - len(found))
        return found

    def count(self, ranges: Ranges) -> int:
        """Number of reports in these ranges."""
        query = "SELECT count(*) FROM report WHERE seq BETWEEN ? AND ?"
        return sum(int(self._connection.execute(query, one).fetchone()[0]) for one in ranges)

    def newest_of_machines(self, ranges: Ranges) -> dict[str, int]:
        """The machines whose newest report is in these ranges, with its number."""
        query = (
            "SELECT report.machine, max(seq) FROM report JOIN last_report ON last_report.machine = report.machine "
            "AND last_report.body = report.body WHERE seq BETWEEN ? AND ? GROUP BY report.machine"
        )
        return {machine: seq for one in ranges for machine, seq in self._connection.execute(query, one)}

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

    def enforce_bounds(self, bounds: Bounds, stored: Ranges, acknowledged: Ranges, waiting: Ranges) -> Dropped:
        """Delete what is beyond the limits: first what is stored, then what the broker has acknowledged, then superseded reports, then the
        oldest. The three sets hold every report but those in flight, which are kept."""
        dropped = Dropped()
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            newest = self._newest_until()
            self._delete_older(stored, newest - bounds.keep_ms)
            dropped.acknowledged += self._delete_older(acknowledged, newest - bounds.max_age_ms)
            dropped.oldest += self._delete_older(waiting, newest - bounds.max_age_ms)
            kept = self.count(stored) if self._used_bytes() > min(bounds.keep_bytes, bounds.max_bytes) else 0
            rest = self.count(acknowledged) + self.count(waiting) if kept else 0
            while kept > 0 and (
                self._used_bytes() > bounds.max_bytes or self._used_bytes() * kept / (kept + rest) > bounds.keep_bytes
            ):
                self._delete_oldest(stored, max(1, int(kept * _DROP_SHARE)))
                kept -= max(1, int(kept * _DROP_SHARE))
            if self._used_bytes() > bounds.max_bytes:
                dropped.acknowledged += self._delete_oldest(acknowledged, self._some(acknowledged))
            if self._used_bytes() > bounds.max_bytes:
                dropped.superseded += self._delete_superseded(waiting)
            if self._used_bytes() > bounds.max_bytes:
                dropped.oldest += self._delete_oldest(waiting, self._some(waiting))
            for kind, count in (("superseded", dropped.superseded), ("oldest", dropped.oldest)):
                if count:
                    self._connection.execute(
                        "INSERT INTO dropped VALUES (?, ?) ON CONFLICT (kind) DO UPDATE SET count = count + excluded.count",
                        (kind, count),
                    )
        return dropped

    def _newest_until(self) -> int:
        row = self._connection.execute("SELECT until_ms FROM report ORDER BY seq DESC LIMIT 1").fetchone()
        return int(row[0]) if row else 0

    def _some(self, ranges: Ranges) -> int:
        return max(1, int(self.count(ranges) * _DROP_SHARE))

    def _delete_older(self, ranges: Ranges, until_ms: int) -> int:
        """Delete reports that ended before a time, as long as the oldest ones did: reports are numbered as they happen."""
        gone = 0
        for first, last in ranges:
            row = self._connection.execute(
                "SELECT seq FROM report WHERE seq BETWEEN ? AND ? AND until_ms >= ? ORDER BY seq LIMIT 1",
                (first, last, until_ms),
            ).fetchone()
            end = int(row[0]) - 1 if row else last
            gone += self._connection.execute("DELETE FROM report WHERE seq BETWEEN ? AND ?", (first, end)).rowcount
            if row:
                break
        return gone

    def _delete_oldest(self, ranges: Ranges, some: int) -> int:
        gone = 0
        for one in ranges:
            gone += self._connection.execute(
                "DELETE FROM report WHERE seq IN (SELECT seq FROM report WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?)",
                (*one, some - gone),
            ).rowcount
            if gone >= some:
                break
        return gone

    def _delete_superseded(self, ranges: Ranges) -> int:
        newest = "SELECT max(seq) FROM report GROUP BY machine, since_ms"
        query = f"DELETE FROM report WHERE seq BETWEEN ? AND ? AND seq NOT IN ({newest})"
        return sum(self._connection.execute(query, one).rowcount for one in ranges)

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
            connection.executemany(_PUT_REPORT, reports)
            connection.execute("DELETE FROM sqlite_sequence WHERE name = 'report'")
            connection.execute("INSERT INTO sqlite_sequence VALUES ('report', ?)", (max(highest, last_seq),))
        return connection

    def _used_bytes(self) -> int:
        pages, free, size = (
            int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size

    def _between(self, first: int, last: int, limit: int = -1) -> list[StoredReport]:
        return self._select("WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?", (first, last, limit))

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
