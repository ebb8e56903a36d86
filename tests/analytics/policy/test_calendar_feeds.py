"""Planned busy time from the policy, from files and from URLs, with the last good copy when a feed cannot be read."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Response

from analytics.policy.calendar_feeds import CalendarFeeds
from analytics.policy.policy import CalendarFeed, PlannedPeriod, Policy
from tests.analytics.policy.test_calendar_events import ORDER, calendar
from tests.analytics.tables import utc
from tests.servers import serving

BRUSSELS = "Europe/Brussels"
NOW = utc(5, 12)
MACHINES = ["lathe-1", "mill-1"]


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
        assert good.feeds[0].problem is None
        with caplog.at_level(logging.INFO):
            answers.append(Response("<html>log in</html>"))
            broken = feeds.read(NOW, MACHINES)
            answers.append(Response("gone", 500))
            gone = CalendarFeeds(policy, tmp_path / "calendars").read(NOW + timedelta(minutes=1), MACHINES)
            feeds.read(NOW, MACHINES)
            answers.append(Response(calendar(), media_type="text/calendar"))
            recovered = feeds.read(NOW, MACHINES)
    assert broken.entries == gone.entries == good.entries
    assert gone.feeds[0].problem is not None
    assert gone.feeds[0].problem.written("en") == "The server answered 500."
    assert gone.feeds[0].copied_at is not None
    assert recovered.entries == (planned,)
    assert recovered.feeds[0].problem is None
    log_text = caplog.text
    assert log_text.count("This is not an iCalendar file") == 1, "logged once, not in every round"
    assert "can be read again" in log_text
    assert "secret-3141" not in log_text, "the path of the URL is a secret"


@pytest.mark.parametrize(
    ("feed", "taken"),
    [
        ({"machine": "mill-1"}, set()),
        ({"machine": "mill-1", "unclear": "block"}, {"mill-1"}),
        ({"unclear": "block"}, {"lathe-1", "mill-1"}),
        ({"machines": ["lathe-1"], "unclear": "block"}, {"lathe-1"}),
    ],
)
def test_a_feed_that_was_never_read_is_a_problem_but_no_error(
    tmp_path: Path, feed: dict[str, Any], taken: set[str]
) -> None:
    source = str(tmp_path / "nowhere.ics")
    policy = Policy(feed=(CalendarFeed.model_validate({"source": source, **feed}),))
    found = CalendarFeeds(policy, tmp_path / "calendars").read(NOW, MACHINES)
    assert set(found.busy()) == taken
    assert all(one.start < NOW and one.end > NOW + policy.horizon for one in found.entries)
    assert found.feeds[0].problem is not None
    assert "cannot be read" in found.feeds[0].problem.written("en")


def test_unclear_events_are_logged_once_without_their_titles(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "orders.ics"
    file.write_bytes(calendar(ORDER, "DTSTART:later\r\nSUMMARY:Order of a customer", ORDER + "\r\nSTATUS:CANCELLED"))
    feeds = CalendarFeeds(Policy(feed=(CalendarFeed(source=str(file)),)), tmp_path / "calendars")
    assert feeds.read(NOW, MACHINES).feeds[0].misses_work
    feeds.read(NOW, MACHINES)
    assert (
        caplog.text.count("may be missing: 1 × without a start that can be read; 1 × cancelled; 1 × names no machine")
        == 1
    )
    assert "customer" not in caplog.text
