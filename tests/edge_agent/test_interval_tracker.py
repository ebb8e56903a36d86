"""The interval tracker: which observations lead to reports, and when."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.interval_tracker import IntervalTracker, Observation
from telemetry import MachineState, OperationMode, StateInterval

T0 = datetime(2026, 3, 1, tzinfo=UTC)
RUN, WAIT, UNKNOWN = MachineState.EXECUTING, MachineState.NOT_EXECUTING, MachineState.UNKNOWN
HEARTBEAT = timedelta(seconds=60)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def said(reports: list[StateInterval]) -> list[tuple[str, float, float]]:
    return [(one.state.value, (one.since - T0).total_seconds(), (one.until - T0).total_seconds()) for one in reports]


def test_a_new_state_is_reported_at_once_and_closes_the_old_one() -> None:
    tracker = IntervalTracker(HEARTBEAT)
    assert said(tracker.observe(Observation(WAIT, at(0)))) == [("not_executing", 0, 0)]
    assert tracker.observe(Observation(WAIT, at(10))) == []
    changed = tracker.observe(Observation(RUN, at(12)))
    assert said(changed) == [("not_executing", 0, 12), ("executing", 12, 12)]


def test_heartbeats_repeat_since_with_a_later_until() -> None:
    tracker = IntervalTracker(HEARTBEAT)
    spoken = [said(tracker.observe(Observation(RUN, at(second)))) for second in range(0, 181, 30)]
    assert [one for one in spoken if one] == [
        [("executing", 0, 0)],
        [("executing", 0, 60)],
        [("executing", 0, 120)],
        [("executing", 0, 180)],
    ]


def test_a_gap_without_observations_is_not_covered() -> None:
    tracker = IntervalTracker(HEARTBEAT)
    tracker.observe(Observation(RUN, at(0)))
    tracker.observe(Observation(RUN, at(60)))
    after = tracker.observe(Observation(RUN, at(600), continuous=False))
    assert said(after) == [("executing", 600, 600)]
    changed = tracker.observe(Observation(WAIT, at(900), continuous=False))
    assert said(changed) == [("not_executing", 900, 900)], "the old interval is not stretched over the gap"


def test_a_source_that_knows_since_when_covers_the_gap() -> None:
    tracker = IntervalTracker(HEARTBEAT)
    tracker.observe(Observation(RUN, at(60), since=at(0)))
    again = tracker.observe(Observation(RUN, at(600), since=at(0), continuous=False))
    assert said(again) == [("executing", 0, 600)]


def test_the_source_time_is_the_boundary_not_the_reception() -> None:
    tracker = IntervalTracker(HEARTBEAT)
    tracker.observe(Observation(WAIT, at(50), since=at(0)))
    assert said(tracker.observe(Observation(RUN, at(58), since=at(55)))) == [
        ("not_executing", 0, 55),
        ("executing", 55, 58),
    ]


def test_unknown_is_replaced_by_what_the_source_reports() -> None:
    tracker = IntervalTracker(HEARTBEAT)
    tracker.observe(Observation(RUN, at(10), since=at(0)))
    tracker.observe(Observation(UNKNOWN, at(20), continuous=False))
    back = tracker.observe(Observation(RUN, at(90), since=at(0), continuous=False))
    assert said(back) == [("executing", 20, 90)]


def test_a_device_that_stays_away_is_one_interval_however_often_it_is_tried() -> None:
    tracker = IntervalTracker(HEARTBEAT)
    tracker.observe(Observation(RUN, at(0)))
    reports = list[StateInterval]()
    for second in range(2, 182, 2):
        reports += tracker.observe(Observation(UNKNOWN, at(second), continuous=False, reason="no contact"))
    assert said(reports) == [("unknown", 2, 2), ("unknown", 2, 62), ("unknown", 2, 122)]
    back = tracker.observe(Observation(RUN, at(190), continuous=False))
    assert said(back) == [("executing", 190, 190)], "nothing is claimed for the time in which it was away"


def test_another_reason_for_unknown_is_reported() -> None:
    tracker = IntervalTracker(HEARTBEAT)
    tracker.observe(Observation(UNKNOWN, at(0), reason="no thresholds"))
    lost = tracker.observe(Observation(UNKNOWN, at(5), continuous=False, reason="no contact"))
    assert [(one.since, one.reason) for one in lost] == [(at(5), "no contact")]


def test_an_older_time_stamp_does_not_shorten_what_was_reported() -> None:
    tracker = IntervalTracker(HEARTBEAT)
    tracker.observe(Observation(RUN, at(100), since=at(50)))
    assert said(tracker.observe(Observation(WAIT, at(110), since=at(20)))) == [("not_executing", 100, 110)]


def test_a_mode_that_changes_with_the_state_replaces_the_same_interval() -> None:
    tracker = IntervalTracker(HEARTBEAT)
    tracker.observe(Observation(WAIT, at(5), since=at(0)))
    tracker.observe(Observation(RUN, at(10), since=at(10)))
    with_mode = tracker.observe(Observation(RUN, at(10), OperationMode.PROCESSING, since=at(10)))
    assert [(one.since, one.mode) for one in with_mode] == [(at(10), OperationMode.PROCESSING)]


def test_a_restarted_agent_continues_where_it_was() -> None:
    last = StateInterval(RUN, at(0), at(60))
    fresh_enough = IntervalTracker(HEARTBEAT, last).observe(Observation(RUN, at(120)))
    assert said(fresh_enough) == [("executing", 0, 120)]
    too_late = IntervalTracker(HEARTBEAT, last).observe(Observation(RUN, at(900), continuous=False))
    assert said(too_late) == [("executing", 900, 900)]


@dataclass(frozen=True)
class Step:
    wait: int
    state: MachineState
    continuous: bool
    source_lag: int | None


steps = st.lists(
    st.builds(
        Step,
        st.integers(-5, 200),
        st.sampled_from([RUN, WAIT, UNKNOWN]),
        st.booleans(),
        st.none() | st.integers(0, 300),
    ),
    max_size=40,
)


@given(steps)
def test_reports_are_in_order_never_negative_and_keep_their_start(script: list[Step]) -> None:
    """Also when clocks step back: `since` never decreases, `until` is never before it, and each `since` belongs to one interval."""
    tracker = IntervalTracker(HEARTBEAT)
    now, reports = 0, []
    for step in script:
        now += step.wait
        since = at(now - step.source_lag) if step.source_lag is not None else None
        reports += tracker.observe(Observation(step.state, at(now), since=since, continuous=step.continuous))
    assert all(one.since <= one.until for one in reports)
    starts = [one.since for one in reports]
    assert starts == sorted(starts)


@given(st.lists(st.tuples(st.integers(1, 50), st.sampled_from([RUN, WAIT])), min_size=1, max_size=60))
def test_a_poll_without_gaps_covers_all_time_exactly_once(polls: list[tuple[int, MachineState]]) -> None:
    tracker = IntervalTracker(timedelta(0))
    now, newest = 0, dict[datetime, datetime]()
    for wait, state in polls:
        now += wait
        for one in tracker.observe(Observation(state, at(now))):
            newest[one.since] = one.until
    bounds = sorted(newest.items())
    assert bounds[0][0] == at(polls[0][0])
    assert bounds[-1][1] == at(now)
    assert all(earlier[1] == later[0] for earlier, later in itertools.pairwise(bounds))
