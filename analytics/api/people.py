"""Persons who sign in to the control room with a token of their own, so that the log says who decided. SQLite; only hashes of tokens are stored.

The command line writes the file while the server reads it: who is removed is out at once.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from telemetry import UserError, rfc3339
from telemetry.sqlite_file import open_sqlite_file

PEOPLE_FILE = "people.sqlite"
SERVER_TOKEN = "the server's token"  # noqa: S105 - what the log calls who has it
MAX_NAME = 60
MAX_PEOPLE = 1000
"""More can be added once others are removed."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS person (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, folded TEXT NOT NULL UNIQUE, added TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Person:
    """`id`: hash of the token, so another one after a person was removed and added again."""

    id: str
    name: str
    added: datetime


class People:
    """Thread-safe; several processes may use the file."""

    def __init__(self, path: Path) -> None:
        """Open or create the file, readable by its owner alone. Raises UserError if it cannot be written."""
        self._lock = threading.Lock()
        _make_private(path)
        self._connection = open_sqlite_file(path, _SCHEMA, "the persons of the control room")

    def add(self, name: str, now: datetime) -> str:
        """Add a person; returns their token, which is stored nowhere. Raises UserError if the name cannot be used."""
        name = " ".join(name.split())
        if not name or len(name) > MAX_NAME or not name.isprintable():
            raise UserError(f"a name has 1 to {MAX_NAME} characters, on one line.")
        if name.casefold() == SERVER_TOKEN:
            raise UserError(f"{name!r} is what the log calls the server's own token; choose another name.")
        if len(self.all()) >= MAX_PEOPLE:
            raise UserError(f"there are {MAX_PEOPLE} persons, which is the maximum; remove others first.")
        token = secrets.token_urlsafe(32)
        try:
            self._select("INSERT INTO person VALUES (?, ?, ?, ?)", _hash(token), name, name.casefold(), rfc3339(now))
        except sqlite3.IntegrityError:
            raise UserError(
                f"there is a person named {name} already; remove them first, or choose another name."
            ) from None
        return token

    def remove(self, name: str) -> bool:
        """Remove a person, whose token and sessions no longer count. Returns False if there is nobody of that name."""
        return bool(self._select("DELETE FROM person WHERE folded = ? RETURNING id", " ".join(name.split()).casefold()))

    def all(self) -> list[Person]:
        """Everybody, by name."""
        return self._people("SELECT id, name, added FROM person ORDER BY folded")

    def of_token(self, token: str) -> Person | None:
        """Whose token this is; None if it is nobody's."""
        return self.of_id(_hash(token))

    def of_id(self, person_id: str) -> Person | None:
        """The person, or None once they are removed."""
        found = self._people("SELECT id, name, added FROM person WHERE id = ?", person_id)
        return found[0] if found else None

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _people(self, query: str, *parameters: str) -> list[Person]:
        return [Person(row[0], row[1], datetime.fromisoformat(row[2])) for row in self._select(query, *parameters)]

    def _select(self, query: str, *parameters: str) -> list[tuple[str, ...]]:
        with self._lock:
            return self._connection.execute(query, parameters).fetchall()


def _make_private(path: Path) -> None:
    """SQLite gives the files beside it the same permissions. Where root creates it, it belongs to the owner of its folder, who runs the server."""
    with suppress(OSError):  # opening it says what is wrong
        path.parent.mkdir(parents=True, exist_ok=True)
        new = not path.exists()
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        path.chmod(0o600)
        if new and os.getuid() == 0:
            folder = path.parent.stat()
            os.chown(path, folder.st_uid, folder.st_gid)


def _hash(token: str) -> str:
    """Without salt, because tokens are long and random."""
    return hashlib.sha256(token.encode()).hexdigest()
