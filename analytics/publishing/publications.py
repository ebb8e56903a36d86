"""What was ever promised and what came of it: the memory behind "how far it was ever wrong". SQLite."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from analytics.forecast.calibration import Tally
from analytics.policy.slot import Slot
from analytics.publishing.reconcile import Offer
from telemetry import rfc3339
from telemetry.message import EARLIEST
from telemetry.sqlite_file import RESERVE_BYTES, open_sqlite_file

_SCHEMA = """
CREATE TABLE IF NOT EXISTS publication (
    id TEXT PRIMARY KEY, machine TEXT NOT NULL, start TEXT NOT NULL, "end" TEXT NOT NULL, probability REAL NOT NULL,
    published TEXT NOT NULL, outcome TEXT);
"""

KEPT, BROKEN, WITHDRAWN, BOOKED, UNKNOWN = "kept", "broken", "withdrawn", "booked", "unknown"
ALL = (KEPT, BROKEN, WITHDRAWN, BOOKED, UNKNOWN)


@dataclass(frozen=True, slots=True)
class Publication:
    """A slot as it was last promised."""

    id: str
    machine: str
    start: datetime
    end: datetime
    probability: float


@dataclass(frozen=True, slots=True)
class DatedPromise:
    """A promise with when it was made; `outcome` None while it stands."""

    id: str
    start: datetime
    end: datetime
    probability: float
    published: datetime
    outcome: str | None


@dataclass(frozen=True, slots=True)
class SettledPromise:
    """A promise, and what came of it: one of `ALL`."""

    machine: str
    start: datetime
    end: datetime
    probability: float
    outcome: str


class Publications:
    """One row per offer. Safe to call from several threads."""

    def __init__(self, path: Path) -> None:
        """Open or create. Raises UserError where the file cannot be written."""
        self._lock = threading.Lock()
        self._connection = open_sqlite_file(path, _SCHEMA, "the record of publications", RESERVE_BYTES)

    def published(self, offer: Offer, at: datetime, bound: datetime) -> None:
        """Remember an offer as it now stands; one that is offered again is open again.

        `bound`: what begins before is too near to be taken back, so that a slot which shrinks as its time comes is still
        checked from where it was promised to begin.
        """
        slot: Slot = offer.slot
        with self._lock:
            self._connection.execute(
                "INSERT INTO publication VALUES (?, ?, ?, ?, ?, ?, NULL) ON CONFLICT (id) DO UPDATE SET "
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

    def ensure(self, offers: Sequence[Offer], at: datetime) -> None:
        """Remember offers that stand on the platform, if they are not: the process may have ended between offering and writing."""
        rows = [
            (
                one.id,
                one.slot.machine,
                rfc3339(one.slot.start),
                rfc3339(one.slot.end),
                one.slot.probability,
                rfc3339(at),
            )
            for one in offers
        ]
        with self._lock:
            self._connection.executemany("INSERT OR IGNORE INTO publication VALUES (?, ?, ?, ?, ?, ?, NULL)", rows)

    def withdraw(self, offer_id: str, bound: datetime) -> None:
        """An offer was taken back. If it begins after `bound` that was in time; else it stays open and will be checked."""
        with self._lock:
            self._connection.execute(
                "UPDATE publication SET outcome = ? WHERE id = ? AND outcome IS NULL AND start > ?",
                (WITHDRAWN, offer_id, rfc3339(bound)),
            )

    def settle(self, ids: Sequence[str], outcome: str) -> None:
        """Give open publications an outcome."""
        with self._lock:
            self._connection.executemany(
                "UPDATE publication SET outcome = ? WHERE id = ? AND outcome IS NULL", [(outcome, one) for one in ids]
            )

    def over(self, now: datetime) -> list[Publication]:
        """Open publications whose time has passed: to be checked against what happened."""
        with self._lock:
            rows = self._connection.execute(
                'SELECT id, machine, start, "end", probability FROM publication '
                'WHERE outcome IS NULL AND "end" <= ? ORDER BY start',
                (rfc3339(now),),
            ).fetchall()
        return [
            Publication(row[0], row[1], datetime.fromisoformat(row[2]), datetime.fromisoformat(row[3]), row[4])
            for row in rows
        ]

    def of_machine(self, machine: str, after: datetime, limit: int = 50) -> list[DatedPromise]:
        """A machine's promises whose hours end after a moment, the earliest first."""
        with self._lock:
            rows = self._connection.execute(
                'SELECT id, start, "end", probability, published, outcome FROM publication '
                'WHERE machine = ? AND "end" > ? ORDER BY start, id LIMIT ?',
                (machine, rfc3339(after), limit),
            ).fetchall()
        times = datetime.fromisoformat
        return [DatedPromise(row[0], times(row[1]), times(row[2]), row[3], times(row[4]), row[5]) for row in rows]

    def settled(self, since: datetime = EARLIEST) -> list[SettledPromise]:
        """Those with an outcome that began at `since` or later."""
        with self._lock:
            rows = self._connection.execute(
                'SELECT machine, start, "end", probability, outcome FROM publication '
                "WHERE outcome IS NOT NULL AND start >= ?",
                (rfc3339(since),),
            ).fetchall()
        times = datetime.fromisoformat
        return [SettledPromise(row[0], times(row[1]), times(row[2]), row[3], row[4]) for row in rows]

    def tally(self, since: datetime = EARLIEST) -> Tally:
        """Published slots that began after `since` and whose time has passed unbooked, and how many of them were not free."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT outcome, count(*) FROM publication WHERE start >= ? GROUP BY outcome", (rfc3339(since),)
            )
            counts = dict(rows.fetchall())
        return Tally(counts.get(KEPT, 0) + counts.get(BROKEN, 0), counts.get(BROKEN, 0))

    def close(self) -> None:
        with self._lock:
            self._connection.close()
