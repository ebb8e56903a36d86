"""What the publisher must not forget: what should be offered, what is booked, what was approved, alerts, the kill switch. SQLite."""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from analytics.policy.approvals import Approval
from analytics.policy.slot import Slot
from analytics.policy.vetoes import Veto
from analytics.publishing.bookings_at_risk import Alert
from analytics.publishing.platform_client import Booking
from telemetry import rfc3339
from telemetry.sqlite_file import RESERVE_BYTES, open_sqlite_file

_SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
DROP TABLE IF EXISTS booking; -- of before requests could be held: the platform is asked anew anyway
CREATE TABLE IF NOT EXISTS platform_booking (
    id TEXT PRIMARY KEY, machine TEXT NOT NULL, start TEXT NOT NULL, "end" TEXT NOT NULL, held INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS approval (
    id TEXT PRIMARY KEY, machine TEXT NOT NULL, start TEXT NOT NULL, "end" TEXT NOT NULL, probability REAL NOT NULL,
    status TEXT NOT NULL, answer_by TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS veto (id TEXT PRIMARY KEY, machine TEXT NOT NULL, start TEXT NOT NULL, "end" TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS alert (
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, machine TEXT NOT NULL, booking TEXT NOT NULL, sentence TEXT NOT NULL,
    raised TEXT NOT NULL, cleared TEXT);
"""
_TIMES = ("start", "end", "answer_by")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The slots that should stand on the platform, as decided at `at`; each decision has a number."""

    at: datetime
    slots: tuple[Slot, ...]
    number: int


@dataclass(frozen=True, slots=True)
class RaisedAlert:
    """An alert with when it was raised, and cleared."""

    alert: Alert
    raised: datetime
    cleared: datetime | None


class PublisherState:
    """Every change is durable when its call returns. Safe to call from several threads."""

    def __init__(self, path: Path) -> None:
        """Open or create. Raises UserError where the file cannot be written."""
        self._lock = threading.Lock()
        # A veto and the kill switch must hold on a full disk, too.
        self._connection = open_sqlite_file(path, _SCHEMA, "the publisher's memory", RESERVE_BYTES)
        self._connection.row_factory = sqlite3.Row

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        with self._lock:
            found = [dict(row) for row in self._connection.execute(query, parameters).fetchall()]
        for row in found:
            row.update({name: datetime.fromisoformat(row[name]) for name in _TIMES if name in row})
        return found

    def want(self, slots: Sequence[Slot], at: datetime) -> None:
        """Replace what should be offered."""
        rows = [{**asdict(one), "start": rfc3339(one.start), "end": rfc3339(one.end)} for one in slots]
        values = {"wanted": {"at": rfc3339(at), "slots": rows}, "wanted_number": self._number("wanted_number") + 1}
        with self._changing() as connection:
            _put(connection, values)

    def wanted(self) -> Wanted | None:
        number, held = self._number("wanted_number"), self._setting("wanted")
        if held is None:
            return None
        slots = (
            Slot(**{**row, **{name: datetime.fromisoformat(row[name]) for name in ("start", "end")}})
            for row in held["slots"]
        )
        return Wanted(datetime.fromisoformat(held["at"]), tuple(slots), number)

    def mark_delivered(self, wanted: Wanted) -> None:
        """What has been wanted since is still to be delivered."""
        with self._changing() as connection:
            _put(connection, {"delivered_number": wanted.number})

    @property
    def pending(self) -> bool:
        """Whether something that is wanted has not been delivered. Asked every few seconds, so it reads no slots."""
        return self._number("wanted_number") != self._number("delivered_number")

    @property
    def kill_switch(self) -> bool:
        """On: nothing of this factory is offered."""
        return bool(self._setting("kill_switch"))

    @kill_switch.setter
    def kill_switch(self, on: bool) -> None:
        with self._changing() as connection:
            _put(connection, {"kill_switch": on})

    def note(self, name: str) -> Any:
        """What was noted under a name; None where nothing was."""
        return self._setting(f"note_{name}")

    def set_note(self, name: str, value: Any) -> None:
        """`value`: as JSON can hold it."""
        with self._changing() as connection:
            _put(connection, {f"note_{name}": value})

    def salt(self) -> bytes:
        """What machines' public names are made with; made once."""
        with self._changing() as connection:
            fresh = json.dumps(secrets.token_hex(16))
            connection.execute("INSERT OR IGNORE INTO setting VALUES ('salt', ?)", (fresh,))
            row = connection.execute("SELECT value FROM setting WHERE name = 'salt'").fetchone()
        return bytes.fromhex(json.loads(row["value"]))

    def set_bookings(self, bookings: Iterable[Booking]) -> None:
        """What the platform said last."""
        with self._changing() as connection:
            connection.execute("DELETE FROM platform_booking")
            connection.executemany(
                "INSERT INTO platform_booking VALUES (?, ?, ?, ?, ?)",
                [(one.id, one.machine, rfc3339(one.start), rfc3339(one.end), one.held) for one in bookings],
            )

    def bookings(self) -> tuple[Booking, ...]:
        rows = self._rows("SELECT * FROM platform_booking ORDER BY start, id")
        return tuple(Booking(**{**row, "held": bool(row["held"])}) for row in rows)

    def approvals(self) -> list[Approval]:
        return [Approval(**row) for row in self._rows("SELECT * FROM approval ORDER BY start, id")]

    def set_approvals(self, approvals: Iterable[Approval]) -> None:
        """Replace them all, but for what was answered meanwhile."""
        with self._changing() as connection:
            # Read here: an answer that comes while a round is thinking must not be lost.
            query = "SELECT id, status FROM approval WHERE status IN ('approved', 'refused')"
            answered = {row["id"]: row["status"] for row in connection.execute(query)}
            connection.execute("DELETE FROM approval")
            for one in approvals:
                kept = replace(one, status=answered.get(one.id, one.status))
                connection.execute(
                    "INSERT INTO approval VALUES (:id, :machine, :start, :end, :probability, :status, :answer_by)",
                    {**asdict(kept), **{name: rfc3339(getattr(kept, name)) for name in _TIMES}},
                )

    def answer(self, approval_id: str, approve: bool, now: datetime) -> Approval | None:
        """None where there is no such request that still waits for an answer at `now`."""
        with self._changing() as connection:
            changed = connection.execute(
                "UPDATE approval SET status = ? WHERE id = ? AND status = 'asked' AND answer_by > ?",
                ("approved" if approve else "refused", approval_id, rfc3339(now)),
            ).rowcount
        return next((one for one in self.approvals() if one.id == approval_id), None) if changed else None

    def add_veto(self, veto: Veto) -> None:
        """The same one twice is one."""
        with self._changing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO veto VALUES (?, ?, ?, ?)",
                (veto.id, veto.machine, rfc3339(veto.start), rfc3339(veto.end)),
            )

    def lift_veto(self, veto_id: str) -> bool:
        """False where there is none."""
        with self._changing() as connection:
            return connection.execute("DELETE FROM veto WHERE id = ?", (veto_id,)).rowcount > 0

    def vetoes(self, now: datetime) -> list[Veto]:
        """Those whose hours are not over, in order of their start."""
        return [
            Veto(**row) for row in self._rows('SELECT * FROM veto WHERE "end" > ? ORDER BY start, id', rfc3339(now))
        ]

    def show_alerts(self, alerts: Sequence[Alert], at: datetime) -> list[Alert]:
        """These hold now: returns those that are new. What holds no longer is cleared."""
        with self._changing() as connection:
            open_keys = {row["key"] for row in connection.execute("SELECT key FROM alert WHERE cleared IS NULL")}
            fresh = [one for one in alerts if one.key not in open_keys]
            for one in fresh:
                connection.execute(
                    "INSERT OR REPLACE INTO alert VALUES (?, ?, ?, ?, ?, ?, NULL)",
                    (one.key, one.kind, one.machine, one.booking, one.sentence, rfc3339(at)),
                )
            for key in open_keys - {one.key for one in alerts}:
                connection.execute("UPDATE alert SET cleared = ? WHERE key = ?", (rfc3339(at), key))
        return fresh

    def alerts(self, limit: int = 200) -> list[RaisedAlert]:
        """Open ones first, then the newest."""
        rows = self._rows("SELECT * FROM alert ORDER BY cleared IS NOT NULL, raised DESC LIMIT ?", limit)
        return [
            RaisedAlert(
                Alert(row["kind"], row["machine"], row["booking"], row["sentence"]),
                datetime.fromisoformat(row["raised"]),
                datetime.fromisoformat(row["cleared"]) if row["cleared"] else None,
            )
            for row in rows
        ]

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _setting(self, name: str) -> Any:
        rows = self._rows("SELECT value FROM setting WHERE name = ?", name)
        return json.loads(rows[0]["value"]) if rows else None

    def _number(self, name: str) -> int:
        return int(self._setting(name) or 0)


def _put(connection: sqlite3.Connection, values: Mapping[str, Any]) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO setting VALUES (?, ?)", [(name, json.dumps(value)) for name, value in values.items()]
    )
