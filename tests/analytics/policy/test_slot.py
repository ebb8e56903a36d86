"""Stretches and their windows: what is left beside hours that are taken."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from analytics.policy.policy import Policy
from analytics.policy.slot import Slot, stretches, without
from analytics.policy.vetoes import Veto, without_vetoed
from tests.analytics.publishing.samples import NOW

HOUR = timedelta(hours=1)
Spans = list[tuple[int, int]]


def window(start: float, end: float, probability: float = 0.9) -> Slot:
    return Slot("m", NOW + start * HOUR, NOW + end * HOUR, probability, 20, 1)


def hours(slots: list[Slot] | tuple[Slot, ...]) -> list[list[tuple[float, float]]]:
    return [[((one.start - NOW) / HOUR, (one.end - NOW) / HOUR) for one in slot.bookable] for slot in slots]


_spans = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 20)).map(lambda drawn: (drawn[0], sum(drawn))), max_size=6
)


def test_what_is_left_of_a_stretch() -> None:
    (stretch,) = stretches([window(2, 8, 0.95), window(4, 14, 0.9)])
    assert without(stretch, [(NOW + 20 * HOUR, NOW + 21 * HOUR)], HOUR) == [stretch]
    left = without(stretch, [(NOW + 9 * HOUR, NOW + 10 * HOUR)], 2 * HOUR)
    assert hours(left) == [[(2, 8), (4, 9)], [(10, 14)]]
    assert [slot.probability for slot in left] == [0.9, 0.9]
    assert hours(without(stretch, [(NOW + 4 * HOUR, NOW + 13 * HOUR)], 2 * HOUR)) == [[(2, 4)]], "an hour is too short"


@given(_spans, _spans)
def test_nothing_that_is_taken_is_left_and_no_window_grows(windows: Spans, taken: Spans) -> None:
    spans = [(NOW + start * HOUR, NOW + end * HOUR) for start, end in taken]
    for slot in stretches([window(*span) for span in windows]):
        left = without(slot, spans, 2 * HOUR)
        for part in left:
            for one in part.bookable:
                assert one.end - one.start >= 2 * HOUR or part == slot
                assert any(was.start <= one.start and one.end <= was.end for was in slot.bookable)
                assert not any(begin < one.end and one.start < end for begin, end in spans)
        assert all(before.end <= after.start for before, after in pairwise(left))
        # Nothing else is lost: every two hours that could be booked and are not taken still can.
        for was in slot.bookable:
            start = was.start
            while start + 2 * HOUR <= was.end:
                if not any(begin < start + 2 * HOUR and start < end for begin, end in spans):
                    assert any(
                        one.start <= start and start + 2 * HOUR <= one.end for part in left for one in part.bookable
                    )
                start += HOUR


def test_a_veto_cuts_what_is_on_offer_and_leaves_time_to_set_up() -> None:
    policy = Policy(
        buffer_before=HOUR / 2, buffer_after=HOUR / 4, minimum_slot=2 * HOUR, round_to="1h", zone="Asia/Kolkata"
    )
    veto = Veto.of("m", NOW + 9 * HOUR, NOW + 10 * HOUR)
    left = without_vetoed([window(2, 8), window(6, 20)], [veto], policy)
    # Kolkata's whole hours are half past in UTC.
    assert hours(left) == [[(2, 8)], [(6, 8.5)], [(10.5, 20)]]
    other = Veto.of("another", NOW, NOW + 24 * HOUR)
    assert without_vetoed([window(2, 8)], [other], policy) == (window(2, 8),)
