"""Seats of a meeting: never more people than seats, nobody twice, and nobody before who has waited longer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharing_platform.learning.seating import SEATED, WAITING, Seating

PEOPLE = "abcdef"
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("join"), st.sampled_from(PEOPLE)),
        st.tuples(st.just("leave"), st.sampled_from(PEOPLE)),
        st.tuples(st.just("seats"), st.integers(1, 5)),
    ),
    max_size=40,
)


@given(st.integers(1, 4), STEPS)
def test_whatever_people_do(seats: int, steps: list[tuple[str, str | int]]) -> None:
    seating, order = Seating(seats), list[str]()  # those who have signed up, who came first before the others
    for what, value in steps:
        seated_before = seating.seated
        match what:
            case "join":
                seating = seating.joined(str(value))
                order += [str(value)] if value not in order else []
            case "leave":
                seating = seating.without(str(value))
                order = [one for one in order if one != value]
            case _ if int(value) >= len(seating.seated):
                seating = seating.with_seats(int(value))
            case _:
                with pytest.raises(ValueError, match="taken"):
                    seating.with_seats(int(value))
        assert len(seating.seated) <= seating.seats
        assert [*seating.seated, *seating.waiting] == order, "everybody once, in their order"
        assert not seating.waiting or not seating.left, "no seat stays free while somebody waits"
        gone = {str(value)} if what == "leave" else set()
        assert set(seated_before) - gone <= set(seating.seated), "nobody loses a seat"
        for one in PEOPLE:
            expected = SEATED if one in seating.seated else WAITING if one in seating.waiting else None
            assert seating.state_of(one) == expected
