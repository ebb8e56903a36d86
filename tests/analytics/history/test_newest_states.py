"""Newest states are read from the store once for all callers that accept their age."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from analytics.history.newest_states import NewestStates, machine_names
from stores import LatestState
from telemetry import MachineState, StateInterval
from tests.analytics.tables import utc

STATE = LatestState("hal-2", "mill-1", StateInterval(MachineState.EXECUTING, utc(5), utc(6)))


class CountingStore:
    """Counts queries per factory."""

    def __init__(self) -> None:
        self.queries: list[str] = []

    def latest(self, factory: str) -> list[LatestState]:
        self.queries.append(factory)
        return [STATE]


async def test_callers_share_a_query() -> None:
    store: Any = CountingStore()
    newest = NewestStates(store)
    answers = await asyncio.gather(*(newest.read("hal-2", 60) for _ in range(5)))
    assert answers == [[STATE]] * 5
    assert store.queries == ["hal-2"]
    await newest.read("genk", 60)
    assert store.queries == ["hal-2", "genk"]


async def test_a_caller_that_accepts_no_age_always_asks_the_store() -> None:
    store: Any = CountingStore()
    newest = NewestStates(store)
    await newest.read("hal-2")
    await newest.read("hal-2")
    assert len(store.queries) == 2
    await newest.read("hal-2", 60)
    assert len(store.queries) == 2


def test_machine_names() -> None:
    assert machine_names(cast("Any", CountingStore()), "hal-2") == ["mill-1"]
