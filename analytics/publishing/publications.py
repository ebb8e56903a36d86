"""Record of all promises and their outcomes, from which the track record is computed. SQLite."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from analytics.forecast.tally import Tally
from analytics.publishing.reconcile import Offer
from telemetry import rfc3339
from telemetry.message import EARLIEST
from telemetry.sqlite_file import RESERVE_BYTES, add_columns, open_sqlite_file, transaction

_SCHEMA = """
CREATE TABLE IF NOT EXISTS publication (
    id TEXT PRIMARY KEY, machine TEXT NOT NULL, start TEXT NOT NULL, "end" TEXT NOT NULL, probability REAL NOT NULL,
    published TEXT NOT NULL, outcome TEXT, windows INTEGER, windows_broken INTEGER, offer TEXT);
"""
_ADDED = {"windows": "INTEGER", "windows_broken": "INTEGER", "offer": "TEXT"}
"""Columns that files of earlier versions lack. There, an offer is one window, and its id that of the row."""
_INDEXES = """
UPDATE publication SET offer = id WHERE offer IS NULL;
CREATE INDEX IF NOT EXISTS publication_offer ON publication (offer);
CREATE INDEX IF NOT EXISTS publication_machine ON publication (machine, "end");
CREATE INDEX IF NOT EXISTS publication_open ON publication (machine, start) WHERE outcome IS NULL;
"""

_INSERT = (
    'INSERT INTO publication (id, machine, start, "end", probability, published, offer) VALUES (?, ?, ?, ?, ?, ?, ?)'
)

KEPT, BROKEN, WITHDRAWN, BOOKED, UNKNOWN = "kept", "broken", "withdrawn", "booked", "unknown"
OUTCOMES = (KEPT, BROKEN, WITHDRAWN, BOOKED, UNKNOWN)


@dataclass(frozen=True, slots=True)
class Publication:
    """A window as last promised."""

    id: str
    offer: str
    machine: str
    start: datetime
    end: datetime
    probability: float


@dataclass(frozen=True, slots=True)
class DatedPromise:
    """A promised window, of which offer it is, and when it was made. `outcome` is None while it is open."""

    offer: str
    start: datetime
    end: datetime
    probability: float
    published: datetime
    outcome: str | None


@dataclass(frozen=True, slots=True)
class SettledPromise:
    """A promise and its outcome, one of `OUTCOMES`."""

    machine: str
    start: datetime
    end: datetime
    probability: float
    outcome: str


class Publications:
    """One row per window of an offer: a machine that is always free has an offer that never ends. A window is known by its offer and its
    end, since its start moves with the clock. Thread-safe."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises UserError if it cannot be written."""
        self._lock = threading.Lock()
        self._connection = open_sqlite_file(path, _SCHEMA, "the record of publications", RESERVE_BYTES)
        add_columns(self._connection, "publication", _ADDED)
        self._connection.executescript(_INDEXES)

    def record(self, offer: Offer, at: datetime, bound: datetime) -> None:
        """Record an offer as it now stands. Windows that were withdrawn and are promised again are open again.

        `bound`: a window that begins earlier can no longer be taken back in time. It stays to be checked, from the beginning that was
        promised, also where the offer no longer has it.
        """
        rows = _rows(offer, at)
        with self._lock, transaction(self._connection):
            self._connection.execute(
                "DELETE FROM publication WHERE offer = ? AND outcome IS NULL AND start > ? "
                "AND id NOT IN (SELECT value FROM json_each(?))",
                (offer.id, rfc3339(bound), json.dumps([row[0] for row in rows])),
            )
            self._connection.executemany(
                f"{_INSERT} ON CONFLICT (id) DO UPDATE SET "
                "start = CASE WHEN publication.start <= ? AND publication.outcome IS NULL "
                "THEN min(publication.start, excluded.start) ELSE excluded.start END, "
                "probability = excluded.probability, outcome = NULL",
                [(*row, rfc3339(bound)) for row in rows],
            )

    def record_missing(self, offers: Sequence[Offer], at: datetime) -> None:
        """Record offers that stand on the platform but are missing here: the process may have ended between offering
        and recording."""
        with self._lock, transaction(self._connection):
            for offer in offers:
                known = self._connection.execute("SELECT 1 FROM publication WHERE offer = ?", (offer.id,)).fetchone()
                if known is None:
                    self._connection.executemany(_INSERT, _rows(offer, at))

    def withdraw(self, offer_id: str, bound: datetime) -> None:
        """Record a withdrawal. Windows that begin after `bound` were withdrawn in time; any others stay open and will be checked."""
        with self._lock:
            self._connection.execute(
                "UPDATE publication SET outcome = ? WHERE offer = ? AND outcome IS NULL AND start > ?",
                (WITHDRAWN, offer_id, rfc3339(bound)),
            )

    def settle_booked(self, bookings: Iterable[tuple[str, datetime, datetime]]) -> None:
        """Open windows of which hours are booked, as (machine, start, end), are no longer promised to anybody else."""
        with self._lock:
            self._connection.executemany(
                'UPDATE publication SET outcome = ? WHERE outcome IS NULL AND machine = ? AND start < ? AND "end" > ?',
                [(BOOKED, machine, rfc3339(end), rfc3339(start)) for machine, start, end in bookings],
            )

    def settle(self, publication_id: str, outcome: str, windows: Tally | None = None) -> None:
        """Set the outcome of an open publication. `windows`: those that people could have booked of it."""
        counts = (None, None) if windows is None else (windows.checked, windows.broken)
        with self._lock:
            self._connection.execute(
                "UPDATE publication SET outcome = ?, windows = ?, windows_broken = ? WHERE id = ? AND outcome IS NULL",
                (outcome, *counts, publication_id),
            )

    def due_for_check(self, now: datetime) -> list[Publication]:
        """Open windows that have ended and must be checked against what happened."""
        rows = self._select(
            'SELECT id, offer, machine, start, "end", probability FROM publication '
            'WHERE outcome IS NULL AND "end" <= ? ORDER BY machine, start, "end"',
            rfc3339(now),
        )
        times = datetime.fromisoformat
        return [Publication(row[0], row[1], row[2], times(row[3]), times(row[4]), row[5]) for row in rows]

    def counted(self, machine: str, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """Checked windows of a machine that have hours in common with these: what could be booked of them has been counted."""
        rows = self._select(
            'SELECT start, "end" FROM publication WHERE windows IS NOT NULL AND outcome IN (?, ?) '
            'AND machine = ? AND start < ? AND "end" > ?',
            KEPT,
            BROKEN,
            machine,
            rfc3339(end),
            rfc3339(start),
        )
        return [(datetime.fromisoformat(begin), datetime.fromisoformat(stop)) for begin, stop in rows]

    def of_machine(self, machine: str, after: datetime, limit: int = 50) -> list[DatedPromise]:
        """Promises of a machine that end after a moment, ordered by start."""
        rows = self._select(
            'SELECT offer, start, "end", probability, published, outcome FROM publication '
            'WHERE machine = ? AND "end" > ? ORDER BY start, id LIMIT ?',
            machine,
            rfc3339(after),
            limit,
        )
        times = datetime.fromisoformat
        return [DatedPromise(row[0], times(row[1]), times(row[2]), row[3], times(row[4]), row[5]) for row in rows]

    def settled(self, since: datetime = EARLIEST) -> list[SettledPromise]:
        """Promises with an outcome that began at `since` or later."""
        rows = self._select(
            'SELECT machine, start, "end", probability, outcome FROM publication '
            "WHERE outcome IS NOT NULL AND start >= ?",
            rfc3339(since),
        )
        times = datetime.fromisoformat
        return [SettledPromise(row[0], times(row[1]), times(row[2]), row[3], row[4]) for row in rows]

    def tally(self, since: datetime = EARLIEST) -> Tally:
        """What people could have booked of windows that began at `since` or later, have ended and were not booked: windows of two, four
        and eight hours, each counted once, and those that were not free. A publication that an earlier version checked counts as one."""
        query = (
            "SELECT total(coalesce(windows, 1)), total(coalesce(windows_broken, outcome = ?)) FROM publication "
            "WHERE start >= ? AND outcome IN (?, ?)"
        )
        ((checked, broken),) = self._select(query, BROKEN, rfc3339(since), KEPT, BROKEN)
        return Tally(int(checked), int(broken))

    def checked_days(self, since: datetime = EARLIEST) -> int:
        """On how many days of a machine what `tally` counts began: what happens in one night happens to all of its windows."""
        query = (
            "SELECT count(*) FROM (SELECT DISTINCT machine, substr(start, 1, 10) FROM publication "
            "WHERE start >= ? AND outcome IN (?, ?))"
        )
        return int(self._select(query, rfc3339(since), KEPT, BROKEN)[0][0])

    def _select(self, query: str, *parameters: str | int) -> list[Any]:
        with self._lock:
            return self._connection.execute(query, parameters).fetchall()

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def _rows(offer: Offer, at: datetime) -> list[tuple[str, str, str, str, float, str, str]]:
    return [
        (
            f"{offer.id}/{rfc3339(window.end)}",
            offer.slot.machine,
            rfc3339(window.start),
            rfc3339(window.end),
            window.probability,
            rfc3339(at),
            offer.id,
        )
        for window in offer.slot.bookable
    ]
