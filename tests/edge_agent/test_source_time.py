"""Sources whose clocks are wrong: what is made of their time stamps, and that nothing is written over what was known."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.agent import Agent
from edge_agent.check import check_machines
from edge_agent.configuration import AgentSettings
from edge_agent.interval_tracker import LATE, IntervalTracker, Observation
from edge_agent.sources.source_time import ClockJudgement, SourceClock, describe_clock, in_words
from edge_agent.supervision import metrics_of, status_of
from simulators.opcua_server import MachineryServer
from telemetry import MachineState, StateInterval, SystemClock, to_milliseconds
from tests.edge_agent.conftest import until_state
from tests.plans import ScriptedPlan, character
from tests.servers import free_port

RUN, WAIT, UNKNOWN = MachineState.EXECUTING, MachineState.NOT_EXECUTING, MachineState.UNKNOWN
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
WRONG = -timedelta(days=1, minutes=10)


def clock_that_was(*offsets: timedelta, apart: timedelta = 3 * SECOND) -> SourceClock:
    """A clock that was ahead by these offsets when it was compared, the last time at `NOW`."""
    clock = SourceClock()
    for place, offset in enumerate(offsets):
        at = NOW - apart * (len(offsets) - 1 - place)
        clock.compare(at + offset, at, at)
    return clock


@pytest.mark.parametrize(
    ("offsets", "judged"),
    [
        ([], ClockJudgement.UNKNOWN),
        ([timedelta(0)], ClockJudgement.RIGHT),
        ([30 * SECOND], ClockJudgement.RIGHT),
        ([WRONG], ClockJudgement.UNUSABLE),  # one comparison does not show whether it runs
        ([WRONG, WRONG], ClockJudgement.CORRECTED),
        ([WRONG, WRONG - SECOND], ClockJudgement.CORRECTED),  # its time moves once a second
        ([-WRONG, -WRONG], ClockJudgement.CORRECTED),
        ([WRONG, WRONG - 3 * SECOND], ClockJudgement.UNUSABLE),  # it stands still
        ([timedelta(0), WRONG], ClockJudgement.UNUSABLE),  # it was set
        ([timedelta(0), WRONG, WRONG], ClockJudgement.CORRECTED),
        ([WRONG, WRONG, timedelta(0)], ClockJudgement.RIGHT),  # it was set right
    ],
)
def test_judgement(offsets: list[timedelta], judged: ClockJudgement) -> None:
    clock = clock_that_was(*offsets)
    assert clock.judgement is judged
    assert (describe_clock(clock) is None) == (judged in (ClockJudgement.UNKNOWN, ClockJudgement.RIGHT))


def test_a_clock_that_is_known_is_judged_at_once_after_an_outage() -> None:
    assert clock_that_was(WRONG, WRONG + 2 * SECOND, apart=timedelta(hours=1)).judgement is ClockJudgement.CORRECTED


def test_comparisons_too_close_to_each_other_prove_nothing() -> None:
    assert clock_that_was(WRONG, WRONG, apart=SECOND).judgement is ClockJudgement.UNUSABLE


def test_what_is_wrong_is_said_in_words() -> None:
    assert describe_clock(clock_that_was(WRONG, WRONG)) == "its clock is 1 day 10 min behind; its times are corrected"
    assert "3 h ahead and does not run evenly" in (describe_clock(clock_that_was(timedelta(hours=3))) or "")
    assert [in_words(timedelta(seconds=one)) for one in (0, 59, 3600, 200_000)] == ["0 s", "59 s", "1 h", "2 days 7 h"]


@pytest.mark.parametrize(
    ("stamp", "used"),
    [
        (NOW - timedelta(days=3), NOW - timedelta(days=3)),
        (NOW + timedelta(seconds=30), NOW + timedelta(seconds=30)),
        (None, NOW),
        (NOW + timedelta(hours=1), NOW),
        (datetime(2000, 1, 1, 7, tzinfo=UTC), NOW),
        (datetime(1601, 1, 1), NOW),
        (datetime(9999, 12, 31, tzinfo=UTC), NOW),
    ],
)
def test_which_time_is_used_for_a_stamp_of_a_right_clock(stamp: datetime | None, used: datetime) -> None:
    for clock in (clock_that_was(), clock_that_was(timedelta(0))):
        assert clock.gateway_time(stamp, NOW) == used


@pytest.mark.parametrize(
    ("offsets", "stamp", "used"),
    [
        ([WRONG, WRONG], NOW + WRONG - timedelta(hours=2), NOW - timedelta(hours=2)),
        ([WRONG, WRONG], NOW, NOW),  # a value with another clock than the server
        ([WRONG], NOW + WRONG, NOW),
        ([WRONG], NOW - timedelta(hours=2), NOW),
        (
            [datetime(2000, 1, 1, 5, tzinfo=UTC) - NOW] * 2,
            datetime(2000, 1, 1, 4, tzinfo=UTC),
            NOW - timedelta(hours=1),
        ),
        ([datetime(2000, 1, 1, 5, tzinfo=UTC) - NOW] * 2, datetime(1601, 1, 1, tzinfo=UTC), NOW),
        ([WRONG, WRONG], datetime(9999, 12, 31, 23, tzinfo=UTC), NOW),
    ],
)
def test_which_time_is_used_for_a_stamp_of_a_wrong_clock(
    offsets: list[timedelta], stamp: datetime, used: datetime
) -> None:
    assert clock_that_was(*offsets).gateway_time(stamp, NOW) == used


def test_changes_that_lie_in_time_that_was_confirmed_get_the_gateways_time() -> None:
    """A server whose clock is right, and a PLC behind it that stands an hour back."""
    clock = clock_that_was(timedelta(0))
    hour_ago = NOW - timedelta(hours=1)
    assert clock.first_time("m1", hour_ago, NOW) == hour_ago, "it may have begun then"
    assert clock.change_time("m1", hour_ago, NOW, NOW - SECOND) == NOW
    assert clock.late == {"m1": timedelta(hours=1) - SECOND}
    assert clock.first_time("m1", hour_ago, NOW) == NOW, "after a lost connection it is still known to be wrong"
    assert clock.first_time("m2", hour_ago, NOW) == hour_ago
    assert clock.change_time("m1", NOW - SECOND, NOW, NOW) == NOW - SECOND
    assert clock.late == {}


offsets = st.timedeltas(-timedelta(days=9_000), timedelta(days=9_000))
errors = st.timedeltas(timedelta(0), timedelta(seconds=4))


@given(offsets, st.lists(st.tuples(errors, st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=8), errors)
def test_a_steady_offset_is_removed_to_within_the_tolerance(
    offset: timedelta, requests: list[tuple[timedelta, float, float]], ago: timedelta
) -> None:
    """Whatever its length, where in the request the server looked, and how coarse its clock is (a second)."""
    clock, at = SourceClock(), NOW
    for took, looked, coarse in requests:
        clock.compare(at + took * looked + offset - SECOND * coarse, at, at + took)
        at += took + 3 * SECOND
    happened = at - ago
    assert abs(clock.gateway_time(happened + offset, at) - happened) <= clock.tolerance
    assert (clock.judgement is ClockJudgement.UNUSABLE) is False


@given(
    st.lists(st.tuples(st.datetimes(), st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), errors), max_size=6),
    st.none() | st.datetimes(),
)
def test_no_time_stamp_is_an_error_nor_in_the_future(
    comparisons: list[tuple[datetime, datetime, timedelta]], stamp: datetime | None
) -> None:
    clock = SourceClock()
    for shown, at, took in comparisons:
        clock.compare(shown, at.replace(tzinfo=UTC), at.replace(tzinfo=UTC) + took)
    used = clock.gateway_time(stamp, NOW)
    assert datetime(2000, 1, 3, tzinfo=UTC) <= used <= NOW + clock.tolerance


@given(
    st.lists(
        st.tuples(st.integers(0, 90), st.sampled_from([RUN, WAIT, UNKNOWN]), st.booleans(), st.integers(-200_000, 40))
    )
)
def test_nothing_is_written_before_the_last_known_state(
    script: list[tuple[int, MachineState, bool, int]],
) -> None:
    """Whatever times a source tells: what was confirmed stays, but for the seconds that a change may take to be told."""
    tracker, now = IntervalTracker(timedelta(0)), NOW
    known = NOW - timedelta(days=3)
    for wait, state, continuous, told in script:
        now += wait * SECOND
        before = tracker.current
        tracker.observe(Observation(state, now, since=now + told * SECOND, continuous=continuous))
        current = tracker.current
        assert current is not None
        if before is not None and (before.state, before.since) != (current.state, current.since):
            assert current.since >= known - LATE
            assert current.since >= before.since
        known = max(known, current.until) if current.state is not UNKNOWN else known


class WrongClock(SystemClock):
    """Runs a day and ten minutes behind."""

    def now(self) -> datetime:
        return super().now() + WRONG


@pytest.mark.servers
@pytest.mark.long
async def test_a_server_whose_clock_is_a_day_behind(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    right, wrong, port = SystemClock(), WrongClock(), free_port()
    began = to_milliseconds(right.now() - timedelta(hours=1))
    plan = ScriptedPlan({"m1": [(began + WRONG, WAIT)]}, changeable=True)
    server = MachineryServer(plan, [character("m1")], wrong, port)
    await server.start()
    moving = asyncio.create_task(server.run())
    settings = AgentSettings.validated(
        {
            "agent": {"factory": "f", "gateway": "g", "data_dir": tmp_path},
            "mqtt": {"url": "mqtt://127.0.0.1:9"},
            "opcua": [
                {
                    "endpoint": server.endpoint,
                    "publishing_interval": "50ms",
                    "machine": [{"id": "m1", "browse_name": "M1"}],
                }
            ],
        }
    )
    checking = asyncio.create_task(check_machines(settings, right))
    agent, stop = Agent(settings, right), asyncio.Event()
    reading = asyncio.create_task(agent.run(stop))
    first = await until_state(agent.writer, "m1", WAIT)
    assert abs(first.since - began) < 2 * SECOND
    assert right.now() - first.until < 3 * SECOND, "confirmed up to the present, not to yesterday"
    change = to_milliseconds(right.now() + SECOND)
    plan.change("m1", change + WRONG, RUN)
    changed = await until_state(agent.writer, "m1", RUN)
    assert abs(changed.since - change) < 2 * SECOND
    said = "its clock is 1 day 10 min behind; its times are corrected"
    assert caplog.text.count(said) == 1
    [result] = await checking
    assert result.clock == said
    [clock] = (await status_of(agent, right))["clocks"]
    assert (clock["problem"], clock["judgement"]) == (said, "corrected")
    assert f'source_clock_seconds_ahead{{source="{server.endpoint}"}} -8' in (await metrics_of(agent, right)).decode()
    stop.set()
    await reading
    moving.cancel()
    await asyncio.gather(moving, return_exceptions=True)
    await server.stop()


def test_a_change_that_a_wrong_clock_dates_a_day_early_leaves_what_was_known() -> None:
    """As an agent that is started again and has nothing yet to judge the clock by."""
    last = StateInterval(RUN, NOW - timedelta(days=2), NOW)
    tracker = IntervalTracker(timedelta(seconds=60), last)
    [told] = tracker.observe(Observation(WAIT, NOW + 60 * SECOND, since=NOW - timedelta(days=1), continuous=False))
    assert (told.since, told.until) == (NOW, NOW + 60 * SECOND)
