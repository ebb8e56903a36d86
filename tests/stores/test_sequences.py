"""Sequence ranges agree with a plain set, whatever the order of the numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stores import SequenceRanges
from stores.sequences import MAX_RANGES


@given(st.lists(st.lists(st.integers(1, 60), max_size=15), max_size=8))
def test_ranges_agree_with_a_set(batches: list[list[int]]) -> None:
    ranges, reference = SequenceRanges(), set[int]()
    for batch in batches:
        repeated = ranges.add(batch)
        fresh = set(batch) - reference
        assert repeated == len(batch) - len(fresh)
        reference |= fresh
    assert ranges.count == len(reference)
    expected = max(reference) - min(reference) + 1 - len(reference) if reference else 0
    assert ranges.missing == expected
    missing = {seq for first, last in ranges.gaps for seq in range(first, last + 1)}
    assert not missing & reference
    assert all(earlier[1] + 1 < later[0] for earlier, later in zip(ranges.ranges, ranges.ranges[1:], strict=False))


def test_a_gap_closes_when_the_late_report_arrives() -> None:
    ranges = SequenceRanges()
    ranges.add([1, 2, 5])
    assert ranges.gaps == [(3, 4)]
    ranges.add([4])
    assert ranges.gaps == [(3, 3)]
    ranges.add([3])
    assert (ranges.gaps, ranges.ranges) == ([], [(1, 5)])


def test_workers_that_have_everything_between_them_miss_nothing() -> None:
    """Three workers in turn: two of them together have more gaps than are kept, and the third has what fills them."""
    last = 3 * MAX_RANGES
    workers = [SequenceRanges([(seq, seq) for seq in range(first, last + 1, 3)]) for first in (1, 2, 3)]
    union = SequenceRanges()
    union.join(*workers)
    assert (union.ranges, union.missing, union.given_up) == ([(1, last)], 0, 0)


def test_too_many_gaps_are_given_up_from_the_oldest_on() -> None:
    ranges = SequenceRanges()
    ranges.add(range(1, 2 * MAX_RANGES + 3, 2))
    assert len(ranges.ranges) == MAX_RANGES
    assert (ranges.missing, ranges.given_up) == (MAX_RANGES, 1)
