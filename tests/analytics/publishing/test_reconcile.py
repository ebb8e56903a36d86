"""Properties of reconciliation over any sequence of rounds."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from analytics.policy.slot import Slot, stretches
from analytics.publishing.reconcile import Offer, reconcile
from tests.analytics.tables import utc


def slot(start: int, end: int, machine: str = "m", probability: float = 0.9) -> Slot:
    return Slot(machine, utc(5) + timedelta(hours=start), utc(5) + timedelta(hours=end), probability, 20, 1)


def _disjoint(cuts: list[int], machine: str) -> list[Slot]:
    edges = sorted(set(cuts))
    return [slot(a, b, machine) for a, b in zip(edges[::2], edges[1::2], strict=False)]


_wanted = st.builds(
    lambda a, b: [*_disjoint(a, "a"), *_disjoint(b, "b")],
    st.lists(st.integers(0, 40), max_size=10),
    st.lists(st.integers(0, 40), max_size=6),
)


@given(st.lists(_wanted, max_size=6))
def test_after_every_round_the_platform_shows_exactly_what_is_wanted(rounds: list[list[Slot]]) -> None:
    standing: dict[str, Offer] = {}
    for wanted in rounds:
        changes = reconcile("f", list(standing.values()), wanted)
        assert len({one.id for one in changes.put}) == len(changes.put)
        assert not {one.id for one in changes.put} & set(changes.withdraw)
        assert set(changes.withdraw) <= set(standing)
        for one in changes.withdraw:
            del standing[one]
        standing |= {one.id: one for one in changes.put}
        assert sorted(map(repr, (one.slot for one in standing.values()))) == sorted(map(repr, wanted))
        again = reconcile("f", list(standing.values()), wanted)
        assert (again.put, again.withdraw) == ((), ())


def test_a_slot_that_moves_stays_the_same_offer() -> None:
    first = reconcile("f", [], [slot(8, 12)]).put
    moved = reconcile("f", first, [slot(9, 13)])
    assert [one.id for one in moved.put] == [first[0].id]
    assert moved.withdraw == ()


def test_the_same_slot_has_the_same_id_in_every_run() -> None:
    assert reconcile("f", [], [slot(8, 12)]).put == reconcile("f", [], [slot(8, 12)]).put
    assert reconcile("g", [], [slot(8, 12)]).put != reconcile("f", [], [slot(8, 12)]).put


def test_a_tiny_change_of_probability_is_not_written() -> None:
    standing = reconcile("f", [], [slot(8, 12)]).put
    assert reconcile("f", standing, [slot(8, 12, probability=0.9002)]).put == ()
    assert len(reconcile("f", standing, [slot(8, 12, probability=0.91)]).put) == 1


def test_what_a_booking_left_is_put_together() -> None:
    """The platform changes the parts of one offer together, so that one that stays the same must be put again."""
    standing = reconcile("f", [], [slot(8, 12), slot(14, 18), slot(8, 12, "n"), slot(14, 18, "n")]).put
    wanted = [slot(9, 12), slot(14, 18), slot(9, 12, "n"), slot(14, 18, "n")]
    put = [(offer.slot.machine, offer.slot) for offer in reconcile("f", standing, wanted, {"n", "o"}).put]
    assert put == [("m", wanted[0]), ("n", wanted[2]), ("n", wanted[3])]
    assert reconcile("f", standing, [offer.slot for offer in standing], {"n"}).put == ()


def test_a_stretch_is_put_when_one_of_its_windows_changes() -> None:
    (stretch,) = stretches([slot(8, 12), slot(10, 16)])
    standing = reconcile("f", [], [stretch]).put
    assert reconcile("f", standing, [stretch]).put == ()
    (other,) = stretches([slot(8, 13), slot(10, 16)])
    assert [offer.slot for offer in reconcile("f", standing, [other]).put] == [other]
