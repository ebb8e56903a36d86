"""The record of promises, window by window."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.forecast.promise import parts_kept
from analytics.forecast.tally import Tally
from analytics.policy.slot import Slot, stretches
from analytics.publishing.publications import BOOKED, BROKEN, KEPT, WITHDRAWN, Publications
from analytics.publishing.reconcile import Offer
from tests.analytics.publishing.samples import NOW

HOUR = timedelta(hours=1)


@pytest.fixture
def publications(tmp_path: Path) -> Iterator[Publications]:
    opened = Publications(tmp_path / "publications.sqlite")
    yield opened
    opened.close()


def offer(*spans: tuple[float, float], machine: str = "m", name: str = "o") -> Offer:
    windows = [Slot(machine, NOW + start * HOUR, NOW + end * HOUR, 0.95, 20, 1) for start, end in spans]
    (slot,) = stretches(windows)
    return Offer(name, slot)


def record(publications: Publications, hour: float, offered: Offer, notice: float = 0) -> None:
    publications.record(offered, NOW + hour * HOUR, NOW + (hour + notice) * HOUR)


def still_open(publications: Publications) -> list[tuple[float, float]]:
    due = publications.due_for_check(NOW + 1000 * HOUR)
    return sorted(((one.start - NOW) / HOUR, (one.end - NOW) / HOUR) for one in due)


def test_every_window_of_an_offer_is_a_promise(publications: Publications) -> None:
    record(publications, 0, offer((2, 8), (4, 12)))
    assert still_open(publications) == [(2, 8), (4, 12)]
    assert [one.end for one in publications.due_for_check(NOW + 9 * HOUR)] == [NOW + 8 * HOUR], "the first has ended"


def test_a_window_stays_the_same_promise_while_time_eats_from_its_start(publications: Publications) -> None:
    """An offer of hours that have begun starts later each round; who could book it at first was promised all of it."""
    record(publications, 0, offer((2, 8)))
    for hour in (2, 3, 4):
        record(publications, hour, offer((hour, 8)))
    assert still_open(publications) == [(2, 8)]


def test_before_it_begins_an_offer_may_change(publications: Publications) -> None:
    record(publications, 0, offer((2, 8), (4, 12)))
    record(publications, 1, offer((3, 7), (4, 12), (6, 14)))
    assert still_open(publications) == [(3, 7), (4, 12), (6, 14)]


def test_what_can_no_longer_be_taken_back_stays_promised(publications: Publications) -> None:
    record(publications, 0, offer((2, 8), (4, 12)))
    record(publications, 1, offer((4, 10)), notice=2)
    assert still_open(publications) == [(2, 8), (4, 10)], "the first window is too near to be taken back"
    publications.withdraw("o", NOW + 3 * HOUR)
    assert still_open(publications) == [(2, 8)]
    assert [one.outcome for one in publications.settled()] == [WITHDRAWN]


def test_what_somebody_has_booked_is_promised_to_nobody_else(publications: Publications) -> None:
    """The guest's work in booked hours would look like a broken promise."""
    record(publications, 0, offer((2, 8), (4, 12), (6, 16)))
    record(publications, 0, offer((2, 8), machine="n", name="p"))
    publications.settle_booked([("m", NOW + 2 * HOUR, NOW + 5 * HOUR)])
    assert still_open(publications) == [(2, 8), (6, 16)]
    assert {(one.machine, one.outcome) for one in publications.settled()} == {("m", BOOKED)}
    record(publications, 1, offer((5, 12), (6, 16)))
    assert still_open(publications) == [(2, 8), (5, 12), (6, 16)], "what is left of it is promised anew"


def test_one_bad_night_is_one_day(publications: Publications) -> None:
    record(publications, 0, offer((2, 8), (4, 12)))
    for number, due in enumerate(publications.due_for_check(NOW + 20 * HOUR)):
        publications.settle(due.id, (KEPT, BROKEN)[number], Tally(10, 5 * number))
    assert publications.tally() == Tally(20, 5)
    assert publications.checked_days() == 1


_spans = st.lists(
    st.tuples(st.integers(0, 60), st.integers(4, 48)).map(lambda drawn: (drawn[0], sum(drawn))), min_size=1, max_size=4
)


@given(_spans, st.lists(st.sampled_from([0, 0, 0, 1]), min_size=108, max_size=108))
def test_no_part_is_counted_twice(spans: list[tuple[int, int]], states: list[int]) -> None:
    """However windows lie, the parts of all of them are counted as often as there are different ones."""
    quarters = np.array(states, dtype=np.int8)
    counted: list[tuple[int, int]] = []
    total = Tally()
    begun = [(start // 2 * 2, end) for start, end in spans]  # parts begin on half hours of their window
    for start, end in begun:
        total.add(parts_kept(quarters[start:end], [(first - start, last - start) for first, last in counted]))
        counted.append((start, end))
    long_enough = [(start, end) for start, end in begun if end - start >= 8]
    different = {
        (begin, begin + length)
        for start, end in long_enough
        for length in (8, 16, 32)
        for begin in range(start, end - length + 1, 2)
    }
    short = {span for span in begun if span[1] - span[0] < 8}
    short = {
        span
        for place, span in enumerate(begun)
        if span in short and not any(first <= span[0] and span[1] <= last for first, last in begun[:place])
    }
    assert total.checked == len(different) + len(short)
