"""Windows that overlap, cut into offers that do not."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from analytics.policy.policy import Policy
from analytics.policy.slot import Slot
from analytics.publishing.pieces import pieces
from tests.analytics.publishing.samples import NOW

HOUR = timedelta(hours=1)


def windows(spans: list[tuple[float, float]]) -> list[Slot]:
    return [Slot("m", NOW + start * HOUR, NOW + end * HOUR, 0.9, 20, 1) for start, end in spans]


def shown(slots: tuple[Slot, ...]) -> list[tuple[float, float]]:
    return [((slot.start - NOW) / HOUR, (slot.end - NOW) / HOUR) for slot in slots]


def test_pieces_follow_each_other() -> None:
    policy = Policy(minimum_slot=2 * HOUR, maximum_slot=8 * HOUR)
    assert shown(pieces(windows([(14, 20), (16, 24)]), policy)) == [(14, 20), (20, 24)]
    assert shown(pieces(windows([(0, 20)]), policy)) == [(0, 8), (8, 16), (16, 20)]
    assert shown(pieces(windows([(0, 3), (2, 4)]), policy)) == [(0, 3)], "an hour is too short"


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(2, 20)), max_size=8), st.integers(1, 4), st.integers(4, 12))
def test_every_piece_lies_in_a_window_and_none_meets_another(
    spans: list[tuple[int, int]], shortest: int, longest: int
) -> None:
    edges = sorted((start, start + length) for start, length in spans)
    maximal = [span for span in edges if not any(o != span and o[0] <= span[0] and span[1] <= o[1] for o in edges)]
    policy = Policy(minimum_slot=shortest * HOUR, maximum_slot=longest * HOUR)
    found = shown(pieces(windows(sorted(set(maximal))), policy))
    for start, end in found:
        assert shortest <= end - start <= longest
        assert any(first <= start and end <= last for first, last in maximal)
    assert all(before[1] <= after[0] for before, after in pairwise(found))
    longest_window = max((last - first for first, last in maximal), default=0)
    assert bool(found) == (longest_window >= shortest)
