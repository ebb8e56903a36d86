"""The HTTP API: who may do what, what is refused, and that no hour is booked twice."""

from __future__ import annotations

import base64
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import create_engine, text

from sharing_platform.app import PlatformSettings, create_app
from sharing_platform.database import DatabaseError, migrate, revision_of
from tests.postgres import drop_database, fresh_database
from tests.servers import serving
from tests.sharing_platform.conftest import NOON, STARTUP, TOKENS, Platform, client

AT_ONCE = int(os.environ.get("VRIJLOOP_AT_ONCE", "60"))
"""More than twice as many as the platform works on at a time; two hundred in `make campaign`."""
WHO = {"organisation": "Start-up BV", "name": "An Peeters", "email": "an@startup.be"}


def test_an_offer_is_put_read_changed_and_withdrawn(platform: Platform) -> None:
    body = platform.offer()
    assert platform.anyone.get("/api/v1/offers/o1").json() == body
    assert body["status"] == "open"
    answer = platform.hal_2.put("/api/v1/offers/o1", json={k: body[k] for k in (
        "factory", "machine", "start", "end", "checked", "broken")} | {"probability": 0.5})  # fmt: skip
    assert (answer.status_code, answer.json()["probability"]) == (200, 0.5)
    assert platform.hal_2.delete("/api/v1/offers/o1").status_code == 204
    assert platform.hal_2.delete("/api/v1/offers/o1").status_code == 204  # a repeated request is harmless
    assert platform.anyone.get("/api/v1/offers").json() == {"offers": [], "next": None, "suggestions": []}
    assert platform.hal_2.get("/api/v1/offers/o1").json()["status"] == "withdrawn"


def test_who_may_do_what(platform: Platform) -> None:
    offer = platform.offer()
    body = {k: offer[k] for k in ("factory", "machine", "start", "end", "probability", "checked", "broken")}
    platform.startup.post("/api/v1/offers/o1/booking", json={})
    other = body | {"factory": "hal-3"}
    table = [
        # client, method, path, body, expected
        (platform.anyone, "PUT", "/api/v1/offers/o2", body, 401),
        (platform.hal_3, "PUT", "/api/v1/offers/o2", body, 404),
        (platform.hal_3, "PUT", "/api/v1/offers/o1", other, 201),  # ids are each factory's own
        (platform.anyone, "DELETE", "/api/v1/offers/o1", None, 401),
        (platform.hal_3, "DELETE", "/api/v1/offers/o2", None, 404),
        (platform.hal_2, "DELETE", "/api/v1/offers/o1", None, 409),
        (platform.hal_2, "PUT", "/api/v1/offers/o1", body, 409),
        (platform.hal_2, "PUT", "/api/v1/offers/o9", body, 409),  # the same hours under another name
        (platform.anyone, "GET", "/api/v1/bookings", None, 401),
        (platform.hal_3, "GET", "/api/v1/bookings?factory=hal-2", None, 404),
        (platform.hal_2, "GET", "/api/v1/bookings", None, 200),
        (platform.anyone, "PUT", "/api/v1/machines/hal-2/mill-1", {"title": "x"}, 401),
        (platform.hal_3, "PUT", "/api/v1/machines/hal-2/mill-1", {"title": "x"}, 404),
        (platform.anyone, "GET", "/api/v1/offers/none", None, 404),
        (platform.startup, "POST", "/api/v1/offers/none/booking", {}, 404),
        (platform.startup, "POST", "/api/v1/offers/o1/booking", {}, 409),
        (platform.anyone, "POST", "/api/v1/offers/o1/booking", {}, 401),
    ]
    for who, method, path, sent, expected in table:
        answer = who.request(method, path, json=sent) if sent is not None else who.request(method, path)
        assert answer.status_code == expected, (method, path, answer.text)
        if expected >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["status"] == expected
            assert answer.json()["detail"]
    assert platform.hal_3.get("/api/v1/bookings").json() == {"bookings": [], "next": None}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"end": NOON.isoformat()}, "`end` must lie after `start`"),
        ({"start": "2026-03-02T12:00:00"}, "timezone"),
        ({"probability": 1.2}, "probability"),
        ({"broken": 50}, "`broken` cannot be more"),
        ({"machine": "../etc"}, "machine"),
        ({"program": "O1234"}, "program"),  # only state leaves the factory
    ],
)
def test_what_is_no_offer_is_refused_with_the_field(platform: Platform, change: dict[str, object], said: str) -> None:
    body = {
        "factory": "hal-2", "machine": "mill-1", "start": (NOON + timedelta(hours=1)).isoformat(),
        "end": (NOON + timedelta(hours=4)).isoformat(), "probability": 0.9, "checked": 40, "broken": 2,
    }  # fmt: skip
    answer = platform.hal_2.put("/api/v1/offers/o1", json=body | change)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


