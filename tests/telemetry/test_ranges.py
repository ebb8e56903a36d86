"""Sets of sequence numbers as ranges, held against Python's sets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.ranges import contains, count, difference, intersection, ranges_of, union
from telemetry.stored_reports import MAX_BYTES, MAX_TOLD_RANGES, StoredReports, decode_stored, encode_stored

numbers = st.sets(st.integers(1, 60))


def as_set(ranges: list[tuple[int, int]]) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}


@given(numbers, numbers)
def test_ranges_are_sets(one: set[int], other: set[int]) -> None:
    a, b = ranges_of(one), ranges_of(other)
    assert as_set(a) == one
    assert as_set(union(a, b)) == one | other
    assert union(a, b) == ranges_of(one | other), "in order, and none adjoins the next"
    assert difference(a, b) == ranges_of(one - other)
    assert intersection(a, b) == ranges_of(one & other)
    assert count(a) == len(one)
    assert {number for number in range(62) if contains(a, number)} == one


@given(st.sets(st.integers(1, 2_000), max_size=1_500))
def test_what_is_told_is_the_newest_part_and_says_since_when(stored: set[int]) -> None:
    told = decode_stored(encode_stored(StoredReports.of(ranges_of(stored))))
    assert len(told.ranges) <= MAX_TOLD_RANGES
    assert as_set(list(told.ranges)) == {number for number in stored if number >= told.since}
    assert told.since == 1 or len(told.ranges) == MAX_TOLD_RANGES


def test_the_longest_message_is_small() -> None:
    """Some brokers take no more than 8 kB."""
    ranges = [(2**62 + 10 * place, 2**62 + 10 * place + 5) for place in range(500)]
    assert len(encode_stored(StoredReports.of(ranges))) < MAX_BYTES


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"[]", "not a message"),
        (b'{"ranges": [[0, 4]]}', "not a message"),
        (b'{"ranges": [[5, 4]]}', "not in order"),
        (b'{"ranges": [[1, 4], [4, 9]]}', "not in order"),
        (b'{"ranges": [[1, 4]], "since": 3}', "not in order"),
        (b'{"ranges": [], "v": 2}', "version"),
        (b'{"ranges": [' + b"[1,1]," * 2_000 + b"[1,1]]}", "longer"),
    ],
)
def test_what_is_not_such_a_message_is_refused(payload: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        decode_stored(payload)
