"""What analytics expects of a sharing platform, held against the real one; and what it takes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from analytics.policy.policy import Planned
from analytics.publishing.platform_client import HttpSharingPlatform, OfferTakenError, Terms
from analytics.publishing.reconcile import Offer
from stores import LatestState
from telemetry import MachineState, StateInterval
from tests.analytics.publishing.publishing import GUEST, NOW, SECOND, SLOT, TERMS, policy
from tests.analytics.test_cycle import STARTUP, House


@pytest.fixture
def platform(house: House) -> HttpSharingPlatform:
    return house.platform


def test_contract_put_change_withdraw_and_again(platform: HttpSharingPlatform) -> None:
    offer = Offer("offer-1", SLOT)
    for _ in range(2):
        platform.put_offer("hal-2", offer, TERMS)
        assert platform.offers("hal-2") == [offer]
    shorter = Offer("offer-1", replace(SLOT, end=NOW + timedelta(hours=8)))
    platform.put_offer("hal-2", shorter, Terms())
    assert platform.offers("hal-2") == [shorter]
    for _ in range(2):
        platform.withdraw("offer-1")
        assert platform.offers("hal-2") == []
    platform.withdraw("never-there")
    platform.put_offer("hal-2", offer, TERMS)
    assert platform.offers("hal-2") == [offer], "what was withdrawn may be offered again"


def test_contract_what_is_booked_can_be_neither_changed_nor_withdrawn(house: House) -> None:
    platform = house.platform
    platform.put_offer("hal-2", Offer("offer-1", SLOT), Terms())
    assert house.http.post("/api/v1/offers/offer-1/booking", json={}, headers=STARTUP).status_code == 201
    (booking,) = platform.bookings("hal-2")
    assert (booking.machine, booking.start, booking.end) == (SLOT.machine, SLOT.start, SLOT.end)
    with pytest.raises(OfferTakenError):
        platform.put_offer("hal-2", Offer("offer-1", SLOT), Terms())
    with pytest.raises(OfferTakenError):
        platform.put_offer("hal-2", Offer("offer-2", SLOT), Terms())
    with pytest.raises(OfferTakenError):
        platform.withdraw("offer-1")


@pytest.mark.parametrize(
    ("terms", "sees"),
    [
        (Terms(), {None, "hal-2", "genk"}),
        (Terms(visibility="members"), {"hal-2", "genk"}),
        (Terms(visibility="partners", partners=("genk",)), {"hal-2", "genk"}),
        (Terms(visibility="partners", partners=("somebody",)), {"hal-2"}),
    ],
)
def test_contract_who_may_see_an_offer(house: House, terms: Terms, sees: set[str | None]) -> None:
    house.platform.put_offer("hal-2", Offer("offer-1", SLOT), terms)
    tokens = {None: None, "hal-2": "secret", "genk": SECOND}
    for who, token in tokens.items():
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        listed = house.http.get("/api/v1/offers", headers=headers).json()["offers"]
        one = house.http.get("/api/v1/offers/offer-1", headers=headers).status_code
        assert ([offer["id"] for offer in listed], one) == ((["offer-1"], 200) if who in sees else ([], 404))
        if who is None:
            page = house.http.get("/offers/offer-1").status_code
            assert (page == 200) == (who in sees)
            if who not in sees:
                assert house.http.post("/api/v1/offers/offer-1/booking", json={"guest": GUEST}).status_code == 404


def test_contract_a_request_that_waits_is_taken_back(house: House) -> None:
    platform = house.platform
    platform.put_offer("hal-2", Offer("offer-1", SLOT), Terms(booking="on_request"))
    assert house.http.post("/api/v1/offers/offer-1/booking", json={}, headers=STARTUP).json()["state"] == "held"
    (held,) = platform.bookings("hal-2")
    assert held.held
    assert platform.offers("hal-2") == []
    platform.take_back(held.id)
    platform.take_back(held.id)
    platform.take_back("00000000-0000-4000-8000-000000000000")
    assert platform.bookings("hal-2") == []
    platform.put_offer("hal-2", Offer("offer-1", SLOT), Terms())
    firm = house.http.post("/api/v1/offers/offer-1/booking", json={}, headers=STARTUP).json()
    platform.take_back(firm["id"])
    assert [one.id for one in platform.bookings("hal-2")] == [firm["id"]], "what is agreed is not taken back"


def test_contract_parts_are_cut_and_what_is_left_stays_offered(house: House) -> None:
    """The factory's analytics then takes over what the platform cut, and withdraws nothing that is booked."""
    house.policy = policy(booking="on_request", minimum_slot=timedelta(hours=2), maximum_slot=timedelta(hours=12))
    house.cycle()
    name, (_, start, end) = max(house.offers().items(), key=lambda one: one[1][2])
    begin = datetime.fromisoformat(start)
    assert datetime.fromisoformat(end) - begin >= timedelta(hours=6)
    part = {"start": (begin + timedelta(hours=2)).isoformat(), "end": (begin + timedelta(hours=4)).isoformat()}
    booked = house.http.post(f"/api/v1/offers/{name}/booking", json=part, headers=STARTUP).json()
    assert booked["state"] == "held"
    left = house.offers()
    assert (start, part["start"].replace("+00:00", "Z")) in [(a, b) for _, a, b in left.values()]
    for _ in range(2):
        house.cycle()
        for _, a, b in house.offers().values():
            assert b <= booked["start"] or a >= booked["end"], "held hours are not offered again"
    assert [one.held for one in house.state.bookings()] == [True]


@pytest.mark.parametrize("how", ["kill switch", "out of service", "planned"])
def test_what_is_being_asked_for_is_taken_back_when_the_machine_is_needed(house: House, how: str) -> None:
    house.policy = policy(approval="auto", booking="on_request")
    house.cycle()
    chosen = min(house.offers(), key=lambda one: house.offers()[one][1])
    made = house.http.post(f"/api/v1/offers/{chosen}/booking", json={}, headers=STARTUP).json()
    analytics = house.analytics()
    house.cycle()
    well = [LatestState("hal-2", "lathe-2", StateInterval(MachineState.NOT_EXECUTING, NOW, house.clock.now()))]
    analytics.check_bookings(well)
    read = f"/api/v1/bookings/{made['id']}"
    assert house.http.get(read, headers=STARTUP).json()["state"] == "held"
    if how == "kill switch":
        analytics.switch_off(True)
    else:
        house.clock.moment = datetime.fromisoformat(made["start"]) - timedelta(hours=1)
        now = house.clock.now()
        broken = MachineState.OUT_OF_SERVICE if how == "out of service" else MachineState.NOT_EXECUTING
        if how == "planned":
            planned = Planned(machine="lathe-2", start=made["start"], end=made["end"], what="order")
            analytics.planned = replace(analytics.planned, entries=(planned,))
        analytics.check_bookings([LatestState("hal-2", "lathe-2", StateInterval(broken, NOW, now))])
    assert house.http.get(read, headers=STARTUP).json()["state"] == "withdrawn"
    assert house.state.alerts() == [], "nobody has to do anything about it"