@pytest.mark.parametrize(
    "who", [None, {}, WHO | {"organisation": " "}, WHO | {"email": "nobody"}, WHO | {"name": "An\r\nBcc: x@y.be"}]
)
def test_who_asks_must_be_known(platform: Platform, who: dict[str, str] | None) -> None:
    platform.offer()
    answer = platform.anyone.post("/api/v1/offers/o1/booking", json={"guest": who})
    assert answer.status_code == (401 if who is None else 422)
    assert platform.hal_2.get("/api/v1/bookings").json()["bookings"] == []


def test_one_of_many_wins(platform: Platform) -> None:
    platform.offer()
    together = Barrier(AT_ONCE)

    def book(number: int) -> int:
        with client(platform.url, timeout=60, headers=STARTUP) as own:
            together.wait()
            return int(own.post("/api/v1/offers/o1/booking", json={"message": f"order {number}"}).status_code)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        codes = sorted(threads.map(book, range(AT_ONCE)))
    assert codes == [201] + [409] * (AT_ONCE - 1)
    assert len(platform.hal_2.get("/api/v1/bookings").json()["bookings"]) == 1


def test_of_overlapping_offers_that_are_booked_together_one_wins(platform: Platform) -> None:
    """Ten offers of one machine whose hours overlap, each asked for by several at the same moment."""
    for number in range(10):
        platform.offer(f"o{number}", 3 + number / 4, 4)
    together = Barrier(AT_ONCE)

    def book(number: int) -> int:
        with client(platform.url, timeout=60, headers=STARTUP) as own:
            together.wait()
            return int(own.post(f"/api/v1/offers/o{number % 10}/booking", json={}).status_code)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        codes = sorted(threads.map(book, range(AT_ONCE)))
    assert codes == [201] + [409] * (AT_ONCE - 1)


def test_putting_and_booking_at_once_never_opens_booked_hours_again(platform: Platform) -> None:
    for round_ in range(15):
        name = f"o{round_}"
        platform.offer(name, 3 + 5 * round_, 4)
        together = Barrier(2)

        def put(name: str = name, round_: int = round_, together: Barrier = together) -> int:
            together.wait()
            start = NOON + timedelta(hours=3 + 5 * round_)
            body = {
                "factory": "hal-2", "machine": "mill-1", "start": start.isoformat(), "probability": 0.9,
                "end": (start + timedelta(hours=3)).isoformat(), "checked": 41, "broken": 2,
            }  # fmt: skip
            return int(platform.hal_2.put(f"/api/v1/offers/{name}", json=body).status_code)

        def book(name: str = name, together: Barrier = together) -> int:
            together.wait()
            return int(platform.startup.post(f"/api/v1/offers/{name}/booking", json={}).status_code)

        with ThreadPoolExecutor(2) as threads:
            putting, booking = threads.submit(put), threads.submit(book)
            assert (putting.result(), booking.result()) in [(200, 201), (409, 201)]
        assert platform.hal_2.get(f"/api/v1/offers/{name}").json()["status"] == "booked"


