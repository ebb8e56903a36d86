"""Calendars as Outlook, Google, Kerio and ERP systems write them, and as they come when something went wrong: planned time is never lost without a word."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.policy import calendar_events
from analytics.policy.calendar_events import read_calendar
from analytics.policy.calendar_rules import MOST_OF_FEED
from analytics.policy.machine_names import MachineNames
from analytics.policy.planned_work import Plan, PlanError
from analytics.policy.policy import CalendarFeed, Policy
from tests.analytics.tables import utc

BRUSSELS = "Europe/Brussels"
FEEDS = Path(__file__).parent / "feeds"
FREES, DRAAI = "frees-1", "draaibank-1"
POLICY = Policy.model_validate(
    {"machine": {FREES: {"aliases": ["De grote Hermle"]}, DRAAI: {"title": "CNC-draaibank"}, "boor-1": {}}}
)


def calendar(*bodies: str) -> bytes:
    parts = "".join(
        f"BEGIN:VEVENT\r\nUID:{number}\r\nDTSTAMP:20260101T000000Z\r\n{body}\r\nEND:VEVENT\r\n"
        for number, body in enumerate(bodies)
    )
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\n{parts}END:VCALENDAR\r\n".encode()


def new_plan(**feed: Any) -> Plan:
    options = CalendarFeed.model_validate({"source": "orders.ics", **feed})
    return Plan(options, MachineNames(POLICY, [FREES]), utc(5), utc(13))


def read(text: bytes, **feed: Any) -> Plan:
    plan = new_plan(**feed)
    read_calendar(text, plan, BRUSSELS)
    return plan


def periods(reading: Plan) -> list[str]:
    return [
        f"{one.machine} {one.start.astimezone(utc(1).tzinfo):%d %H:%M} - {one.end.astimezone(utc(1).tzinfo):%d %H:%M}"
        for one in reading.periods
    ]


ORDER = "DTSTART:20260106T080000Z\r\nDTEND:20260106T100000Z\r\nSUMMARY:Order 12"
ONE: dict[str, Any] = {"machine": FREES}
BLOCK: dict[str, Any] = {"unclear": "block"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(ORDER, ["06 08:00 - 06 10:00"], id="UTC"),
        pytest.param(ORDER + "\r\nSTATUS:CANCELLED", [], id="cancelled"),
        pytest.param("DTSTART;VALUE=DATE:20260107\r\nSUMMARY:Inspection", ["06 23:00 - 07 23:00"], id="a local day"),
        pytest.param("DTSTART:20260107T090000\r\nDURATION:PT90M", ["07 08:00 - 07 09:30"], id="floating time is local"),
        pytest.param(
            "DTSTART;TZID=Europe/Brussels:20251201T060000\r\nDTEND;TZID=Europe/Brussels:20251201T070000\r\nRRULE:FREQ=WEEKLY;BYDAY=MO,WE\r\nEXDATE;TZID=Europe/Brussels:20260107T060000",
            ["05 05:00 - 05 06:00", "12 05:00 - 12 06:00"],
            id="every Monday and Wednesday but one",
        ),
    ],
)  # fmt: skip
def test_events(body: str, expected: list[str]) -> None:
    assert periods(read(calendar(body), machine=FREES)) == [f"{FREES} {period}" for period in expected]


@pytest.mark.parametrize(
    ("name", "feed", "expected", "skipped"),
    [
        ("bad-start", ONE, ["frees-1 06 08:00 - 06 10:00", "frees-1 08 08:00 - 08 10:00"], ["bad_start Order 13", "bad_start No start"]),
        ("bad-start", ONE | BLOCK, ["frees-1 05 00:00 - 13 00:00"] * 2 + ["frees-1 06 08:00 - 06 10:00", "frees-1 08 08:00 - 08 10:00"], ["bad_start Order 13", "bad_start No start"]),
        ("bad-end", ONE, ["frees-1 06 08:00 - 06 23:00", "frees-1 07 08:00 - 07 23:00"], ["bad_end", "bad_end"]),
        (
            "bad-rule", ONE,
            [f"frees-1 {day:02} 08:00 - {day:02} 10:00" for day in (6, 7, 8, 9, 10, 12)],
            ["bad_rule Every two weeks", "bad_rule", "bad_rule", "bad_rule", "bad_rule"],
        ),
        ("bad-exception", ONE, ["frees-1 07 08:00 - 07 10:00", "frees-1 08 08:00 - 08 10:00"], ["bad_exception"]),
        ("bad-occurrence", ONE, [f"frees-1 {day} 08:00 - {day} 10:00" for day in ("06", "07", "09")], []),
        ("bad-details", ONE, ["frees-1 06 08:00 - 06 10:00"], []),
        ("too-often", ONE, ["frees-1 07 08:00 - 07 10:00", "frees-1 08 08:00 - 08 10:00"], ["too_often", "too_often"]),
        ("two-machines", {}, ["draaibank-1 06 08:00 - 06 10:00", "frees-1 06 08:00 - 06 10:00"], []),
        ("two-machines", {"machines": ["frees-1", "boor-1"]}, ["frees-1 06 08:00 - 06 10:00"], []),
        ("two-calendars", ONE, ["frees-1 06 08:00 - 06 10:00", "frees-1 07 08:00 - 07 10:00"], []),
        (
            "names", {},
            ["draaibank-1 06 09:00 - 06 10:00", "draaibank-1 06 15:00 - 06 16:00"]
            + [f"frees-1 06 {hour:02}:00 - 06 {hour + 1:02}:00" for hour in (7, 11, 13)],
            ["no_machine frees 12", "no_machine Verjaardag Jan"],
        ),
        (
            "names", BLOCK | {"machines": ["boor-1"]},
            [f"boor-1 06 {hour:02}:00 - 06 {hour + 1:02}:00" for hour in (7, 9, 11, 13, 15, 17, 19)],
            ["no_machine Frees 1: order 12", "no_machine", "no_machine Klant X", "no_machine", "no_machine", "no_machine frees 12", "no_machine Verjaardag Jan"],
        ),
        ("outlook-all-day", ONE, ["frees-1 05 23:00 - 06 23:00", "frees-1 07 23:00 - 08 23:00", "frees-1 08 23:00 - 09 23:00"], []),
        ("outlook-all-day", ONE | {"ignore_free": True}, ["frees-1 07 23:00 - 08 23:00"], ["free Onderhoud", "free Herstelling"]),
        ("free-busy", ONE, ["frees-1 06 08:00 - 06 10:00", "frees-1 07 08:00 - 07 10:00", "frees-1 09 08:00 - 09 10:00"], []),
        ("free-busy", {}, ["frees-1 06 08:00 - 06 10:00", "frees-1 07 08:00 - 07 10:00", "frees-1 09 08:00 - 09 10:00"], []),
        ("no-end", ONE, ["frees-1 06 07:00 - 06 23:00", "frees-1 07 07:00 - 07 23:00", "frees-1 08 23:30 - 09 23:00", "frees-1 09 23:30 - 10 23:00"], []),
        ("tasks", ONE, ["frees-1 07 08:00 - 07 10:00"], ["task Filter vervangen", "task Ooit"]),
    ],
)  # fmt: skip
def test_what_is_planned_counts_and_what_is_skipped_is_said(
    name: str, feed: dict[str, Any], expected: Sequence[str], skipped: Sequence[str]
) -> None:
    found = read((FEEDS / f"{name}.ics").read_bytes(), **feed)
    assert periods(found) == list(expected)
    assert [f"{one.reason} {one.title}".strip() for one in found.skipped] == list(skipped)
    assert all(one.blocks == (feed.get("unclear") == "block") for one in found.skipped)


@pytest.mark.parametrize(
    ("event", "blocked"),
    [
        (ORDER + "\r\nRRULE:FREQ=FORTNIGHTLY", ["06 08:00 - 06 10:00", "06 08:00 - 13 00:00"]),
        ("DTSTART:20240106T080000Z\r\nDTEND:20240106T100000Z\r\nRRULE:elke week", ["05 00:00 - 13 00:00"]),
        ("DTSTART:20270106T080000Z\r\nDTEND:20270106T100000Z\r\nRRULE:elke week", []),
        ("DTSTART:later\r\nSTATUS:CANCELLED", []),
    ],
)
def test_what_cannot_be_placed_takes_all_the_time_it_may_be_about(event: str, blocked: list[str]) -> None:
    assert periods(read(calendar(event), machine=FREES, unclear="block")) == [f"{FREES} {span}" for span in blocked]


@pytest.mark.parametrize(
    "rule",
    ["FREQ=DAILY;BYMONTH=13", "FREQ=DAILY;BYMONTHDAY=32", "FREQ=DAILY;BYHOUR=25", "FREQ=WEEKLY;UNTIL=20260110T1000", "FREQ=DAILY;INTERVAL=-1", "BYDAY=MO",
     "FREQ=MONTHLY;BYDAY=6TU", "FREQ=MONTHLY;BYDAY=-6TU", "FREQ=YEARLY;BYMONTH=1;BYDAY=6TU", "FREQ=YEARLY;BYDAY=54TU"],
)  # fmt: skip
def test_a_rule_that_cannot_be_followed_counts_once_and_is_said(rule: str) -> None:
    found = read(calendar(f"{ORDER}\r\nRRULE:{rule}"), machine=FREES)
    assert periods(found) == [f"{FREES} 06 08:00 - 06 10:00"]
    assert [(one.reason, one.start) for one in found.skipped] == [("bad_rule", utc(6, 8))]


@pytest.mark.parametrize(
    ("start", "rule"),
    [
        ("20260106T080000Z", "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"), ("20260106T080000Z", "FREQ=HOURLY;BYMONTH=6;BYMONTHDAY=31"),
        ("20260106T080000Z", "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=300"), ("20260106T080000Z", "FREQ=DAILY;INTERVAL=7;BYDAY=SU"),
        ("00010101T080000Z", "FREQ=HOURLY"), ("00010101T080000Z", "FREQ=DAILY"), ("19000101T080000Z", "FREQ=DAILY;BYHOUR=1,2,3,4,5,6,7,8,9"),
    ],
)  # fmt: skip
def test_no_rule_takes_longer_to_follow_than_it_is_worth(start: str, rule: str) -> None:
    """The 30th of February would be looked for until the year 9999."""
    began = time.process_time()
    found = read(calendar(ORDER, f"DTSTART:{start}\r\nDURATION:PT2H\r\nRRULE:{rule}"), machine=FREES)
    assert f"{FREES} 06 08:00 - 06 10:00" in periods(found), "the others count"
    assert [one.reason for one in found.skipped] == ["too_often"]
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "rule",
    ["FREQ=MONTHLY;BYDAY=TU;BYSETPOS=1", "FREQ=MONTHLY;BYDAY=TU;BYSETPOS=1,2", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU", "FREQ=DAILY;INTERVAL=2;BYDAY=TU,TH", "FREQ=HOURLY;INTERVAL=168",
     "FREQ=YEARLY;BYWEEKNO=2;BYDAY=TU", "FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=6", "FREQ=DAILY;BYMONTH=1;BYMONTHDAY=6", "FREQ=YEARLY;BYYEARDAY=6", "FREQ=MONTHLY;BYDAY=1TU,-1FR", "FREQ=YEARLY;BYDAY=1TU"],
)  # fmt: skip
def test_rules_as_people_have_them_are_followed(rule: str) -> None:
    found = read(calendar(f"{ORDER}\r\nRRULE:{rule}"), machine=FREES)
    assert f"{FREES} 06 08:00 - 06 10:00" in periods(found)
    assert found.skipped == ()


@pytest.mark.long
def test_a_feed_of_costly_rules_is_read_as_far_as_it_may_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of the feed, which may cost a quarter: the whole takes seconds."""
    monkeypatch.setattr(calendar_events, "MOST_OF_FEED", MOST_OF_FEED // 4)
    costly = "DTSTART:20260106T080000Z\r\nDURATION:PT2H\r\nRRULE:FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6"
    reasons = [one.reason for one in read(calendar(*[costly] * 8), machine=FREES).skipped]
    assert 0 < reasons.count("too_often") == len(reasons) < 8


def test_what_lasts_until_the_end_of_the_calendar_can_be_reckoned_with() -> None:
    found = read(
        calendar("DTSTART:20260106T080000Z\r\nDTEND:99991231T235959Z", "DTSTART;VALUE=DATE:99991231"), machine=FREES
    )
    assert [(one.start, one.end.year) for one in found.periods] == [(utc(6, 8), 2200)]


@pytest.mark.parametrize(
    "text", [b"<html>Please log in</html>", b"\xff\xfe\x00", b"", b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n", b"BEGIN:VEVENT\r\nEND:VEVENT\r\n"]
)  # fmt: skip
def test_what_is_no_calendar_is_refused_as_a_whole(text: bytes) -> None:
    with pytest.raises(PlanError) as raised:
        read(text, machine=FREES)
    assert raised.value.code == "not_a_calendar"


LINES = sorted({line for file in FEEDS.glob("*.ics") for line in file.read_text().splitlines()} - {"END:VCALENDAR"})


@given(st.lists(st.sampled_from(LINES) | st.text("0123456789TZ;:=,-\nBEGIND", max_size=12), max_size=8))
@settings(max_examples=150, deadline=None)
def test_whatever_stands_in_one_entry_the_others_count(lines: list[str]) -> None:
    wrong = "\r\n".join(["BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR", ""]).encode()
    good = periods(read(calendar(ORDER), machine=FREES))
    assert set(good) <= set(periods(read(calendar(ORDER) + wrong + calendar(ORDER), machine=FREES)))


@pytest.mark.parametrize("zone", ["Europe", "Europe/" + "x" * 300, "Europe/Genk", "../Europe/Brussels"])
def test_a_zone_that_is_not_known_costs_no_other_entry(zone: str) -> None:
    """Its times are those of the factory, in Brussels."""
    own = f"DTSTART;TZID={zone}:20260107T080000\r\nDTEND;TZID={zone}:20260107T100000"
    found = read(calendar(ORDER, own), machine=FREES)
    assert periods(found) == [f"{FREES} 06 08:00 - 06 10:00", f"{FREES} 07 07:00 - 07 09:00"]
    assert list(found.skipped) == []


def test_an_entry_with_two_ids_counts() -> None:
    assert periods(read(calendar("UID:2\r\n" + ORDER), machine=FREES)) == [f"{FREES} 06 08:00 - 06 10:00"]


def test_one_bad_calendar_of_several_does_not_cost_the_others() -> None:
    """A CalDAV server has a calendar for each entry."""
    found = read(
        calendar(ORDER) + b"BEGIN:VCALENDAR\r\nBEGIN:VFREEBUSY\r\nFREEBUSY:junk\r\n" + calendar(ORDER), machine=FREES
    )
    assert periods(found) == [f"{FREES} 06 08:00 - 06 10:00"] * 2
    assert [one.reason for one in found.skipped] == ["bad_entry"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Frees 1", [FREES]), ("FREES-01", [FREES]), ("frees1", [FREES]), ("afrees 1", []), ("frees 11", []), ("frees", []),
        ("Order voor CNC draaibank (frees 1 erna)", [DRAAI, FREES]), ("de grote hermle", [FREES]), ("Hermle", []), ("", []),
    ],
)  # fmt: skip
def test_machines_are_recognised_by_id_title_and_alias(text: str, expected: list[str]) -> None:
    assert list(MachineNames(POLICY, [FREES]).named_in(text)) == expected


def test_the_longer_of_two_names_is_meant() -> None:
    names = MachineNames(Policy(), ["frees", "frees-1", "frees-1-b"])
    assert [names.named_in(text) for text in ("frees", "frees 1", "Frees 1B", "frees 1, frees")] == [
        ("frees",),
        ("frees-1",),
        ("frees-1-b",),
        ("frees", "frees-1"),
    ]
