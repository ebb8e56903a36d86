"""Planned busy time from the policy, from files and from URLs, with the last good copy when a feed cannot be read."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI, Response

from analytics.policy.calendar_feeds import CalendarFeeds, FeedError, events
from analytics.policy.policy import CalendarFeed, PlannedPeriod, Policy
from tests.analytics.tables import utc
from tests.servers import serving

BRUSSELS = "Europe/Brussels"
NOW = utc(5, 12)
MACHINES = ["lathe-1", "mill-1"]


def calendar(*bodies: str) -> bytes:
    parts = "".join(
        f"BEGIN:VEVENT\r\nUID:{number}\r\nDTSTAMP:20260101T000000Z\r\n{body}\r\nEND:VEVENT\r\n"
        for number, body in enumerate(bodies)
    )
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\n{parts}END:VCALENDAR\r\n".encode()


ORDER = "DTSTART:20260106T080000Z\r\nDTEND:20260106T100000Z\r\nSUMMARY:Order 12"


@pytest.mark.parametrize(
    ("body", "machine", "expected"),
    [
        pytest.param(ORDER, "mill-1", [("mill-1", "06 08:00", "06 10:00")], id="UTC"),
        pytest.param(ORDER + "\r\nLOCATION:Hall 2\\, mill-1", None, [("mill-1", "06 08:00", "06 10:00")], id="named by its location"),
        pytest.param(ORDER + " on Lathe-1", None, [("lathe-1", "06 08:00", "06 10:00")], id="named by its summary"),
        pytest.param(ORDER, None, [], id="of no machine of ours"),
        pytest.param(ORDER + "\r\nSTATUS:CANCELLED", "mill-1", [], id="cancelled"),
        pytest.param(ORDER + "\r\nTRANSP:TRANSPARENT", "mill-1", [], id="no busy time"),
        pytest.param("DTSTART;VALUE=DATE:20260107\r\nSUMMARY:Inspection", "mill-1", [("mill-1", "06 23:00", "07 23:00")], id="a local day"),
        pytest.param("DTSTART:20260107T090000\r\nDURATION:PT90M", "mill-1", [("mill-1", "07 08:00", "07 09:30")], id="floating time is local"),
        pytest.param(
            "DTSTART;TZID=Europe/Brussels:20251201T060000\r\nDTEND;TZID=Europe/Brussels:20251201T070000\r\nRRULE:FREQ=WEEKLY;BYDAY=MO,WE\r\nEXDATE;TZID=Europe/Brussels:20260107T060000",
            "mill-1",
            [("mill-1", "05 05:00", "05 06:00"), ("mill-1", "12 05:00", "12 06:00")],
            id="every Monday and Wednesday but one",
        ),
    ],
)  # fmt: skip
def test_events(body: str, machine: str | None, expected: list[tuple[str, str, str]]) -> None:
    feed = CalendarFeed(source="orders.ics", machine=machine)
    found = events(calendar(body), feed, MACHINES, utc(5), utc(13), BRUSSELS)
    assert [
        (one.machine, *(f"{moment.astimezone(utc(1).tzinfo):%d %H:%M}" for moment in (one.start, one.end)))
        for one in found
    ] == expected


@pytest.mark.parametrize(
    "text", [b"<html>Please log in</html>", b"\xff\xfe\x00", b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n"]
)
def test_an_invalid_calendar_is_reported(text: bytes) -> None:
    with pytest.raises(FeedError, match=r"orders\.ics"):
        events(text, CalendarFeed(source="orders.ics", machine="mill-1"), MACHINES, utc(5), utc(13), BRUSSELS)


def test_a_broken_feed_uses_the_last_good_copy_and_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answers = [Response(calendar(ORDER), media_type="text/calendar")]
    app = FastAPI()

    @app.get("/secret-3141/orders.ics")
    def get() -> Response:
        return answers[-1]

    with serving(app) as url:
        planned = PlannedPeriod(machine="lathe-1", start=utc(6), end=utc(7))
        policy = Policy(
            zone=BRUSSELS,
            feed=(CalendarFeed(source=f"{url}/secret-3141/orders.ics", machine="mill-1"),),
            planned=(planned,),
        )
        feeds = CalendarFeeds(policy, tmp_path / "calendars")
        good = feeds.read(NOW, MACHINES)
        assert good.busy() == {"lathe-1": [(utc(6), utc(7))], "mill-1": [(utc(6, 8), utc(6, 10))]}
        assert not good.problems
        with caplog.at_level(logging.INFO):
            answers.append(Response("<html>log in</html>"))
            broken = feeds.read(NOW, MACHINES)
            answers.append(Response("gone", 500))
            gone = CalendarFeeds(policy, tmp_path / "calendars").read(NOW + timedelta(minutes=1), MACHINES)
            feeds.read(NOW, MACHINES)
            answers.append(Response(calendar(), media_type="text/calendar"))
            recovered = feeds.read(NOW, MACHINES)
    assert broken.entries == gone.entries == good.entries
    assert "answered 500" in next(iter(gone.problems.values()))
    assert recovered.entries == (planned,)
    assert not recovered.problems
    log_text = caplog.text
    assert log_text.count("is not an iCalendar file") == 1, "logged once, not in every round"
    assert "can be read again" in log_text
    assert "secret-3141" not in log_text, "the path of the URL is a secret"


def test_a_feed_that_was_never_read_is_a_problem_but_no_error(tmp_path: Path) -> None:
    policy = Policy(feed=(CalendarFeed(source=str(tmp_path / "nowhere.ics"), machine="mill-1"),))
    found = CalendarFeeds(policy, tmp_path / "calendars").read(NOW, MACHINES)
    assert found.entries == ()
    assert "cannot be read" in found.problems[str(tmp_path / "nowhere.ics")]
