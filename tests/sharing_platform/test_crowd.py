"""Many at once: they wait for each other, and are answered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx2

from sharing_platform.database import AT_WORK, READERS
from tests.sharing_platform.conftest import Platform, client

_CROWD = 4 * (AT_WORK + READERS)


def test_a_crowd_is_answered(platform: Platform) -> None:
    """When some had a connection and waited for a thread, and others a thread and waited for a connection, nobody was answered for half a minute."""
    limits = httpx2.Limits(max_connections=_CROWD)
    with client(platform.url, 60, limits=limits) as everybody, ThreadPoolExecutor(_CROWD) as crowd:
        answers = list(crowd.map(lambda number: everybody.get(("/api/v1/offers", "/")[number % 2]), range(2 * _CROWD)))
    assert {one.status_code for one in answers} == {200}
