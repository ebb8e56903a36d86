"""Persistent state of the publisher: wanted slots, bookings, approvals, vetoes, alerts and the kill switch. SQLite."""

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

from analytics.i18n import Translator
from analytics.policy.approvals import Approval
from analytics.policy.slot import Slot, Window
from analytics.policy.vetoes import Veto
from analytics.publishing.alerts import Alert
from analytics.publishing.platform_client import Booking
from telemetry import rfc3339
from telemetry.sqlite_file import RESERVE_BYTES, add_columns, open_sqlite_file, transaction

_SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
DROP TABLE IF EXISTS booking; -- replaced by platform_booking; bookings are read from the platform again
CREATE TABLE IF NOT EXISTS platform_booking (
    id TEXT PRIMARY KEY, machine TEXT NOT NULL, start TEXT NOT NULL, "end" TEXT NOT NULL, held INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS approval (
    id TEXT PRIMARY KEY, machine TEXT NOT NULL, start TEXT NOT NULL, "end" TEXT NOT NULL, probability REAL NOT NULL,
    status TEXT NOT NULL, answer_by TEXT NOT NULL, person TEXT);
CREATE TABLE IF NOT EXISTS veto (
    id TEXT PRIMARY KEY, machine TEXT NOT NULL, start TEXT NOT NULL, "end" TEXT NOT NULL, person TEXT);
CREATE TABLE IF NOT EXISTS alert (
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, machine TEXT NOT NULL, booking TEXT NOT NULL, sentence TEXT NOT NULL,
    raised TEXT NOT NULL, cleared TEXT, facts TEXT);
"""
_ADDED = {
    "alert": {"facts": "TEXT"},
    "approval": {"person": "TEXT"},
    "veto": {"person": "TEXT"},
    "platform_booking": {"kept": "INTEGER NOT NULL DEFAULT 0"},
}
"""Columns that files of earlier versions lack. `facts`: the values of an alert's sentence, as JSON."""
_ALERT_TIMES = ("start", "end", "since", "planned")
_TIMES = ("start", "end", "answer_by")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The slots that should stand on the platform, as decided at `at`. Decisions are numbered."""

    at: datetime
    slots: tuple[Slot, ...]
    number: int


@dataclass(frozen=True, slots=True)
class KillSwitchSetting:
    """`at`: when it was set, None if it never was; `person`: by whom, None where it was with the server's token."""

    on: bool
    person: str | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class RaisedAlert:
    """An alert, when it was raised, and when it was cleared. Alerts of earlier versions have their sentence alone, and no values."""

    alert: Alert
    raised: datetime
    cleared: datetime | None
    sentence: str

    def written(self, translator: Translator) -> str:
        """As `Alert.written`."""
        return self.alert.written(translator) if self.alert.values else self.sentence


class PublisherState:
    """Every change is durable when the call returns. Thread-safe."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises UserError if it cannot be written."""
        self._lock = threading.Lock()
        # A veto and the kill switch must work on a full disk too.
        self._connection = open_sqlite_file(path, _SCHEMA, "the publisher's state", RESERVE_BYTES)
        for table, columns in _ADDED.items():
            add_columns(self._connection, table, columns)
        self._connection.row_factory = sqlite3.Row

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, transaction(self._connection):
            yield self._connection

    def _rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        with self._lock:
            found = [dict(row) for row in self._connection.execute(query, parameters).fetchall()]
        for row in found:
            row.update({name: datetime.fromisoformat(row[name]) for name in _TIMES if name in row})
        return found

    def set_wanted(self, slots: Sequence[Slot], at: datetime) -> None:
        """Replace the slots that should be offered."""
        rows = [_slot_row(slot) for slot in slots]
        values = {"wanted": {"at": rfc3339(at), "slots": rows}, "wanted_number": self._number("wanted_number") + 1}
        with self._transaction() as connection:
            _put(connection, values)

    def wanted(self) -> Wanted | None:
        number, stored = self._number("wanted_number"), self._setting("wanted")
        if stored is None:
            return None
        slots = [_slot_from(row) for row in stored["slots"]]
        return Wanted(datetime.fromisoformat(stored["at"]), tuple(slots), number)

    def mark_delivered(self, wanted: Wanted) -> None:
        """Record that `wanted` is delivered. A later decision stays pending."""
        with self._transaction() as connection:
            _put(connection, {"delivered_number": wanted.number})

    @property
    def pending(self) -> bool:
        """Whether the newest decision has not been delivered. Called every few seconds, so it reads no slots."""
        return self._number("wanted_number") != self._number("delivered_number")

    @property
    def kill_switch(self) -> bool:
        """While on, nothing of this factory is offered."""
        return bool(self._setting("kill_switch"))

    def kill_switch_setting(self) -> KillSwitchSetting:
        """The kill switch, and who has set it."""
        by = self._setting("kill_switch_set_by") or {"person": None, "at": None}
        at = datetime.fromisoformat(by["at"]) if by["at"] is not None else None
        return KillSwitchSetting(self.kill_switch, by["person"], at)

    def set_kill_switch(self, on: bool, person: str | None, at: datetime) -> None:
        """`person`: who sets it, None with the server's token."""
        with self._transaction() as connection:
            _put(connection, {"kill_switch": on, "kill_switch_set_by": {"person": person, "at": rfc3339(at)}})

    def note(self, name: str) -> Any:
        """The value stored under a name, or None."""
        return self._setting(f"note_{name}")

    def set_note(self, name: str, value: Any) -> None:
        """Store a JSON value under a name."""
        with self._transaction() as connection:
            _put(connection, {f"note_{name}": value})

    def salt(self) -> bytes:
        """Salt of the names under which anonymous machines were offered before the platform gave them aliases; created once."""
        with self._transaction() as connection:
            new_salt = json.dumps(secrets.token_hex(16))
            connection.execute("INSERT OR IGNORE INTO setting VALUES ('salt', ?)", (new_salt,))
            row = connection.execute("SELECT value FROM setting WHERE name = 'salt'").fetchone()
        return bytes.fromhex(json.loads(row["value"]))

    def set_bookings(self, bookings: Iterable[Booking]) -> None:
        """Replace the bookings by those last read from the platform."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM platform_booking")
            connection.executemany(
                'INSERT INTO platform_booking (id, machine, start, "end", held, kept) VALUES (?, ?, ?, ?, ?, ?)',
                [
                    (
                        booking.id,
                        booking.machine,
                        rfc3339(booking.start),
                        rfc3339(booking.end),
                        booking.held,
                        booking.kept,
                    )
                    for booking in bookings
                ],
            )

    def bookings(self) -> tuple[Booking, ...]:
        rows = self._rows("SELECT * FROM platform_booking ORDER BY start, id")
        return tuple(Booking(**{**row, "held": bool(row["held"]), "kept": bool(row["kept"])}) for row in rows)

    def approvals(self) -> list[Approval]:
        return [Approval(**row) for row in self._rows("SELECT * FROM approval ORDER BY start, id")]

    def set_approvals(self, approvals: Iterable[Approval]) -> None:
        """Replace all approvals, but keep answers given in the meantime."""
        with self._transaction() as connection:
            # Read here, inside the transaction: an answer given while a round is computing must not be lost.
            query = "SELECT id, status, person FROM approval WHERE status IN ('approved', 'refused')"
            answered = {row["id"]: (row["status"], row["person"]) for row in connection.execute(query)}
            connection.execute("DELETE FROM approval")
            for approval in approvals:
                status, person = answered.get(approval.id, (approval.status, approval.person))
                current = replace(approval, status=status, person=person)
                connection.execute(
                    'INSERT INTO approval (id, machine, start, "end", probability, status, answer_by, person) '
                    "VALUES (:id, :machine, :start, :end, :probability, :status, :answer_by, :person)",
                    {**asdict(current), **{name: rfc3339(getattr(current, name)) for name in _TIMES}},
                )

    def answer(self, approval_id: str, approve: bool, now: datetime, person: str | None = None) -> Approval | None:
        """Answer a request. `person`: who does, None with the server's token. Returns None if no such request is waiting for an answer at `now`."""
        with self._transaction() as connection:
            changed = connection.execute(
                "UPDATE approval SET status = ?, person = ? WHERE id = ? AND status = 'asked' AND answer_by > ?",
                ("approved" if approve else "refused", person, approval_id, rfc3339(now)),
            ).rowcount
        return (
            next((approval for approval in self.approvals() if approval.id == approval_id), None) if changed else None
        )

    def add_veto(self, veto: Veto) -> None:
        """Add a veto. Adding it again has no effect."""
        with self._transaction() as connection:
            connection.execute(
                'INSERT OR REPLACE INTO veto (id, machine, start, "end", person) VALUES (?, ?, ?, ?, ?)',
                (veto.id, veto.machine, rfc3339(veto.start), rfc3339(veto.end), veto.person),
            )

    def lift_veto(self, veto_id: str) -> Veto | None:
        """Delete a veto. Returns None if there is none."""
        rows = self._rows("DELETE FROM veto WHERE id = ? RETURNING *", veto_id)
        return Veto(**rows[0]) if rows else None

    def vetoes(self, now: datetime) -> list[Veto]:
        """Vetoes that have not ended, ordered by start."""
        return [
            Veto(**row) for row in self._rows('SELECT * FROM veto WHERE "end" > ? ORDER BY start, id', rfc3339(now))
        ]

    def update_alerts(self, alerts: Sequence[Alert], at: datetime) -> list[Alert]:
        """Set the alerts that hold now: store new ones, and what has changed of others, and clear those that no longer hold. Returns the new
        ones."""
        with self._transaction() as connection:
            standing = {
                row["key"]: row["facts"]
                for row in connection.execute("SELECT key, facts FROM alert WHERE cleared IS NULL")
            }
            for alert in alerts:
                facts = json.dumps(alert.plain_values())
                if alert.key not in standing:
                    connection.execute(
                        "INSERT OR REPLACE INTO alert (key, kind, machine, booking, sentence, raised, facts) VALUES (?, ?, ?, ?, ?, ?, ?)",
                        (alert.key, alert.kind, alert.machine, alert.booking, alert.sentence, rfc3339(at), facts),
                    )
                elif standing[alert.key] != facts:
                    connection.execute(
                        "UPDATE alert SET sentence = ?, facts = ? WHERE key = ?", (alert.sentence, facts, alert.key)
                    )
            for key in standing.keys() - {alert.key for alert in alerts}:
                connection.execute("UPDATE alert SET cleared = ? WHERE key = ?", (rfc3339(at), key))
        return [alert for alert in alerts if alert.key not in standing]

    def alerts(self, limit: int = 200) -> list[RaisedAlert]:
        """Open alerts first, then the newest."""
        rows = self._rows("SELECT * FROM alert ORDER BY cleared IS NOT NULL, raised DESC LIMIT ?", limit)
        return [
            RaisedAlert(
                Alert(row["kind"], row["machine"], row["booking"], _alert_values(row["facts"])),
                datetime.fromisoformat(row["raised"]),
                datetime.fromisoformat(row["cleared"]) if row["cleared"] else None,
                row["sentence"],
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


def _alert_values(facts: str | None) -> dict[str, datetime | str]:
    """Earlier versions wrote none."""
    return {
        name: datetime.fromisoformat(value) if name in _ALERT_TIMES else value
        for name, value in json.loads(facts or "{}").items()
    }


def _slot_row(slot: Slot) -> dict[str, Any]:
    row = {**asdict(slot), **_span_row(slot)}
    return {**row, "windows": [{"probability": window.probability, **_span_row(window)} for window in slot.windows]}


def _span_row(span: Slot | Window) -> dict[str, str]:
    return {"start": rfc3339(span.start), "end": rfc3339(span.end)}


def _slot_from(row: Mapping[str, Any]) -> Slot:
    """Earlier versions wrote no windows."""
    windows = tuple(Window(**{**window, **_span_from(window)}) for window in row.get("windows", ()))
    return Slot(**{**row, **_span_from(row), "windows": windows})


def _span_from(row: Mapping[str, Any]) -> dict[str, datetime]:
    return {name: datetime.fromisoformat(row[name]) for name in ("start", "end")}
