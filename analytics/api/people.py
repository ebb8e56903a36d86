"""Persons who sign in to the control room with a token or a passkey of their own, so that the log says who decided. SQLite; only hashes of tokens, and public
keys, are stored.

The command line writes the file while the server reads it: who is removed is out at once, with their passkeys.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import sqlite3
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telemetry import UserError, rfc3339
from telemetry.sqlite_file import open_sqlite_file

if TYPE_CHECKING:
    from sign_in.passkeys import NewPasskey  # the command line needs no more than tokens

_log = logging.getLogger(__name__)

PEOPLE_FILE = "people.sqlite"
SERVER_TOKEN = "the server's token"  # noqa: S105 - what the log calls who has it
MAX_NAME = 60
MAX_PEOPLE = 1000
"""More can be added once others are removed."""
MAX_PASSKEYS = 20
"""Of a person."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS person (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, folded TEXT NOT NULL UNIQUE, added TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS passkey (
    id TEXT PRIMARY KEY, person TEXT NOT NULL, name TEXT NOT NULL, credential TEXT NOT NULL UNIQUE, public_key TEXT NOT NULL,
    uses INTEGER NOT NULL, added TEXT NOT NULL, last_used TEXT);
CREATE INDEX IF NOT EXISTS passkey_person ON passkey (person);
CREATE TRIGGER IF NOT EXISTS passkeys_go_with_their_person AFTER DELETE ON person BEGIN DELETE FROM passkey WHERE person = old.id; END;
"""
_PASSKEY = "SELECT id, person, name, credential, public_key, uses, added, last_used FROM passkey"


@dataclass(frozen=True, slots=True)
class Person:
    """`id`: hash of the token, so another one after a person was removed and added again."""

    id: str
    name: str
    added: datetime


@dataclass(frozen=True, slots=True)
class Passkey:
    """`person`: the id of whose it is. `uses`: as its authenticator counts them."""

    id: str
    person: str
    name: str
    credential: str
    public_key: str
    uses: int
    added: datetime
    last_used: datetime | None


class People:
    """Thread-safe; several processes may use the file."""

    def __init__(self, path: Path) -> None:
        """Open or create the file, readable by its owner alone. Raises UserError if it cannot be written."""
        self._lock = threading.Lock()
        _make_private(path)
        self._connection = open_sqlite_file(path, _SCHEMA, "the persons of the control room")

    def add(self, name: str, now: datetime) -> str:
        """Add a person; returns their token, which is stored nowhere. Raises UserError if the name cannot be used."""
        found = one_line(name)
        if found is None:
            raise UserError(f"a name has 1 to {MAX_NAME} characters, on one line.")
        name = found
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

    def add_passkey(self, person_id: str, name: str, made: NewPasskey, now: datetime) -> bool:
        """Returns False for somebody who has `MAX_PASSKEYS` or has been removed, and for a passkey that is there already."""
        added = self._select(
            "INSERT OR IGNORE INTO passkey SELECT ?, id, ?, ?, ?, ?, ?, NULL FROM person WHERE id = ?"
            " AND (SELECT count(*) FROM passkey WHERE person = ?) < ? RETURNING id",
            secrets.token_hex(16), name, made.credential, made.public_key, made.uses, rfc3339(now), person_id, person_id, MAX_PASSKEYS,
        )  # fmt: skip
        return bool(added)

    def passkeys_of(self, person_id: str) -> list[Passkey]:
        """The oldest first."""
        return self._passkeys(f"{_PASSKEY} WHERE person = ? ORDER BY added, id", person_id)

    def passkey(self, credential: str) -> Passkey | None:
        """The one that an authenticator calls so."""
        found = self._passkeys(f"{_PASSKEY} WHERE credential = ?", credential)
        return found[0] if found else None

    def record_use(self, passkey: Passkey, uses: int, now: datetime) -> bool:
        """Keep how often the passkey has been used. Returns False where it has been used or removed at the same moment. On a full disk the person still gets in: they may
        have to pull the kill switch."""
        query = "UPDATE passkey SET uses = ?, last_used = ? WHERE id = ? AND uses = ? RETURNING id"
        try:
            return bool(self._select(query, uses, rfc3339(now), passkey.id, passkey.uses))
        except sqlite3.OperationalError as error:
            _log.warning("How often a passkey has been used could not be stored: %s.", error)
            return True

    def rename_passkey(self, person_id: str, passkey_id: str, name: str) -> bool:
        """Returns False for what is another's."""
        query = "UPDATE passkey SET name = ? WHERE id = ? AND person = ? RETURNING id"
        return bool(self._select(query, name, passkey_id, person_id))

    def remove_passkey(self, person_id: str, passkey_id: str) -> str | None:
        """The name of the passkey; None for what is another's."""
        query = "DELETE FROM passkey WHERE id = ? AND person = ? RETURNING name"
        removed = self._select(query, passkey_id, person_id)
        return removed[0][0] if removed else None

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _people(self, query: str, *parameters: str) -> list[Person]:
        return [Person(row[0], row[1], datetime.fromisoformat(row[2])) for row in self._select(query, *parameters)]

    def _passkeys(self, query: str, *parameters: str) -> list[Passkey]:
        return [
            Passkey(
                id=row[0],
                person=row[1],
                name=row[2],
                credential=row[3],
                public_key=row[4],
                uses=row[5],
                added=datetime.fromisoformat(row[6]),
                last_used=datetime.fromisoformat(row[7]) if row[7] is not None else None,
            )
            for row in self._select(query, *parameters)
        ]

    def _select(self, query: str, *parameters: str | int) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(query, parameters).fetchall()


def one_line(name: str) -> str | None:
    """A name as the log can show it; None if it is too long, empty, or not printable."""
    name = " ".join(name.split())
    return name if name and len(name) <= MAX_NAME and name.isprintable() else None


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
