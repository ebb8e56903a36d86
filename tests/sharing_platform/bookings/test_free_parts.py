"""What bookings leave free of offered hours."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from sharing_platform.machines.free_hours import free_parts

START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)


@settings(max_examples=300, deadline=None)
@given(
    offered=st.tuples(st.integers(0, 50), st.integers(1, 50)),
    taken=st.lists(st.tuples(st.integers(0, 100), st.integers(1, 20)), max_size=6),
    buffer=st.integers(0, 5),
    minimum=st.integers(1, 8) | st.none(),
)
def test_free_parts_leave_out_what_is_taken(
    offered: tuple[int, int], taken: list[tuple[int, int]], buffer: int, minimum: int | None
) -> None:
    def at(hour: int) -> datetime:
        return START + timedelta(hours=hour)

    span = (at(offered[0]), at(offered[0] + offered[1]))
    spans = [(at(a), at(a + length)) for a, length in taken]
    gap = timedelta(hours=buffer)
    parts = free_parts(span, spans, gap, timedelta(hours=minimum) if minimum else None)
    for start, end in parts:
        assert span[0] <= start < end <= span[1]
        assert (start, end) == span or end - start >= timedelta(hours=minimum or 0)
        assert all(b <= start or end + gap <= a for a, b in spans), "a booking of the part would meet another"
    for (_, end), (start, _) in itertools.pairwise(parts):
        assert end < start or end == start
    hours = [at(hour) for hour in range(offered[0], offered[0] + offered[1])]
    if minimum == 1:
        for hour in hours:
            untouched = all(b <= hour or hour + timedelta(hours=1) + gap <= a for a, b in spans)
            assert untouched == any(start <= hour and hour + timedelta(hours=1) <= end for start, end in parts)
