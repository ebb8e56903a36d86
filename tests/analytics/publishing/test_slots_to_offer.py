"""Which offers the platform is asked to show: stretches with their windows, or pieces that do not overlap."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from analytics.policy.policy import MachineTable, Policy
from analytics.policy.slot import Slot
from analytics.publishing.slots_to_offer import slots_to_offer
from tests.analytics.publishing.samples import NOW

HOUR = timedelta(hours=1)
Spans = list[tuple[float, float]]


def windows(spans: Spans, machine: str = "m") -> list[Slot]:
    return [
        Slot(machine, NOW + start * HOUR, NOW + end * HOUR, 0.9 + place / 100, 20, 1)
        for place, (start, end) in enumerate(spans)
    ]


def shown(slots: Any) -> Spans:
    return [((slot.start - NOW) / HOUR, (slot.end - NOW) / HOUR) for slot in slots]


def in_pieces(spans: Spans, **wishes: Any) -> Spans:
    return shown(slots_to_offer(windows(spans), Policy(parts=False, **wishes)))


def test_windows_that_overlap_are_one_offer() -> None:
    maximal = [*windows([(14, 20), (16, 24), (24, 27)]), *windows([(0, 90)], "n")]
    first, second, third = slots_to_offer(maximal, Policy(minimum_slot=2 * HOUR, maximum_slot=8 * HOUR))
    assert shown([first]) == [(14, 24)]
    assert (shown(first.windows), first.probability) == ([(14, 20), (16, 24)], 0.9), "of the least sure window"
    assert (shown([second]), second.windows) == ([(24, 27)], ()), "windows that only touch have no common hour"
    assert (shown([third]), third.windows) == ([(0, 90)], ()), "the longest booking is a wish, not a cut"


def test_only_what_is_booked_whole_is_cut() -> None:
    dearer = {"per_hour": 50, "parts": [{"hours": "mon-fri 18:00-24:00", "per_hour": 40}]}
    tables = {"m": MachineTable(parts=False), "n": MachineTable.model_validate({"approval": "ask", "price": dearer})}
    policy = Policy(minimum_slot=2 * HOUR, maximum_slot=8 * HOUR, machine=tables)
    found = slots_to_offer([*windows([(14, 20), (16, 24)]), *windows([(14, 20), (16, 24)], "n")], policy)
    assert [(slot.machine, *span) for slot, span in zip(found, shown(found), strict=True)] == [
        ("m", 14, 20),
        ("m", 20, 24),
        ("n", 14, 24),
    ]


def test_pieces_follow_each_other() -> None:
    bounds = {"minimum_slot": 2 * HOUR, "maximum_slot": 8 * HOUR}
    assert in_pieces([(14, 20), (16, 24)], **bounds) == [(14, 20), (20, 24)]
    assert in_pieces([(0, 20)], **bounds) == [(0, 8), (8, 16), (16, 20)]
    assert in_pieces([(0, 3), (2, 4)], **bounds) == [(0, 3)], "an hour is too short"


_spans = st.lists(st.tuples(st.integers(0, 40), st.integers(2, 20)), max_size=8).map(
    lambda drawn: _maximal([(start, start + length) for start, length in drawn])
)


def _maximal(spans: Spans) -> Spans:
    return sorted({span for span in spans if not any(o != span and o[0] <= span[0] and span[1] <= o[1] for o in spans)})


@given(_spans, st.integers(1, 4), st.integers(4, 12))
def test_every_piece_lies_in_a_window_and_none_meets_another(maximal: Spans, shortest: int, longest: int) -> None:
    found = in_pieces(maximal, minimum_slot=shortest * HOUR, maximum_slot=longest * HOUR)
    for start, end in found:
        assert shortest <= end - start <= longest
        assert any(first <= start and end <= last for first, last in maximal)
    assert all(before[1] <= after[0] for before, after in pairwise(found))
    longest_window = max((last - first for first, last in maximal), default=0)
    assert bool(found) == (longest_window >= shortest)


@given(_spans)
def test_stretches_have_every_window_once_and_do_not_meet(maximal: Spans) -> None:
    found = slots_to_offer(windows(maximal), Policy())
    assert sorted(span for slot in found for span in shown(slot.bookable)) == maximal
    assert all(before.end <= after.start for before, after in pairwise(found))
    for slot in found:
        assert slot.probability == min(window.probability for window in slot.bookable)
        assert (slot.start, slot.end) == (slot.bookable[0].start, slot.bookable[-1].end)
