"""In-memory index of what can be found. Read once, and again after a change."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from sharing_platform.search.models import IndexVersion

_K = TypeVar("_K")
_V = TypeVar("_V")
_ROW = 1


class SearchIndex(Generic[_K, _V]):
    """One per process; calls come from several threads. `read` reads all entries from the database."""

    def __init__(self, read: Callable[[Session], dict[_K, _V]]) -> None:
        self._read = read
        self._reading = threading.Lock()
        self._version: int | None = None
        self._entries: dict[_K, _V] = {}

    def entries(self, session: Session) -> dict[_K, _V]:
        """By key, as this session sees them."""
        version = session.scalar(select(IndexVersion.version))
        with self._reading:
            if version != self._version:
                self._entries = self._read(session)
                self._version = version
            return self._entries


def mark_index_changed(session: Session) -> None:
    """To be called in the transaction of a change to machines or organisations that can be found."""
    grown = update(IndexVersion).where(IndexVersion.id == _ROW)
    session.execute(grown.values(version=IndexVersion.version + 1))
