"""What counts as a difference between what machines did and what is stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from telemetry import MachineState
from tests.faults.truth import Difference, Excuse, Spell, differences

RUN, WAIT, UNKNOWN = MachineState.EXECUTING, MachineState.NOT_EXECUTING, MachineState.UNKNOWN
T0 = datetime(2026, 1, 1, tzinfo=UTC)
Rows = list[tuple[MachineState, float, float]]
TRUTH: Rows = [(RUN, 0, 10), (WAIT, 10, 20), (RUN, 20, 30)]


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def spells(rows: Rows) -> list[Spell]:
    return [Spell(state, at(start), at(end)) for state, start, end in rows]


def found(stored: Rows, *excuses: Excuse) -> list[tuple[float, float, MachineState, MachineState]]:
    shown = differences("m1", spells(TRUTH), spells(stored), excuses, timedelta(seconds=1))
    return [((one.start - T0).total_seconds(), (one.end - T0).total_seconds(), one.was, one.stored) for one in shown]


@pytest.mark.parametrize(
    ("stored", "excuses", "different"),
    [
        pytest.param(TRUTH, [], [], id="equal"),
        pytest.param([(RUN, 0, 11), (WAIT, 11, 20.5), (RUN, 20.5, 30)], [], [], id="as late as it may be"),
        pytest.param([(RUN, 0, 12), (WAIT, 12, 20), (RUN, 20, 30)], [], [(10, 12, WAIT, RUN)], id="too late"),
        pytest.param([(RUN, 0, 30)], [], [(10, 20, WAIT, RUN)], id="a change is missing"),
        pytest.param([(RUN, 0, 10), (UNKNOWN, 10, 14), (WAIT, 14, 20), (RUN, 20, 30)], [], [(10, 14, WAIT, UNKNOWN)], id="a hole"),
        pytest.param([(RUN, 0, 10), (UNKNOWN, 10, 14), (WAIT, 14, 20), (RUN, 20, 30)], [Excuse(at(9), at(15))], [], id="a hole with a reason"),
        pytest.param([(RUN, 0, 10), (UNKNOWN, 10, 14), (WAIT, 14, 20), (RUN, 20, 30)], [Excuse(at(9), at(12))], [(12, 14, WAIT, UNKNOWN)], id="longer than its reason"),
        pytest.param([(RUN, 0, 13), (WAIT, 13, 20), (RUN, 20, 30)], [Excuse(at(9), at(15))], [(10, 13, WAIT, RUN)], id="not known is no excuse for wrong"),
        pytest.param([(RUN, 0, 13), (WAIT, 13, 20), (RUN, 20, 30)], [Excuse(at(9), at(15), wrong=True)], [], id="a wrong clock is"),
        pytest.param([(UNKNOWN, 0, 30)], [], [(0, 30, RUN, UNKNOWN)], id="Unknown is stored"),
        pytest.param([], [], [(0, 30, RUN, UNKNOWN)], id="nothing is stored"),
        pytest.param([(RUN, 4, 10), (WAIT, 10, 20), (RUN, 20, 26)], [], [(0, 4, RUN, UNKNOWN), (26, 30, RUN, UNKNOWN)], id="both ends are missing"),
    ],
)  # fmt: skip
def test_what_counts(
    stored: Rows, excuses: list[Excuse], different: list[tuple[float, float, MachineState, MachineState]]
) -> None:
    assert found(stored, *excuses) == different


def test_a_difference_is_said_in_a_sentence() -> None:
    one = Difference("frees-1", at(1), at(3.5), RUN, UNKNOWN)
    assert str(one) == "frees-1 from 00:00:01.000 to 00:00:03.500: was executing, stored is unknown"
