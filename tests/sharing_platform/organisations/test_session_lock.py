"""Somebody who has not used the platform for a while signs in again; what an open page asks by itself is no use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import httpx2
import pytest
from sqlalchemy import event, text

from sharing_platform.organisations import accounts
from telemetry import UserError
from tests.sharing_platform.conftest import NOON, Platform
from vrijloop.platform_server import read_lock

HOUR = timedelta(hours=1)
OPENS, BY_ITSELF = {"Sec-Fetch-Dest": "document"}, {"Sec-Fetch-Dest": "empty"}


@pytest.fixture
def locking(platform: Platform) -> Iterator[Platform]:
    assert platform.app is not None
    before = platform.context
    platform.app.state.context = replace(before, lock_after=12 * HOUR)
    yield platform
    platform.app.state.context = before


def is_in(browser: httpx2.Client, **headers: str) -> bool:
    return browser.get("/api/v1/account", headers=headers).status_code == 200


def test_a_session_goes_on_while_somebody_is_there_and_ends_after_a_night(locking: Platform) -> None:
    own = locking.somebody("o@hal.be", "hal-2")
    for headers in (OPENS, {}, OPENS):  # programs with a session send no fetch metadata
        assert is_in(own, **headers)
        locking.present[0] += 11 * HOUR
    assert is_in(own, **OPENS)
    for _ in range(3):
        locking.present[0] += 3.9 * HOUR
        assert is_in(own, **BY_ITSELF)
    locking.present[0] += HOUR
    assert not is_in(own, **OPENS)
    page = own.get("/desk", headers=OPENS | {"Accept": "text/html"}, follow_redirects=False)
    assert page.headers["location"].startswith("/sign-in")


def test_what_somebody_sends_is_a_use(locking: Platform) -> None:
    own = locking.somebody("o@hal.be", "hal-2")
    for _ in range(3):
        locking.present[0] += 11 * HOUR
        assert own.put("/api/v1/account", json={"name": "O"}, headers=BY_ITSELF).status_code != 401


def test_one_that_was_never_used_ends_as_well(locking: Platform) -> None:
    own = locking.somebody("o@hal.be", "hal-2")
    locking.present[0] += 12 * HOUR
    assert not is_in(own, **OPENS)


def test_no_use_makes_it_last_longer_than_it_may(locking: Platform) -> None:
    own = locking.somebody("o@hal.be", "hal-2")
    used = 0
    while is_in(own, **OPENS):
        used += 1
        locking.present[0] += 6 * HOUR
    assert used == 14 * 4, "also in its last hours"


def test_a_use_is_written_down_now_and_then(locking: Platform) -> None:
    """Reading pages does not write to the database each time."""
    own, written = locking.somebody("o@hal.be", "hal-2"), list[timedelta]()
    engine = locking.context.sessions.kw["bind"]

    def count(_: object, __: object, statement: str, *___: object) -> None:
        if statement.startswith("UPDATE web_session"):
            written.append(locking.present[0] - NOON)

    event.listen(engine, "before_cursor_execute", count)
    for _ in range(60):
        locking.present[0] += timedelta(minutes=2)
        assert is_in(own, **OPENS)
    event.remove(engine, "before_cursor_execute", count)
    assert 2 <= len(written) <= 4
    assert all(later - earlier > 12 * HOUR / 20 for earlier, later in pairwise(written))


def test_without_a_lock_nothing_is_written(platform: Platform) -> None:
    own = platform.somebody("o@hal.be", "hal-2")
    platform.present[0] += 13 * 24 * HOUR
    assert is_in(own, **OPENS)
    with platform.context.sessions() as session:
        ends = session.execute(text("SELECT expires - created FROM web_session")).scalar()
    assert ends == accounts.SESSION_LIFE


def test_the_region_says_how_long() -> None:
    assert read_lock("15min") == HOUR / 4
    assert read_lock("14d") == accounts.SESSION_LIFE
    for wrong in ("1min", "15d", "soon", ""):
        with pytest.raises(UserError, match="no time from 5min to 14d"):
            read_lock(wrong)
