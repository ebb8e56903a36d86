"""Minimum dwell times: properties for any sequence of readings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.dwell import DwellFilter
from telemetry import MachineState

RUN, WAIT = MachineState.EXECUTING, MachineState.NOT_EXECUTING
START = datetime(2026, 1, 5, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def states(readings: str, run_s: int, wait_s: int = 0) -> str:
    """The state after each of a sequence of readings, one per second, `r` or `w`."""
    kept = DwellFilter({RUN: run_s * SECOND, WAIT: wait_s * SECOND})
    names = {"r": RUN, "w": WAIT}
    settled = [kept.settle(names[one], None, START + place * SECOND) for place, one in enumerate(readings)]
    return "".join("r" if one.state is RUN else "w" for one in settled)


def test_intervals_worked_out_by_hand() -> None:
    assert states("wwrwwrrrrww", run_s=3) == "wwwwwwwwrww"
    assert states("rrwrrwwwwr", run_s=0, wait_s=2) == "rrrrrrrwwr"
    assert states("wrwr", run_s=0) == "wrwr"


def test_an_accepted_state_starts_when_it_was_first_seen() -> None:
    kept = DwellFilter({RUN: 3 * SECOND})
    kept.settle(WAIT, None, START)
    assert kept.settle(RUN, None, START + 1 * SECOND).at == START + 1 * SECOND
    assert kept.settle(RUN, None, START + 2 * SECOND).at == START + 1 * SECOND, "nothing is confirmed past the change"
    settled = kept.settle(RUN, None, START + 4 * SECOND)
    assert (settled.state, settled.since, settled.at) == (RUN, START + 1 * SECOND, START + 4 * SECOND)


@given(st.text(alphabet="rw", min_size=1, max_size=60), st.integers(0, 8), st.integers(0, 8))
def test_no_change_without_enough_readings_in_a_row(readings: str, run_s: int, wait_s: int) -> None:
    held = states(readings, run_s, wait_s)
    for place in range(1, len(held)):
        if held[place] != held[place - 1]:
            need = (run_s if held[place] == "r" else wait_s) + 1
            assert readings[place + 1 - need : place + 1] == held[place] * need
