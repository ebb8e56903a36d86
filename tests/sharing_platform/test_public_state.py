"""What can be read off of a factory's production: nothing finer than the quarter of an hour, and nothing of who has booked what."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from contextlib import ExitStack
from datetime import timedelta
from types import SimpleNamespace

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharing_platform import live_updates
from sharing_platform.bounds import Bounds
from sharing_platform.live_updates import TOPICS, Listener, LiveUpdates
from sharing_platform.machines.public_state import ReportedState, public_state, report
from sharing_platform.machines.windows import quarter_of
from tests.sharing_platform.conftest import NOON, Platform
from tests.sharing_platform.crawl import crawl

STATES = ("in_use", "standing_still", "out_of_service", "unknown")


@given(st.lists(st.tuples(st.integers(0, 5400), st.sampled_from(STATES)), min_size=1).map(sorted), st.integers(0, 7200))
def test_others_see_the_state_at_the_beginning_of_the_quarter(reports: list[tuple[int, str]], look_s: int) -> None:
    reported: ReportedState | None = None
    for second, state in reports:
        if second <= look_s:
            reported = report(reported, state, NOON + timedelta(seconds=second))
    if reported is None:
        return
    look = NOON + timedelta(seconds=look_s)
    began = (quarter_of(look) - NOON).total_seconds()
    before = [state for second, state in reports if second < began] or [reports[0][1]]
    assert public_state(reported, look) == ("free" if before[-1] == "standing_still" else "not_free")


def test_a_state_that_is_no_longer_shared_is_gone_at_once() -> None:
    shared = report(None, "in_use", NOON)
    assert public_state(report(shared, "not_shown", NOON + timedelta(minutes=20)), NOON + timedelta(minutes=20)) == "not_shown"  # fmt: skip


def state(client: httpx2.Client) -> tuple[str, str | None, str | None]:
    shown = client.get("/api/v1/machines/hal-2/mill-1").json()
    return shown["now"], shown["since"], shown["as_of"]


def test_others_see_free_or_not_and_its_own_people_see_everything(platform: Platform) -> None:
    platform.offer("o1", 3, 40)
    own = platform.somebody("eva@x.be", "hal-2")
    platform.machine(now="standing_still", since="2026-03-02T10:59:12.345Z")
    platform.present[0] += timedelta(minutes=7)
    platform.machine(now="in_use", since="2026-03-02T11:06:58.123Z")
    for client in (platform.anyone, platform.startup):
        assert state(client) == ("free", None, "2026-03-02T11:00:00Z")
        assert "58.123" not in client.get("/api/v1/machines/hal-2/mill-1").text
        assert 'data-now="free"' in client.get("/parts/machines").text
    for client in (platform.hal_2, own):
        assert state(client) == ("in_use", "2026-03-02T11:06:58.123000Z", None)
    assert 'data-now="in_use"' in own.get("/parts/machines").text
    platform.present[0] += timedelta(minutes=8)
    for client in (platform.anyone, platform.startup):
        assert state(client) == ("not_free", None, "2026-03-02T11:15:00Z")
    platform.machine(now="not_shown")
    assert state(platform.anyone)[0] == "not_shown"


@pytest.mark.parametrize("how", ["held", "booked", "withdrawn"])
def test_others_do_not_learn_why_hours_are_not_free(platform: Platform, how: str) -> None:
    platform.machine()
    platform.offer("o1", 3, 4, booking="on_request" if how == "held" else "instant")
    platform.offer("o2", 30, 4)
    if how == "withdrawn":
        platform.hal_2.delete("/api/v1/offers/o1")
    else:
        assert platform.startup.post("/api/v1/offers/o1/booking").status_code == 201
    assert platform.hal_2.get("/api/v1/offers/o1").json()["status"] == how
    for client in (platform.anyone, platform.hal_3):
        assert client.get("/api/v1/offers/o1").json()["status"] == "not_free"
        assert client.get("/offers/o1").status_code == 409
    asked = platform.hal_3.post("/api/v1/offers/o1/booking")
    assert (asked.status_code, asked.json()["code"], len(asked.json()["alternatives"])) == (409, "taken", 1)


def test_nothing_that_others_can_read_is_finer_than_the_quarter(platform: Platform) -> None:
    platform.offer("o1", 3, 40, booking="on_request", minimum_hours=1)
    platform.startup.post("/api/v1/offers/o1/booking", json={"end": (NOON + timedelta(hours=4)).isoformat()})
    platform.present[0] += timedelta(minutes=7, seconds=31)
    platform.machine(now="in_use", since="2026-03-02T11:06:58.123Z")
    for client in (platform.anyone, platform.hal_3):
        for path, answer in crawl(client).items():
            for word in ('"in_use"', '"standing_still"', '"held"', '"booked"', "11:06", "12:06", "11:07:31", ":58.123"):
                assert word not in answer.partition("\n")[2], (path, word)


def test_open_pages_of_others_are_told_at_quarters_alone() -> None:
    async def heard(organisation: str | None) -> list[set[str]]:
        live, found = LiveUpdates(NOON, Bounds()), list[set[str]]()
        with live.opened(Listener("192.0.2.1", "somebody", organisation)) as page:
            live.publish("machines", "hal-2")
            await asyncio.sleep(0)
            found.append(set(page.topics))
            page.topics.clear()
            page.woken.clear()
            live.publish_quarter(NOON + timedelta(minutes=15))
            found.append(await anext(aiter(page.changes())))
        return found

    assert asyncio.run(heard("hal-2")) == [{"machines"}, set(TOPICS)]
    assert asyncio.run(heard("hal-3")) == [set(), set(TOPICS)]
    assert asyncio.run(heard(None)) == [set(), set(TOPICS)]


def test_each_quarter_is_told_whether_anything_has_happened_or_not(platform: Platform) -> None:
    with platform.anyone.stream("GET", "/live") as stream:
        lines = (line for line in stream.iter_lines() if line.startswith("event:"))
        assert [next(lines) for _ in TOPICS] == ["event: machines", "event: offers"]
        platform.machine(now="in_use")
        platform.offer()
        platform.later(0.1)
        platform.later(0.25)
        assert [next(lines) for _ in TOPICS] == ["event: machines", "event: offers"]
        platform.later(0.25)
        assert [next(lines) for _ in TOPICS] == ["event: machines", "event: offers"], (
            "and not for what happened meanwhile"
        )


def test_a_page_that_has_just_been_made_is_not_told_to_ask_again(platform: Platform) -> None:
    """It would ask for all that it shows a second time. Of a member's page nobody knows what it was not told."""
    found = re.search(r'data-live="([^"]+)"', platform.anyone.get("/").text)
    assert found is not None
    with (
        platform.anyone.stream("GET", found[1]) as stream,
        platform.somebody("an@hal-2.be", "hal-2").stream("GET", found[1]) as own,
    ):
        lines, told = ((line for line in one.iter_lines() if line.startswith("event:")) for one in (stream, own))
        assert next(told) == "event: machines"
        platform.later(0.25)
        assert [next(lines) for _ in TOPICS] == ["event: machines", "event: offers"]
        assert [next(told) for _ in range(3)] == ["event: offers", "event: machines", "event: offers"]
    with platform.anyone.stream("GET", found[1]) as late:
        assert next(line for line in late.iter_lines() if line.startswith("event:")) == "event: machines"


