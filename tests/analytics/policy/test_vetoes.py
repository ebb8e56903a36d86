"""Hours that a person keeps for the factory: at once, over a round that was thinking, and not what is promised."""

from __future__ import annotations

from datetime import datetime, timedelta

from analytics.policy.vetoes import Veto
from tests.analytics.test_cycle import STARTUP, House


def span(offer: tuple[str, str, str]) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(offer[1]), datetime.fromisoformat(offer[2])


def test_a_veto_holds_over_a_round_that_was_thinking(house: House) -> None:
    house.cycle()
    wanted = house.state.wanted()
    assert wanted is not None
    chosen, offer = next(iter(house.offers().items()))
    house.state.add_veto(Veto.of("lathe-2", *span(offer)))
    house.state.want(wanted.slots, house.clock.now())  # decided before, written after
    house.analytics().deliver()
    assert chosen not in house.offers()


def test_what_is_left_beside_a_veto_is_offered(house: House) -> None:
    house.cycle()
    longest = max(house.offers().values(), key=lambda one: span(one)[1] - span(one)[0])
    start, end = span(longest)
    middle = start + (end - start) / 2
    veto = Veto.of("lathe-2", middle, middle + timedelta(hours=1))
    house.analytics().veto(veto)
    assert not any(veto.meets("lathe-2", *span(one)) for one in house.offers().values())
    house.cycle()
    now_offered = [span(one) for one in house.offers().values()]
    assert not any(veto.meets("lathe-2", *one) for one in now_offered)
    hour = timedelta(hours=1)
    assert any(begin <= middle - hour < stop <= middle for begin, stop in now_offered)
    assert any(middle + hour <= begin < middle + 2 * hour < stop for begin, stop in now_offered)


def test_what_is_booked_stays_booked(house: House) -> None:
    house.cycle()
    chosen, offer = next(iter(house.offers().items()))
    assert house.http.post(f"/api/v1/offers/{chosen}/booking", json={}, headers=STARTUP).status_code == 201
    house.analytics().veto(Veto.of("lathe-2", *span(offer)))
    assert [one.held for one in house.platform.bookings("hal-2")] == [False]


def test_the_same_hours_are_one_veto_and_those_that_are_over_are_forgotten(house: House) -> None:
    now = house.clock.now()
    for _ in range(2):
        house.state.add_veto(Veto.of("lathe-2", now, now + timedelta(hours=2)))
    assert len(house.state.vetoes(now)) == 1
    assert house.state.vetoes(now + timedelta(hours=2)) == []
