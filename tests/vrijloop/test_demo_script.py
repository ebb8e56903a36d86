"""The demo's script: its moments, what its texts stand for, and that it is played from the beginning or not at all."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sharing_platform.comparison.service import COMPARED
from vrijloop.demo.progress import Progress, begin, note, progress_in
from vrijloop.demo.script import filled_in, moment, moments_in, months_contributed, steps_in_order, working_day
from vrijloop.demo.verbs import FOLDER, PICTURES, VERBS

NOON = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)  # a Monday


@pytest.mark.parametrize(
    ("said", "when"),
    [
        ("now", NOON),
        ("3h ago", NOON - timedelta(hours=3)),
        ("20min ago", NOON - timedelta(minutes=20)),
        ("-1 09:30", datetime(2026, 2, 27, 8, 30, tzinfo=UTC)),  # the Friday before
        ("0 14:00", datetime(2026, 3, 2, 13, 0, tzinfo=UTC)),
        ("5 08:00", datetime(2026, 3, 9, 7, 0, tzinfo=UTC)),
        ("20 08:00", datetime(2026, 3, 30, 6, 0, tzinfo=UTC)),  # summer time has begun
    ],
)
def test_a_moment_is_so_many_working_days_from_now(said: str, when: datetime) -> None:
    assert moment(said, NOON) == when


@pytest.mark.parametrize("said", ["", "soon", "1", "1 8:00", "3d ago"])
def test_what_is_no_moment_is_said(said: str) -> None:
    with pytest.raises(ValueError, match="moment"):
        moment(said, NOON)


@given(some.dates(date(2020, 1, 1), date(2040, 1, 1)), some.integers(-200, 200))
def test_working_days_are_counted(today: date, count: int) -> None:
    day = working_day(today, count)
    between = (min(day, today) + timedelta(days=n) for n in range(abs((day - today).days)))
    passed = sum(1 for one in (*between, max(day, today)) if one != today and one.weekday() < 5)
    assert passed == abs(count)
    assert (day - today).days * count >= 0
    assert day.weekday() < 5 or count == 0


def test_texts_stand_for_moments_and_for_what_is_known() -> None:
    body = {"start": "@1 08:00", "lines": [{"of": "{notice.parts.1.id}"}], "places": 2, "month": "@month 10"}
    known = {"notice": {"parts": [{"id": "a"}, {"id": "b"}]}}
    assert filled_in(body, known, NOON) == {
        "start": "2026-03-03T08:00:00+01:00",
        "lines": [{"of": "b"}],
        "places": 2,
        "month": "2027-01",
    }
    assert [one.isoformat() for one in moments_in(body, NOON)] == ["2026-03-03T08:00:00+01:00"]
    for path in ("{booking.id}", "{notice.parts.2.id}", "{notice.id}"):
        with pytest.raises(ValueError, match="the script knows no"):
            filled_in(path, known, NOON)


@given(some.dates(date(2020, 1, 1), date(2040, 1, 1)))
def test_the_platform_takes_the_months_that_are_contributed(today: date) -> None:
    """They are over, no longer ago than is compared, and no more than it takes of a year."""
    found = months_contributed(today)
    assert found == sorted(found)
    assert len(found) == 4
    assert all(f"{today - COMPARED:%Y-%m}" <= one < f"{today:%Y-%m}" for one in found)


def test_the_script_can_be_played_on_each_day_and_at_each_hour() -> None:
    """Nobody does anything before they are there, or with what is not there yet."""
    told = tomllib.loads((FOLDER / "fortnight.toml").read_text())["steps"]
    for hours in range(0, 24 * 7, 5):
        now, there, known = NOON + timedelta(hours=hours), set[str](), dict[str, object]()
        for step in steps_in_order(told, now):
            there |= {step.who} if step.does in ("administer", "join", "register") else set()
            assert step.who in there, step
            assert step.does in VERBS or step.does in ("POST", "PUT", "DELETE"), step
            filled_in([step.what, dict(step.body)], known, now)
            known[step.name or step.what] = {"id": "x", "parts": [{"id": "p"}] * 5}


def test_whoever_uploads_a_picture_has_one() -> None:
    told = tomllib.loads((FOLDER / "fortnight.toml").read_text())["steps"]
    assert all((PICTURES / f"{step['what']}.png").exists() for step in told if step["does"] == "picture")


@pytest.mark.parametrize(
    ("before", "database", "played"),
    [
        (None, False, True),  # a new folder
        (None, True, False),  # one from before there was a script
        (Progress.PLAYED, True, False),
        *((half, True, True) for half in (Progress.FORTNIGHT, Progress.WAITS, Progress.ON_OFFER)),
    ],
)
def test_the_script_is_played_once_and_from_its_beginning(
    tmp_path: Path, before: Progress | None, database: bool, played: bool
) -> None:
    if before is not None:
        note(tmp_path, before)
    (tmp_path / "mail").mkdir()
    for name in ("platform.sqlite", "platform.sqlite-wal", "mail/1.eml") if database else ():
        (tmp_path / name).write_text("")
    assert begin(tmp_path) is played
    assert progress_in(tmp_path) == (Progress.FORTNIGHT if played else before)
    assert (tmp_path / "platform.sqlite").exists() == (database and not played)
    assert (tmp_path / "mail" / "1.eml").exists() == (database and not played), "half a script's mails go, too"