def test_hours_under_two_offers_are_booked_once(platform: Platform) -> None:
    """The database refuses it, whatever order the code did things in."""
    platform.offer("o1", 3, 4)
    platform.offer("o2", 5, 4)
    assert platform.startup.post("/api/v1/offers/o1/booking", json={}).status_code == 201
    assert platform.startup.post("/api/v1/offers/o2/booking", json={}).status_code == 409
    assert len(platform.hal_2.get("/api/v1/bookings").json()["bookings"]) == 1


def test_an_offer_that_has_begun_is_booked_for_what_is_left(platform: Platform) -> None:
    platform.offer("o1", 1, 4)
    platform.present[0] = NOON + timedelta(hours=2)
    booking = platform.startup.post("/api/v1/offers/o1/booking", json={}).json()
    assert booking["start"] == (NOON + timedelta(hours=2)).isoformat().replace("+00:00", "Z")
    platform.offer("o2", 10, 4)
    platform.present[0] = NOON + timedelta(hours=14)
    assert platform.startup.post("/api/v1/offers/o2/booking", json={}).status_code == 404


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["early", "late", "next-day", "lathe"]),
        ("machine=lathe-2", ["lathe"]),
        ("process=Draaien", ["lathe"]),
        ("process=Frezen&hours=3", ["late", "next-day"]),
        ("day=2026-03-03", ["next-day"]),
        ("hours=2.5", ["late", "next-day", "lathe"]),
        ("factory=hal-3", []),
        ("limit=1", ["early"]),
    ],
)
def test_offers_are_found(platform: Platform, query: str, expected: list[str]) -> None:
    platform.machine("mill-1", process="Frezen")
    platform.machine("lathe-2", process="Draaien")
    platform.offer("late", 5, 4)
    platform.offer("early", 1, 2)
    platform.offer("next-day", 14, 4)
    platform.offer("lathe", 40, 4, machine="lathe-2")
    found = platform.anyone.get(f"/api/v1/offers?{query}").json()["offers"]
    assert [one["id"] for one in found] == expected


