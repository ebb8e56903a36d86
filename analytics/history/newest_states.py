"""The newest state of every machine, which several parts of the server ask for many times a second."""

from __future__ import annotations

import asyncio
import time

from stores import LatestState, StateStore


def machine_names(store: StateStore, factory: str) -> list[str]:
    """The machines that have reported at least once, ordered by name. Raises what the store raises."""
    return [newest.machine for newest in store.latest(factory)]


class NewestStates:
    """Caches the newest states, so that callers in one event loop share a query to the store."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._answers: dict[str, tuple[float, list[LatestState]]] = {}
        self._lock = asyncio.Lock()

    async def read(self, factory: str, max_age_s: float = 0.0) -> list[LatestState]:
        """One state per machine, ordered by name, read at most `max_age_s` seconds ago. Raises what the store raises."""
        if max_age_s <= 0:  # without the lock: a slow answer must not hold up other callers
            return await self._query(factory)
        async with self._lock:
            read_at, states = self._answers.get(factory, (float("-inf"), []))
            if time.monotonic() - read_at >= max_age_s:
                states = await self._query(factory)
            return states

    async def _query(self, factory: str) -> list[LatestState]:
        states = await asyncio.to_thread(self._store.latest, factory)
        self._answers[factory] = (time.monotonic(), states)
        return states
