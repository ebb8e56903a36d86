"""Feeds with a user: a real CalDAV server (Radicale), Basic and Digest authentication, and answers that are none."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request, Response

from analytics.policy.calendar_feeds import CalendarFeeds
from analytics.policy.feed_sources import FeedError, fetch
from analytics.policy.policy import CalendarFeed, Policy
from tests.analytics.policy.test_calendar_events import ORDER, calendar
from tests.analytics.tables import utc
from tests.servers import free_port, listens, serving, wait_for

USER, PASSWORD = "planner", "gëheim: 42"
NOW = utc(5, 12)


@pytest.fixture(scope="module")
def caldav(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a user's folder of calendars, with one calendar of four entries."""
    folder, port = tmp_path_factory.mktemp("radicale"), free_port()
    (folder / "users").write_text(f"{USER}:{PASSWORD}\n")
    (folder / "config").write_text(
        f"[server]\nhosts = 127.0.0.1:{port}\n[auth]\ntype = htpasswd\nhtpasswd_filename = {folder}/users\nhtpasswd_encryption = plain\ndelay = 0\n"
        f"[storage]\nfilesystem_folder = {folder}/collections\n"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "radicale", "--config", str(folder / "config")], stdout=log, stderr=log
        )
    try:
        wait_for(lambda: listens(port) or process.poll() is not None, "Radicale")
        home = f"http://127.0.0.1:{port}/{USER}/"
        with httpx2.Client(auth=(USER, PASSWORD), timeout=20) as http:
            for name in ("mill", "empty"):
                http.request("MKCALENDAR", f"{home}{name}/").raise_for_status()
            for number, body in enumerate(
                (
                    ORDER,
                    "DTSTART:20251202T080000Z\r\nDTEND:20251202T090000Z\r\nRRULE:FREQ=WEEKLY\r\nSUMMARY:Cleaning",
                    "DTSTART:20251106T080000Z\r\nDTEND:20251106T100000Z\r\nSUMMARY:Long ago",
                    "DTSTART;VALUE=DATE:20260108\r\nSUMMARY:Maintenance\r\nTRANSP:TRANSPARENT",
                )
            ):
                entry = calendar(body).replace(b"UID:0", f"UID:{number}".encode())
                http.put(f"{home}mill/{number}.ics", content=entry).raise_for_status()
        yield home
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def password(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    return file


def feed(source: str, file: Path | None, **more: Any) -> CalendarFeed:
    user = {"user": USER, "password_file": file} if file is not None else {}
    return CalendarFeed.model_validate({"source": source, "machine": "mill-1", **user, **more})


@pytest.mark.servers
def test_a_caldav_calendar_is_read_with_user_and_password(caldav: str, password: Path, tmp_path: Path) -> None:
    policy = Policy(zone="UTC", feed=(feed(f"{caldav}mill/", password, kind="caldav"),))
    feeds = CalendarFeeds(policy, tmp_path / "calendars")
    found = feeds.read(NOW, [])
    assert found.busy() == {
        "mill-1": [
            (utc(6, 8), utc(6, 9)),
            (utc(6, 8), utc(6, 10)),
            (utc(8), utc(9)),
            (utc(13, 8), utc(13, 9)),
        ]
    }
    assert found.feeds[0].problem is None
    (copy,) = (tmp_path / "calendars").iterdir()
    assert copy.stat().st_mode & 0o077 == 0, "it says what is ordered"
    assert b"Long ago" not in copy.read_bytes(), "the server is asked for the planning period alone"
    password.write_text("wrong")
    later = feeds.read(NOW + timedelta(minutes=1), [])
    assert later.entries == found.entries, "the last good copy"
    assert later.feeds[0].problem is not None
    assert later.feeds[0].problem.code == "not_let_in"


@pytest.mark.servers
@pytest.mark.parametrize(
    ("path", "code"), [("empty/", None), ("", "not_a_caldav_calendar"), ("none/", "answered"), ("../other/", "not_let_in")]
)  # fmt: skip
def test_an_empty_calendar_differs_from_none(caldav: str, password: Path, path: str, code: str | None) -> None:
    try:
        content = fetch(feed(caldav + path, password, kind="caldav"), utc(5), utc(13))
    except FeedError as error:
        assert error.problem.code == code
    else:
        assert code is None
        assert b"VEVENT" not in content


def _digest(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()  # the scheme's own


def test_digest_where_the_server_asks_for_it(password: Path) -> None:
    app = FastAPI()

    @app.get("/orders.ics")
    def get(request: Request) -> Response:
        header = request.headers.get("authorization", "")
        if not header.startswith("Digest"):
            return Response("", 401, {"WWW-Authenticate": 'Digest realm="erp", nonce="n1", algorithm=MD5'})
        sent = {
            name: value.strip('"') for name, value in (part.strip().split("=", 1) for part in header[7:].split(", "))
        }
        expected = _digest(f"{_digest(f'{USER}:erp:{PASSWORD}')}:n1:{_digest('GET:/orders.ics')}")
        return Response(calendar(ORDER)) if sent["response"] == expected else Response("", 403)

    with serving(app) as url:
        assert b"Order 12" in fetch(feed(f"{url}/orders.ics", password), utc(5), utc(13))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("<html>Please log in</html>", "not_a_caldav_calendar"),
        ("no XML", "not_a_caldav_calendar"),
        ('<?xml version="1.0" encoding="shift_jis"?><a/>', "not_a_caldav_calendar"),
        ('<?xml version="1.0" encoding="x-unknown"?><a/>', "not_a_caldav_calendar"),
        ("<a>" * 100_000, "not_a_caldav_calendar"),
        ('<!DOCTYPE x [<!ENTITY a "aaaa">]><multistatus xmlns="DAV:">&a;</multistatus>', "not_a_caldav_calendar"),
        ('<multistatus xmlns="DAV:"><response><href>/1.ics</href><status>HTTP/1.1 404 Not Found</status></response></multistatus>', None),
    ],
)  # fmt: skip
def test_answers_that_are_no_calendar(body: str, code: str | None, tmp_path: Path) -> None:
    app = FastAPI()

    @app.api_route("/", methods=["REPORT", "PROPFIND"])
    def answer() -> Response:
        return Response(body, 207, media_type="application/xml")

    with serving(app) as url:
        policy = Policy(zone="UTC", feed=(feed(url + "/", None, kind="caldav"),))
        (report,) = CalendarFeeds(policy, tmp_path).read(NOW, []).feeds
    assert (report.problem.code if report.problem is not None else None) == code
    assert [one.reason for one in report.skipped] == ([] if code else ["bad_entry"])


def test_a_password_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(FeedError) as raised:
        fetch(feed("https://127.0.0.1:1/x", tmp_path / "none"), utc(5), utc(13))
    assert raised.value.problem.code == "no_password"