def test_pages_are_told_of_a_quarter_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of them at once, where the others' turn is in a hundred seconds."""
    turns = itertools.cycle((0.0, 1.0))
    monkeypatch.setattr(live_updates, "random", SimpleNamespace(random=lambda: next(turns)))

    async def told(a_page_s: float, wanted: int) -> int:
        monkeypatch.setattr(live_updates, "_A_PAGE_S", a_page_s)
        live = LiveUpdates(NOON, Bounds())
        with ExitStack() as opened:
            pages = [opened.enter_context(live.opened(Listener(f"192.0.2.{number // 40}"))) for number in range(200)]
            live.publish_quarter(NOON + timedelta(minutes=15))
            async with asyncio.timeout(30):
                while sum(bool(page.topics) for page in pages) < wanted:
                    await asyncio.sleep(0.001)
            return sum(bool(page.topics) for page in pages)

    assert asyncio.run(told(0.5, 100)) == 100, "not all at once"
    assert asyncio.run(told(0.0, 200)) == 200


def test_json_ld_says_only_what_is_free(platform: Platform) -> None:
    platform.machine(now="in_use", since=NOON.isoformat())
    platform.offer()
    markup = platform.anyone.get("/offers/o1").text.partition('ld+json">')[2].partition("</script>")[0]
    assert json.loads(markup)["availability"] == "https://schema.org/InStock"
    assert "in_use" not in markup
