"""Hours that an operations manager approves before they are offered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.policy.approvals import Approval, Status, apply_approvals
from analytics.policy.policy import MachinePolicy, MachineTable, Policy
from analytics.policy.slot import Slot, stretches
from tests.analytics.publishing.samples import NOW

HOUR = timedelta(hours=1)
ASK = Policy(zone="UTC", machine={"m": MachineTable(approval="ask")})
Span = tuple[float, float]


def slot(start: float, end: float, probability: float = 0.9) -> Slot:
    return Slot("m", NOW + start * HOUR, NOW + end * HOUR, probability, 20, 0)


def answered(start: float, end: float, status: Status = "approved", by: float = 1, name: str = "a") -> Approval:
    return Approval(name, "m", NOW + start * HOUR, NOW + end * HOUR, 0.9, status, NOW + by * HOUR)


def spans(found: list[Approval] | tuple[Slot, ...]) -> list[Span]:
    return [((one.start - NOW) / HOUR, (one.end - NOW) / HOUR) for one in found]


STRETCH = stretches([slot(14, 20, 0.96), slot(16, 24, 0.95)])


@pytest.mark.parametrize(
    ("answers", "windows", "asked"),
    [
        ([], [], [(14, 24)]),
        ([answered(14, 24)], [(14, 20), (16, 24)], []),
        ([answered(13, 30)], [(14, 20), (16, 24)], []),
        ([answered(15, 22)], [(15, 20), (16, 22)], [(22, 24)]),
        ([answered(14, 18), answered(18, 24)], [(14, 20), (16, 24)], []),
        ([answered(14, 24, "refused")], [], []),
        ([answered(16, 18, "refused")], [], [(14, 16), (18, 24)]),
        ([answered(14, 19, "expired"), answered(19, 22)], [(19, 22)], [(22, 24)]),
        ([answered(14, 24, "asked", by=0)], [], []),
        ([answered(14.5, 23, "asked")], [], [(14, 24)]),
    ],
)
def test_what_of_a_stretch_is_approved_is_offered_and_the_rest_is_asked_for(
    answers: list[Approval], windows: list[Span], asked: list[Span]
) -> None:
    offered, requests = apply_approvals(STRETCH, answers, ASK, NOW)
    assert [span for one in offered for span in spans(one.bookable)] == windows  # type: ignore[arg-type]
    assert spans([one for one in requests if one.status == "asked"]) == asked


def test_a_request_keeps_its_id_while_the_forecast_moves_and_is_deleted_when_the_hours_are_no_longer_free() -> None:
    _, (first,) = apply_approvals([slot(14, 20, 0.96)], [], ASK, NOW)
    _, (second,) = apply_approvals([slot(14.25, 21, 0.94)], [first], ASK, NOW + HOUR / 4)
    assert (second.id, second.answer_by, second.probability) == (first.id, first.answer_by, 0.94)
    assert apply_approvals([], [second], ASK, NOW)[1] == []
    assert apply_approvals([slot(14, 20)], [second], Policy(), NOW) == ((slot(14, 20),), []), "nobody is asked any more"


def test_an_answer_is_of_use_until_the_shortest_booking_no_longer_fits() -> None:
    policy = Policy(machine={"m": MachineTable(approval="ask", notice=HOUR, minimum_slot=2 * HOUR)})
    _, (near, far) = apply_approvals([slot(3, 8), slot(60, 70)], [], policy, NOW)
    assert near.answer_by == NOW + 5 * HOUR
    assert far.answer_by == NOW + 24 * HOUR


def test_a_machine_that_is_always_free_is_asked_for_once_a_day() -> None:
    approvals: list[Approval] = []
    asked = []
    start = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)
    for hour in range(72):
        now = start + hour * HOUR
        free = Slot("m", now + 2 * HOUR, now + ASK.horizon, 0.99, 20, 0)
        offered, approvals = apply_approvals([free], approvals, ASK, now)
        asked += [(hour, one.end) for one in approvals if one.status == "asked"]
        assert bool(offered) == (hour > 0)
        approvals = [answered_at(one) for one in approvals]
    assert asked == [(0, datetime(2026, 5, 11, tzinfo=UTC))] + [
        (14 + 24 * day, datetime(2026, 5, 12 + day, tzinfo=UTC)) for day in range(3)
    ], "of a day when the whole of it is within the horizon"


def answered_at(one: Approval) -> Approval:
    return Approval(one.id, one.machine, one.start, one.end, one.probability, "approved", one.answer_by)


_hours = st.integers(0, 60)


@given(
    st.lists(st.tuples(_hours, st.integers(2, 8))),
    st.lists(
        st.tuples(_hours, st.integers(1, 12), st.sampled_from(["asked", "approved", "refused", "expired"]), _hours)
    ),
)
def test_nothing_is_offered_without_approval(
    free: list[tuple[int, int]], answers: list[tuple[int, int, Status, int]]
) -> None:
    slots = stretches([slot(start, start + length) for start, length in free])
    approvals = [answered(a, a + n, status, by, str(k)) for k, (a, n, status, by) in enumerate(answers)]
    offered, held = apply_approvals(slots, approvals, ASK, NOW)
    approved = {NOW + (a + hour) * HOUR for a, n, status, _ in answers if status == "approved" for hour in range(n)}
    for one in offered:
        for window in one.bookable:
            assert {window.start + hour * HOUR for hour in range(int((window.end - window.start) / HOUR))} <= approved
            assert any(free.start <= window.start and window.end <= free.end for was in slots for free in was.bookable)
    for status in ("refused", "approved"):
        assert {one.id for one in held if one.status == status} == {
            one.id for one in approvals if one.status == status and one.end > NOW
        }
    asked = sorted((one for one in held if one.status == "asked"), key=lambda one: one.start)
    assert all(before.end <= after.start for before, after in pairwise(asked)), "no hour is asked for twice"
    assert not any(one.overlaps(answer_slot(other)) for one in asked for other in held if other.status != "asked")
    assert MachinePolicy().approval == "auto"
    assert set(apply_approvals(slots, approvals, Policy(), NOW)[0]) == set(slots)


def answer_slot(one: Approval) -> Slot:
    return Slot(one.machine, one.start, one.end, one.probability, 0, 0)
