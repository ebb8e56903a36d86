"""From reports to a timeline: gaps are Unknown, overlaps belong to the later report, and nothing is counted twice."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.history.timeline import hours_per_state, timeline
from tests.analytics.tables import intervals, spells, utc

RUN, WAIT = "executing", "not_executing"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param(
            [("m", utc(5, 1), utc(5, 2), RUN, None)],
            [
                ("m", "05 00:00", "05 01:00", "unknown"),
                ("m", "05 01:00", "05 02:00", RUN),
                ("m", "05 02:00", "05 04:00", "unknown"),
            ],
            id="what nobody reported is unknown",
        ),
        pytest.param(
            [("m", utc(5, 0), utc(5, 3), RUN, None), ("m", utc(5, 2), utc(5, 4), WAIT, None)],
            [("m", "05 00:00", "05 02:00", RUN), ("m", "05 02:00", "05 04:00", WAIT)],
            id="the later report cuts the earlier",
        ),
        pytest.param(
            [("m", utc(4, 20), utc(5, 1), RUN, None), ("m", utc(5, 1), utc(5, 9), WAIT, None)],
            [("m", "05 00:00", "05 01:00", RUN), ("m", "05 01:00", "05 04:00", WAIT)],
            id="cut to the asked range",
        ),
        pytest.param(
            [("b", utc(5, 0), utc(5, 4), RUN, None), ("a", utc(5, 0), utc(5, 4), WAIT, None)],
            [("a", "05 00:00", "05 04:00", WAIT), ("b", "05 00:00", "05 04:00", RUN)],
            id="machines stay apart",
        ),
        pytest.param([], [], id="no machines, no timeline"),
    ],
)
def test_timeline(rows: list[tuple[str, object, object, str, None]], expected: list[tuple[str, str, str, str]]) -> None:
    assert spells(timeline(intervals(rows), utc(5), utc(5, 4))) == expected  # type: ignore[arg-type]


_minutes = st.integers(min_value=-60, max_value=300)


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), _minutes, st.integers(0, 120), st.sampled_from([RUN, WAIT]))))
def test_every_moment_of_the_range_is_covered_exactly_once(rows: list[tuple[str, int, int, str]]) -> None:
    start, end = utc(5), utc(5, 4)
    reports = {(name, since): (length, state) for name, since, length, state in rows}
    frame = intervals(
        [
            (name, start + timedelta(minutes=since), start + timedelta(minutes=since + length), state, None)
            for (name, since), (length, state) in reports.items()
        ]
    )
    whole = timeline(frame, start, end)
    assert set(whole["machine"]) == {name for name, _ in reports}
    for _, own in whole.groupby("machine"):
        assert own["start"].iloc[0] == pd.Timestamp(start)
        assert own["end"].iloc[-1] == pd.Timestamp(end)
        assert (own["start"].iloc[1:].array == own["end"].iloc[:-1].array).all()
        assert (own["end"] > own["start"]).all()


@given(st.lists(st.tuples(_minutes, st.integers(1, 120)), max_size=12))
def test_known_time_is_the_union_of_what_was_reported(rows: list[tuple[int, int]]) -> None:
    start, end = utc(5), utc(5, 4)
    reports = dict(rows)
    frame = intervals(
        [
            ("m", start + timedelta(minutes=since), start + timedelta(minutes=since + length), RUN, None)
            for since, length in reports.items()
        ]
    )
    later = sorted(reports)
    minutes = set()
    for place, since in enumerate(later):
        stop = min(since + reports[since], later[place + 1] if place + 1 < len(later) else 10**6)
        minutes |= set(range(max(since, 0), min(stop, 240)))
    assert hours_per_state(timeline(frame, start, end))[RUN] == pytest.approx(len(minutes) / 60)


def test_every_state_is_listed_with_its_hours() -> None:
    hours = hours_per_state(timeline(intervals([("m", utc(5), utc(5, 3), RUN, None)]), utc(5), utc(5, 4)))
    assert hours == {RUN: 3.0, WAIT: 0.0, "out_of_service": 0.0, "not_available": 0.0, "unknown": 1.0}
