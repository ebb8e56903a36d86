"""How long something takes, as each language writes it; until when an answer may come; and what has no hours."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sharing_platform.bookings.lifecycle import State, due_after
from sharing_platform.i18n import Translator
from tests.sharing_platform.conftest import NOON, Platform

BRUSSELS = "Europe/Brussels"
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("hours", "dutch", "french", "english"),
    [
        (8, "8 uur", "8 h", "8 h"),
        (7.25, "7 u 15", "7 h 15", "7 h 15 min"),
        (2 + 5 / 60, "2 u 05", "2 h 05", "2 h 5 min"),
        (0.75, "45 min", "45 min", "45 min"),
        (1.9999, "2 uur", "2 h", "2 h"),
        (30.5, "30 u 30", "30 h 30", "30 h 30 min"),
    ],
)
def test_hours_and_minutes_in_each_language(hours: float, dutch: str, french: str, english: str) -> None:
    said = [Translator(language, BRUSSELS).hours(hours) for language in ("nl", "fr", "en")]
    written = [one.replace("\N{NO-BREAK SPACE}", " ") for one in said]
    assert written == [dutch, french, english]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-03-02T00:00", "2026-03-03T00:00", "ma 02/03/2026"),
        ("2026-03-02T00:00", "2026-03-05T00:00", "ma 02/03/2026 – wo 04/03/2026"),
        ("2026-03-02T00:00", "2026-03-04T23:59", "ma 02/03/2026 – wo 04/03/2026"),
        ("2026-03-28T00:00", "2026-03-30T00:00", "za 28/03/2026 – zo 29/03/2026"),  # the clocks are set forward
        ("2026-03-02T09:00", "2026-03-02T12:00", "ma 02/03/2026, 09:00 – 12:00"),
        ("2026-03-02T09:00", "2026-03-04T17:00", "ma 02/03/2026 09:00 – wo 04/03/2026 17:00"),
    ],
)
def test_whole_days_are_days(start: str, end: str, expected: str) -> None:
    moments = [datetime.fromisoformat(one).replace(tzinfo=ZoneInfo(BRUSSELS)) for one in (start, end)]
    assert Translator("nl", BRUSSELS).days(*moments) == expected


@pytest.mark.parametrize(
    ("start", "end", "due"),
    [
        (100, 104, 48),  # two days are left
        (10, 14, 10),  # no answer comes after the beginning
        (48, 50, 48),
        (0, 6, 6),  # the rest of hours that have begun
        (-2, 60, 48),
    ],
)
@pytest.mark.parametrize("state", [State.REQUESTED, State.HELD])
def test_an_answer_is_due_before_the_hours_begin(start: int, end: int, due: int, state: State) -> None:
    moment = due_after(state, NOON + start * HOUR, NOON + end * HOUR, NOON, 48 * HOUR)
    assert moment == NOON + due * HOUR


def test_what_is_taken_over_has_no_hours_to_choose(platform: Platform) -> None:
    whole = {"start": "2026-03-09T23:00:00Z", "end": "2026-03-12T23:00:00Z"}
    pages = {}
    for use in ("sale", "loan"):
        listing = {"kind": "equipment", "title": f"Heftruck {use}", "details": {"use": use}, **whole}
        made = platform.hal_2.post("/api/v1/listings", json=listing)
        assert made.status_code == 201, made.text
        pages[use] = platform.anyone.get(f"/listings/{made.json()['id']}?lang=nl").text
    assert ('name="start"' in pages["sale"], 'name="start"' in pages["loan"]) == (False, True)
    assert "Beschikbaar tot" in pages["sale"]
    assert "00:00" not in pages["sale"]
    assert "di 10/03/2026 – do 12/03/2026" in pages["loan"]


def test_a_request_says_until_when_the_factory_answers(platform: Platform) -> None:
    platform.offer("o1", 6, 4, booking="on_request")
    seeker = platform.somebody("an@startup.be", "startup")
    made = seeker.post("/api/v1/offers/o1/booking", json={}).json()
    assert datetime.fromisoformat(made["due"]) == NOON + 6 * HOUR
    assert "antwoordt vóór ma 02/03/2026 18:00" in platform.mail("an@startup.be", "Uw aanvraag").get_content()
    platform.later(6)
    assert seeker.get(f"/api/v1/bookings/{made['id']}").json()["state"] == "expired"
