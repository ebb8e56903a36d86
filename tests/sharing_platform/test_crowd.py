"""Many at once: they wait for each other, and are answered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from sqlalchemy import text

from sharing_platform.database import AT_WORK, READERS
from tests.servers import wait_for
from tests.sharing_platform.conftest import Platform, client

_CROWD = 4 * (AT_WORK + READERS)


def test_a_crowd_is_answered(platform: Platform) -> None:
    """When some had a connection and waited for a thread, and others a thread and waited for a connection, nobody was answered for half a minute."""
    limits = httpx2.Limits(max_connections=_CROWD)
    with client(platform.url, 60, limits=limits) as everybody, ThreadPoolExecutor(_CROWD) as crowd:
        answers = list(crowd.map(lambda number: everybody.get(("/api/v1/offers", "/")[number % 2]), range(2 * _CROWD)))
    assert {one.status_code for one in answers} == {200}


@pytest.mark.parametrize("platform", ["postgresql"], indirect=True)
def test_who_searches_by_program_does_not_wait_for_a_crowd_that_opens_pages(platform: Platform) -> None:
    """Three hundred pages that were opened at once had all threads, and a search took as long as all of them."""
    limits = httpx2.Limits(max_connections=_CROWD)
    paths = ("/", "/parts/offers", "/parts/machines", "/offers/none")  # the last one shows the list, too
    with client(platform.url, 60, limits=limits) as everybody, ThreadPoolExecutor(_CROWD) as crowd:
        with platform.context.sessions.begin() as session:
            session.execute(text("LOCK TABLE neighbour IN ACCESS EXCLUSIVE MODE"))  # which pages alone read
            pages = [crowd.submit(everybody.get, f"{paths[number % 4]}?q={number}") for number in range(_CROWD)]
            wait_for(lambda: _waiting_for_locks(platform) > 3, "pages to wait for the table")
            for _ in range(3):
                assert platform.anyone.get("/api/v1/offers").status_code == 200
            assert not any(one.done() for one in pages)
        assert {one.result().status_code for one in pages} == {200, 404}


def _waiting_for_locks(platform: Platform) -> int:
    with platform.context.sessions() as session:
        return int(session.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one())
