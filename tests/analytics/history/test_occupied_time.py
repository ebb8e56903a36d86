"""Occupied and free time: a machine that waits for minutes between two parts of one job is not free."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from analytics.history.occupied_time import idle_spells, occupied_spells
from analytics.history.time_bins import TimeBins
from analytics.history.timeline import timeline
from tests.analytics.tables import intervals, utc

RUN, WAIT, DOWN, OFF = "executing", "not_executing", "out_of_service", "not_available"


def parts(script: list[tuple[int, str, str | None]], gap_minutes: int) -> tuple[list[str], list[str]]:
    """`script`: (first minute, state, mode), ending at minute 240. Returns occupied and free time as `begin-end`."""
    rows = []
    for place, (begin, state, mode) in enumerate(script):
        end = script[place + 1][0] if place + 1 < len(script) else 240
        rows.append(("m", utc(5) + timedelta(minutes=begin), utc(5) + timedelta(minutes=end), state, mode))
    spells = timeline(intervals(rows), utc(5), utc(5, 4))
    occupied = occupied_spells(spells, timedelta(minutes=gap_minutes))
    axis = TimeBins(["m"], utc(5).timestamp() + np.arange(241) * 60.0)
    free = axis.hours_outside(idle_spells(spells), occupied)[0] > 1 / 120
    turns = np.flatnonzero(np.diff(np.concatenate([[0], free.astype(int), [0]]))).tolist()
    spans = [
        f"{int((row['start'] - utc(5)).total_seconds() // 60)}-{int((row['end'] - utc(5)).total_seconds() // 60)}"
        for row in occupied.to_dict("records")
    ]
    return spans, [f"{begin}-{end}" for begin, end in zip(turns[::2], turns[1::2], strict=True)]


@pytest.mark.parametrize(
    ("script", "gap", "occupied", "free"),
    [
        pytest.param(
            [(0, RUN, None), (60, WAIT, None), (65, RUN, None), (120, WAIT, None)],
            30,
            ["0-120"],
            ["120-240"],
            id="a gap between two parts belongs to the job",
        ),
        pytest.param(
            [(0, RUN, None), (60, WAIT, None), (90, RUN, None), (120, WAIT, None)],
            30,
            ["0-60", "90-120"],
            ["60-90", "120-240"],
            id="a gap of exactly the changeover gap is free",
        ),
        pytest.param(
            [(0, WAIT, "setup"), (30, RUN, None), (60, WAIT, None)], 30, ["0-60"], ["60-240"], id="set-up occupies"
        ),
        pytest.param([(0, WAIT, "maintenance"), (60, WAIT, None)], 30, ["0-60"], ["60-240"], id="maintenance occupies"),
        pytest.param([(0, DOWN, None), (120, OFF, None)], 30, [], ["120-240"], id="down is not free, switched off is"),
        pytest.param(
            [(0, RUN, None), (60, DOWN, None), (70, RUN, None), (100, OFF, None)],
            30,
            ["0-100"],
            ["100-240"],
            id="a short breakdown stays inside the job",
        ),
        pytest.param([(0, "unknown", None)], 30, [], [], id="unknown is neither"),
        pytest.param(
            [(0, DOWN, "setup"), (60, WAIT, None)], 30, [], ["60-240"], id="out of service stays so in set-up mode"
        ),
        pytest.param(
            [(0, RUN, "maintenance"), (60, WAIT, None)], 30, ["0-60"], ["60-240"], id="running for maintenance occupies"
        ),
    ],
)
def test_occupied_and_free(
    script: list[tuple[int, str, str | None]], gap: int, occupied: list[str], free: list[str]
) -> None:
    assert parts(script, gap) == (occupied, free)


def test_machines_do_not_share_their_jobs() -> None:
    rows = [("a", utc(5), utc(5, 1), RUN, None), ("b", utc(5, 1), utc(5, 2), RUN, None)]
    joined = occupied_spells(timeline(intervals(rows), utc(5), utc(5, 4)), timedelta(hours=3))
    assert joined["machine"].tolist() == ["a", "b"]


def test_each_machine_may_have_its_own_changeover_gap() -> None:
    rows = [(name, utc(5, hour), utc(5, hour, 30), "executing", None) for name in ("a", "b") for hour in (6, 7)]
    spells = timeline(intervals(rows), utc(5), utc(6))
    found = occupied_spells(spells, {"a": timedelta(minutes=30), "b": timedelta(minutes=31)})
    assert list(zip(found["machine"], found["start"], found["end"], strict=True)) == [
        ("a", utc(5, 6), utc(5, 6, 30)),
        ("a", utc(5, 7), utc(5, 7, 30)),
        ("b", utc(5, 6), utc(5, 7, 30)),
    ]
    for name, gap in (("a", 30), ("b", 31)):
        own = occupied_spells(spells[spells["machine"] == name], timedelta(minutes=gap))
        assert own["start"].tolist() == found[found["machine"] == name]["start"].tolist()
