"""`vrijloop spare`, `vrijloop backtest` and `vrijloop kpis`, with their tables and their JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from telemetry import UserError
from tests.servers import shared_file
from tests.vrijloop.command_line import invoke

START = datetime(2026, 1, 5, tzinfo=UTC)
POLICY = 'max_broken_promises = 0.05\nminimum_slot = "2h"\nnotice = "0h"\n'


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """Ten weeks of one machine that works from six to twenty on weekdays."""
    lines = ["machine,since,until,state"]
    for day in range(10 * 7):
        midnight = START + timedelta(days=day)
        times = [midnight + timedelta(hours=hours) for hours in ((0, 6, 20, 24) if day % 7 < 5 else (0, 24))]
        states = ("not_executing", "executing", "not_available")
        lines += [
            f"saw-1,{a.isoformat()},{b.isoformat()},{state}"
            for a, b, state in zip(times, times[1:], states, strict=False)
        ]
    path = tmp_path / "history.csv"
    path.write_text("\n".join(lines) + "\n")
    (tmp_path / "policy.toml").write_text(POLICY + 'zone = "UTC"\n')
    return path


@pytest.mark.long
def test_spare_lists_slots(history: Path) -> None:
    policy = history.parent / "policy.toml"
    arguments = ("spare", history, "--at", "2026-02-23T11:00:00+01:00", "--horizon", "7d", "--policy", policy)
    printed = invoke(*arguments, "--json")
    slots = json.loads(printed)["slots"]
    assert invoke(*arguments, "--json") == printed, "deterministic"
    assert slots
    for slot in slots:
        assert list(slot) == ["machine", "start", "end", "probability"]
        start, end = (datetime.fromisoformat(slot[name]) for name in ("start", "end"))
        assert slot["start"].endswith("Z")
        assert datetime(2026, 2, 23, 10, tzinfo=UTC) <= start < end <= datetime(2026, 3, 2, 10, tzinfo=UTC)
        assert end - start >= timedelta(hours=2)
        assert 0 < slot["probability"] < 1
    assert "saw-1" in invoke(*arguments)


@pytest.mark.long
def test_backtest_reports_how_promises_were_kept(history: Path, tmp_path: Path) -> None:
    picture = tmp_path / "backtest.png"
    arguments = ("backtest", history, "--policy", history.parent / "policy.toml", "--plot", picture)
    weeks = ("--first", "2026-03-02T00:00:00Z", "--refit", "4w")
    result = json.loads(invoke(*arguments, *weeks, "--json"))
    assert list(result["results"]) == ["vrijloop", "counting weekdays"]
    own = result["results"]["vrijloop"]
    for length in ("2h", "4h", "8h"):
        assert own["windows"][length]["kept"] >= 0.95
        assert own["windows"][length]["found"] > 0.8
    assert picture.read_bytes().startswith(b"\x89PNG")
    last_days = ("--first", "2026-03-12T00:00:00Z", "--refit", "4w")
    table = invoke(*arguments[:-2], *last_days)
    assert "found" in table
    assert "Reliability" in table


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("machine,since\nm,2026\n", "until, state is missing"),
        ("machine,since,until,state\nm,yesterday,2026-01-01T00:00:00Z,executing\n", "line 2: `since` 'yesterday'"),
        ("machine,since,until,state\nm,2026-01-01T00:00:00Z,2026-01-02T00:00:00Z,idle\n", "line 2: `state` 'idle'"),
        ("machine,since,until,state\nm,2026-01-02T00:00:00Z,2026-01-01T00:00:00Z,executing\n", "is before `since`"),
        ("machine,since,until,state\n", "contains no history"),
    ],
)
def test_an_invalid_history_is_refused_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=expected):
        invoke("backtest", path)


def test_wrong_arguments_are_errors(history: Path, tmp_path: Path) -> None:
    for arguments, expected in (
        (("spare", history, "--at", "2026-04-06"), "no time zone"),
        (("spare", history, "--at", "noon"), "not a time"),
        (("spare", history, "--horizon", "60d"), "--horizon"),
        (("spare", tmp_path / "absent.csv"), "cannot be read"),
        (("backtest", history, "--first", "2027-01-01T00:00:00Z"), "too short"),
    ):
        with pytest.raises(UserError, match=expected):
            invoke(*arguments)


@pytest.mark.long
@pytest.mark.parametrize(
    ("recording", "holidays", "found"), [("steel", "KR", (0.7, 0.6)), ("toolmaker", "DE", (0.8, 0.7))]
)
def test_promises_hold_for_recorded_meters(
    tmp_path: Path, recording: str, holidays: str, found: tuple[float, float]
) -> None:
    """Three weeks in the middle of the recorded year, after five months; `docs/rooms/analytics.md` has the figures of the whole year."""
    head, _, rows = shared_file("promises", "recordings", f"{recording}.csv").read_text().partition("\n")
    zone = head.partition("zone=")[2].strip()
    path, policy = tmp_path / "recording.csv", tmp_path / "policy.toml"
    names, *lines = rows.splitlines(keepends=True)
    path.write_text("".join([names, *(line for line in lines if line.partition(",")[2] > "2018-02")]))
    policy.write_text(POLICY + f'zone = "{zone}"\nholidays = "{holidays}"\n')
    first = datetime(2018, 7, 2, tzinfo=ZoneInfo(zone))
    span = ("--first", first.isoformat(), "--last", (first + timedelta(weeks=3)).isoformat(), "--refit", "6w")
    own = json.loads(invoke("backtest", path, "--policy", policy, *span, "--json"))["results"]["vrijloop"]
    for length, least in zip(("2h", "4h"), found, strict=True):
        assert own["windows"][length]["kept_interval_95"][1] >= 0.95
        assert own["windows"][length]["found"] > least


def test_kpis_show_how_hours_were_used(history: Path) -> None:
    policy = history.parent / "policy.toml"
    arguments = ("kpis", history, "--first", "2026-01-05", "--last", "2026-01-11", "--policy", policy)
    (row,) = json.loads(invoke(*arguments, "--json"))["rows"]
    assert (row["of"], row["period"], row["calendar_h"], row["apt_h"]) == ("saw-1", "2026-W02", 168, 70)
    assert row["losses_h"]["off"] == 20
    assert row["last_used"] == "2026-01-09T20:00:00Z"
    assert "saw-1" in invoke(*arguments)
    with pytest.raises(UserError, match="shift"):
        invoke(*arguments, "--per", "month")
