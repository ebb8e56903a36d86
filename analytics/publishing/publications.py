"""Record of all promises and their outcomes, from which the track record is computed. SQLite."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from analytics.forecast.tally import Tally
from analytics.policy.slot import Slot
from analytics.publishing.reconcile import Offer
from telemetry import rfc3339
from telemetry.message import EARLIEST
from telemetry.sqlite_file import RESERVE_BYTES, open_sqlite_file

_SCHEMA = """
CREATE TABLE IF NOT EXISTS publication (
    id TEXT PRIMARY KEY, machine TEXT NOT NULL, start TEXT NOT NULL, "end" TEXT NOT NULL, probability REAL NOT NULL,
    published TEXT NOT NULL, outcome TEXT, windows INTEGER, windows_broken INTEGER);
"""
_ADDED = ("windows", "windows_broken")
"""Columns that files of earlier versions lack."""

KEPT, BROKEN, WITHDRAWN, BOOKED, UNKNOWN = "kept", "broken", "withdrawn", "booked", "unknown"
OUTCOMES = (KEPT, BROKEN, WITHDRAWN, BOOKED, UNKNOWN)


@dataclass(frozen=True, slots=True)
class Publication:
    """A slot as last promised."""

    id: str
    machine: str
    start: datetime
    end: datetime
    probability: float


@dataclass(frozen=True, slots=True)
class DatedPromise:
    """A promise and when it was made. `outcome` is None while it is open."""

    id: str
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
    """One row per offer. Thread-safe."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises UserError if it cannot be written."""
        self._lock = threading.Lock()
        self._connection = open_sqlite_file(path, _SCHEMA, "the record of publications", RESERVE_BYTES)
        columns = {row[1] for row in self._select("PRAGMA table_info(publication)")}
        for name in _ADDED:
            if name not in columns:
                self._connection.execute(f"ALTER TABLE publication ADD COLUMN {name} INTEGER")

    def record(self, offer: Offer, at: datetime, bound: datetime) -> None:
        """Record an offer as it now stands. An offer that was withdrawn and is made again is open again.

        `bound`: an offer that begins earlier can no longer be withdrawn in time. If it shrinks after that, it is
        still checked from the beginning that was promised.
        """
        slot: Slot = offer.slot
        with self._lock:
            self._connection.execute(
                "INSERT INTO publication VALUES (?, ?, ?, ?, ?, ?, NULL, NULL, NULL) ON CONFLICT (id) DO UPDATE SET "
                "start = CASE WHEN publication.start <= ? AND publication.outcome IS NULL "
                "THEN min(publication.start, excluded.start) ELSE excluded.start END, "
                '"end" = excluded."end", probability = excluded.probability, outcome = NULL',
                (
                    offer.id,
                    slot.machine,
                    rfc3339(slot.start),
                    rfc3339(slot.end),
                    slot.probability,
                    rfc3339(at),
                    rfc3339(bound),
                ),
            )

    def record_missing(self, offers: Sequence[Offer], at: datetime) -> None:
        """Record offers that stand on the platform but are missing here: the process may have ended between offering
        and recording."""
        rows = [
            (
                offer.id,
                offer.slot.machine,
                rfc3339(offer.slot.start),
                rfc3339(offer.slot.end),
                offer.slot.probability,
                rfc3339(at),
            )
            for offer in offers
        ]
        with self._lock:
            self._connection.executemany(
                "INSERT OR IGNORE INTO publication VALUES (?, ?, ?, ?, ?, ?, NULL, NULL, NULL)", rows
            )

    def withdraw(self, offer_id: str, bound: datetime) -> None:
        """Record a withdrawal. An offer that begins after `bound` was withdrawn in time; any other stays open and
        will be checked."""
        with self._lock:
            self._connection.execute(
                "UPDATE publication SET outcome = ? WHERE id = ? AND outcome IS NULL AND start > ?",
                (WITHDRAWN, offer_id, rfc3339(bound)),
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
        """Open publications that have ended and must be checked against what happened."""
        rows = self._select(
            'SELECT id, machine, start, "end", probability FROM publication '
            'WHERE outcome IS NULL AND "end" <= ? ORDER BY start',
            rfc3339(now),
        )
        return [
            Publication(row[0], row[1], datetime.fromisoformat(row[2]), datetime.fromisoformat(row[3]), row[4])
            for row in rows
        ]

    def of_machine(self, machine: str, after: datetime, limit: int = 50) -> list[DatedPromise]:
        """Promises of a machine that end after a moment, ordered by start."""
        rows = self._select(
            'SELECT id, start, "end", probability, published, outcome FROM publication '
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
        """Published slots that began at `since` or later, have ended and were not booked; and how many of them were
        not free."""
        query = "SELECT outcome, count(*) FROM publication WHERE start >= ? GROUP BY outcome"
        counts = dict(self._select(query, rfc3339(since)))
        return Tally(counts.get(KEPT, 0) + counts.get(BROKEN, 0), counts.get(BROKEN, 0))

    def windows(self, since: datetime = EARLIEST) -> Tally:
        """The windows that people could have booked of what `tally` counts. A publication that an earlier version checked counts as
        one."""
        query = (
            "SELECT total(coalesce(windows, 1)), total(coalesce(windows_broken, outcome = ?)) FROM publication "
            "WHERE start >= ? AND outcome IN (?, ?)"
        )
        ((checked, broken),) = self._select(query, BROKEN, rfc3339(since), KEPT, BROKEN)
        return Tally(int(checked), int(broken))

    def _select(self, query: str, *parameters: str | int) -> list[Any]:
        with self._lock:
            return self._connection.execute(query, parameters).fetchall()

    def close(self) -> None:
        with self._lock:
            self._connection.close()
