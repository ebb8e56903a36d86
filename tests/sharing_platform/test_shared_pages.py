"""Pages that are made once for all strangers: never older than what they show, the same from every process, and nobody's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPConnection
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import event, select

from sharing_platform.app import PlatformSettings
from sharing_platform.database import read_session
from sharing_platform.federation.models import Neighbour
from sharing_platform.machines.shared_pages import SharedPages
from sharing_platform.organisations.permissions import Kind, Role
from sharing_platform.public_version import public_version
from sharing_platform.regional_statistics.models import SearchCount
from tests.platform_databases import create_kept_app
from tests.servers import serving
from tests.sharing_platform.conftest import NOON, TOKENS, Platform, client
from tests.sharing_platform.federation.sample import add_neighbour
from tests.sharing_platform.test_pictures import drawn

PATHS = ("/", "/?process=milling", "/?view=week", "/?hours=40", "/parts/offers", "/parts/machines")
MACHINE = "/api/v1/machines/hal-2/mill-1"


@dataclass
class World:
    """Two processes of a platform over one database; strangers ask the second, everybody else the first."""

    platform: Platform
    second: FastAPI
    stranger: httpx2.Client
    owner: httpx2.Client
    region: httpx2.Client

    def seen(self) -> dict[str, str]:
        return {path: self.stranger.get(path).text for path in PATHS}

    def seen_anew(self) -> dict[str, str]:
        self.second.state.shared_pages = SharedPages()
        return self.seen()


@pytest.fixture
def world(platform: Platform) -> Iterator[World]:
    owner = platform.somebody("eva@hal.be", "hal-2", kind=Kind.FACTORY)
    region = platform.somebody("rina@limburg.be", "limburg", Role.PLANNER, Kind.REGION)
    platform.machine(process="milling", now="in_use", since="2026-03-02T10:00:00Z")
    platform.machine("lathe-1", "Draaibank", process="turning")
    platform.offer("o1", 3, 8, minimum_hours=1, price_per_hour="60", cancellation_hours=0)
    platform.offer("soon", 0.2, 0.505, machine="lathe-1", minimum_hours=0.25)
    platform.offer("later", 60, 8, machine="lathe-1")
    # From here on, requests of the owner say what they change.
    database = platform.context.sessions.kw["bind"].url.render_as_string(hide_password=False)
    settings = PlatformSettings(database, TOKENS, url=platform.url, scheduler_interval_s=3600)
    second = create_kept_app(settings, lambda: platform.present[0], process=2)
    with serving(second) as url, client(url, headers={"Host": platform.url.removeprefix("http://")}) as stranger:
        yield World(platform, second, stranger, owner, region)


def _put(path: str, **body: Any) -> Callable[[World], object]:
    return lambda world: world.platform.hal_2.put(path, json=body).raise_for_status()


def _owner_puts(path: str, **body: Any) -> Callable[[World], object]:
    return lambda world: world.owner.put(path, json=body).raise_for_status()


def _book(world: World) -> str:
    public = world.platform.anyone.get("/api/v1/offers?process=milling").json()["offers"][0]["id"]
    hours = {"start": (NOON + timedelta(hours=5)).isoformat(), "end": (NOON + timedelta(hours=7)).isoformat()}
    answer = world.platform.startup.post(f"/api/v1/offers/{public}/booking", json=hours)
    return str(answer.raise_for_status().json()["id"])


def _book_and_cancel(world: World) -> None:
    booking = _book(world)
    world.seen()
    world.platform.startup.post(f"/api/v1/bookings/{booking}/state", json={"state": "cancelled"}).raise_for_status()
    world.platform.offer("o1", 3, 7, minimum_hours=1)


def _keep(world: World) -> None:
    body = {"machine": "mill-1", "start": (NOON + timedelta(hours=5)).isoformat(), "end": (NOON + timedelta(hours=7)).isoformat()}  # fmt: skip
    world.platform.hal_2.post("/api/v1/kept-hours", json=body).raise_for_status()


def _release(world: World) -> None:
    _keep(world)
    world.seen()
    kept = world.platform.hal_2.get("/api/v1/kept-hours").json()["kept"][0]["id"]
    world.platform.hal_2.delete(f"/api/v1/kept-hours/{kept}").raise_for_status()
    world.platform.offer("o1", 3, 7, minimum_hours=1)


def _take_down(world: World) -> None:
    report = {"page": "/machines/hal-2/mill-1", "category": "misleading", "text": "Klopt niet.", "email": "jef@x.be"}
    world.platform.anyone.post("/api/v1/reports", json=report).raise_for_status()
    waiting = world.region.get("/api/v1/region/reports").json()["reports"][0]["id"]
    decision = {"outcome": "taken_down", "ground": "misleading", "text": "Geen bewijs van keuring."}
    world.region.post(f"/api/v1/region/reports/{waiting}/decision", json=decision).raise_for_status()


def _picture(world: World) -> None:
    files = [("files", ("a.jpg", drawn(size=(300, 240)), "image/jpeg"))]
    world.owner.post(f"{MACHINE}/pictures", data={"alt": "De tafel"}, files=files).raise_for_status()


def _no_picture(world: World) -> None:
    _picture(world)
    world.seen()
    picture = world.owner.get(f"{MACHINE}/pictures").json()["pictures"][0]["id"]
    world.owner.delete(f"{MACHINE}/pictures/{picture}").raise_for_status()
    world.platform.machine(title="Freesbank")


def _refuse(world: World) -> None:
    body = {"approved": False, "reason": "Bestaat niet."}
    world.region.put("/api/v1/region/organisations/hal-2/approval", json=body).raise_for_status()


def _neighbour_ends(world: World) -> None:
    add_neighbour(world.platform)
    world.seen()
    with world.platform.context.sessions.begin() as session:
        session.scalars(select(Neighbour)).one().state = "ended"
    world.platform.machine(title="Freesbank")


def _pass(minutes: float) -> Callable[[World], None]:
    def pass_by(world: World) -> None:
        world.platform.present[0] += timedelta(minutes=minutes)

    return pass_by


CHANGES: dict[str, Callable[[World], object]] = {
    "an offer": lambda world: world.platform.offer("o2", 20, 4),
    "another price": lambda world: world.platform.offer("o1", 3, 8, minimum_hours=1, price_per_hour="61"),
    "an offer for members alone": lambda world: world.platform.offer("o1", 3, 8, visibility="members"),
    "an offer of a machine that nobody knows": lambda world: world.platform.offer("o2", 20, 4, machine="drill-1"),
    "a withdrawn offer": lambda world: world.platform.hal_2.delete("/api/v1/offers/o1").raise_for_status(),
    "a booking": _book,
    "a cancelled booking": _book_and_cancel,
    "kept hours": _keep,
    "released hours": _release,
    "another title": lambda world: world.platform.machine(title="Freesbank DMU 60", process="milling"),
    "another process": lambda world: world.platform.machine(process="grinding"),
    "details": _owner_puts(f"{MACHINE}/details", axes=5, materials=["RVS 316L"]),
    "a machine without its name": _put(MACHINE, title="Freesbank DMU 50", process="milling", anonymous=True),
    "a state that is hidden": _put(MACHINE, title="Freesbank DMU 50", process="milling", now="not_shown"),
    "a first state": _put("/api/v1/machines/hal-2/lathe-1", title="Draaibank", process="turning", now="standing_still"),
    "a machine that is taken down": _take_down,
    "another name of the factory": _owner_puts("/api/v1/organisation", name="Hal Twee", place="Genk"),
    "another place of the factory": _owner_puts("/api/v1/organisation", name="hal-2", place="Hasselt"),
    "a factory that is refused": _refuse,
    "a picture": _picture,
    "a picture less": _no_picture,
    "a neighbouring region": lambda world: add_neighbour(world.platform),
    "a neighbouring region less": _neighbour_ends,
    "the beginning of hours": _pass(13),
    "the next quarter of an hour": _pass(15),
    "the end of an offer": _pass(43),
    "the next day": _pass(24 * 60),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_after_a_change_strangers_see_what_is_new(world: World, change: str) -> None:
    """In the process that did not make it."""
    before = world.seen()
    assert world.seen() == before
    CHANGES[change](world)
    after = world.seen()
    assert after != before, "nothing of this would be noticed"
    assert after == world.seen_anew()


@contextmanager
def _statements(world: World) -> Iterator[list[str]]:
    """What the second process asks its database."""
    said: list[str] = []
    engine = world.second.state.context.sessions.kw["bind"]

    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield said
    event.remove(engine, "before_cursor_execute", note)


def _reads(world: World, path: str, by: httpx2.Client | None = None, **headers: str) -> bool:
    """Whether hours or machines are read for an answer."""
    with _statements(world) as said:
        assert (by or world.stranger).get(path, headers=headers).status_code == 200
    return any("FROM offer" in one or "FROM machine" in one for one in said)


@pytest.mark.parametrize("path", PATHS)
def test_what_one_stranger_has_been_shown_is_not_made_again_for_the_next(world: World, path: str) -> None:
    assert _reads(world, path)
    assert not _reads(world, path)
    world.platform.present[0] += timedelta(seconds=59)
    assert not _reads(world, path)
    world.platform.present[0] += timedelta(seconds=1)
    assert _reads(world, path)


def test_a_page_with_a_long_query_takes_no_room_from_those_that_everybody_asks_for(world: World) -> None:
    path = f"/?q={'zwenkboor' * 200}"
    assert _reads(world, path)
    assert _reads(world, path)


def test_a_state_that_others_do_not_see_yet_makes_no_page_again(world: World) -> None:
    """Machines report more often than anything else changes."""
    platform = world.platform
    platform.present[0] += timedelta(minutes=16)
    with read_session(platform.context.sessions) as session:
        version = public_version(session)
    seen = world.seen()
    for minute, state in enumerate(("standing_still", "in_use", "standing_still")):
        platform.present[0] += timedelta(seconds=10)
        platform.machine(process="milling", now=state, since=f"2026-03-02T11:1{minute}:00Z")
        with read_session(platform.context.sessions) as session:
            assert public_version(session) == version
        assert world.seen() == seen == world.seen_anew()
    platform.present[0] += timedelta(minutes=15)
    assert world.seen() != seen


def test_nobody_sees_what_another_may_see(world: World) -> None:
    """Members see offers for members, and their own; a stranger's cookie, language and script are their own."""
    platform = world.platform
    platform.offer("o9", 30, 4, machine="secret-1", visibility="members")
    url = str(world.stranger.base_url)
    people = {
        "stranger": world.stranger,
        "member": client(url, cookies=dict(platform.somebody("an@start.be", "start-up").cookies)),
        "program": client(url, headers={"Authorization": "Bearer token-of-start-up"}),
        "without organisation": client(url, cookies=dict(platform.somebody("jef@x.be").cookies)),
        "in French": client(url, cookies={"lang": "fr"}),
        "in English": client(url, headers={"Accept-Language": "en"}),
        "by a script": client(url, headers={"HX-Request": "true"}),
        "with a cookie that is none": client(url, cookies={"session": "x", "device": "y", "link": "z"}),
    }
    alone = {}
    for name, one in people.items():
        world.second.state.shared_pages = SharedPages()
        alone[name] = [one.get(path).text for path in PATHS]
    world.second.state.shared_pages = SharedPages()
    for _ in range(2):
        for name, one in people.items():
            assert [one.get(path).text for path in PATHS] == alone[name], name
    assert len({tuple(texts) for texts in alone.values()}) == len(people) - 1
    assert alone["with a cookie that is none"] == alone["stranger"]
    assert "secret-1" in "".join(alone["member"])
    assert "secret-1" not in "".join(alone["stranger"])
    for name in ("member", "program", "without organisation"):
        assert _reads(world, "/", people[name]), "what somebody sees who is known is made for them alone"
    for one in people.values():
        one.close()


