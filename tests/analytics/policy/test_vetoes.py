"""Vetoes take effect at once, also against a round in progress, and do not affect bookings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from analytics.policy.vetoes import Veto
from tests.analytics.rig import STARTUP, Rig


def span(offer: tuple[str, str, str]) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(offer[1]), datetime.fromisoformat(offer[2])


def test_a_veto_holds_against_a_round_in_progress(rig: Rig) -> None:
    rig.cycle()
    wanted = rig.state.wanted()
    assert wanted is not None
    chosen, offer = next(iter(rig.offers().items()))
    rig.state.add_veto(Veto.of("lathe-2", *span(offer)))
    rig.state.set_wanted(wanted.slots, rig.clock.now())  # decided before the veto, written after it
    rig.analytics().deliver()
    assert chosen not in rig.offers()


def test_hours_beside_a_veto_are_offered(rig: Rig) -> None:
    rig.cycle()
    longest = max(rig.offers().values(), key=lambda one: span(one)[1] - span(one)[0])
    start, end = span(longest)
    middle = start + (end - start) / 2
    veto = Veto.of("lathe-2", middle, middle + timedelta(hours=1))
    rig.analytics().veto(veto)
    assert not any(veto.meets("lathe-2", *span(one)) for one in rig.offers().values())
    rig.cycle()
    now_offered = [span(one) for one in rig.offers().values()]
    assert not any(veto.meets("lathe-2", *one) for one in now_offered)
    hour = timedelta(hours=1)
    assert any(begin <= middle - hour < stop <= middle for begin, stop in now_offered)
    assert any(middle + hour <= begin < middle + 2 * hour < stop for begin, stop in now_offered)


def test_bookings_survive_a_veto(rig: Rig) -> None:
    rig.cycle()
    chosen, offer = next(iter(rig.offers().items()))
    assert rig.http.post(f"/api/v1/offers/{chosen}/booking", json={}, headers=STARTUP).status_code == 201
    rig.analytics().veto(Veto.of("lathe-2", *span(offer)))
    assert [one.held for one in rig.platform.bookings("hal-2")] == [False]


def test_the_same_hours_are_one_veto_and_past_vetoes_are_not_listed(rig: Rig) -> None:
    now = rig.clock.now()
    for _ in range(2):
        rig.state.add_veto(Veto.of("lathe-2", now, now + timedelta(hours=2)))
    assert len(rig.state.vetoes(now)) == 1
    assert rig.state.vetoes(now + timedelta(hours=2)) == []


@pytest.mark.parametrize(
    ("start", "end", "meets"),
    [(0, 1, False), (0, 2, True), (1, 2, True), (1.5, 1.75, True), (0, 5, True), (2, 4, True), (3, 4, False)],
)
def test_a_veto_meets_what_shares_a_moment_with_it(start: float, end: float, meets: bool) -> None:
    day = datetime(2026, 3, 2, tzinfo=UTC)
    veto = Veto.of("m1", day + timedelta(hours=1), day + timedelta(hours=3))
    assert veto.meets("m1", day + timedelta(hours=start), day + timedelta(hours=end)) is meets
    assert not veto.meets("m2", day + timedelta(hours=start), day + timedelta(hours=end))