def test_what_there_is_outlives_a_restart(database_url: str) -> None:
    settings = PlatformSettings(database_url, TOKENS)
    for start in range(2):
        with serving(create_app(settings, lambda: NOON)) as url:
            platform = Platform(url)
            if start == 0:
                platform.offer()
                platform.startup.post("/api/v1/offers/o1/booking", json={})
            booked = platform.hal_2.get("/api/v1/bookings").json()["bookings"]
            assert [one["offer_id"] for one in booked] == ["o1"]


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////no/such/folder.sqlite",
        "postgresql+psycopg://vrijloop:s3cret-word@127.0.0.1:1/vrijloop",
        "oracle-of-delphi://x",
        "nonsense",
    ],
)
def test_a_database_that_cannot_be_opened_is_said(url: str) -> None:
    with pytest.raises(DatabaseError, match="cannot be opened") as refused:
        create_app(PlatformSettings(url, {}), lambda: NOON)
    assert "s3cret-word" not in str(refused.value)


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_in_another_encoding_is_said(postgres: str, encoding: str) -> None:
    url = fresh_database(postgres, f"ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    with pytest.raises(DatabaseError, match=f"its encoding is {encoding}"):
        create_app(PlatformSettings(url, {}), lambda: NOON)
    with pytest.raises(DatabaseError, match="createdb --encoding=UTF8"):
        revision_of(url)
    drop_database(url)


def test_offers_come_in_pages_that_miss_nothing(platform: Platform) -> None:
    for number in range(7):
        platform.offer(f"o{number}", 3 + number // 2, 1, machine=f"mill-{number}")  # two begin at the same time
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = platform.anyone.get("/api/v1/offers", params={"limit": "3", **cursor}).json()
        found += [one["id"] for one in page["offers"]]
        if page["next"] is None:
            break
        assert len(page["offers"]) == 3
        cursor = {"cursor": page["next"]}
    assert found == [f"o{number}" for number in range(7)]
    made_up = [
        base64.urlsafe_b64encode(f'["2026-03-09T00:00:00Z", "{text}"]'.encode()).decode()
        for text in ("\\u0000", "\\ud800")
    ]
    for wrong in ("nonsense", "W10=", "WyJ4IiwieSJd", *made_up):
        assert platform.anyone.get("/api/v1/offers", params={"cursor": wrong}).status_code == 422, wrong


def test_an_older_database_is_brought_up_to_date_with_what_it_holds(database_url: str) -> None:
    """As an installation of before the terms had it."""
    engine = create_engine(database_url)
    with engine.begin() as connection:
        migrate(connection, "0001")
        connection.execute(
            text(
                'INSERT INTO offer (id, factory, machine, start, "end", probability, checked, broken, status, changed) '
                "VALUES ('old', 'hal-2', 'mill-1', '2026-03-02 14:00:00', '2026-03-02 18:00:00', 0.9, 20, 1, 'open', "
                "'2026-03-02 11:00:00')"
            )
        )
    engine.dispose()
    with serving(create_app(PlatformSettings(database_url, TOKENS), lambda: NOON)) as url:
        platform = Platform(url)
        (offer,) = platform.anyone.get("/api/v1/offers", params={"hours": 4}).json()["offers"]
        assert (offer["id"], offer["visibility"], offer["price_per_hour"]) == ("old", "public", None)
        assert platform.anyone.get("/api/v1/offers", params={"hours": 4.1}).json()["offers"] == []
        assert platform.startup.post("/api/v1/offers/old/booking", json={}).status_code == 201


def test_a_repeated_request_is_harmless(platform: Platform) -> None:
    platform.offer()
    key = {"Idempotency-Key": "order-4711"}
    first = platform.startup.post("/api/v1/offers/o1/booking", json={}, headers=key)
    again = platform.startup.post("/api/v1/offers/o1/booking", json={}, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    somebody = platform.startup.post("/api/v1/offers/o1/booking", json={"message": "x"}, headers=key)
    assert somebody.status_code == 409, "the same key in another hand opens nothing"
    assert platform.startup.post("/api/v1/offers/o1/booking", json={}).status_code == 409
    assert len(platform.hal_2.get("/api/v1/bookings").json()["bookings"]) == 1
    together = Barrier(20)
    platform.offer("o2", 30)

    def book(_: int) -> tuple[int, str]:
        with client(platform.url, timeout=60, headers=STARTUP) as own:
            together.wait()
            answer = own.post("/api/v1/offers/o2/booking", json={}, headers=key)
            return answer.status_code, answer.json()["id"]

    with ThreadPoolExecutor(20) as threads:
        assert len(set(threads.map(book, range(20)))) == 1, "all of them get the one booking"


def test_who_comes_too_late_is_told_what_else_is_free(platform: Platform) -> None:
    platform.machine("mill-1", process="milling")
    platform.machine("mill-2", process="milling")
    platform.machine("lathe-1", process="turning")
    for name, start, machine in (
        ("taken", 10, "mill-1"), ("later", 40, "mill-1"), ("other", 11, "mill-2"), ("lathe", 10, "lathe-1"),
        ("hidden", 12, "mill-2"),
    ):  # fmt: skip
        platform.offer(name, start, 4, machine=machine, visibility="members" if name == "hidden" else "public")
    assert platform.startup.post("/api/v1/offers/taken/booking", json={}).status_code == 201
    problem = platform.startup.post("/api/v1/offers/taken/booking", json={})
    assert problem.headers["content-type"] == "application/problem+json"
    assert [one["id"] for one in problem.json()["alternatives"]] == ["later", "other", "hidden"]
    later = problem.json()["alternatives"][0]
    assert {
        "title": "Freesbank DMU 50",
        "process": "milling",
        "factory": "hal-2",
        "machine": "mill-1",
    }.items() <= later.items()
    guest = platform.anyone.post("/api/v1/offers/taken/booking", json={"guest": WHO})
    assert [one["id"] for one in guest.json()["alternatives"]] == ["later", "other"], "what is for members is not told"