def test_who_chooses_a_language_is_sent_the_cookie_and_nobody_else_is(world: World) -> None:
    for _ in range(2):
        chosen = client(str(world.stranger.base_url))
        assert 'lang="fr"' in chosen.get("/?lang=fr").text
        assert chosen.cookies["lang"] == "fr"
        chosen.close()
        plain = world.stranger.get("/")
        assert 'lang="nl"' in plain.text
        assert "set-cookie" not in plain.headers


@pytest.mark.parametrize("asked", ["#&q=zwenkboor", "#&done=erased", "#&view=week"])
def test_nobody_changes_what_others_see_by_an_address_that_only_looks_the_same(world: World, asked: str) -> None:
    """Browsers send no fragment, and those who parse an address cut it off."""
    seen = world.seen_anew()
    world.second.state.shared_pages = SharedPages()
    sent = HTTPConnection(world.stranger.base_url.host, world.stranger.base_url.port)
    for path in ("/", "/parts/offers", "/parts/machines"):
        sent.request("GET", f"{path}?{asked}")
        sent.getresponse().read()
    sent.close()
    assert world.seen() == seen


def test_where_the_filter_asks_the_address_follows_also_of_what_was_made_before(world: World) -> None:
    for _ in range(2):
        answer = world.stranger.get("/parts/offers?process=milling&q=", headers={"HX-Request": "true"})
        assert answer.headers["hx-push-url"] == "/?process=milling"
        assert "hx-push-url" not in world.stranger.get("/parts/offers?process=milling&q=").headers


def test_every_visitor_counts_who_finds_nothing(world: World) -> None:
    path = "/?process=welding"
    for number in range(3):
        transport = httpx2.HTTPTransport(verify=False, local_address=f"127.0.0.{number + 2}")
        with client(str(world.stranger.base_url), transport=transport) as visitor:
            visitor.get(path).raise_for_status()
    assert not _reads(world, path)
    with world.platform.context.sessions() as session:
        assert [row.count for row in session.scalars(select(SearchCount))] == [4]
